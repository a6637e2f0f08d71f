/*
 * waits.c - has the two probes loaded (waits_load.c), and gives what they added up.
 */
#include "bpf/waits.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/map.h"
#include "bpf/orders.h"
#include "bpf/wait_key.h"

struct waits {
  struct loaded loaded;
  struct wait_totals *totals;
  bool attached;
};

static int tell_threads(const struct waits *waits, const struct waits_at *at)
{
  int map = waits->loaded.fds[WAITS_THREADS], error = 0;

  for (size_t i = 0; i < at->thread_count && i < WAIT_THREADS_MOST && !error; i++)
    error = bpf_map_update_elem(map, &at->threads[i].key, &at->threads[i].place, BPF_ANY);
  return error;
}

int waits_open(const struct waits_at *at, struct waits **ret_waits, char *reason, size_t room)
{
  struct waits_order order = {
      .pid = at->site.pid, .who_offset = at->who_offset, .offset = at->site.offset};
  struct waits *waits = calloc(1, sizeof(*waits));
  int error = -ENOMEM;

  if (!waits) {
    ladder_explain(error, reason, room);
    return error;
  }
  error =
      load_program(LOAD_WAITS, &order, sizeof(order), at->site.exe_fd, WAITS_FDS, &waits->loaded);
  if (error) {
    (void)snprintf(reason, room, "%s", waits->loaded.reason); /* cut is fine */
    goto out;
  }
  error =
      map_show(waits->loaded.fds[WAITS_TOTALS], sizeof(*waits->totals), (void **)&waits->totals);
  if (!error)
    error = tell_threads(waits, at);
  if (error) {
    ladder_explain(error, reason, room);
    goto out;
  }
  __atomic_store_n(&waits->totals->open, 1, __ATOMIC_RELEASE);
  waits->attached = true;
  *ret_waits = waits;
  waits = NULL;
out:
  waits_close(waits);
  return error;
}

/* The entry first: what began is seen to its end. */
void waits_detach(struct waits *waits)
{
  while (waits->loaded.fd_count > WAITS_LEAVE)
    (void)close(waits->loaded.fds[--waits->loaded.fd_count]);
  waits->attached = false;
}

void waits_close(struct waits *waits)
{
  if (!waits)
    return;
  loaded_close(&waits->loaded);
  map_hide(waits->totals, sizeof(*waits->totals));
  free(waits);
}

uint64_t waits_hits(const struct waits *waits)
{
  return __atomic_load_n(&waits->totals->hits, __ATOMIC_RELAXED);
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
  int error = map_read(waits->loaded.fds[WAITS_LOCKS], sizeof(uint64_t), sizeof(struct wait_lock),
                       &keys, &values, &count);

  if (error)
    return error;
  totals->locks = calloc(count + 1, sizeof(*totals->locks));
  for (size_t i = 0; totals->locks && i < count; i++)
    totals->locks[i] = one_lock(((uint64_t *)keys)[i], &((struct wait_lock *)values)[i],
                                waits->attached, clock_ns());
  totals->lock_count = totals->locks ? count : 0;
  free(keys);
  free(values);
  return totals->locks ? 0 : -ENOMEM;
}

static int collect_waiters(const struct waits *waits, struct waits_totals *totals)
{
  void *keys, *values;
  size_t count;
  int error = map_read(waits->loaded.fds[WAITS_WAITERS], sizeof(struct wait_key),
                       sizeof(struct wait_sum), &keys, &values, &count);

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
  int error = map_read(waits->loaded.fds[WAITS_WAITING], sizeof(uint32_t),
                       sizeof(struct wait_begun), &keys, &values, &count);
  uint64_t now = clock_ns();

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
                                .lost = __atomic_load_n(&waits->totals->lost, __ATOMIC_RELAXED)};
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
