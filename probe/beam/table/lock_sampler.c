/* lock_sampler.c - see lock_sampler.h. */
#include "probe/beam/table/lock_sampler.h"
#include "probe/clock.h"
#include "probe/reach/broker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  STACK_BYTES = 512 * 1024,
  BUDGET_PERMILLE = 10, /* of a core */
  STAT_BYTES = 4096,
  SPAN_MOST =
      4, /* an instant stands for no more than so many intervals: we may have been stopped */
};
#define INTERVAL_LEAST_NS UINT64_C(10000000) /* 100 Hz */
#define INTERVAL_MOST_NS UINT64_C(10000000000)
#define STATE_EVERY_NS UINT64_C(100000000) /* whether the node is stopped */

struct beam_lock_sampler {
  struct reach_target *target; /* all of these belong to the thread while there is one */
  struct beam_memory memory;
  struct beam_node node;
  struct beam_locks *locks; /* its sums and waiters change under the mutex only */
  uint64_t random;
  int claim; /* descriptor, -1 none */

  pthread_mutex_t mutex;
  pthread_cond_t wake;
  pthread_t thread;
  bool started, stop;
  struct beam_lock_plan *next; /* handed over, not yet taken */
  int error;                   /* that ended the thread */
  pid_t claimant;
  uint64_t at_ns, sample_count, cpu_ns, interval_ns;
  uint64_t told_ns, told_cpu_ns; /* at the last report */
};

/* ---- when ---- */

/* By this thread, and by who reads for it. */
static uint64_t spent_ns(void)
{
  return clock_thread_ns() + broker_thread_ns();
}

/* xorshift: nobody gains by guessing it, it only must not beat. */
static uint64_t random_below(struct beam_lock_sampler *s, uint64_t limit)
{
  s->random ^= s->random << 13;
  s->random ^= s->random >> 7;
  s->random ^= s->random << 17;
  return limit ? s->random % limit : 0;
}

/* Cost rises at once and falls slowly. */
static uint64_t smooth(uint64_t cost, uint64_t now)
{
  return now > cost ? now : cost - (cost - now) / 16;
}

static uint64_t interval_of(uint64_t cost_ns)
{
  uint64_t interval = cost_ns * 1000 / BUDGET_PERMILLE;
  if (interval < INTERVAL_LEAST_NS)
    return INTERVAL_LEAST_NS;
  return interval < INTERVAL_MOST_NS ? interval : INTERVAL_MOST_NS;
}

/* Sleeps from one to one and a half intervals; false when it is to end. With the mutex. */
static bool rest(struct beam_lock_sampler *s, uint64_t interval_ns)
{
  uint64_t until = clock_mono_ns() + interval_ns + random_below(s, interval_ns / 2);
  const struct timespec at = {.tv_sec = (time_t)(until / UINT64_C(1000000000)),
                              .tv_nsec = (long)(until % UINT64_C(1000000000))};
  while (!s->stop)
    if (pthread_cond_timedwait(&s->wake, &s->mutex, &at) == ETIMEDOUT)
      break;
  return !s->stop;
}

/* ---- the thread ---- */

/* A lock that is held in a node that somebody stopped is nobody's contention. */
static bool is_stopped(const struct beam_lock_sampler *s)
{
  char *stat = NULL;
  if (reach_file(s->target, "stat", STAT_BYTES, &stat, NULL) != 0)
    return false;
  const char *name_end = strrchr(stat, ')');
  bool stopped = name_end && name_end[1] == ' ' && (name_end[2] == 'T' || name_end[2] == 't');
  free(stat);
  return stopped;
}

static int take_plan(struct beam_lock_sampler *s)
{
  struct beam_lock_plan *plan = s->next;
  s->next = NULL;
  return plan ? beam_locks_adopt(s->locks, plan) : 0;
}

/* One look, between two times without the mutex. */
static int look(struct beam_lock_sampler *s, bool stopped, uint64_t *last_ns)
{
  int error = take_plan(s);
  if (error)
    return error;
  (void)pthread_mutex_unlock(&s->mutex);
  error = beam_locks_look(s->locks);
  uint64_t now = clock_mono_ns();
  (void)pthread_mutex_lock(&s->mutex);
  if (error)
    return error;
  uint64_t span = *last_ns ? now - *last_ns : 0, most = SPAN_MOST * s->interval_ns;
  *last_ns = now;
  beam_locks_count(s->locks, now, stopped ? 0 : span < most ? span : most);
  s->at_ns = now;
  s->sample_count++;
  return 0;
}

static void *run(void *context)
{
  struct beam_lock_sampler *s = context;
  uint64_t last_ns = 0, state_ns = 0, cost_ns = 0;
  bool stopped = false;
  (void)pthread_mutex_lock(&s->mutex);
  do {
    uint64_t begin_ns = spent_ns(), now = clock_mono_ns();
    if (now - state_ns >= STATE_EVERY_NS) {
      state_ns = now;
      beam_memory_begin(&s->memory);
      stopped = is_stopped(s);
    }
    s->error = look(s, stopped, &last_ns);
    s->cpu_ns = spent_ns();
    cost_ns = smooth(cost_ns, s->cpu_ns - begin_ns);
    s->interval_ns = interval_of(cost_ns);
  } while (!s->error && rest(s, s->interval_ns));
  (void)pthread_mutex_unlock(&s->mutex);
  return NULL;
}

