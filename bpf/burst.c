/*
 * burst.c - loads, attaches, waits, detaches, reads what was counted: one burst.
 */
#include "bpf/burst.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/attach.h"
#include "bpf/map.h"

#include <burst.skel.h>

enum { LOOK_MS = 1, NS_PER_MS = 1000000 };

static uint64_t now_ns(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Only the program that is asked for is loaded. */
static int load(const struct burst *burst, struct burst_bpf **ret_skeleton)
{
  struct burst_bpf *skeleton;
  int error;

  (void)libbpf_set_print(NULL); /* errors are told by our caller */
  skeleton = burst_bpf__open();
  if (!skeleton)
    return -errno;
  skeleton->rodata->receiver = burst->receiver;
  skeleton->rodata->pid_offset = burst->pid_offset;
  skeleton->rodata->most_hits = burst->most_hits;
  (void)bpf_program__set_autoload(skeleton->progs.count_send, burst->at == BURST_AT_SEND);
  (void)bpf_program__set_autoload(skeleton->progs.count_exit, burst->at == BURST_AT_EXIT);
  attach_prepare(skeleton->progs.count_send);
  attach_prepare(skeleton->progs.count_exit);
  error = burst_bpf__load(skeleton);
  if (error)
    burst_bpf__destroy(skeleton);
  else
    *ret_skeleton = skeleton;
  return error;
}

int burst_try(void)
{
  struct burst burst = {.at = BURST_AT_EXIT};
  struct burst_bpf *skeleton;
  int error = load(&burst, &skeleton);

  if (!error)
    burst_bpf__destroy(skeleton);
  return error;
}

static enum burst_end wait_for_end(const struct burst *burst, const __u64 *hits, uint64_t until_ns)
{
  struct pollfd gone = {.fd = burst->pidfd, .events = POLLIN};

  while (now_ns() < until_ns) {
    if (poll(&gone, 1, LOOK_MS) > 0)
      return BURST_END_GONE;
    if (__atomic_load_n(hits, __ATOMIC_RELAXED) >= burst->most_hits)
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

static int read_counts(const struct bpf_map *map, struct burst_counts *counts)
{
  void *keys, *values;
  int error = map_read(map, &keys, &values, &counts->count);

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

static void read_totals(const struct burst_bpf *skeleton, uint64_t most_hits, uint64_t begin_ns,
                        uint64_t end_ns, struct burst_counts *counts)
{
  uint64_t first_ns = skeleton->bss->first_ns, full_ns = skeleton->bss->full_ns;

  if (first_ns && first_ns < begin_ns) /* threads run into it while it is still being attached */
    begin_ns = first_ns;
  counts->hits = skeleton->bss->hits;
  counts->seen = counts->hits < most_hits ? counts->hits : most_hits;
  counts->matched = skeleton->bss->matched;
  counts->turns = skeleton->bss->turns;
  counts->uncounted = skeleton->bss->uncounted;
  if (full_ns)
    end_ns = full_ns;
  counts->duration_ns = end_ns > begin_ns ? end_ns - begin_ns : 0;
}

int burst_run(const struct burst *burst, struct burst_counts *ret_counts)
{
  struct burst_counts counts = {0};
  struct burst_bpf *skeleton;
  struct bpf_program *program;
  struct attach attach = {0};
  uint64_t begin_ns, end_ns;
  int error = load(burst, &skeleton);

  if (error)
    return error;
  program = burst->at == BURST_AT_SEND ? skeleton->progs.count_send : skeleton->progs.count_exit;
  error = attach_put(program, &burst->site, false, &attach);
  if (error)
    goto out;
  begin_ns = now_ns();
  counts.end =
      wait_for_end(burst, &skeleton->bss->hits, begin_ns + (uint64_t)burst->most_ms * NS_PER_MS);
  end_ns = now_ns();
  attach_take(&attach);
  read_totals(skeleton, burst->most_hits, begin_ns, end_ns, &counts);
  error = read_counts(skeleton->maps.counts, &counts);
  if (!error)
    *ret_counts = counts;
out:
  burst_bpf__destroy(skeleton);
  return error;
}

void burst_counts_done(struct burst_counts *counts)
{
  free(counts->list);
  counts->list = NULL;
  counts->count = 0;
}
