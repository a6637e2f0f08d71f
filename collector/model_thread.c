/* model_thread.c - see model_thread.h. */
#include "collector/model_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/cadence.h"
#include "collector/clock.h"
#include "collector/cost.h"
#include "model/maker.h"
#include "model/tick.h"
#include "probe/process/process.h"
#include "probe/reach/reach.h"

enum { QUEUE_MAX = 4096, GAPS_MAX = 16, REASON_BYTES = 128 };

/* Sweeps begin at multiples of the interval; the tick comes a tenth of it later, when most have
 * been read. */
#define TICK_DELAY(interval_ns) ((interval_ns) / 10)
/* The first tick waits for the first look at all processes, and then for the sweeps of what was
 * found. */
#define FIRST_LOOK_PATIENCE_NS (5 * CLOCK_NS_PER_S)
#define FIRST_SWEEPS_PATIENCE_NS (500 * CLOCK_NS_PER_MS)
#define NEW_TARGET_PATIENCE_NS (20 * CLOCK_NS_PER_MS)
/* Ticks out of turn may take at most a twentieth of a core. */
#define OUT_OF_TURN_RATIO 20

struct gap {
  char reason[REASON_BYTES];
  int64_t since_ms, until_ms, count;
};

struct model_thread {
  struct model_thread_setup setup;
  pthread_t thread;
  bool ended; /* joined */

  pthread_mutex_t lock; /* guards what follows up to `gap_count` */
  pthread_cond_t changed;
  bool stopping;
  uint64_t begun_ns; /* the first look is over; 0: not yet */
  size_t expected;   /* first sweeps that the first tick waits for ... */
  size_t skipped;    /* ... and how many of them do not come */
  struct sweep *queue[QUEUE_MAX];
  size_t queue_count;
  bool hurry;        /* something in it cannot wait for the next tick */
  uint64_t overflow; /* sweeps dropped since the last tick */
  struct gap gaps[GAPS_MAX];
  size_t gap_count;

  /* of the thread */
  struct snapshot *newest; /* NULL until the first tick; changed with the lock held */
  struct tick_state *state;
  struct reach_target *self, *broker;
  struct sweep *pending[QUEUE_MAX]; /* kept for the next tick */
  size_t pending_count;
  struct sweep *rounds[QUEUE_MAX]; /* of targets whose sweep is pending: they come after it */
  size_t round_count;
  size_t delivered; /* first sweeps taken so far, for the first tick */
  uint64_t next_tick_ns;
  uint64_t last_tick_ns;
  uint64_t tick_cpu_ns; /* of the last tick */
  uint64_t lost;        /* sweeps ever dropped */
};

/* --- from any thread --- */

/* With the lock held, or on the thread itself. */
static bool is_known(const struct model_thread *m, const struct sweep *sweep)
{
  uint32_t row;

  return m->newest && snapshot_find_target(m->newest, (int64_t)sweep->target_key, &row) == 0;
}

/* A sweep that changes nothing about when the next tick comes waits for it: to wake the thread for each of a thousand
 * costs more than the tick. */
static bool waits_for_tick(const struct model_thread *m, const struct sweep *sweep)
{
  return sweep->kind != SWEEP_ROUND && sweep->target.state != TARGET_GONE && is_known(m, sweep) &&
         m->queue_count < QUEUE_MAX / 2;
}

void model_thread_post(struct model_thread *m, struct sweep *sweep)
{
  bool full, quiet;

  pthread_mutex_lock(&m->lock);
  quiet = waits_for_tick(m, sweep);
  full = m->queue_count == QUEUE_MAX;
  if (full)
    m->overflow++;
  else
    m->queue[m->queue_count++] = sweep;
  if (!quiet) {
    m->hurry = true;
    pthread_cond_signal(&m->changed);
  }
  pthread_mutex_unlock(&m->lock);
  if (full)
    sweep_free(sweep);
}

void model_thread_gap(struct model_thread *m, const char *reason, int64_t since_ms,
                      int64_t until_ms, int64_t count)
{
  pthread_mutex_lock(&m->lock);
  if (m->gap_count < GAPS_MAX) { /* more between two ticks would say the same again */
    struct gap *gap = &m->gaps[m->gap_count++];

    *gap = (struct gap){.since_ms = since_ms, .until_ms = until_ms, .count = count};
    strncpy(gap->reason, reason, sizeof(gap->reason) - 1);
  }
  pthread_mutex_unlock(&m->lock);
}

