/*
 * hot.h - which processes of a large node are looked at each second, between two full sweeps: the
 * blocked, the deep, the growing and the named, at most HOT_MOST of them, the hottest first.
 *
 * During a full sweep each process is offered with how hot it is; afterwards the list holds those
 * that were hottest. Bounded whatever is offered. One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_HOT_H
#define IMPASSE_PROBE_BEAM_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/proc.h"

enum { HOT_MOST = 20000 };

struct hot_entry {
  struct beam_proc_place place;
  uint64_t word; /* its pid */
  uint8_t heat;
};

struct hot {
  struct hot_entry *entries; /* HOT_MOST * 2 */
  size_t count;
  uint8_t floor; /* what is not hotter need not be offered */
};

int hot_init(struct hot *hot);
void hot_done(struct hot *hot);

/* How hot a process is; 0 is cold. A depth that is unknown is VALUE_UNKNOWN. */
uint8_t hot_heat(int64_t depth, int64_t depth_before, bool blocked, bool named);

void hot_begin(struct hot *hot);
void hot_offer(struct hot *hot, const struct beam_proc *proc, uint8_t heat);
/* At most HOT_MOST are left, by address, each once however often it was offered. */
void hot_end(struct hot *hot);

#endif
