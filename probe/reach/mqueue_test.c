/* Message queues of a real process, and that nothing else is opened, let alone changed. */
#include "probe/reach/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/reach/broker.h"
#include "probe/reach/test_child.h"

enum {
  QUEUE_FD = 20,
  FILE_FD = 21,
  WRITE_FD = 22,
  NULL_FD = 23,
  NO_FD = 24,
  MESSAGES = 4,
  MOST = 6
};

static int put_at(int fd, int at)
{
  if (fd < 0 || dup2(fd, at) != at || close(fd) != 0)
    _exit(1);
  return at;
}

/* At numbers that are known; of the pipe only the end to write to, so that a reader of ours would be seen: once per
 * step it says whether writing is refused. */
static void hold(void *context, int in, int out)
{
  struct mq_attr attributes = {.mq_maxmsg = MOST, .mq_msgsize = 16};
  char name[64];
  int ends[2];
  (void)context;
  (void)snprintf(name, sizeof name, "/impasse-reach-%d", (int)getpid());
  int queue = put_at(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), QUEUE_FD);
  if (mq_unlink(name) != 0)
    _exit(1);
  for (int i = 0; i < MESSAGES; i++)
    if (mq_send(queue, "x", 1, 0) != 0)
      _exit(1);
  (void)put_at(open("/tmp", O_TMPFILE | O_RDWR, 0600), FILE_FD);
  if (ftruncate(FILE_FD, 80) != 0 || pipe(ends) != 0 || close(ends[0]) != 0)
    _exit(1);
  (void)put_at(ends[1], WRITE_FD);
  (void)put_at(open("/dev/null", O_RDWR), NULL_FD);
  (void)signal(SIGPIPE, SIG_IGN);
  test_child_tell(out);
  for (;;) {
    char byte;
    if (read(in, &byte, 1) != 1)
      _exit(1);
    bool refused = write(WRITE_FD, "x", 1) < 0 && errno == EPIPE;
    if (write(out, refused ? "r" : "w", 1) != 1)
      _exit(1);
  }
}

static void a_queue_is_told_and_nothing_else_is_opened(void **state)
{
  struct test_child child = test_child_start(hold, NULL, true);
  struct reach_target *target = NULL;
  struct reach_mqueue queue = {0}, same = {0};
  char byte = 's';
  (void)state;
  assert_int_equal(reach_open(child.pid, &target), 0);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(reach_mqueue(target, QUEUE_FD, &queue), 0);
    assert_int_equal(queue.messages, MESSAGES);
    assert_int_equal(queue.most_messages, MOST);
    assert_true(queue.inode != 0 && (round == 0 || queue.inode == same.inode));
    same = queue;
  }
  assert_int_equal(reach_mqueue(target, FILE_FD, &queue), -EINVAL);
  assert_int_equal(reach_mqueue(target, WRITE_FD, &queue), -EINVAL);
  assert_int_equal(reach_mqueue(target, NULL_FD, &queue), -EINVAL);
  assert_int_equal(reach_mqueue(target, NO_FD, &queue), -ENOENT);
  assert_int_equal(write(child.to, &byte, 1), 1);
  assert_int_equal(read(child.from, &byte, 1), 1);
  assert_int_equal(byte, 'r');
  test_child_kill(&child);
  assert_int_equal(reach_mqueue(target, QUEUE_FD, &queue), -ESRCH);
  reach_close(target);
}

enum { NOBODY = 65534 };

static void hold_what_only_takes_messages(void *context, int in, int out)
{
  char name[64];
  (void)context, (void)in, (void)out;
  (void)snprintf(name, sizeof name, "/impasse-reach-%d", (int)getpid());
  (void)put_at(mq_open(name, O_WRONLY | O_CREAT | O_EXCL, 0200, NULL), QUEUE_FD);
  if (mq_unlink(name) != 0)
    _exit(1);
}

static void become_nobody(void)
{
  if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0 ||
      prctl(PR_SET_DUMPABLE, 1) != 0)
    _exit(1);
}

static void a_queue_that_may_not_be_read_is_one_all_the_same(void **state)
{
  int status = 0;
  (void)state;
  pid_t pid = fork();
  if (pid == 0) {
    struct reach_target *target = NULL;
    struct reach_mqueue queue = {0};
    if (geteuid() == 0)
      become_nobody();
    struct test_child child = test_child_start(hold_what_only_takes_messages, NULL, false);
    if (reach_open(child.pid, &target) != 0 || reach_mqueue(target, QUEUE_FD, &queue) != 0)
      _exit(2);
    reach_close(target);
    test_child_kill(&child);
    _exit(queue.inode != 0 && queue.messages == -1 && queue.most_messages == -1 ? 0 : 3);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* What a broker opens for who must not. */
static void through_a_broker_it_is_the_same(void **state)
{
  struct test_child child = test_child_start(hold, NULL, true);
  int status = 0;
  (void)state;
  pid_t pid = fork();
  if (pid == 0) {
    struct reach_target *target = NULL;
    struct reach_mqueue queue = {0};
    if (broker_start(NULL) != 0 || reach_open(child.pid, &target) != 0)
      _exit(1);
    if (reach_mqueue(target, QUEUE_FD, &queue) != 0 || queue.messages != MESSAGES ||
        queue.most_messages != MOST || queue.inode == 0)
      _exit(2);
    if (reach_mqueue(target, WRITE_FD, &queue) != -EINVAL ||
        reach_mqueue(target, NO_FD, &queue) != -ENOENT || reach_mqueue(target, -1, &queue) >= 0)
      _exit(3);
    reach_close(target);
    _exit(0);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  test_child_kill(&child);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_queue_is_told_and_nothing_else_is_opened),
      cmocka_unit_test(a_queue_that_may_not_be_read_is_one_all_the_same),
      cmocka_unit_test(through_a_broker_it_is_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
