/*
 * burst.h - a burst: a probe on one function of one process for at most a few hundred milliseconds,
 * which counts Erlang terms by their shape (burst_key.h) in the kernel. Not for printing them.
 *
 * Each hit of the probe costs the target (site.h), also those that are not counted; so a burst ends
 * by itself after `most_hits` of them. Nothing stays attached when burst_run returns, nor when its
 * process is killed in between: the kernel takes the probe away with its last descriptor.
 */
#ifndef IMPASSE_BPF_BURST_H
#define IMPASSE_BPF_BURST_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/burst_key.h"
#include "bpf/site.h"

enum burst_at {
  BURST_AT_SEND, /* f(sender, receiver, _, message): messages to `receiver`, by sender */
  BURST_AT_EXIT, /* f(process, reason): reasons */
};

struct burst {
  enum burst_at at;
  struct site site;
  int pidfd;           /* of site.pid: the burst ends with it */
  uint64_t receiver;   /* address of its struct process */
  uint32_t pid_offset; /* of the pid's word in a struct process */
  uint64_t most_hits;
  unsigned most_ms;
};

enum burst_end { BURST_END_TIME, BURST_END_HITS, BURST_END_GONE };

struct burst_count {
  struct burst_key key;
  uint64_t count;
};

struct burst_counts {
  struct burst_count *list; /* most frequent first */
  size_t count;
  uint64_t hits;      /* of the probe, until it was taken away: what the target paid for */
  uint64_t seen;      /* of them, those that were looked at: at most most_hits */
  uint64_t matched;   /* of those, the ones asked for */
  uint64_t uncounted; /* matched, but too many shapes to keep them apart */
  /* A process of a node sends thousands of messages before the next one runs, so a short sample is as
   * good as the number of turns that it saw, not as that of its messages. BURST_AT_SEND only. */
  uint64_t turns;
  uint64_t duration_ns; /* in which `seen` were seen */
  enum burst_end end;
};

/* Runs one; takes most_ms and some milliseconds more. -errno with the reason in words. Any thread. */
int burst_run(const struct burst *burst, struct burst_counts *ret_counts, char *reason,
              size_t room);
void burst_counts_done(struct burst_counts *counts);

#endif
