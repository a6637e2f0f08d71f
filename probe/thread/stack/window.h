/*
 * window.h - the stack of a thread, read in pieces of 64 KiB and handed out word by word: one system call for most
 * stacks. Bounded, so that rules made to harm cannot have us read all of a target. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_WINDOW_H
#define IMPASSE_PROBE_THREAD_STACK_WINDOW_H

#include "probe/reach/reach.h"

enum { WINDOW_BYTES = 64 * 1024, WINDOW_READS_MOST = 64 };

struct window {
  const struct reach_target *target;
  uint64_t start;
  size_t length;  /* bytes that were there */
  unsigned reads; /* since window_begin */
  char bytes[WINDOW_BYTES];
};

/* Forgets what was read: the thread may have run. */
void window_begin(struct window *window, const struct reach_target *target);

/* Eight bytes of the target, from the window or, where they lie outside, from the next. */
bool window_word(struct window *window, uint64_t address, uint64_t *ret_word);

#endif
