/*
 * contention.c - has the program loaded and attached (contention_load.c) for the first process that is
 * counted, and taken away with the last.
 */
#include "bpf/contention.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/contention_key.h"
#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/map.h"
#include "bpf/orders.h"
#include "bpf/wait_key.h"

_Static_assert((int)CONTENTION_BUCKETS == (int)CONTENTION_HISTOGRAM, "both sides count alike");

struct contention {
  uint32_t tgid; /* in the first pid namespace */
  uint32_t watch;
};

/* The attachment that all share: each context switch of the machine shall pay once. */
static struct {
  pthread_mutex_t mutex;
  struct loaded loaded;
  struct contention_seed *seeding;
  uint32_t watches; /* begun since it was attached */
  size_t users;
} shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- with the mutex held --- */

static void detach(void)
{
  loaded_close(&shared.loaded);
  map_hide(shared.seeding, sizeof(*shared.seeding));
  shared.seeding = NULL;
}

static int attach(char *reason, size_t room)
{
  int error = load_program(LOAD_CONTENTION, NULL, 0, -1, CONTENTION_FDS, &shared.loaded);

  if (error) {
    (void)snprintf(reason, room, "%s", shared.loaded.reason); /* cut is fine */
    return error;
  }
  error = map_show(shared.loaded.fds[CONTENTION_SEEDING], sizeof(*shared.seeding),
                   (void **)&shared.seeding);
  if (error) {
    detach();
    ladder_explain(error, reason, room);
  }
  return error;
}

/* Reads a walk of the seeding program to its end; what it gives first is the tgid. */
static int read_seed(int link, uint32_t *ret_tgid)
{
  char rest[64];
  ssize_t length;
  int walk = bpf_iter_create(link), error = 0;

  if (walk < 0)
    return walk;
  *ret_tgid = 0;
  length = read(walk, ret_tgid, sizeof(*ret_tgid));
  while (length > 0)
    length = read(walk, rest, sizeof(rest));
  if (length < 0)
    error = -errno;
  (void)close(walk);
  return error;
}

static int seed(pid_t pid, struct contention *contention)
{
  union bpf_iter_link_info one = {.task.pid = (uint32_t)pid};
  DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one,
                      .iter_info_len = sizeof(one));
  int error,
      link = bpf_link_create(shared.loaded.fds[CONTENTION_SEED], 0, BPF_TRACE_ITER, &options);

  if (link < 0)
    return link;
  contention->watch = shared.seeding->watch = ++shared.watches;
  (void)nanosleep(&(struct timespec){.tv_nsec = 1}, NULL); /* see task_clock.h */
  error = read_seed(link, &contention->tgid);
  (void)close(link);
  if (error || contention->tgid != 0)
    return error;
  if (kill(pid, 0) < 0 && errno == ESRCH)
    return -ESRCH;
  return shared.users < CONTENTION_PROCESSES_MOST ? -EBUSY : -ENOSPC;
}

/* Deletes the entries of a map that are of the watch. */
static void forget(int map, size_t key_bytes, size_t value_bytes, uint32_t watch,
                   uint32_t (*watch_of)(const void *key, const void *value))
{
  void *keys, *values;
  size_t count;

  if (map_read(map, key_bytes, value_bytes, &keys, &values, &count) != 0)
    return; /* what stays takes room until the last watch ends */
  for (size_t i = 0; i < count; i++) {
    const char *key = (const char *)keys + i * key_bytes;
    if (watch_of(key, (const char *)values + i * value_bytes) == watch)
      (void)bpf_map_delete_elem(map, key); /* it may have gone by itself */
  }
  free(keys);
  free(values);
}

static uint32_t watch_of_sum(const void *key, const void *value)
{
  (void)value;
  return ((const struct contention_key *)key)->watch;
}

static uint32_t watch_of_begun(const void *key, const void *value)
{
  (void)key;
  return ((const struct contention_begun *)value)->watch;
}

/* --- the face --- */

