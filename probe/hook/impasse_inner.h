/*
 * impasse_inner.h - what the files of the hook library share: the state of the process, and their
 * calls to each other.
 * Neither installed nor exported. Not here: what programs call (impasse.h), the layout and who may
 * write what (region.h).
 *
 *    impasse.c         starting and stopping; the page that a fork wipes
 *    impasse_region.c  making regions; putting away those that a fork left behind
 *    impasse_copy.c    a second copy of the library in the process
 *    impasse_slot.c    which slots are free
 *    impasse_open.c    opening and closing
 *    impasse_name.c    names
 *    impasse_wait.c    waits with more than one holder; pools, services
 *    impasse_table.c   tables
 *
 * All of it runs inside the watched program, so: no lock, no allocation, no output, no abort, errno
 * as it was; on any trouble the library switches itself off.
 */
#ifndef IMPASSE_PROBE_HOOK_IMPASSE_INNER_H
#define IMPASSE_PROBE_HOOK_IMPASSE_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#if __has_include(<sys/sdt.h>)
#define IMPASSE_USDT
#endif
#include "probe/hook/impasse.h"

/* Times a thread yields to another one that starts, grows or writes a class. */
#define IMPASSE_PATIENCE 100000
#define IMPASSE_HEARTBEAT_NS UINT64_C(10000000)

enum impasse_phase {
  IMPASSE_PHASE_UNSTARTED,
  IMPASSE_PHASE_STARTING,
  IMPASSE_PHASE_ON,
  IMPASSE_PHASE_OFF
};

/* One private page, wiped by a fork: zeros mean not started. */
struct impasse_process {
  struct impasse_gate gate; /* epoch 0 unless phase is ON */
  uint32_t phase;           /* enum impasse_phase */
  int32_t error;            /* phase OFF: why */
  uint32_t slots_most;
  uint32_t region_count;
  uint32_t growing; /* 1: a thread adds a region */
  uint64_t growth_failed_ns;
  /* By home shard: region * IMPASSE_SHARDS + shard that last had room. */
  uint32_t place[IMPASSE_SHARDS];
  struct impasse_header *regions[IMPASSE_CHAIN_MOST];
};
_Static_assert(sizeof(struct impasse_process) <= 4096, "the page that a fork wipes");
_Static_assert(sizeof(void *) == 8, "64-bit processors only");

/* Where impasse_gate points as long as nothing was ever started, here or in a parent. */
extern struct impasse_gate impasse_gate_closed;

/* ---- Between the files ---- */

/* The process state of a library that works, started if need be; else NULL. */
struct impasse_process *impasse_process_ready(uint64_t abi);

/* Makes the first region, and gets rid of a parent's. -EALREADY: another copy of the library has
 * one in this process; -EFBIG, -ENOMEM, ... */
int impasse_region_first(struct impasse_process *process);
/* Makes the next region of the chain and publishes it. One thread at a time. -ENOSPC when
 * there are enough. */
int impasse_region_add(struct impasse_process *process);

/* Does another copy of the library have a region in this process? `own` is described already. False
 * also when /proc does not tell. */
bool impasse_copy_elsewhere(const struct impasse_header *own);

/* A free slot with an even generation that nobody else has; NULL and counted when there is none. */
struct impasse_hot *impasse_slot_take(struct impasse_process *process, uint64_t now_ns);
/* Gives back slot `index` of a region, closed. */
void impasse_slot_put(struct impasse_header *header, uint32_t index, uint64_t now_ns);

/* Opens a slot; inert when there is none. */
struct impasse_ref impasse_open_slot(struct impasse_process *process,
                                     const struct impasse_opening *opening);

/* Copies at most room - 1 bytes and a NUL; counts what was cut. Returns the length. */
uint32_t impasse_name_store(struct impasse_process *process, char *ret_text, size_t room,
                            const char *text);
/* The numbers of name classes stay good in a forked child: it takes them over, up to the first
 * that is free. */
void impasse_name_inherit(struct impasse_header *from, struct impasse_header *to);

/* ---- Clocks and counters ---- */

static inline uint64_t impasse_clock_ns(clockid_t clock)
{
  struct timespec now = {0, 0};
  (void)clock_gettime(clock, &now); /* cannot fail for the clocks used here */
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whether less than `age_ns` has passed; other threads and clocks may be a little
 * ahead of `now_ns`. */
static inline bool impasse_younger(uint64_t since_ns, uint64_t age_ns, uint64_t now_ns)
{
  return now_ns < since_ns + age_ns;
}

/* The process state, or NULL as long as nothing was ever started here or in a parent. */
static inline struct impasse_process *impasse_process_now(void)
{
  struct impasse_gate *gate = __atomic_load_n(&impasse_gate, __ATOMIC_ACQUIRE);
  return gate == &impasse_gate_closed ? NULL : (struct impasse_process *)(void *)gate;
}

/* The same when the library works, else NULL. */
static inline struct impasse_process *impasse_process_on(void)
{
  struct impasse_process *process = impasse_process_now();
  return process && __atomic_load_n(&process->gate.epoch, __ATOMIC_ACQUIRE) ? process : NULL;
}

static inline void impasse_loss_add(struct impasse_process *process, enum impasse_loss loss)
{
  __atomic_fetch_add(&process->regions[0]->losses[loss], 1, __ATOMIC_RELAXED);
}

static inline void impasse_heartbeat(struct impasse_process *process, uint64_t now_ns)
{
  uint64_t *beat = &process->regions[0]->heartbeat_ns;
  if (!impasse_younger(__atomic_load_n(beat, __ATOMIC_RELAXED), IMPASSE_HEARTBEAT_NS, now_ns))
    __atomic_store_n(beat, now_ns, __ATOMIC_RELAXED);
}

/* ---- Places ---- */

static inline struct impasse_header *impasse_region_of(const struct impasse_process *process,
                                                       uint32_t number)
{
  return __atomic_load_n(&process->regions[number / IMPASSE_SLOTS], __ATOMIC_ACQUIRE);
}

static inline struct impasse_shard *impasse_shard_at(struct impasse_header *header, uint32_t shard)
{
  return (struct impasse_shard *)(void *)((char *)header + IMPASSE_SHARDS_OFFSET) + shard;
}

static inline struct impasse_hot *impasse_hot_at(struct impasse_header *header, uint32_t index)
{
  return (struct impasse_hot *)(void *)((char *)header + IMPASSE_HOT_OFFSET) + index;
}

/* Handle of the slot that a reference in shared memory names; inert when it is out of range. */
static inline struct impasse_ref impasse_ref_of_word(const struct impasse_process *process,
                                                     uint64_t word)
{
  uint32_t number = IMPASSE_REF_NUMBER(word);
  struct impasse_header *header = impasse_region_of(process, number);
  if (!header)
    return impasse_unknown();
  struct impasse_ref ref = {impasse_hot_at(header, number % IMPASSE_SLOTS),
                            IMPASSE_REF_GENERATION(word), (process->gate.epoch + 1) << 24 | number};
  return ref;
}

#endif
