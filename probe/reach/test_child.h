/*
 * test_child.h - real child processes for the tests of whatever reads processes. Used by tests
 * only.
 */
#ifndef IMPASSE_PROBE_REACH_TEST_CHILD_H
#define IMPASSE_PROBE_REACH_TEST_CHILD_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TEST_CHILD_DEADLINE_MS = 20000 };

struct test_child {
  pid_t pid;
  int from; /* what the child writes */
  int to;   /* what it reads */
};

/* Forks; the child runs `body(context, from, to)` with its ends of two pipes and then waits to be
 * killed. It dies with its parent. Returns once the child has written its first byte (body writes
 * it where `body_says_ready`, else it is written after body returned). */
static inline struct test_child test_child_start(void (*body)(void *context, int in, int out),
                                                 void *context, bool body_says_ready)
{
  int up[2], down[2];
  char byte;
  if (pipe(up) != 0 || pipe(down) != 0)
    abort();
  pid_t pid = fork();
  if (pid < 0)
    abort();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close(up[0]);
    (void)close(down[1]);
    if (body)
      body(context, down[0], up[1]);
    if (!body_says_ready && write(up[1], "r", 1) != 1)
      _exit(1);
    for (;;)
      pause();
  }
  (void)close(up[1]);
  (void)close(down[0]);
  struct pollfd ready = {.fd = up[0], .events = POLLIN};
  if (poll(&ready, 1, TEST_CHILD_DEADLINE_MS) != 1 || read(up[0], &byte, 1) != 1)
    abort();
  return (struct test_child){pid, up[0], down[1]};
}

/* Tells the child to go on, and waits for its next byte. */
static inline void test_child_step(const struct test_child *child)
{
  char byte = 's';
  struct pollfd ready = {.fd = child->from, .events = POLLIN};
  if (write(child->to, &byte, 1) != 1 || poll(&ready, 1, TEST_CHILD_DEADLINE_MS) != 1 ||
      read(child->from, &byte, 1) != 1)
    abort();
}

/* The child's side of test_child_step. */
static inline void test_child_await(int in)
{
  char byte;
  if (read(in, &byte, 1) != 1)
    _exit(1);
}

static inline void test_child_tell(int out)
{
  if (write(out, "t", 1) != 1)
    _exit(1);
}

static inline void test_child_kill(struct test_child *child)
{
  (void)kill(child->pid, SIGKILL);
  (void)waitpid(child->pid, NULL, 0);
  (void)close(child->from);
  (void)close(child->to);
}

/* Runs `holds(context)` until it is true or the deadline has passed; returns whether it was. */
static inline bool test_until(bool (*holds)(void *context), void *context)
{
  for (int ms = 0; ms < TEST_CHILD_DEADLINE_MS; ms++) {
    if (holds(context))
      return true;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return false;
}

#endif