static int start(struct beam_lock_sampler *s)
{
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error)
    return -error;
  error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
  if (!error)
    error = pthread_create(&s->thread, &attributes, run, s);
  (void)pthread_attr_destroy(&attributes);
  s->started = !error;
  return -error;
}

/* ---- for the caller ---- */

static int init_wake(pthread_cond_t *wake)
{
  pthread_condattr_t attributes;
  int error = pthread_condattr_init(&attributes);
  if (error)
    return -error;
  error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  if (!error)
    error = pthread_cond_init(wake, &attributes);
  (void)pthread_condattr_destroy(&attributes);
  return -error;
}

int beam_lock_sampler_new(const struct beam_node *node, const struct reach_target *target,
                          struct beam_lock_sampler **ret_sampler)
{
  struct beam_lock_sampler *s = calloc(1, sizeof *s);
  if (!s)
    return -ENOMEM;
  *s = (struct beam_lock_sampler){.claim = -1, .node = *node, .interval_ns = INTERVAL_LEAST_NS};
  s->random = clock_mono_ns() | 1;
  int error = -pthread_mutex_init(&s->mutex, NULL);
  if (error)
    goto no_mutex;
  error = init_wake(&s->wake);
  if (error)
    goto no_wake;
  error = reach_open(reach_pid(target), &s->target);
  if (!error && reach_start_ticks(s->target) != reach_start_ticks(target))
    error = -ESRCH; /* the number has a new owner */
  if (error)
    goto no_target;
  beam_memory_init(&s->memory, s->target);
  s->node.memory = &s->memory;
  s->locks = beam_locks_new(&s->node);
  if (!s->locks) {
    beam_memory_done(&s->memory);
    error = -ENOMEM;
    goto no_target;
  }
  *ret_sampler = s;
  return 0;

no_target:
  reach_close(s->target);
  (void)pthread_cond_destroy(&s->wake);
no_wake:
  (void)pthread_mutex_destroy(&s->mutex);
no_mutex:
  free(s);
  return error;
}

void beam_lock_sampler_free(struct beam_lock_sampler *s)
{
  if (!s)
    return;
  (void)pthread_mutex_lock(&s->mutex);
  s->stop = true;
  (void)pthread_cond_signal(&s->wake);
  (void)pthread_mutex_unlock(&s->mutex);
  if (s->started)
    (void)pthread_join(s->thread, NULL);
  if (s->claim >= 0)
    (void)close(s->claim); /* which gives it back */
  beam_locks_free(s->locks);
  beam_lock_plan_free(s->next);
  beam_memory_done(&s->memory);
  reach_close(s->target);
  (void)pthread_cond_destroy(&s->wake);
  (void)pthread_mutex_destroy(&s->mutex);
  free(s);
}

/* Claims and starts when it has not yet. Before there is a thread all is ours to use; afterwards `error` is its. */
static void ensure_running(struct beam_lock_sampler *s)
{
  pid_t claimant = 0;
  if (s->started)
    return;
  s->error = s->claim >= 0 ? 0 : reach_claim(s->target, &s->claim, &claimant);
  s->claimant = claimant;
  int error = s->error ? 0 : start(s);
  if (error)
    s->error = error;
}

void beam_lock_sampler_plan(struct beam_lock_sampler *s, struct beam_lock_plan *plan)
{
  (void)pthread_mutex_lock(&s->mutex);
  struct beam_lock_plan *old = s->next;
  s->next = plan;
  (void)pthread_mutex_unlock(&s->mutex);
  beam_lock_plan_free(old);
  ensure_running(s);
}

static int copy(const struct beam_lock_sampler *s, struct beam_lock_report *report)
{
  const struct beam_lock_sums *sums = beam_locks_sums(s->locks, &report->count);
  const struct beam_lock_waiter *waiters = beam_locks_waiters(s->locks, &report->waiter_count);
  report->sums = calloc(report->count + 1, sizeof *report->sums);
  report->waiters = calloc(report->waiter_count + 1, sizeof *report->waiters);
  if (!report->sums || !report->waiters) {
    beam_lock_report_done(report);
    return -ENOMEM;
  }
  if (report->count > 0)
    memcpy(report->sums, sums, report->count * sizeof *sums);
  memcpy(report->waiters, waiters, report->waiter_count * sizeof *waiters);
  return 0;
}

int beam_lock_sampler_report(struct beam_lock_sampler *s, struct beam_lock_report *ret_report)
{
  struct beam_lock_report report = {0};
  int error = 0;
  (void)pthread_mutex_lock(&s->mutex);
  report.samples = s->started && !s->error;
  report.error = s->error;
  report.claimant = s->claimant;
  report.at_ns = s->at_ns;
  report.sample_count = s->sample_count;
  uint64_t now = clock_mono_ns();
  report.cpu_ns = s->cpu_ns - s->told_cpu_ns;
  report.ran_ns = s->told_ns ? now - s->told_ns : 0;
  s->told_ns = now;
  s->told_cpu_ns = s->cpu_ns;
  report.interval_ns = s->interval_ns;
  if (report.samples)
    error = copy(s, &report);
  (void)pthread_mutex_unlock(&s->mutex);
  if (!error)
    *ret_report = report;
  return error;
}

void beam_lock_report_done(struct beam_lock_report *report)
{
  free(report->sums);
  free(report->waiters);
  *report = (struct beam_lock_report){0};
}
