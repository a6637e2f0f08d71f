/*
 * broker_test.c - who has no capabilities reads through a broker what it could read before, with the same results; a
 * broker that hangs, or dies, is an error and no hang; it dies with its client.
 *
 * What needs capabilities (children of another user) is started first, and what it reads directly then is what is read
 * through the broker later. Run by a user without capabilities the children are its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "probe/reach/broker.h"
#include "probe/reach/guard.h"
#include "probe/reach/reach.h"
#include "probe/reach/target.h"
#include "probe/reach/test_child.h"

enum { OTHER_UID = 65534, MAPPED_BYTES = 1 << 22, PIECES = 600, OPEN_FD = 90, THREADS = 5 };

static const char secret[] = "bytes of another user";
static char *mapped; /* of the parent and its children alike */
static char *held;   /* a page that the parent never touched */
static const uint32_t call_number = 0x1a2b3c;

/* --- children --- */

static void become_another_user(void)
{
  if (geteuid() == 0 &&
      (setgroups(0, NULL) != 0 || setgid(OTHER_UID) != 0 || setuid(OTHER_UID) != 0))
    _exit(1);
  (void)prctl(PR_SET_DUMPABLE, 1);
}

static void *wait_for_ever(void *unused)
{
  for (;;)
    (void)pause();
  return unused;
}

/* The kernel does not let who gave up its capabilities end another user's child with it: it ends with the pipe. */
static void stay(int in)
{
  char byte;
  (void)!read(in, &byte, 1);
  _exit(0);
}

/* Has what a target may have: threads, descriptors, a memfd that it maps. */
static void be_a_program(void *context, int in, int out)
{
  pthread_t thread;
  (void)context;
  int memfd = memfd_create("broker-test", MFD_CLOEXEC);
  if (memfd < 0 || ftruncate(memfd, 4096) != 0 ||
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0) == MAP_FAILED ||
      dup2(open("/dev/null", O_RDONLY), OPEN_FD) < 0)
    _exit(1);
  become_another_user();
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
      _exit(1);
  test_child_tell(out);
  stay(in);
}

static void exec_when_told(void *context, int in, int out)
{
  (void)context;
  become_another_user();
  test_child_tell(out);
  test_child_await(in);
  (void)dup2(in, STDIN_FILENO);
  (void)execl("/bin/cat", "cat", NULL); /* ends when nobody can tell it more */
  _exit(1);
}

/* One of its pages never comes: whoever reads it waits. */
static void hold_a_page_back(void *context, int in, int out)
{
  const struct uffdio_range page = {(uintptr_t)held, (uintptr_t)sysconf(_SC_PAGESIZE)};
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register range = {.range = page, .mode = UFFDIO_REGISTER_MODE_MISSING};
  (void)context;
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  bool done =
      fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &range) == 0;
  become_another_user();
  test_child_tell(out);
  if (write(out, done ? "y" : "n", 1) != 1)
    _exit(1);
  stay(in);
}

static int answer_call(const struct broker_message *request, struct broker_message *ret_reply)
{
  uint32_t number;
  if (request->length != sizeof number)
    return -EINVAL;
  memcpy(&number, request->bytes, sizeof number);
  number++;
  memcpy(ret_reply->bytes, &number, sizeof number);
  ret_reply->length = sizeof number;
  for (size_t i = 0; i < request->fd_count; i++)
    ret_reply->fds[ret_reply->fd_count++] = fcntl(request->fds[i], F_DUPFD_CLOEXEC, 0);
  return number == call_number + 1 ? 0 : -ERANGE;
}

/* A client of its own, with a broker, to be killed. */
static void be_a_client(void *context, int in, int out)
{
  (void)context, (void)in;
  if (broker_start(answer_call) != 0)
    _exit(1);
  pid_t pid = broker_pid();
  test_child_tell(out);
  if (write(out, &pid, sizeof pid) != sizeof pid)
    _exit(1);
}

/* --- what is read of a target --- */

struct seen {
  uint64_t start_ticks;
  char *auxv, *maps, *text;
  size_t auxv_length;
  char exe[PATH_MAX], namespace[64], bytes[sizeof secret];
  char *much, *pieces;
  ino_t exe_inode, memfd_inode, inside_inode;
  pid_t *tids;
  size_t tid_count, thread_count, fd_count;
  struct reach_thread *threads;
  struct reach_fd *fds;
  bool read[PIECES];
  int errors[16];
  size_t error_count;
};

static ino_t inode_of(int fd)
{
  struct stat file;
  assert_int_equal(fstat(fd, &file), 0);
  assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
  assert_int_equal(close(fd), 0);
  return file.st_ino;
}