void model_thread_begin(struct model_thread *m, size_t sweeps)
{
  pthread_mutex_lock(&m->lock);
  m->begun_ns = clock_mono_ns();
  m->expected = sweeps;
  pthread_cond_signal(&m->changed);
  pthread_mutex_unlock(&m->lock);
}

void model_thread_skip(struct model_thread *m)
{
  pthread_mutex_lock(&m->lock);
  m->skipped++;
  pthread_cond_signal(&m->changed);
  pthread_mutex_unlock(&m->lock);
}

/* --- the thread --- */

/* What reads for us is us. */
static void add_broker(struct model_thread *m, struct sweep *self)
{
  struct sweep *scratch =
      m->broker ? sweep_new(self->target_key, SOURCE_TAG_SELF, SWEEP_FULL) : NULL;

  if (!scratch)
    return;
  (void)process_fill(m->broker, scratch); /* what it cannot read stays unknown */
  if (scratch->target.rss_bytes != VALUE_UNKNOWN && self->target.rss_bytes != VALUE_UNKNOWN)
    self->target.rss_bytes += scratch->target.rss_bytes;
  sweep_free(scratch);
}

/* The row of impasse itself. Its actors are none: only what it costs and loses. */
static struct sweep *self_sweep(struct model_thread *m)
{
  struct sweep *sweep;

  if (!m->self)
    return NULL;
  sweep = sweep_new(TARGET_KEY(reach_start_ticks(m->self), reach_pid(m->self)), SOURCE_TAG_SELF,
                    SWEEP_FULL);
  if (!sweep)
    return NULL;
  sweep->begin_ns = clock_mono_ns();
  sweep->target.name = sweep_add_text(sweep, "impasse", strlen("impasse"));
  sweep->target.runtime = sweep_add_text(sweep, MAKER_RUNTIME, strlen(MAKER_RUNTIME));
  sweep->target.version = sweep_add_text(sweep, IMPASSE_VERSION, strlen(IMPASSE_VERSION));
  sweep->target.state = TARGET_RUNNING;
  sweep->target.interval_ns = (int64_t)m->setup.interval_ns;
  sweep->target.sweep_cpu_ns = (int64_t)m->tick_cpu_ns;
  sweep->target.lost_count = (int64_t)m->lost;
  (void)process_fill(m->self, sweep); /* what it cannot read stays unknown */
  add_broker(m, sweep);
  /* /proc counts in hundredths of a second: between two ticks out of turn that is noise. */
  sweep->target.cpu_ns = (int64_t)cost_process_ns();
  sweep->end_ns = clock_mono_ns();
  return sweep;
}

static bool is_pending(const struct model_thread *m, const struct sweep *round)
{
  for (size_t i = 0; i < m->pending_count; i++)
    if (m->pending[i]->target_key == round->target_key && m->pending[i]->source == round->source)
      return true;
  return false;
}

static void keep(struct model_thread *m, struct sweep *list[], size_t *count, struct sweep *sweep)
{
  if (*count < QUEUE_MAX) {
    list[(*count)++] = sweep;
    return;
  }
  sweep_free(sweep);
  m->lost++;
}

/* Ticks no later than at `when`, but not so often that ticks out of turn cost more than their
 * share. */
static void tick_by(struct model_thread *m, uint64_t when)
{
  uint64_t soonest = m->last_tick_ns + m->tick_cpu_ns * OUT_OF_TURN_RATIO;

  if (when < soonest)
    when = soonest;
  if (when < m->next_tick_ns)
    m->next_tick_ns = when;
}

static void do_rounds(struct model_thread *m, struct sweep **rounds, size_t count)
{
  struct tick_clock now = clock_now();
  bool changed = false;

  if (count > 0 && tick_round(m->state, rounds, count, now, &changed) == 0 && changed)
    tick_by(m, now.mono_ns);
}

/* Sorts out what came: sweeps wait for the tick, rounds are done at once unless an older sweep of
 * theirs waits. */
