/*
 * exact.c - see exact.h. A thread of its own looks at the number of hits ten times a second, so that the
 * budget holds also when nobody sweeps.
 *
 *    scheduler --sd_ssi--> sleep info --ssi_event--> event: second argument of the probed function
 *    scheduler.current_process: who runs there, read by the probe itself
 */
#include "probe/beam/exact/exact.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bpf/ladder.h"
#include "probe/beam/exact/exact_site.h"
#include "probe/beam/exact/exact_text.h"
#include "probe/beam/term.h"
#include "probe/reach/reach.h"

enum {
  LOOKS_PER_S = 10,
  LOOK_MS = 1000,
  NS_PER_S = 1000000000,
  WHO_BYTES = 320,
};

struct beam_exact {
  const struct beam_node *node;
  struct waits *waits;
  pthread_t watch;
  bool watched;
  pthread_mutex_t mutex; /* over all below, and over `waits` */
  pthread_cond_t change; /* of `ending` */
  bool ending, stopped;
};

/* --- which thread runs whom --- */

static void add_schedulers(const struct beam_node *node, uint64_t first, uint32_t count,
                           struct waits_thread *threads, size_t *thread_count)
{
  const struct beam_layout *layout = &node->layout;
  for (uint32_t i = 0; first && i < count; i++) {
    uint64_t scheduler = first + i * node->scheduler_stride, ssi, event;
    if (*thread_count < BEAM_SCHEDULERS_MOST &&
        beam_memory_word(node->memory, scheduler + (uint64_t)layout->sd_ssi, &ssi) == 0 &&
        beam_memory_word(node->memory, ssi + (uint64_t)layout->ssi_event, &event) == 0 && event)
      threads[(*thread_count)++] =
          (struct waits_thread){event, scheduler + (uint64_t)layout->sd_cur};
  }
}

static size_t all_schedulers(const struct beam_node *node, struct waits_thread *threads)
{
  size_t count = 0;
  add_schedulers(node, node->schedulers, node->scheduler_count, threads, &count);
  add_schedulers(node, node->dirty_cpu_schedulers, node->dirty_cpu_count, threads, &count);
  add_schedulers(node, node->dirty_io_schedulers, node->dirty_io_count, threads, &count);
  return count;
}

/* --- the watch over the budget --- */

static void deadline_after(struct timespec *ret_deadline)
{
  (void)clock_gettime(CLOCK_MONOTONIC, ret_deadline); /* cannot fail */
  ret_deadline->tv_nsec += NS_PER_S / LOOKS_PER_S;
  if (ret_deadline->tv_nsec >= NS_PER_S) {
    ret_deadline->tv_nsec -= NS_PER_S;
    ret_deadline->tv_sec++;
  }
}

/* Keeps the number of hits of the last second's looks, and compares with the oldest. */
static void *watch_run(void *context)
{
  struct beam_exact *exact = context;
  uint64_t looks[LOOKS_PER_S] = {0};
  (void)pthread_mutex_lock(&exact->mutex);
  for (unsigned i = 0; !exact->ending && !exact->stopped; i = (i + 1) % LOOKS_PER_S) {
    uint64_t hits = waits_hits(exact->waits);
    struct timespec deadline;
    if (hits - looks[i] > BEAM_EXACT_HITS_PER_S) {
      exact->stopped = true;
      waits_detach(exact->waits);
      break;
    }
    looks[i] = hits;
    deadline_after(&deadline);
    while (!exact->ending &&
           pthread_cond_timedwait(&exact->change, &exact->mutex, &deadline) != ETIMEDOUT)
      ;
  }
  (void)pthread_mutex_unlock(&exact->mutex);
  return NULL;
}

static int watch_init(struct beam_exact *exact)
{
  pthread_condattr_t clock;
  int error = pthread_condattr_init(&clock);
  if (error)
    return -error;
  (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC); /* every Linux has it */
  error = pthread_cond_init(&exact->change, &clock);
  (void)pthread_condattr_destroy(&clock);
  if (!error && (error = pthread_mutex_init(&exact->mutex, NULL)) != 0)
    (void)pthread_cond_destroy(&exact->change);
  return -error;
}

/* --- the face --- */

static int attach(struct beam_exact *exact, const struct reach_target *target,
                  char reason[SOURCE_REASON_BYTES])
{
  const struct beam_node *node = exact->node;
  struct beam_exact_site at;
  struct waits_thread *threads;
  int error = beam_exact_site_lock_wait(target, &at, reason);
  if (error)
    return error;
  threads = calloc(BEAM_SCHEDULERS_MOST, sizeof *threads);
  error = threads ? 0 : -ENOMEM;
  if (error)
    ladder_explain(error, reason, SOURCE_REASON_BYTES);
  else
    error = waits_open(
        &(struct waits_at){
            .site = at.site,
            .who_offset = (uint32_t)node->layout.p_id,
            .threads = threads,
            .thread_count = all_schedulers(node, threads),
        },
        &exact->waits, reason, SOURCE_REASON_BYTES);
  if (!error)
    (void)snprintf(
        reason, SOURCE_REASON_BYTES,
        "each wait for a lock costs the node about %.1f us more; detached above %d a second",
        (at.hit_ns + SITE_RETURN_NS) / 1000.0, BEAM_EXACT_HITS_PER_S / 2);
  free(threads);
  beam_exact_site_done(&at);
  return error;
}

