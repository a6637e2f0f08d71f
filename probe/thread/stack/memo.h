/*
 * memo.h - the frames of threads that have not run since: a thread that is stuck is unwound once. Keyed by (tid,
 * sp, pc, run count); of threads whose numbers collide the one asked last stays. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_MEMO_H
#define IMPASSE_PROBE_THREAD_STACK_MEMO_H

#include "probe/thread/stack/stack.h"
#include "probe/thread/thread.h"

enum { MEMO_ROOM = 2048 };

struct memo_entry {
  pid_t tid; /* 0: free */
  uint64_t sp, pc, run_count;
  struct stack_frame *frames;
  size_t count;
  char *call_site; /* NULL: not asked for yet; "" there is none */
};

struct memo {
  struct memo_entry *entries; /* MEMO_ROOM, allocated with the first */
};

void memo_done(struct memo *memo);
void memo_forget(struct memo *memo); /* all of them */

/* The entry of the thread as it is now, or NULL. */
struct memo_entry *memo_find(const struct memo *memo, const struct thread_state *thread);

/* Keeps the frames of the thread; NULL where there is no memory. */
struct memo_entry *memo_keep(struct memo *memo, const struct thread_state *thread,
                             const struct stack_frame *frames, size_t count);

#endif
