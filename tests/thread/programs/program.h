/*
 * program.h - what the programs of this folder have in common: threads that are blocked in states that
 * are known exactly, told to whoever started the program, which ends with its parent.
 *
 * A program is given the name of a case. It prints one line
 *     ready COUNT
 * and COUNT lines, one for each thread that is blocked now and until the program ends:
 *     TID KIND OWNER FLAGS
 * KIND is what the classifier must find (mutex, robust, inherit, rwlock_writer, rwlock_readers, join,
 * idle), OWNER a tid or 0, FLAGS "-" or some of t (timed), r (to read), s (a lock that processes may
 * share), l (the owner has ended), b (between two owners, or no mutex at all). No other thread of the program
 * waits for anybody. The case "list" prints the names of all. Exit code 77: this machine or library cannot do
 * it; why stands on standard error.
 *
 * C11 and C++; nothing but libc and threads.
 */
#ifndef IMPASSE_TESTS_THREAD_PROGRAM_H
#define IMPASSE_TESTS_THREAD_PROGRAM_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A test takes seconds, a torture by hand up to an hour: it says so itself. */
enum { PROGRAM_SECONDS = 600, PROGRAM_LINES = 64, PROGRAM_CANNOT = 77 };

static struct {
  int count;
  struct {
    pid_t tid, owner;
    const char *kind, *flags;
  } lines[PROGRAM_LINES];
} program;

#define PROGRAM_CHECK(holds)                                                                       \
  do {                                                                                             \
    if (!(holds)) {                                                                                \
      (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds);                    \
      exit(2);                                                                                     \
    }                                                                                              \
  } while (0)

static inline pid_t program_tid(void)
{
  return (pid_t)syscall(SYS_gettid);
}

static inline void program_time_is_up(int signal_number)
{
  (void)signal_number;
  _exit(3);
}

/* Ends the program with its parent, and after so many seconds in any case: by a handler, as the first
 * process of a pid namespace ignores a signal without one. */
static inline void program_mortal(unsigned seconds)
{
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)signal(SIGALRM, program_time_is_up);
  (void)alarm(seconds);
}

static inline void program_pause_ms(long ms)
{
  struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  (void)nanosleep(&pause, NULL);
}

/* A thread says who it is, before it blocks. */
static inline void program_here(pid_t *ret_tid)
{
  __atomic_store_n(ret_tid, program_tid(), __ATOMIC_RELEASE);
}

/* The system call in which a thread sleeps, as the kernel words it. */
static inline bool program_call(pid_t tid, char *ret_line, size_t room)
{
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
  FILE *file = fopen(path, "re");
  bool read = file && fgets(ret_line, (int)room, file);
  if (file)
    (void)fclose(file);
  return read;
}

/* Waits until the thread has said who it is and sleeps in that system call, the same one twice. */
static inline pid_t program_wait_call(const pid_t *tid, long call)
{
  char line[256], before[256] = "", *end;
  for (;;) {
    pid_t now = __atomic_load_n(tid, __ATOMIC_ACQUIRE);
    bool there = now && program_call(now, line, sizeof line) && strtol(line, &end, 10) == call &&
                 end != line;
    if (there && strcmp(line, before) == 0)
      return now;
    (void)snprintf(before, sizeof before, "%s", there ? line : "");
    program_pause_ms(2);
  }
}

static inline pid_t program_wait_asleep(const pid_t *tid)
{
  return program_wait_call(tid, SYS_futex);
}

/* Notes a thread for the list as soon as it is blocked. */
static inline void program_blocked(const pid_t *tid, const char *kind, pid_t owner,
                                   const char *flags)
{
  PROGRAM_CHECK(program.count < PROGRAM_LINES);
  program.lines[program.count].tid = program_wait_asleep(tid);
  program.lines[program.count].kind = kind;
  program.lines[program.count].owner = owner;
  program.lines[program.count].flags = flags;
  program.count++;
}

/* Tells what is blocked, and stays. */
static inline void program_ready(void)
{
  (void)printf("ready %d\n", program.count);
  for (int i = 0; i < program.count; i++)
    (void)printf("%d %s %d %s\n", (int)program.lines[i].tid, program.lines[i].kind,
                 (int)program.lines[i].owner,
                 *program.lines[i].flags ? program.lines[i].flags : "-");
  (void)fflush(stdout);
  for (;;)
    (void)pause();
}

#endif