static void see_files(const struct reach_target *target, struct seen *s)
{
  struct reach_memfd memfd;
  int fd;
  assert_int_equal(reach_file(target, "auxv", 4096, &s->auxv, &s->auxv_length), 0);
  assert_int_equal(reach_file(target, "maps", 1 << 20, &s->maps, NULL), 0);
  assert_int_equal(reach_file(target, "comm", 64, &s->text, NULL), 0);
  assert_int_equal(reach_link(target, "exe", s->exe, sizeof s->exe), 0);
  assert_int_equal(reach_link(target, "ns/net", s->namespace, sizeof s->namespace), 0);
  assert_int_equal(reach_exe_open(target, &fd), 0);
  s->exe_inode = inode_of(fd);
  assert_int_equal(reach_memfds(target, "broker-test", &memfd, 1), 1);
  assert_int_equal(reach_memfd_open(target, &memfd, &fd), 0);
  s->memfd_inode = inode_of(fd);
  assert_int_equal(reach_open_inside(target, s->exe, &fd), 0);
  s->inside_inode = inode_of(fd);
  assert_int_equal(reach_fds(target, 100, &s->fds, &s->fd_count), 0);
}

static void see_memory(const struct reach_target *target, struct seen *s)
{
  static struct reach_piece pieces[PIECES];
  s->much = malloc(MAPPED_BYTES);
  s->pieces = calloc(PIECES, 64);
  assert_int_equal(reach_read(target, (uintptr_t)secret, s->bytes, sizeof s->bytes), sizeof secret);
  assert_int_equal(reach_read(target, (uintptr_t)mapped, s->much, MAPPED_BYTES), MAPPED_BYTES);
  for (size_t i = 0; i < PIECES; i++)
    pieces[i] = (struct reach_piece){i % 7 == 3 ? 16 : (uintptr_t)mapped + i * 4096,
                                     s->pieces + i * 64, i % 65, true};
  assert_int_equal(reach_read_pieces(target, pieces, PIECES), 0);
  for (size_t i = 0; i < PIECES; i++)
    s->read[i] = pieces[i].read;
}

static void see_threads(const struct reach_target *target, struct seen *s)
{
  const struct reach_thread *list;
  struct reach_threads *threads;
  assert_int_equal(reach_tids(target, &s->tids, &s->tid_count), 0);
  assert_int_equal(reach_threads_open(target, &threads), 0);
  assert_int_equal(reach_threads_read(threads, NULL, 0, &list, &s->thread_count), 0);
  s->threads = malloc(s->thread_count * sizeof *list);
  memcpy(s->threads, list, s->thread_count * sizeof *list);
  for (size_t i = 0; i < s->thread_count; i++)
    assert_true(list[i].fresh);
  assert_int_equal(reach_threads_read(threads, s->tids + 1, 2, &list, &s->fd_count), 0);
  assert_int_equal(s->fd_count, 2);
  assert_false(list[1].fresh);
  reach_threads_close(threads);
}

static void see_errors(const struct reach_target *target, struct seen *s)
{
  char bytes[64], *text = NULL, link[PATH_MAX];
  struct reach_fd *fds = NULL;
  struct reach_piece piece = {.address = 16, .bytes = bytes, .length = 8};
  size_t count = 0;
  int fd = -1, status = 0;
  const int errors[] = {
      (int)reach_read(target, 16, bytes, 8),
      (int)reach_read(target, UINT64_MAX - 4096, bytes, 8),
      (int)reach_read(target, (uintptr_t)mapped + MAPPED_BYTES - 32, bytes, 64),
      (int)reach_read(target, (uintptr_t)mapped, bytes, 0),
      reach_read_pieces(target, &piece, 1),
      piece.read,
      reach_file(target, "maps", 10, &text, NULL),
      reach_link(target, "exe", link, 3),
      reach_link(target, "fd/99999", link, sizeof link),
      reach_fds(target, 1, &fds, &count),
      (int)count,
      reach_ending(target, &status),
      reach_open_inside(target, "/no/such/file", &fd),
      reach_open_inside(target, "/dev/null", &fd),
  };
  static_assert(sizeof errors <= sizeof s->errors, "room");
  memcpy(s->errors, errors, sizeof errors);
  free(fds);
}

static void see(pid_t pid, struct seen *s)
{
  struct reach_target *target;
  assert_int_equal(reach_open(pid, &target), 0);
  assert_true(reach_alive(target));
  s->start_ticks = reach_start_ticks(target);
  see_threads(target, s);
  see_files(target, s);
  see_memory(target, s);
  see_errors(target, s);
  reach_close(target);
}

