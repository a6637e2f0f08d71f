/* The iterator over files on real processes: what it gives of each descriptor, its bounds, and who is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bpf/files.h"
#include "bpf/test_subject.h"

enum { NOBODY = 65534, PIPES = 700, BYTES = 5 };

/* Pipes that hold something, and as many descriptors that are no queues or hold nothing. */
static void hold_pipes(void *context)
{
  struct rlimit files = {PIPES * 5 + 100, PIPES * 5 + 100};
  int *ready = context, pair[2];

  if (setrlimit(RLIMIT_NOFILE, &files) != 0)
    _exit(1);
  for (int i = 0; i < PIPES; i++)
    if (pipe(pair) != 0 || write(pair[1], "hello", BYTES) != BYTES ||
        socket(AF_UNIX, SOCK_STREAM, 0) < 0 || open("/dev/null", O_RDONLY) < 0)
      _exit(1);
  if (write(ready[1], "r", 1) != 1)
    _exit(1);
  for (;;)
    (void)pause();
}

static pid_t start(void (*body)(void *))
{
  int ready[2];
  char byte;
  pid_t pid;

  assert_int_equal(pipe(ready), 0);
  pid = test_subject_start(body, ready);
  (void)close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  (void)close(ready[0]);
  return pid;
}

static struct files *open_files(pid_t pid)
{
  char reason[256] = "";
  struct files *files = NULL;

  if (files_open(pid, &files, reason, sizeof(reason)) != 0)
    fail_msg("%s", reason);
  return files;
}

static void gives_each_that_holds_something(void **state)
{
  pid_t pid = start(hold_pipes);
  struct files *files = open_files(pid);
  const struct file_record *list;
  size_t count, whole = 0;

  (void)state;
  for (int round = 0; round < 3; round++) {
    assert_int_equal(files_read(files, 10000, &list, &count), 0);
    whole = 0;
    for (size_t i = 0; i < count; i++)
      whole += list[i].kind == FILE_PIPE && list[i].depth == BYTES && list[i].capacity == 65536 &&
               list[i].inode != 0 && list[i].dropped == FILE_UNKNOWN;
    assert_int_equal(whole, PIPES);
  }
  files_close(files);
  test_subject_stop(pid);
}

static void gives_no_more_than_is_wanted(void **state)
{
  pid_t pid = start(hold_pipes);
  struct files *files = open_files(pid);
  const struct file_record *list;
  size_t count;

  (void)state;
  assert_int_equal(files_read(files, 10, &list, &count), 0);
  assert_int_equal(count, 10);
  assert_int_equal(files_read(files, 300, &list, &count), 0);
  assert_int_equal(count, 300);
  assert_int_equal(files_read(files, 10, &list, &count), 0);
  assert_int_equal(count, 10);
  files_close(files);
  test_subject_stop(pid);
}

/* Whoever has ended has no files; a number that is nobody's is refused. */
static void gives_nothing_of_who_has_gone(void **state)
{
  pid_t pid = start(hold_pipes);
  struct files *files = open_files(pid);
  const struct file_record *list;
  size_t count = 1;
  int error;
  char reason[256] = "";

  (void)state;
  test_subject_stop(pid);
  error = files_read(files, 100, &list, &count);
  assert_true(error < 0 || count == 0);
  files_close(files);
  assert_int_equal(files_open(0, &files, reason, sizeof(reason)), -EINVAL);
  assert_int_equal(files_open(-1, &files, reason, sizeof(reason)), -EINVAL);
}

static void refuses_an_unprivileged_user(void **state)
{
  int status = 0;
  pid_t pid = fork();

  (void)state;
  if (pid == 0) {
    char reason[256] = "";
    struct files *files = NULL;
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
      _exit(2);
    if (files_open(getpid(), &files, reason, sizeof(reason)) != -EPERM)
      _exit(3);
    _exit(strstr(reason, "CAP_BPF and CAP_PERFMON") ? 0 : 4);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
  /* who is refused comes first: a program that is loaded stays so for the process and its children */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_an_unprivileged_user),
      cmocka_unit_test(gives_each_that_holds_something),
      cmocka_unit_test(gives_no_more_than_is_wanted),
      cmocka_unit_test(gives_nothing_of_who_has_gone),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
