/* sandbox_test.c - what the process, and a thread that parses, cannot do any more; and what it still can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/sandbox.h"
#include "probe/reach/broker.h"
#include "probe/reach/guard.h"
#include "probe/reach/reach.h"

static uint64_t capabilities_before;
static int unix_socket; /* made before anything was given up */

/* Each answers 0 where it could be done, else the error. */
static int of(long result)
{
  if (result < 0)
    return errno;
  return 0;
}

static int opened(int fd)
{
  int error = of(fd);
  if (fd >= 0)
    (void)close(fd);
  return error;
}

static int open_for_writing(void)
{
  return opened(open("/dev/null", O_WRONLY));
}

static int create_file(void)
{
  return opened(open("/tmp", O_TMPFILE | O_RDWR, 0600));
}

static int open_by_openat2(void)
{
  struct open_how how = {.flags = O_RDWR};
  return broker_runs() ? opened((int)syscall(SYS_openat2, AT_FDCWD, "/dev/null", &how, sizeof how))
                       : EPERM;
}

static int truncate_file(void)
{
  return opened(open("/dev/null", O_RDONLY | O_TRUNC));
}

static int run_program(void)
{
  char *argv[] = {(char *)(uintptr_t) "true", NULL};
  return of(execv("/bin/true", argv)); /* else the test ends here, which is seen */
}

static int fork_child(void)
{
  pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0)
    _exit(0);
  if (pid > 0)
    (void)waitpid(pid, NULL, 0);
  return of(pid);
}

static int make_socket(void)
{
  return opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int connect_socket(void)
{
  struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/no/such/socket"};
  return of(connect(unix_socket, (struct sockaddr *)&nobody, sizeof nobody));
}

static int datagram_pair(void)
{
  int pair[2];
  return of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int signal_parent(void)
{
  return of(kill(getppid(), SIGCONT));
}

static int remove_file(void)
{
  return of(unlink("/no/such/file"));
}

static int map_code(void)
{
  void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? errno : munmap(page, 4096);
}

#if !defined(__SANITIZE_ADDRESS__) /* whose leak check traces */
static int trace_parent(void)
{
  long error = ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
  if (error == 0)
    (void)ptrace(PTRACE_DETACH, getppid(), NULL, NULL);
  return of(error);
}
#endif

static int write_to_parent(void)
{
  struct iovec here = {&unix_socket, sizeof unix_socket};
  return of(process_vm_writev(getppid(), &here, 1, &here, 1, 0));
}

static int load_program_of_bpf(void)
{
  union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};
  return of(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

static int enter_namespace(void)
{
  return of(unshare(CLONE_NEWUSER));
}

static const struct deed {
  const char *name;
  int (*try)(void);
} parser_cannot[] =
    {
        {"open for writing", open_for_writing},
        {"create", create_file},
        {"openat2", open_by_openat2},
        {"truncate", truncate_file},
        {"exec", run_program},
        {"fork", fork_child},
        {"socket", make_socket},
        {"connect", connect_socket},
        {"datagrams", datagram_pair},
        {"signal", signal_parent},
        {"unlink", remove_file},
        {"map code", map_code},
},
  nobody_can[] = {
#if !defined(__SANITIZE_ADDRESS__)
      {"trace", trace_parent},
#endif
      {"write memory", write_to_parent}, {"load", load_program_of_bpf},
      {"unshare", enter_namespace},      {"exec", run_program},
};

static void assert_refused(const struct deed *deeds, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    int error = deeds[i].try();
    if (error != EPERM)
      print_error("%s: got %s, wanted %s\n", deeds[i].name, strerror(error), strerror(EPERM));
    assert_int_equal(error, EPERM);
  }
}

static void the_process_has_given_up_its_capabilities(void **state)
{
  (void)state;
  assert_int_equal(guard_capabilities(), 0);
  assert_int_equal(broker_runs(), (capabilities_before & GUARD_BROKER_CAPABILITIES) != 0);
  assert_int_equal(sandbox_enter(), 0); /* once more is nothing */
  assert_refused(nobody_can, sizeof nobody_can / sizeof nobody_can[0]);
}

/* Reads what a parser reads: memory and files of a process, its object file, and starts a thread. */
static void *add_one(void *context)
{
  ++*(int *)context;
  return NULL;
}

struct parsed {
  bool refused, read, threaded;
};

static bool reads_a_process(void)
{
  static const char word[] = "word";
  struct reach_target *target = NULL;
  struct reach_threads *threads = NULL;
  const struct reach_thread *list;
  char bytes[sizeof word] = "", link[4096], *text = NULL;
  size_t count = 0;
  int fd = -1;
  bool fine = reach_open(getpid(), &target) == 0 &&
              reach_read(target, (uintptr_t)word, bytes, sizeof bytes) == sizeof bytes &&
              strcmp(bytes, word) == 0 && reach_file(target, "maps", 1 << 22, &text, NULL) == 0 &&
              reach_link(target, "exe", link, sizeof link) == 0 &&
              reach_open_inside(target, link, &fd) == 0 &&
              reach_threads_open(target, &threads) == 0 &&
              reach_threads_read(threads, NULL, 0, &list, &count) == 0 && count >= 2;
  if (fd >= 0)
    (void)close(fd);
  free(text);
  reach_threads_close(threads);
  reach_close(target);
  return fine;
}

static void *be_a_parser(void *context)
{
  struct parsed *parsed = context;
  pthread_t thread;
  int number = 0;
  sandbox_enter_parser();
  parsed->refused = true;
  for (size_t i = 0; i < sizeof parser_cannot / sizeof parser_cannot[0]; i++) {
    int error = parser_cannot[i].try();
    if (error != EPERM) {
      parsed->refused = false;
      print_error("%s: got %s, wanted %s\n", parser_cannot[i].name, strerror(error),
                  strerror(EPERM));
    }
  }
  parsed->read = reads_a_process();
  parsed->threaded = pthread_create(&thread, NULL, add_one, &number) == 0 &&
                     pthread_join(thread, NULL) == 0 && number == 1;
  return NULL;
}

static void a_parser_reads_and_nothing_else(void **state)
{
  struct parsed parsed = {0};
  pthread_t thread;
  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, be_a_parser, &parsed), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_true(parsed.refused);
  assert_true(parsed.read);
  assert_true(parsed.threaded);
  assert_int_equal(open_for_writing(), 0); /* all others may */
}

static int start(void **state)
{
  (void)state;
  unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  capabilities_before = guard_capabilities();
  return unix_socket < 0 ? -1 : sandbox_enter();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_process_has_given_up_its_capabilities),
      cmocka_unit_test(a_parser_reads_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, start, NULL);
}