int beam_exact_open(const struct beam_node *node, const struct reach_target *target,
                    struct beam_exact **ret_exact, char reason[SOURCE_REASON_BYTES])
{
  struct beam_exact *exact = calloc(1, sizeof *exact);
  int error = exact ? watch_init(exact) : -ENOMEM;
  if (error) {
    free(exact);
    ladder_explain(error, reason, SOURCE_REASON_BYTES);
    return error;
  }
  exact->node = node;
  error = attach(exact, target, reason);
  if (error)
    goto out;
  error = -pthread_create(&exact->watch, NULL, watch_run, exact);
  if (error) {
    ladder_explain(error, reason, SOURCE_REASON_BYTES);
    goto out;
  }
  exact->watched = true;
  *ret_exact = exact;
  exact = NULL;
out:
  beam_exact_close(exact);
  return error;
}

void beam_exact_close(struct beam_exact *exact)
{
  if (!exact)
    return;
  (void)pthread_mutex_lock(&exact->mutex);
  exact->ending = true;
  (void)pthread_cond_signal(&exact->change);
  (void)pthread_mutex_unlock(&exact->mutex);
  if (exact->watched)
    (void)pthread_join(exact->watch, NULL);
  waits_close(exact->waits);
  (void)pthread_cond_destroy(&exact->change);
  (void)pthread_mutex_destroy(&exact->mutex);
  free(exact);
}

static int collect(struct beam_exact *exact, struct waits_totals *ret_totals)
{
  int error;
  (void)pthread_mutex_lock(&exact->mutex);
  error = waits_collect(exact->waits, ret_totals);
  (void)pthread_mutex_unlock(&exact->mutex);
  return error;
}

int beam_exact_collect(struct beam_exact *exact, beam_exact_lock_fn *each, void *context)
{
  struct waits_totals totals;
  int error = collect(exact, &totals);
  if (error)
    return error;
  for (size_t i = 0; i < totals.lock_count; i++)
    each(context, &totals.locks[i]);
  waits_totals_done(&totals);
  return 0;
}

bool beam_exact_stopped(struct beam_exact *exact, char reason[SOURCE_REASON_BYTES])
{
  bool stopped;
  (void)pthread_mutex_lock(&exact->mutex);
  stopped = exact->stopped;
  (void)pthread_mutex_unlock(&exact->mutex);
  if (stopped)
    (void)snprintf(reason, SOURCE_REASON_BYTES,
                   "exact waits ended by themselves: more than %d waits for locks a second would "
                   "slow the node",
                   BEAM_EXACT_HITS_PER_S / 2);
  return stopped;
}

/* --- who waited --- */

static int by_who(const void *a, const void *b)
{
  const struct waits_waiter *left = a, *right = b;
  return (left->who > right->who) - (left->who < right->who);
}

static int by_time(const void *a, const void *b)
{
  const struct waits_waiter *left = a, *right = b;
  return (left->waited_ns < right->waited_ns) - (left->waited_ns > right->waited_ns);
}

/* Adds up what one waited for several locks; returns how many waiters are left. */
static size_t merge(struct waits_waiter *waiters, size_t count)
{
  size_t kept = 0;
  qsort(waiters, count, sizeof *waiters, by_who);
  for (size_t i = 0; i < count; i++) {
    struct waits_waiter *last = kept ? &waiters[kept - 1] : NULL;
    if (!last || last->who != waiters[i].who) {
      waiters[kept++] = waiters[i];
      continue;
    }
    last->count += waiters[i].count;
    last->waited_ns += waiters[i].waited_ns;
    if (waiters[i].max_ns > last->max_ns)
      last->max_ns = waiters[i].max_ns;
  }
  qsort(waiters, kept, sizeof *waiters, by_time);
  return kept;
}

static void write_waiter(const struct beam_node *node, struct beam_atoms *atoms,
                         const struct waits_waiter *waiter, FILE *text)
{
  char who[WHO_BYTES];
  struct print_text name;
  print_text_init(&name, who, sizeof who);
  if (beam_is_pid(waiter->who))
    exact_text_who(node, atoms, waiter->who, &name);
  else
    print_text_format(&name, "thread %llu", (unsigned long long)(waiter->who >> 4));
  (void)print_text_end(&name);
  (void)fprintf(text, "%s  %llu waits, %.3f ms in all, the longest %.3f ms\n", who,
                (unsigned long long)waiter->count, (double)waiter->waited_ns / 1e6,
                (double)waiter->max_ns / 1e6);
}

int beam_exact_write(struct beam_exact *exact, struct beam_atoms *atoms, FILE *text)
{
  struct waits_totals totals;
  size_t count;
  int error = collect(exact, &totals);
  if (error)
    return error;
  count = merge(totals.waiters, totals.waiter_count);
  (void)fprintf(text, "%zu waiters for locks, %llu hits of the probes", count,
                (unsigned long long)totals.hits);
  if (totals.lost)
    (void)fprintf(text, ", %llu waits lost for want of room", (unsigned long long)totals.lost);
  (void)fputc('\n', text);
  for (size_t i = 0; i < count && i < EXACT_LINES_MOST; i++)
    write_waiter(exact->node, atoms, &totals.waiters[i], text);
  waits_totals_done(&totals);
  return 0;
}

int beam_exact_look(const struct beam_node *node, struct beam_atoms *atoms,
                    const struct reach_target *target, FILE *text)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct pollfd gone = {.fd = reach_pidfd(target), .events = POLLIN};
  struct beam_exact *exact;
  int error = beam_exact_open(node, target, &exact, reason);
  if (error) {
    (void)fprintf(text, "%s\n", reason);
    return error;
  }
  (void)poll(&gone, 1, LOOK_MS); /* however it ends, what was counted until then is told */
  if (beam_exact_stopped(exact, reason))
    (void)fprintf(text, "%s\n", reason);
  error = beam_exact_write(exact, atoms, text);
  beam_exact_close(exact);
  return error;
}