static void take_in(struct model_thread *m, struct sweep **sweeps, size_t count)
{
  struct sweep *now[64];
  size_t now_count = 0;

  for (size_t i = 0; i < count; i++) {
    struct sweep *sweep = sweeps[i];

    if (sweep->kind != SWEEP_ROUND) {
      m->delivered += !is_pending(m, sweep); /* not who has been read twice by now */
      if (m->newest && (!is_known(m, sweep) || sweep->target.state == TARGET_GONE))
        tick_by(m, clock_mono_ns() + NEW_TARGET_PATIENCE_NS);
      keep(m, m->pending, &m->pending_count, sweep);
    } else if (is_pending(m, sweep)) {
      keep(m, m->rounds, &m->round_count, sweep);
    } else {
      now[now_count++] = sweep;
    }
    if (now_count == sizeof(now) / sizeof(now[0])) {
      do_rounds(m, now, now_count);
      now_count = 0;
    }
  }
  do_rounds(m, now, now_count);
}

static void tell_gaps(struct model_thread *m, const struct gap *gaps, size_t count,
                      uint64_t overflow)
{
  int64_t now = clock_wall_ms();

  for (size_t i = 0; i < count; i++)
    tick_gap(m->state, 0, gaps[i].reason, gaps[i].since_ms, gaps[i].until_ms, gaps[i].count);
  if (overflow > 0)
    tick_gap(m->state, 0, "sweeps dropped: the model is too slow for so many targets", now, now,
             (int64_t)overflow);
  m->lost += overflow;
}

static void publish(struct model_thread *m, struct snapshot *snapshot)
{
  struct snapshot *old = m->newest;

  pthread_mutex_lock(&m->lock);
  m->newest = snapshot;
  pthread_mutex_unlock(&m->lock);
  snapshot_unref(old);
  m->setup.publish(m->setup.context, snapshot);
}

/* The first tick has waited long enough for the first look, which may take seconds on a busy machine. */
static void tell_early(struct model_thread *m)
{
  bool early;

  pthread_mutex_lock(&m->lock);
  early = !m->newest && m->begun_ns == 0;
  pthread_mutex_unlock(&m->lock);
  if (early)
    tick_gap(m->state, 0, "not all processes were looked at yet: the machine is too busy",
             clock_wall_ms(), VALUE_UNKNOWN, VALUE_UNKNOWN);
}

static void tick(struct model_thread *m)
{
  uint64_t cpu = clock_thread_ns();
  struct tick_clock now = clock_now();
  struct sweep *self = self_sweep(m);
  struct snapshot *snapshot;
  size_t rounds = m->round_count;
  int error;

  if (self)
    keep(m, m->pending, &m->pending_count, self);
  tell_early(m);
  error = tick_step(m->state, m->pending, m->pending_count, now, &snapshot);
  m->pending_count = 0;
  m->last_tick_ns = now.mono_ns;
  m->next_tick_ns =
      cadence_next(now.mono_ns - TICK_DELAY(m->setup.interval_ns), m->setup.interval_ns) +
      TICK_DELAY(m->setup.interval_ns);
  if (error == 0)
    publish(m, snapshot);
  m->tick_cpu_ns = clock_thread_ns() - cpu;
  tick_by(m, tick_next_ns(m->state)); /* an alert fires when it is due */
  m->round_count = 0;
  do_rounds(m, m->rounds, rounds);
}

/* With the lock held, once the first look is over: not later than this. */
static uint64_t first_tick_at(const struct model_thread *m)
{
  uint64_t patience = m->setup.first_patience_ns;

  return m->begun_ns + (patience ? patience : FIRST_SWEEPS_PATIENCE_NS);
}

/* With the lock held: when a tick comes at the latest. */
static uint64_t next_tick_at(const struct model_thread *m)
{
  return m->newest || m->begun_ns == 0 ? m->next_tick_ns : first_tick_at(m);
}

/* With the lock held. */
static bool tick_is_due(const struct model_thread *m)
{
  bool all_read = !m->newest && m->begun_ns != 0 && m->delivered + m->skipped >= m->expected;

  return all_read || clock_mono_ns() >= next_tick_at(m);
}