static void forget(struct seen *s)
{
  free(s->auxv), free(s->maps), free(s->text), free(s->much), free(s->pieces);
  free(s->tids), free(s->threads), free(s->fds);
}

/* A thread that will not move; a sanitizer has one that does. */
static bool stays(const struct reach_thread *thread)
{
  int call = atoi(thread->syscall);
  return call == SYS_pause || call == SYS_read;
}

/* --- tests --- */

static struct test_child program, program_that_execs, stuck, client;
static bool is_stuck;
static struct seen directly;

/* Sees the program until the kernel calls none of its threads running, as it may for an instant one that waits. */
static bool all_wait(void *context)
{
  struct seen *s = context;
  see(program.pid, s);
  size_t waiting = 0;
  for (size_t i = 0; i < s->thread_count; i++)
    waiting += stays(&s->threads[i]);
  if (waiting == THREADS + 1)
    return true;
  forget(s);
  return false;
}

static void nothing_is_left_to_the_client(void **state)
{
  char bytes[sizeof secret];
  struct iovec to = {bytes, sizeof bytes}, from = {(void *)(uintptr_t)secret, sizeof bytes};
  (void)state;
  assert_int_equal(guard_capabilities(), 0);
  assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  if (geteuid() != 0)
    return;
  assert_int_equal(process_vm_readv(program.pid, &to, 1, &from, 1, 0), -1);
  assert_int_equal(errno, EPERM);
  assert_true(broker_capabilities() >> 19 & 1);
}

static void all_is_read_as_before(void **state)
{
  struct seen now = {0};
  (void)state;
  assert_true(test_until(all_wait, &now));
  assert_true(now.start_ticks == directly.start_ticks);
  assert_string_equal(now.maps, directly.maps);
  assert_string_equal(now.text, directly.text);
  assert_int_equal(now.auxv_length, directly.auxv_length);
  assert_memory_equal(now.auxv, directly.auxv, now.auxv_length);
  assert_string_equal(now.exe, directly.exe);
  assert_string_equal(now.namespace, directly.namespace);
  assert_string_equal(now.bytes, secret);
  assert_memory_equal(now.much, directly.much, MAPPED_BYTES);
  assert_memory_equal(now.pieces, directly.pieces, PIECES * 64);
  assert_memory_equal(now.read, directly.read, sizeof now.read);
  assert_true(now.exe_inode == directly.exe_inode && now.memfd_inode == directly.memfd_inode);
  assert_true(now.inside_inode == directly.inside_inode);
  assert_int_equal(now.tid_count, directly.tid_count);
  assert_memory_equal(now.tids, directly.tids, now.tid_count * sizeof *now.tids);
  assert_int_equal(now.thread_count, directly.thread_count);
  for (size_t i = 0; i < now.thread_count; i++) {
    assert_int_equal(now.threads[i].tid, directly.threads[i].tid);
    if (stays(&directly.threads[i]))
      assert_string_equal(now.threads[i].syscall, directly.threads[i].syscall);
  }
  assert_int_equal(now.fd_count, directly.fd_count);
  assert_memory_equal(now.fds, directly.fds, now.fd_count * sizeof *now.fds);
  assert_memory_equal(now.errors, directly.errors, sizeof now.errors);
  assert_true(broker_thread_ns() > 0);
  forget(&now);
}

static void processes_are_listed(void **state)
{
  pid_t *pids;
  size_t count;
  bool listed = false;
  (void)state;
  assert_int_equal(reach_pids(&pids, &count), 0);
  for (size_t i = 0; i < count; i++)
    listed |= pids[i] == program.pid;
  assert_true(listed);
  free(pids);
}

static void a_claim_is_the_clients_own(void **state)
{
  struct reach_target *target, *again;
  pid_t claimant = 0;
  int fd, other;
  (void)state;
  assert_int_equal(reach_open(program.pid, &target), 0);
  assert_int_equal(reach_open(program.pid, &again), 0);
  assert_int_equal(reach_claim(target, &fd, &claimant), 0);
  assert_int_equal(reach_claim(again, &other, &claimant), -EBUSY);
  assert_int_equal(claimant, getpid());
  assert_int_equal(close(fd), 0);
  assert_int_equal(reach_claim(again, &other, &claimant), 0);
  assert_int_equal(close(other), 0);
  reach_close(target);
  reach_close(again);
}

