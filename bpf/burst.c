/*
 * burst.c - has it loaded (burst_load.c), waits, detaches, reads what was counted: one burst.
 */
#include "bpf/burst.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/map.h"
#include "bpf/orders.h"

enum { LOOK_MS = 1, NS_PER_MS = 1000000 };

static enum burst_end wait_for_end(const struct burst *burst, const struct burst_totals *totals,
                                   uint64_t until_ns)
{
  struct pollfd gone = {.fd = burst->pidfd, .events = POLLIN};

  while (clock_ns() < until_ns) {
    if (poll(&gone, 1, LOOK_MS) > 0)
      return BURST_END_GONE;
    if (__atomic_load_n(&totals->hits, __ATOMIC_RELAXED) >= burst->most_hits)
      return BURST_END_HITS;
  }
  return BURST_END_TIME;
}

static int by_count(const void *a, const void *b)
{
  const struct burst_count *left = a, *right = b;

  if (left->count != right->count)
    return left->count < right->count ? 1 : -1;
  return memcmp(&left->key, &right->key, sizeof(left->key));
}

static int read_counts(int map, struct burst_counts *counts)
{
  void *keys, *values;
  int error =
      map_read(map, sizeof(struct burst_key), sizeof(uint64_t), &keys, &values, &counts->count);

  if (error)
    return error;
  counts->list = calloc(counts->count + 1, sizeof(*counts->list));
  for (size_t i = 0; counts->list && i < counts->count; i++) {
    counts->list[i].key = ((struct burst_key *)keys)[i];
    counts->list[i].count = ((uint64_t *)values)[i];
  }
  free(keys);
  free(values);
  if (!counts->list)
    return -ENOMEM;
  qsort(counts->list, counts->count, sizeof(*counts->list), by_count);
  return 0;
}

static void read_totals(const struct burst_totals *totals, uint64_t most_hits, uint64_t begin_ns,
                        uint64_t end_ns, struct burst_counts *counts)
{
  if (totals->first_ns && totals->first_ns < begin_ns) /* hit while it was still being attached */
    begin_ns = totals->first_ns;
  counts->hits = totals->hits;
  counts->seen = counts->hits < most_hits ? counts->hits : most_hits;
  counts->matched = totals->matched;
  counts->turns = totals->turns;
  counts->uncounted = totals->uncounted;
  if (totals->full_ns)
    end_ns = totals->full_ns;
  counts->duration_ns = end_ns > begin_ns ? end_ns - begin_ns : 0;
}

static int order(const struct burst *burst, struct loaded *ret_loaded)
{
  struct burst_order order = {.at = burst->at,
                              .pid = burst->site.pid,
                              .offset = burst->site.offset,
                              .receiver = burst->receiver,
                              .most_hits = burst->most_hits,
                              .pid_offset = burst->pid_offset};

  return load_program(LOAD_BURST, &order, sizeof(order), burst->site.exe_fd, BURST_FDS, ret_loaded);
}

int burst_run(const struct burst *burst, struct burst_counts *ret_counts, char *reason, size_t room)
{
  struct burst_counts counts = {0};
  struct burst_totals *totals;
  struct loaded loaded;
  uint64_t begin_ns, end_ns;
  int error = order(burst, &loaded);

  if (error) {
    (void)snprintf(reason, room, "%s", loaded.reason); /* cut is fine */
    return error;
  }
  error = map_show(loaded.fds[BURST_TOTALS], sizeof(*totals), (void **)&totals);
  if (error)
    goto out;
  begin_ns = clock_ns();
  counts.end = wait_for_end(burst, totals, begin_ns + (uint64_t)burst->most_ms * NS_PER_MS);
  end_ns = clock_ns();
  (void)close(loaded.fds[BURST_PROBE]); /* detaches */
  loaded.fds[BURST_PROBE] = -1;
  read_totals(totals, burst->most_hits, begin_ns, end_ns, &counts);
  map_hide(totals, sizeof(*totals));
  error = read_counts(loaded.fds[BURST_COUNTS], &counts);
  if (!error)
    *ret_counts = counts;
out:
  loaded_close(&loaded);
  if (error)
    ladder_explain(error, reason, room);
  return error;
}

void burst_counts_done(struct burst_counts *counts)
{
  free(counts->list);
  counts->list = NULL;
  counts->count = 0;
}
