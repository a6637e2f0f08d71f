/*
 * exact.h - --exact of threads: how often, how long and by how many each lock was waited for, counted at
 * context switches (bpf/contention.h) instead of estimated between two looks.
 *
 * What is counted are waits for futex words. Which of them are locks is told as for a sleeping thread, by the
 * call that waited and the bytes around the word (classify/): a word counts as a lock once it was told for
 * one while somebody had it, and stays one. All others (condition variables, semaphores, parked threads of
 * runtimes) are no contention: they make no row, and the answer to `show locks` sums them up by themselves.
 */
#ifndef IMPASSE_PROBE_THREAD_EXACT_H
#define IMPASSE_PROBE_THREAD_EXACT_H

#include "bpf/contention.h"
#include "probe/thread/session.h"

struct exact_word {
  struct contention_lock times; /* since it was opened */
  struct lock_times fresh;      /* of that what no lock was told yet */
  uint64_t lock;                /* address of the lock that it is of; 0 none */
  enum classify_kind kind;
};

struct exact {
  struct contention *contention;
  struct exact_word *words; /* by address */
  size_t count;
  uint64_t lost;               /* waits that found no room */
  uint64_t opened_ns;          /* counted since */
  uint64_t taken_ns, switches; /* at the last take: when, and context switches of the machine */
};

/* The reason says what it costs, or on failure what is missing. */
int exact_open(struct session *session, struct exact **ret_exact, char reason[SOURCE_REASON_BYTES]);
void exact_close(struct exact *exact); /* NULL is fine */

/* What was counted since the last take goes to the session's locks, for a sweep that began at `now_ns`.
 * -EBUSY: the machine switches so often that counting would slow it; the reason says so. */
int exact_take(struct exact *exact, struct session *session, uint64_t now_ns,
               char reason[SOURCE_REASON_BYTES]);

/* FEED_LOCKS: of what is counted already, else of one second. */
int exact_answer(struct session *session, char **ret_text);

/* The text of that answer (exact_text.c). */
int exact_text(const struct exact *exact, const struct session *session, char **ret_text);

#endif
