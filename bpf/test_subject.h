/*
 * test_subject.h - for the tests of this folder: a child process whose functions can be probed, and
 * where they are in its executable. Used by tests only.
 *
 * A machine where even root may not probe ends the test program with 77, which counts as skipped.
 */
#ifndef IMPASSE_BPF_TEST_SUBJECT_H
#define IMPASSE_BPF_TEST_SUBJECT_H

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "bpf/site.h"

enum { TEST_SUBJECT_SKIPPED = 77 };

/* A function to be probed. */
#define TEST_SUBJECT_PROBED                                                                        \
  __attribute__((noinline, noclone, no_sanitize("address", "thread", "undefined")))

/* Ends the program as skipped where probes are refused. */
static inline void test_subject_need_probes(void)
{
  char words[256];

  if (ladder_try(words, sizeof(words)) == 0)
    return;
  (void)fprintf(stderr, "skipped: %s\n", words);
  exit(TEST_SUBJECT_SKIPPED);
}

/* Where a function of our own executable is in its file. */
static inline struct site test_subject_site(pid_t pid, const void *function)
{
  struct site site = {.exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), .pid = pid};
  FILE *maps = fopen("/proc/self/maps", "r");
  uint64_t address = (uint64_t)(uintptr_t)function, start, end, offset;
  char line[4096];
  unsigned skip;
  bool stepped;

  while (maps && fgets(line, sizeof(line), maps))
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &start, &end, &offset) == 3 &&
        address >= start && address < end)
      site.offset = address - start + offset;
  if (!maps || site.exe_fd < 0 || site.offset == 0)
    abort();
  (void)fclose(maps);
  site_judge(function, &skip, &stepped);
  site.offset += skip;
  return site;
}

/* A child that runs `body(context)` until it is killed; it dies with us. */
static inline pid_t test_subject_start(void (*body)(void *context), void *context)
{
  pid_t pid = fork();

  if (pid < 0)
    abort();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    body(context);
    _exit(0);
  }
  return pid;
}

static inline int test_subject_pidfd(pid_t pid)
{
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);

  if (fd < 0)
    abort();
  return fd;
}

static inline void test_subject_stop(pid_t pid)
{
  (void)kill(pid, SIGKILL);
  (void)waitpid(pid, NULL, 0);
}

#endif
