/*
 * waits.c - loads and attaches the two probes, and gives what they added up.
 */
#include "bpf/waits.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "bpf/attach.h"
#include "bpf/map.h"
#include "bpf/wait_key.h"

#include <waits.skel.h>

struct waits {
  struct waits_bpf *skeleton;
  struct attach entry, leave;
  bool attached;
};

static uint64_t now_ns(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int tell_threads(const struct waits_bpf *skeleton, const struct waits_at *at)
{
  int map = bpf_map__fd(skeleton->maps.threads), error = 0;

  for (size_t i = 0; i < at->thread_count && i < WAIT_THREADS_MOST && !error; i++)
    error = bpf_map_update_elem(map, &at->threads[i].key, &at->threads[i].place, BPF_ANY);
  return error;
}

/* The return first: a wait whose entry is seen then has its return probed. */
static int attach(struct waits *waits, const struct site *site)
{
  int error = attach_put(waits->skeleton->progs.wait_end, site, true, &waits->leave);

  if (!error)
    error = attach_put(waits->skeleton->progs.wait_begin, site, false, &waits->entry);
  waits->attached = !error;
  return error;
}

int waits_open(const struct waits_at *at, struct waits **ret_waits)
{
  struct waits *waits = calloc(1, sizeof(*waits));
  int error;

  if (!waits)
    return -ENOMEM;
  (void)libbpf_set_print(NULL); /* errors are told by our caller */
  waits->skeleton = waits_bpf__open();
  if (!waits->skeleton) {
    error = -errno;
    goto out;
  }
  waits->skeleton->rodata->who_offset = at->who_offset;
  attach_prepare(waits->skeleton->progs.wait_begin);
  attach_prepare(waits->skeleton->progs.wait_end);
  error = waits_bpf__load(waits->skeleton);
  if (!error)
    error = tell_threads(waits->skeleton, at);
  if (!error)
    error = attach(waits, &at->site);
  if (error)
    goto out;
  *ret_waits = waits;
  waits = NULL;
out:
  waits_close(waits);
  return error;
}

void waits_detach(struct waits *waits)
{
  attach_take(&waits->entry);
  attach_take(&waits->leave);
  waits->attached = false;
}

void waits_close(struct waits *waits)
{
  if (!waits)
    return;
  waits_detach(waits);
  waits_bpf__destroy(waits->skeleton);
  free(waits);
}

uint64_t waits_hits(const struct waits *waits)
{
  return __atomic_load_n(&waits->skeleton->bss->hits, __ATOMIC_RELAXED);
}

/* A lock by itself, with the wait that is under way there. */
static struct waits_lock one_lock(uint64_t address, const struct wait_lock *lock, bool attached,
                                  uint64_t now)
{
  uint64_t since = WAIT_QUEUE_SINCE(lock->queue), under_way = 0;

  if (attached && (lock->queue & WAIT_QUEUE_MASK) != 0 && now > since)
    under_way = now - since;
  return (struct waits_lock){address, lock->count, lock->total_ns, lock->some_ns + under_way,
                             lock->max_ns};
}

static int collect_locks(const struct waits *waits, struct waits_totals *totals)
{
  void *keys, *values;
  size_t count;
  int error = map_read(waits->skeleton->maps.locks, &keys, &values, &count);

  if (error)
    return error;
  totals->locks = calloc(count + 1, sizeof(*totals->locks));
  for (size_t i = 0; totals->locks && i < count; i++)
    totals->locks[i] = one_lock(((uint64_t *)keys)[i], &((struct wait_lock *)values)[i],
                                waits->attached, now_ns());
  totals->lock_count = totals->locks ? count : 0;
  free(keys);
  free(values);
  return totals->locks ? 0 : -ENOMEM;
}

static int collect_waiters(const struct waits *waits, struct waits_totals *totals)
{
  void *keys, *values;
  size_t count;
  int error = map_read(waits->skeleton->maps.waiters, &keys, &values, &count);

  if (error)
    return error;
  totals->waiters = calloc(count + 1, sizeof(*totals->waiters));
  for (size_t i = 0; totals->waiters && i < count; i++) {
    const struct wait_key *key = &((struct wait_key *)keys)[i];
    const struct wait_sum *sum = &((struct wait_sum *)values)[i];
    totals->waiters[i] =
        (struct waits_waiter){key->lock, key->who, sum->count, sum->total_ns, sum->max_ns};
  }
  totals->waiter_count = totals->waiters ? count : 0;
  free(keys);
  free(values);
  return totals->waiters ? 0 : -ENOMEM;
}

static struct waits_lock *find_lock(struct waits_totals *totals, uint64_t address)
{
  for (size_t i = 0; i < totals->lock_count; i++)
    if (totals->locks[i].lock == address)
      return &totals->locks[i];
  return NULL;
}

/* Waits under way: at most as many as there are threads. */
static int add_present(const struct waits *waits, struct waits_totals *totals)
{
  void *keys, *values;
  size_t count;
  int error = map_read(waits->skeleton->maps.waiting, &keys, &values, &count);
  uint64_t now = now_ns();

  if (error)
    return error;
  for (size_t i = 0; i < count; i++) {
    const struct wait_begun *begun = &((struct wait_begun *)values)[i];
    struct waits_lock *lock = find_lock(totals, begun->lock);
    uint64_t waited_ns = now > begun->since_ns ? now - begun->since_ns : 0;
    if (!lock)
      continue; /* the first wait for it began after the locks were read */
    lock->waited_ns += waited_ns;
    if (waited_ns > lock->max_ns)
      lock->max_ns = waited_ns;
  }
  free(keys);
  free(values);
  return 0;
}

int waits_collect(const struct waits *waits, struct waits_totals *ret_totals)
{
  struct waits_totals totals = {.hits = waits_hits(waits),
                                .lost =
                                    __atomic_load_n(&waits->skeleton->bss->lost, __ATOMIC_RELAXED)};
  int error = collect_locks(waits, &totals);

  if (!error)
    error = collect_waiters(waits, &totals);
  if (!error && waits->attached)
    error = add_present(waits, &totals);
  if (error)
    waits_totals_done(&totals);
  else
    *ret_totals = totals;
  return error;
}

void waits_totals_done(struct waits_totals *totals)
{
  free(totals->locks);
  free(totals->waiters);
  *totals = (struct waits_totals){0};
}
