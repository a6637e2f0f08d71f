/*
 * hook_sweep.c - what a sweep of a hooked program costs, with a live writer in it, against a bare read of the bytes that
 * it has to look at: three lines of 64 bytes a slot. And what a wait round costs. Processor time, not wall-clock.
 * usage: bench_hook_sweep [SLOTS...]   (10000 100000 1000000 by default)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/hook/impasse.h"
#include "probe/reach/reach.h"
#include "probe/source.h"
#include "tests/bench/median.h"
#include "tests/bench/target.h"

extern const struct source source_hook;

enum { ROUNDS = 11, BLOCKED_EACH = 100, REGIONS_MOST = IMPASSE_CHAIN_MOST };

static double cpu_ms(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others share the machine */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- the program that is read: `count` actors, one of BLOCKED_EACH in a call, and a writer that never rests ---- */

__attribute__((noreturn)) static void be_target(size_t count, int ready)
{
  uint32_t worker = impasse_class("worker");
  struct impasse_actor *actors = calloc(count, sizeof *actors);
  uint32_t state = 1;
  if (!actors || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    _exit(1);
  for (size_t i = 0; i < count; i++) {
    actors[i] = impasse_actor_open(impasse_numbered(worker, i));
    impasse_put(impasse_mailbox_of(actors[i]), i % 50);
    if (i % BLOCKED_EACH == BLOCKED_EACH - 1)
      (void)impasse_call_begin(actors[i], actors[i - 1].ref, 0, 0);
  }
  if (impasse_status() != 0 || write(ready, "r", 1) != 1)
    _exit(1);
  for (;;) {
    state = state * 1664525u + 1013904223u;
    struct impasse_actor actor = actors[(state >> 4) % count];
    impasse_put(impasse_mailbox_of(actor), 1);
    impasse_call_end(impasse_call_begin(actor, actors[0].ref, 0, 0));
    impasse_take(impasse_mailbox_of(actor), 1);
  }
}

/* ---- the bare read ---- */

struct images {
  const unsigned char *bytes[REGIONS_MOST];
  int count;
};

static int map_images(const struct reach_target *target, struct images *ret_images)
{
  struct reach_memfd found[REGIONS_MOST];
  int count = reach_memfds(target, IMPASSE_REGION_NAME, found, REGIONS_MOST), fd;
  if (count < 1 || count > REGIONS_MOST)
    return -1;
  for (int i = 0; i < count; i++) {
    if (reach_memfd_open(target, &found[i], &fd) != 0)
      return -1;
    void *image = mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd); /* the mapping stays */
    if (image == MAP_FAILED)
      return -1;
    ret_images->bytes[i] = image;
  }
  ret_images->count = count;
  return 0;
}

static void unmap_images(struct images *images)
{
  for (int i = 0; i < images->count; i++)
    (void)munmap((void *)(uintptr_t)images->bytes[i], IMPASSE_FILE_BYTES); /* ours, whole */
}

/* Adds up the HOT, COLD and BOX lines of all fresh slots. */
static uint64_t read_bare(const struct images *images, uint64_t *ret_bytes)
{
  uint64_t sum = 0;
  *ret_bytes = 0;
  for (int r = 0; r < images->count; r++) {
    const struct impasse_shard *shards = (const void *)(images->bytes[r] + IMPASSE_SHARDS_OFFSET);
    for (uint64_t array = IMPASSE_ARRAY_HOT; array <= IMPASSE_ARRAY_BOX; array++)
      for (unsigned s = 0; s < IMPASSE_SHARDS; s++) {
        uint32_t fresh = shards[s].fresh_count;
        uint64_t words = (fresh < IMPASSE_SHARD_SLOTS ? fresh : IMPASSE_SHARD_SLOTS) * 8;
        const uint64_t *word = (const void *)(images->bytes[r] + IMPASSE_LINE_OFFSET(array) +
                                              (size_t)s * IMPASSE_SHARD_SLOTS * IMPASSE_LINE_BYTES);
        for (uint64_t i = 0; i < words; i++)
          sum += word[i];
        *ret_bytes += words * 8;
      }
  }
  return sum;
}

/* ---- the comparison ---- */

static int measure(struct reach_target *target, void *session, size_t count)
{
  double bare[ROUNDS], full[ROUNDS], round[ROUNDS];
  struct images images;
  struct sweep *sweep = NULL;
  uint64_t bytes = 0, sum = 0;
  size_t actors = 0, blocked = 0;
  if (map_images(target, &images) != 0)
    return -1;
  for (int i = 0; i < ROUNDS; i++) {
    double begin = cpu_ms();
    sum += read_bare(&images, &bytes);
    bare[i] = cpu_ms() - begin;

    begin = cpu_ms();
    if (source_hook.sweep(session, &sweep) != 0)
      return -1;
    full[i] = cpu_ms() - begin;
    actors = sweep->actor_count;
    sweep_free(sweep);

    begin = cpu_ms();
    if (source_hook.round(session, &sweep) != 0)
      return -1;
    round[i] = cpu_ms() - begin;
    blocked = sweep->actor_count;
    sweep_free(sweep);
  }
  __asm__ volatile("" ::"r"(sum)); /* the bare read is not for nothing */
  double full_ms = median_of(full, ROUNDS), bare_ms = median_of(bare, ROUNDS),
         round_ms = median_of(round, ROUNDS);
  printf(
      "hook sweep %7zu actors: %8.3f ms, %3.0f ns each; bare read of the same %3.0f MB %7.3f ms, "
      "ratio %.1f; wait round of %5zu blocked %7.3f ms\n",
      actors, full_ms, full_ms * 1e6 / (double)count, (double)bytes / 1e6, bare_ms,
      full_ms / bare_ms, blocked, round_ms);
  unmap_images(&images);
  return 0;
}

static int run(size_t count)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *target = NULL;
  void *session = NULL;
  pid_t pid = target_start(be_target, count);
  int error = pid < 0 ? -1 : reach_open(pid, &target);
  if (!error)
    error = source_hook.open(target, &session, reason);
  if (!error)
    error = measure(target, session, count);
  if (error)
    (void)fprintf(stderr, "hook sweep of %zu: %d %s\n", count, error, reason);
  source_hook.close(session);
  reach_close(target);
  target_stop(pid);
  return error;
}

int main(int argc, char **argv)
{
  static const size_t counts[] = {10000, 100000, 1000000};
  int error = 0;
  for (int i = 1; i < argc; i++)
    error |= run(strtoul(argv[i], NULL, 10));
  for (size_t i = 0; argc == 1 && i < sizeof counts / sizeof *counts; i++)
    error |= run(counts[i]);
  return error ? 1 : 0;
}