static void nothing_but_what_is_named_is_given(void **state)
{
  static const char *const hidden[] = {
      "root/etc/shadow", "cwd/x", "../1/environ", "fd/3", "mem", "", "task/1/root", "/etc/shadow"};
  struct reach_target *target;
  char *text = NULL, link[PATH_MAX];
  (void)state;
  assert_int_equal(reach_open(program.pid, &target), 0);
  for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
    int error = reach_file(target, hidden[i], 4096, &text, NULL);
    assert_true(error == -EACCES || error == -EINVAL);
  }
  assert_int_equal(reach_link(target, "root/etc/mtab", link, sizeof link), -EACCES);
  assert_int_equal(reach_openat(target, "root/etc/shadow", 0), -EACCES);
  assert_int_equal(reach_openat(target, "mem", O_RDWR), -EACCES);
  assert_int_equal(reach_openat(target, "task", O_DIRECTORY | O_TRUNC), -EACCES);
  reach_close(target);
}

/* And has mapped its new program: for an instant there is nothing but its stack. */
static bool has_execed(void *context)
{
  char link[PATH_MAX], *maps = NULL;
  bool done = reach_link(context, "exe", link, sizeof link) == 0 &&
              strcmp(link, directly.exe) != 0 &&
              reach_file(context, "maps", 1 << 20, &maps, NULL) == 0 && strstr(maps, link);
  free(maps);
  return done;
}

static void memory_after_exec_is_that_of_the_new_program(void **state)
{
  char bytes[sizeof secret] = "", *maps;
  struct reach_target *target;
  (void)state;
  assert_int_equal(reach_open(program_that_execs.pid, &target), 0);
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), sizeof bytes);
  assert_string_equal(bytes, secret);
  assert_int_equal(write(program_that_execs.to, "g", 1), 1);
  assert_true(test_until(has_execed, target));
  ssize_t got = reach_read(target, (uintptr_t)secret, bytes, sizeof bytes);
  assert_true(got == -EFAULT || memcmp(bytes, secret, sizeof secret) != 0);
  assert_int_equal(reach_file(target, "maps", 1 << 20, &maps, NULL), 0);
  uint64_t first = strtoull(maps, NULL, 16);
  free(maps);
  assert_int_equal(reach_read(target, first, bytes, 4), 4);
  assert_memory_equal(bytes, "\177ELF", 4);
  reach_close(target);
}

static void a_call_carries_bytes_and_descriptors(void **state)
{
  struct broker_message request = {.length = sizeof call_number, .fd_count = 1}, reply;
  int pair[2];
  char byte = 'x';
  uint32_t number;
  (void)state;
  assert_int_equal(pipe(pair), 0);
  memcpy(request.bytes, &call_number, sizeof call_number);
  request.fds[0] = pair[1];
  assert_int_equal(broker_call(&request, &reply), 0);
  assert_int_equal(reply.length, sizeof number);
  memcpy(&number, reply.bytes, sizeof number);
  assert_int_equal(number, call_number + 1);
  assert_int_equal(reply.fd_count, 1);
  assert_int_equal(write(reply.fds[0], &byte, 1), 1);
  assert_int_equal(read(pair[0], &byte, 1), 1);
  (void)close(reply.fds[0]), (void)close(pair[0]), (void)close(pair[1]);
  request.length = 1;
  request.fd_count = 0;
  assert_int_equal(broker_call(&request, &reply), -EINVAL);
  assert_int_equal(reply.fd_count, 0);
}

static void a_dead_process_is_gone(void **state)
{
  char bytes[8], *text;
  int status = -1;
  struct reach_target *target, *again = NULL;
  struct reach_threads *threads;
  (void)state;
  assert_int_equal(reach_open(program_that_execs.pid, &target), 0);
  assert_int_equal(reach_threads_open(target, &threads), 0);
  struct pollfd gone = {.fd = reach_pidfd(target), .events = POLLIN};
  assert_int_equal(close(program_that_execs.to), 0);
  assert_int_equal(poll(&gone, 1, TEST_CHILD_DEADLINE_MS), 1);
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), -ESRCH);
  assert_int_equal(reach_file(target, "stat", 4096, &text, NULL), -ESRCH);
  assert_int_equal(reach_ending(target, &status), 0);
  assert_int_equal(status, 0);
  assert_int_equal(reach_open(program_that_execs.pid, &again), -ESRCH);
  reach_threads_close(threads);
  reach_close(target);
}

static void *read_what_is_held_back(void *context)
{
  char bytes[2][8], *text = NULL;
  struct reach_piece pieces[] = {{(uintptr_t)secret, bytes[0], 8, false},
                                 {(uintptr_t)held, bytes[1], 8, false}};
  struct reach_target *target;
  int *error = context;
  *error = reach_open(stuck.pid, &target);
  if (*error)
    return NULL;
  *error = reach_read_pieces(target, pieces, 2);
  if (*error == -ETIMEDOUT && reach_file(target, "comm", 64, &text, NULL) != -ETIMEDOUT)
    *error = 1; /* it was given up: nothing more comes of it */
  reach_close(target);
  return NULL;
}