/* With the lock held: until something changes or a tick is due. */
static void wait_until_next(struct model_thread *m)
{
  struct timespec until = clock_timespec(next_tick_at(m));

  (void)pthread_cond_timedwait(&m->changed, &m->lock, &until);
}

/* Waits until there is something to do and takes it. *ret_due: a tick is. Returns false at the
 * end. */
static bool wait_for_work(struct model_thread *m, bool *ret_due)
{
  struct sweep *taken[QUEUE_MAX];
  struct gap gaps[GAPS_MAX];
  size_t count, gap_count;
  uint64_t overflow;
  bool stopping;

  pthread_mutex_lock(&m->lock);
  while (!m->stopping && !m->hurry && !tick_is_due(m))
    wait_until_next(m);
  m->hurry = false;
  stopping = m->stopping;
  count = m->queue_count;
  memcpy(taken, m->queue, count * sizeof(taken[0]));
  m->queue_count = 0;
  gap_count = m->gap_count;
  memcpy(gaps, m->gaps, gap_count * sizeof(gaps[0]));
  m->gap_count = 0;
  overflow = m->overflow;
  m->overflow = 0;
  pthread_mutex_unlock(&m->lock);
  tell_gaps(m, gaps, gap_count, overflow);
  take_in(m, taken, count);
  pthread_mutex_lock(&m->lock);
  *ret_due = tick_is_due(m);
  pthread_mutex_unlock(&m->lock);
  return !stopping;
}

static void *model_thread_run(void *argument)
{
  struct model_thread *m = argument;
  bool due;

  m->next_tick_ns = clock_mono_ns() + FIRST_LOOK_PATIENCE_NS;
  while (wait_for_work(m, &due))
    if (due)
      tick(m);
  return NULL;
}

/* --- life --- */

static int read_boot_id(char ret_id[64])
{
  char *bytes;
  size_t length;
  int error = reach_machine_file("/proc/sys/kernel/random/boot_id", 63, &bytes, &length);

  if (error < 0)
    return error;
  bytes[strcspn(bytes, "\n")] = '\0';
  strncpy(ret_id, bytes, 63);
  free(bytes);
  return 0;
}

static void model_thread_free(struct model_thread *m)
{
  if (!m)
    return;
  for (size_t i = 0; i < m->queue_count; i++)
    sweep_free(m->queue[i]);
  for (size_t i = 0; i < m->pending_count; i++)
    sweep_free(m->pending[i]);
  for (size_t i = 0; i < m->round_count; i++)
    sweep_free(m->rounds[i]);
  snapshot_unref(m->newest);
  tick_state_free(m->state);
  reach_close(m->self);
  reach_close(m->broker);
  pthread_cond_destroy(&m->changed);
  pthread_mutex_destroy(&m->lock);
  free(m);
}

static void init_lock(struct model_thread *m)
{
  pthread_condattr_t attributes;

  pthread_mutex_init(&m->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&m->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

int model_thread_start(const struct model_thread_setup *setup, struct model_thread **ret_thread)
{
  char host[256] = "", boot_id[64] = "";
  struct model_thread *m = calloc(1, sizeof(*m));
  int error;

  if (!m)
    return -ENOMEM;
  m->setup = *setup;
  init_lock(m);
  (void)gethostname(host, sizeof(host) - 1); /* without a name the column is empty */
  (void)read_boot_id(boot_id);          /* a kernel without it: keys are unique within the run */
  (void)reach_open(getpid(), &m->self); /* without /proc there is no row for ourselves */
  if (broker_runs())
    (void)reach_open(broker_pid(), &m->broker);
  m->state = tick_state_new(host, boot_id);
  error = m->state ? -pthread_create(&m->thread, NULL, model_thread_run, m) : -ENOMEM;
  if (error < 0) {
    model_thread_free(m);
    return error;
  }
  *ret_thread = m;
  return 0;
}

void model_thread_end(struct model_thread *m)
{
  if (!m || m->ended)
    return;
  pthread_mutex_lock(&m->lock);
  m->stopping = true;
  pthread_cond_signal(&m->changed);
  pthread_mutex_unlock(&m->lock);
  (void)pthread_join(m->thread, NULL); /* a thread of ours that was started */
  m->ended = true;
}

void model_thread_stop(struct model_thread *m)
{
  model_thread_end(m);
  model_thread_free(m);
}
