/*
 * shapes.c - loads, attaches, waits, detaches, reads what was counted: one burst.
 */
#include "bpf/shapes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/map.h"

#include <shapes.skel.h>

enum { LOOK_MS = 1, NS_PER_MS = 1000000, PATH_ROOM = 64 };

static uint64_t now_ns(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Only the program that is asked for is loaded. */
static int load(const struct shapes_burst *burst, struct shapes_bpf **ret_skeleton)
{
  struct shapes_bpf *skeleton;
  int error;

  (void)libbpf_set_print(NULL); /* errors are told by our caller */
  skeleton = shapes_bpf__open();
  if (!skeleton)
    return -errno;
  skeleton->rodata->receiver = burst->receiver;
  skeleton->rodata->pid_offset = burst->pid_offset;
  skeleton->rodata->most_hits = burst->most_hits;
  (void)bpf_program__set_autoload(skeleton->progs.count_send, burst->at == SHAPES_AT_SEND);
  (void)bpf_program__set_autoload(skeleton->progs.count_exit, burst->at == SHAPES_AT_EXIT);
  error = shapes_bpf__load(skeleton);
  if (error)
    shapes_bpf__destroy(skeleton);
  else
    *ret_skeleton = skeleton;
  return error;
}

int shapes_try(void)
{
  struct shapes_burst burst = {.at = SHAPES_AT_EXIT};
  struct shapes_bpf *skeleton;
  int error = load(&burst, &skeleton);

  if (!error)
    shapes_bpf__destroy(skeleton);
  return error;
}

static enum shapes_end wait_for_end(const struct shapes_burst *burst, const __u64 *hits,
                                    uint64_t until_ns)
{
  struct pollfd gone = {.fd = burst->pidfd, .events = POLLIN};

  while (now_ns() < until_ns) {
    if (poll(&gone, 1, LOOK_MS) > 0)
      return SHAPES_END_GONE;
    if (__atomic_load_n(hits, __ATOMIC_RELAXED) >= burst->most_hits)
      return SHAPES_END_HITS;
  }
  return SHAPES_END_TIME;
}

static int by_count(const void *a, const void *b)
{
  const struct shapes_count *left = a, *right = b;

  if (left->count != right->count)
    return left->count < right->count ? 1 : -1;
  return memcmp(&left->key, &right->key, sizeof(left->key));
}

static int read_counts(const struct bpf_map *map, struct shapes *shapes)
{
  void *keys, *values;
  int error = map_read(map, &keys, &values, &shapes->count);

  if (error)
    return error;
  shapes->list = calloc(shapes->count + 1, sizeof(*shapes->list));
  for (size_t i = 0; shapes->list && i < shapes->count; i++) {
    shapes->list[i].key = ((struct shape_key *)keys)[i];
    shapes->list[i].count = ((uint64_t *)values)[i];
  }
  free(keys);
  free(values);
  if (!shapes->list)
    return -ENOMEM;
  qsort(shapes->list, shapes->count, sizeof(*shapes->list), by_count);
  return 0;
}

static void read_totals(const struct shapes_bpf *skeleton, uint64_t most_hits, uint64_t begin_ns,
                        uint64_t end_ns, struct shapes *shapes)
{
  uint64_t first_ns = skeleton->bss->first_ns, full_ns = skeleton->bss->full_ns;

  if (first_ns &&
      first_ns < begin_ns) /* threads run into the probe while it is still being attached */
    begin_ns = first_ns;
  shapes->hits = skeleton->bss->hits;
  shapes->seen = shapes->hits < most_hits ? shapes->hits : most_hits;
  shapes->matched = skeleton->bss->matched;
  shapes->uncounted = skeleton->bss->uncounted;
  if (full_ns)
    end_ns = full_ns;
  shapes->duration_ns = end_ns > begin_ns ? end_ns - begin_ns : 0;
}

int shapes_run(const struct shapes_burst *burst, struct shapes *ret_shapes)
{
  struct shapes shapes = {0};
  struct shapes_bpf *skeleton;
  struct bpf_program *program;
  struct bpf_link *link;
  char path[PATH_ROOM];
  uint64_t begin_ns, end_ns;
  int error = load(burst, &skeleton);

  if (error)
    return error;
  program = burst->at == SHAPES_AT_SEND ? skeleton->progs.count_send : skeleton->progs.count_exit;
  (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", burst->site.exe_fd);
  link = bpf_program__attach_uprobe(program, false, burst->site.pid, path, burst->site.offset);
  if (!link) {
    error = -errno;
    goto out;
  }
  begin_ns = now_ns();
  shapes.end =
      wait_for_end(burst, &skeleton->bss->hits, begin_ns + (uint64_t)burst->most_ms * NS_PER_MS);
  end_ns = now_ns();
  (void)bpf_link__destroy(link); /* closes what it holds, whatever it says */
  read_totals(skeleton, burst->most_hits, begin_ns, end_ns, &shapes);
  error = read_counts(skeleton->maps.counts, &shapes);
  if (!error)
    *ret_shapes = shapes;
out:
  shapes_bpf__destroy(skeleton);
  return error;
}

void shapes_done(struct shapes *shapes)
{
  free(shapes->list);
  shapes->list = NULL;
  shapes->count = 0;
}
