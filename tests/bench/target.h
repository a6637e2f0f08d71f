/*
 * target.h - the program that a benchmark reads: a child of its own, which says when it is ready. Not for programs of
 * others.
 */
#ifndef IMPASSE_TESTS_BENCH_TARGET_H
#define IMPASSE_TESTS_BENCH_TARGET_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Never returns; writes a byte to `ready` when there are `count` of what is to be read. */
typedef void target_run(size_t count, int ready);

/* -1: it did not become ready. */
static inline pid_t target_start(target_run *run, size_t count)
{
  int ends[2];
  char byte;
  if (pipe(ends) != 0)
    return -1;
  pid_t pid = fork();
  if (pid == 0)
    run(count, ends[1]);
  (void)close(ends[1]);
  bool ready = pid > 0 && read(ends[0], &byte, 1) == 1;
  (void)close(ends[0]);
  return ready ? pid : -1;
}

static inline void target_stop(pid_t pid)
{
  if (pid <= 0)
    return;
  (void)kill(pid, SIGKILL); /* a child of ours */
  (void)waitpid(pid, NULL, 0);
}

#endif
