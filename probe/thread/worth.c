/* worth.c - see worth.h. */
#include "probe/thread/worth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/process/process.h"
#include "probe/processor/processor.h"
#include "probe/reach/reach.h"

enum {
  STAT_BYTES = 4096,
  SYSCALL_BYTES = 1024,
  STATUS_BYTES = 16384,
  THREADS_LOOKED_AT =
      64, /* of one process: who has none of interest among these is looked at again */
};

/* Its threads and whether it may be of interest at all: kernel threads and zombies have no memory. A process whose
 * first thread has ended seems to have none either, but has other threads. */
static bool may_wait(const struct reach_target *target, int64_t *ret_threads)
{
  struct process_stat stat;
  char *text = NULL;
  bool may = reach_public_file(target, "stat", STAT_BYTES, &text, NULL) == 0 &&
             process_parse_stat(text, &stat) == 0 && (stat.rss_bytes > 0 || stat.thread_count > 1);
  free(text);
  if (may)
    *ret_threads = stat.thread_count;
  return may;
}

/* What a thread does, as far as it matters here; or -errno. */
enum doing { DOES_OTHER, DOES_RUN, DOES_WAIT };

static int look(const struct reach_target *target, pid_t tid)
{
  char name[48], *text = NULL;
  (void)snprintf(name, sizeof name, "task/%d/syscall", (int)tid); /* always fits */
  int answer = reach_file(target, name, SYSCALL_BYTES, &text, NULL);
  if (answer == 0 && strncmp(text, "running", 7) == 0)
    answer = DOES_RUN;
  else if (answer == 0)
    answer = strtol(text, NULL, 10) == PROCESSOR_CALL_FUTEX ? DOES_WAIT : DOES_OTHER;
  free(text);
  return answer;
}

/* One that waits, or two that run: those that fight over short locks are seldom caught in a wait. */
static int look_at_threads(const struct reach_target *target)
{
  pid_t *tids = NULL;
  size_t count = 0, running = 0;
  int answer = reach_tids(target, &tids, &count);
  for (size_t i = 0; answer == 0 && i < count && i < THREADS_LOOKED_AT; i++) {
    answer = look(target, tids[i]);
    running += answer == DOES_RUN;
    if (answer == -ENOENT || answer == -ESRCH || (answer == DOES_RUN && running < 2))
      answer = 0; /* that thread has gone, or is one of many */
  }
  free(tids);
  return answer < 0 ? answer : answer != 0;
}

static int look_at_one(const struct reach_target *target)
{
  int answer = look(target, reach_pid(target));
  return answer < 0 ? answer : answer == DOES_WAIT;
}

/* Whoever may not read others does not want to hear so of each of them; of his own he does. */
static bool is_expected(const struct reach_target *target)
{
  int64_t uid = -1;
  char *status = NULL;
  if (geteuid() == 0)
    return true;
  if (reach_file(target, "status", STATUS_BYTES, &status, NULL) == 0)
    (void)process_parse_uid(status, &uid); /* leaves it on failure */
  free(status);
  return uid == (int64_t)geteuid();
}

int worth_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES])
{
  int64_t threads;
  if (!may_wait(target, &threads))
    return SOURCE_NOT_MINE;
  int answer = threads > 1 ? look_at_threads(target) : look_at_one(target);
  if (answer >= 0)
    return answer ? SOURCE_MINE : SOURCE_NOT_MINE;
  if (answer == -ESRCH || answer == -ENOENT)
    return SOURCE_NOT_MINE;
  reach_explain(reach_pid(target), answer, reason, SOURCE_REASON_BYTES);
  if (threads == 1)
    return SOURCE_NOT_MINE;
  return is_expected(target) ? SOURCE_MINE_UNREADABLE : answer;
}