static void who_holds_up_its_reader_holds_up_nobody_else(void **state)
{
  pthread_t thread;
  struct reach_target *target;
  char *text;
  int error = 1;
  void *ended = &ended;
  (void)state;
  if (!is_stuck || geteuid() != 0) { /* what needs no capability is read without the broker */
    print_message("skipped: needs root and userfaultfd\n");
    skip();
  }
  assert_int_equal(pthread_create(&thread, NULL, read_what_is_held_back, &error), 0);
  unsigned others = 0;
  while (pthread_tryjoin_np(thread, &ended) == EBUSY) {
    assert_int_equal(reach_open(program.pid, &target), 0);
    assert_int_equal(reach_file(target, "comm", 64, &text, NULL), 0);
    free(text);
    reach_close(target);
    others++;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  assert_int_equal(error, -ETIMEDOUT);
  assert_true(others > 0);
}

static bool is_gone(void *context)
{
  return kill(*(const pid_t *)context, 0) != 0 && errno == ESRCH;
}

static void it_dies_with_its_client(void **state)
{
  pid_t pid = 0;
  (void)state;
  assert_int_equal(read(client.from, &pid, sizeof pid), sizeof pid);
  assert_true(pid > 0 && !is_gone(&pid));
  assert_int_equal(kill(pid, SIGINT), 0); /* as ^C does to all of a terminal */
  assert_int_equal(kill(pid, SIGTERM), 0);
  assert_false(is_gone(&pid));
  test_child_kill(&client);
  assert_true(test_until(is_gone, &pid));
}

/* The last one: there is none any more afterwards. */
static void a_broker_that_was_killed_is_an_error(void **state)
{
  struct broker_message request = {.length = 1}, reply;
  struct reach_target *target, *other = NULL;
  struct reach_threads *threads;
  const struct reach_thread *list;
  char *text, bytes[8];
  size_t count;
  pid_t *pids;
  (void)state;
  assert_int_equal(reach_open(program.pid, &target), 0);
  assert_int_equal(reach_threads_open(target, &threads), 0);
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), sizeof bytes);
  assert_int_equal(kill(broker_pid(), SIGKILL), 0);
  assert_int_equal(waitpid(broker_pid(), NULL, 0), broker_pid());
  assert_int_equal(reach_file(target, "stat", 4096, &text, NULL), -ECONNRESET);
  assert_int_equal(reach_threads_read(threads, NULL, 0, &list, &count), -ECONNRESET);
  assert_int_equal(reach_open(program.pid, &other), -ECONNRESET);
  assert_int_equal(reach_pids(&pids, &count), -ECONNRESET);
  assert_int_equal(broker_call(&request, &reply), -ECONNRESET);
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), sizeof bytes);
  reach_threads_close(threads);
  reach_close(target);
}

static void start_children(void)
{
  char byte;
  mapped = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < MAPPED_BYTES; i++)
    mapped[i] = (char)(i * 7 + i / 4096);
  held = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  client = test_child_start(be_a_client, NULL, true);
  program = test_child_start(be_a_program, NULL, true);
  stuck = test_child_start(hold_a_page_back, NULL, true);
  if (read(stuck.from, &byte, 1) != 1)
    abort();
  is_stuck = byte == 'y';
  program_that_execs = test_child_start(exec_when_told, NULL, true); /* nobody else may tell it */
}

static int start(void **state)
{
  (void)state;
  start_children();
  if (!test_until(all_wait, &directly))
    return -1;
  return broker_start(answer_call);
}

static int end(void **state)
{
  (void)state;
  forget(&directly);
  return 0; /* the children die with us */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_left_to_the_client),
      cmocka_unit_test(all_is_read_as_before),
      cmocka_unit_test(processes_are_listed),
      cmocka_unit_test(a_claim_is_the_clients_own),
      cmocka_unit_test(nothing_but_what_is_named_is_given),
      cmocka_unit_test(memory_after_exec_is_that_of_the_new_program),
      cmocka_unit_test(a_dead_process_is_gone),
      cmocka_unit_test(a_call_carries_bytes_and_descriptors),
      cmocka_unit_test(who_holds_up_its_reader_holds_up_nobody_else),
      cmocka_unit_test(it_dies_with_its_client),
      cmocka_unit_test(a_broker_that_was_killed_is_an_error),
  };
  return cmocka_run_group_tests(tests, start, end);
}
