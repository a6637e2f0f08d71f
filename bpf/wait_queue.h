/*
 * wait_queue.h - how long somebody waited for a lock, whoever it was: since when and how many wait now are
 * changed as one word (WAIT_QUEUE of wait_key.h), so that the time with at least one waiter is exact.
 * Kernel side only.
 */
#ifndef IMPASSE_BPF_WAIT_QUEUE_H
#define IMPASSE_BPF_WAIT_QUEUE_H

#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "bpf/wait_key.h"

enum { WAIT_QUEUE_TRIES = 8 };

/* One waiter more or less; the time with at least one is added to *some_ns when the last has gone. False:
 * too many changed it at once, or are in it; nothing was changed. */
static __always_inline bool wait_queue_change(__u64 *queue, __u64 *some_ns, bool enters,
                                              __u64 now_ns)
{
#pragma unroll
  for (int i = 0; i < WAIT_QUEUE_TRIES; i++) {
    __u64 old = *(volatile __u64 *)queue, count = old & WAIT_QUEUE_MASK, next;

    if (!enters && count == 0)
      return true; /* its entry was lost */
    if (enters && count == WAIT_QUEUE_MASK)
      return false;
    if (enters)
      next = count == 0 ? WAIT_QUEUE(now_ns, 1) : old + 1;
    else
      next = count == 1 ? 0 : old - 1;
    if (__sync_val_compare_and_swap(queue, old, next) != old)
      continue;
    if (!enters && count == 1 && now_ns > WAIT_QUEUE_SINCE(old))
      (void)__sync_fetch_and_add(some_ns, now_ns - WAIT_QUEUE_SINCE(old));
    return true;
  }
  return false;
}

#endif