int contention_open(pid_t pid, struct contention **ret_contention, char *reason, size_t room)
{
  struct contention *contention = calloc(1, sizeof(*contention));
  int error = contention ? 0 : -ENOMEM;

  (void)pthread_mutex_lock(&shared.mutex);
  if (error)
    ladder_explain(error, reason, room);
  else if (shared.users == 0)
    error = attach(reason, room);
  if (error)
    goto out;
  error = seed(pid, contention);
  if (error == -EBUSY)
    (void)snprintf(reason, room, "its waits are counted already");
  else if (error == -ENOSPC)
    (void)snprintf(reason, room, "waits of %d processes are counted already: name fewer",
                   CONTENTION_PROCESSES_MOST);
  else if (error)
    ladder_explain(error, reason, room);
  if (error && shared.users == 0)
    detach();
  if (error)
    goto out;
  shared.users++;
  *ret_contention = contention;
  contention = NULL;
out:
  (void)pthread_mutex_unlock(&shared.mutex);
  free(contention);
  return error;
}

void contention_close(struct contention *contention)
{
  if (!contention)
    return;
  (void)pthread_mutex_lock(&shared.mutex);
  (void)bpf_map_delete_elem(shared.loaded.fds[CONTENTION_WATCHES], &contention->tgid);
  if (--shared.users == 0) {
    detach();
  } else {
    forget(shared.loaded.fds[CONTENTION_BEGUN], sizeof(uint32_t), sizeof(struct contention_begun),
           contention->watch, watch_of_begun);
    forget(shared.loaded.fds[CONTENTION_SUMS], sizeof(struct contention_key),
           sizeof(struct contention_sum), contention->watch, watch_of_sum);
  }
  (void)pthread_mutex_unlock(&shared.mutex);
  free(contention);
}

static void fill(struct contention_lock *lock, uint64_t word, const struct contention_sum *sum,
                 uint64_t now_ns)
{
  uint64_t since_ns = WAIT_QUEUE_SINCE(sum->queue);

  *lock = (struct contention_lock){.word = word,
                                   .count = sum->count,
                                   .total_ns = sum->total_ns,
                                   .max_ns = sum->max_ns,
                                   .some_ns = sum->some_ns,
                                   .operation = sum->call.operation,
                                   .value = sum->call.value,
                                   .timeout = sum->call.timeout};
  if ((sum->queue & WAIT_QUEUE_MASK) != 0 && now_ns > since_ns)
    lock->some_ns += now_ns - since_ns;
  for (size_t i = 0; i < CONTENTION_BUCKETS; i++)
    lock->histogram[i] = sum->histogram[i];
}

static int by_word(const void *a, const void *b)
{
  const struct contention_lock *left = a, *right = b;

  return (left->word > right->word) - (left->word < right->word);
}

static int collect(const struct contention *contention, struct contention_totals *ret_totals)
{
  struct contention_totals totals = {0};
  struct contention_watch watch;
  void *keys, *values;
  size_t count;
  int error = map_read(shared.loaded.fds[CONTENTION_SUMS], sizeof(struct contention_key),
                       sizeof(struct contention_sum), &keys, &values, &count);
  uint64_t now_ns = clock_ns();

  if (error)
    return error;
  totals.locks = calloc(count + 1, sizeof(*totals.locks));
  for (size_t i = 0; totals.locks && i < count; i++) {
    const struct contention_key *key = &((struct contention_key *)keys)[i];
    if (key->watch == contention->watch)
      fill(&totals.locks[totals.lock_count++], key->word, &((struct contention_sum *)values)[i],
           now_ns);
  }
  free(keys);
  free(values);
  if (!totals.locks)
    return -ENOMEM;
  qsort(totals.locks, totals.lock_count, sizeof(*totals.locks), by_word);
  if (bpf_map_lookup_elem(shared.loaded.fds[CONTENTION_WATCHES], &contention->tgid, &watch) == 0)
    totals.lost = watch.lost;
  *ret_totals = totals;
  return 0;
}

int contention_collect(struct contention *contention, struct contention_totals *ret_totals)
{
  int error;

  (void)pthread_mutex_lock(&shared.mutex);
  error = collect(contention, ret_totals);
  (void)pthread_mutex_unlock(&shared.mutex);
  return error;
}

void contention_totals_done(struct contention_totals *totals)
{
  free(totals->locks);
  *totals = (struct contention_totals){0};
}
