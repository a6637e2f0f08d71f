/* sampler.c - see sampler.h. */
#include "collector/sampler.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "collector/bare_rows.h"
#include "collector/cadence.h"
#include "collector/clock.h"
#include "collector/cost.h"
#include "collector/discovery.h"
#include "collector/model_thread.h"
#include "collector/options.h"
#include "collector/prober.h"
#include "collector/quota.h"
#include "collector/sandbox.h"
#include "collector/sources.h"
#include "collector/worker.h"
#include "probe/process/process.h"
#include "probe/reach/broker.h"
#include "probe/reach/reach.h"

enum { TARGETS_MAX = 64, HELD_MAX = 64, STAT_BYTES_MAX = 4096, STATUS_BYTES_MAX = 16384 };
#define STOP_PATIENCE_NS CLOCK_NS_PER_S
/* A look that takes longer than this ends beside the others. */
#define LOOK_PATIENCE_NS (100 * CLOCK_NS_PER_MS)
/* One that has not ended after this is told. */
#define HELD_PATIENCE_NS CLOCK_NS_PER_S
/* The first sweep of a large target on a busy machine takes seconds; who named it wants to see it. */
#define NAMED_PATIENCE_NS (5 * CLOCK_NS_PER_S)

/* All processes are listed within 0.2 % of a core, but never more seldom than this. */
enum { LIST_SHARE = 500 };
#define LIST_INTERVAL_MAX_NS (10 * CLOCK_NS_PER_S)

/* A process that holds up who looks at it: the last one of its prober. */
struct held {
  struct prober *prober;
  pid_t pid;
  size_t index;
  uint64_t since_ns;
  uint64_t told_key; /* 0: not yet */
};

struct sampler {
  uint64_t interval_ns;
  uint64_t next_list_ns;                  /* of all processes */
  struct budget budgets[SOURCE_TAG_NONE]; /* by the tag of the source */
  bool exact;
  void (*told_exact)(const char *name, const char *text);
  char *targets[TARGETS_MAX];
  size_t target_count;
  struct model_thread *model;
  pthread_t thread;

  pthread_mutex_t lock; /* guards workers, uids, worker_count, stopping, reap */
  pthread_cond_t changed;
  struct worker *workers[QUOTA_MAX];
  int64_t uids[QUOTA_MAX]; /* of their targets when they were opened */
  size_t worker_count;
  bool stopping;
  bool reap; /* a worker has ended, or a prober */

  /* of the discovery thread */
  struct discovery *discovery;
  struct bare_rows bare;
  struct held held[HELD_MAX];
  size_t held_count;
  bool told_held_full;
  bool passed_once;
  bool told_left_out;
  bool told_broker_gone;
};

/* --- what workers call --- */

static void on_sweep(void *context, struct sweep *sweep)
{
  struct sampler *s = context;

  model_thread_post(s->model, sweep);
}

static void on_end(void *context)
{
  struct sampler *s = context;

  pthread_mutex_lock(&s->lock);
  s->reap = true;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

static void on_exact(void *context, const char *name, const char *text)
{
  struct sampler *s = context;

  if (s->told_exact)
    s->told_exact(name, text);
}

/* --- who is wanted --- */

static bool is_wanted_as(const struct sampler *s, const char *name, pid_t pid)
{
  for (size_t i = 0; i < s->target_count; i++)
    if (options_target_means(s->targets[i], name, pid))
      return true;
  return s->target_count == 0;
}

/* On a worker's thread: the target has told its name. */
static bool on_name(void *context, const char *name, pid_t pid)
{
  struct sampler *s = context;
  bool wanted = is_wanted_as(s, name, pid);

  if (!wanted)
    model_thread_skip(s->model);
  return wanted;
}

static int read_stat(const struct reach_target *target, struct process_stat *ret_stat)
{
  char *text;
  size_t length;
  int error = reach_public_file(target, "stat", STAT_BYTES_MAX, &text, &length);

  if (error < 0)
    return error;
  error = process_parse_stat(text, ret_stat);
  free(text);
  return error;
}

/* By what can be told of a process without reading it. Without wishes everybody is wanted. */
static bool is_wanted(const struct sampler *s, const struct reach_target *target)
{
  struct process_stat stat = {0};
  char name[96];

  if (s->target_count == 0)
    return true;
  (void)read_stat(target, &stat); /* unreadable: it has no name */
  (void)snprintf(name, sizeof(name), "%s:%d", stat.comm, (int)reach_pid(target));
  return is_wanted_as(s, name, reach_pid(target));
}

/* --- looking at one process --- */

static const char *room_words(int error)
{
  switch (error) {
  case -EXFULL:
    return "1024 are watched already";
  case -EDQUOT:
    return "512 of this user are watched already";
  default:
    return strerror(-error);
  }
}
static_assert(QUOTA_MAX == 1024 && QUOTA_USER_MAX == 512, "room_words");

/* A target that there was no room or no descriptor for is told, once until a worker ends. */
static void tell_left_out(struct sampler *s, int error)
{
  char reason[128];

  if (s->told_left_out)
    return;
  s->told_left_out = true;
  (void)snprintf(reason, sizeof(reason), "targets left out: %s; name those you want with --target",
                 room_words(error));
  model_thread_gap(s->model, reason, clock_wall_ms(), VALUE_UNKNOWN, VALUE_UNKNOWN);
}

static int64_t read_uid(const struct reach_target *target)
{
  int64_t uid = VALUE_UNKNOWN;
  char *text;
  size_t length;

  if (reach_public_file(target, "status", STATUS_BYTES_MAX, &text, &length) < 0)
    return VALUE_UNKNOWN;
  (void)process_parse_uid(text, &uid); /* leaves it unknown on failure */
  free(text);
  return uid;
}

static int check_quota(struct sampler *s, int64_t uid)
{
  int error;

  pthread_mutex_lock(&s->lock);
  error = quota_check(s->uids, s->worker_count, uid, (int64_t)geteuid());
  pthread_mutex_unlock(&s->lock);
  return error;
}

/* Takes the target over. `wanted`: it is, whatever its name. */
static int watch(struct sampler *s, struct reach_target *target, const struct source *source,
                 bool wanted)
{
  struct worker_setup setup = {.interval_ns = s->interval_ns,
                               .budget = &s->budgets[source->tag],
                               .exact = s->exact,
                               .post = on_sweep,
                               .ended = on_end,
                               .wanted = wanted ? NULL : on_name,
                               .told = on_exact,
                               .context = s};
  struct worker *worker;
  int64_t uid = read_uid(target);
  int error = check_quota(s, uid);

  if (error < 0)
    reach_close(target);
  else
    error = worker_start(target, source, &setup, &worker);
  if (error < 0) {
    tell_left_out(s, error);
    return error;
  }
  pthread_mutex_lock(&s->lock);
  s->workers[s->worker_count] = worker;
  s->uids[s->worker_count++] = uid;
  pthread_mutex_unlock(&s->lock);
  return 0;
}

/* Its worker, where the source reads the target already; call it with the lock held. */
static struct worker *find_worker(const struct sampler *s, uint64_t target_key, uint8_t tag)
{
  for (size_t i = 0; i < s->worker_count; i++)
    if (worker_target_key(s->workers[i]) == target_key && worker_source(s->workers[i])->tag == tag)
      return s->workers[i];
  return NULL;
}

static bool is_read_by(struct sampler *s, uint64_t target_key, uint8_t tag)
{
  bool read;

  pthread_mutex_lock(&s->lock);
  read = find_worker(s, target_key, tag) != NULL;
  pthread_mutex_unlock(&s->lock);
  return read;
}

/* A source that is `whole` reads the target from now on. */
static void stop_beneath(struct sampler *s, uint64_t target_key)
{
  pthread_mutex_lock(&s->lock);
  for (const struct source *const *source = sources; *source; source++) {
    struct worker *worker = (*source)->beneath ? find_worker(s, target_key, (*source)->tag) : NULL;

    if (worker)
      worker_stop(worker);
  }
  pthread_mutex_unlock(&s->lock);
}

/* --- what came of asking every source about one process --- */

struct outcome {
  size_t read;   /* by so many sources by now */
  bool whole;    /* by one that leaves nothing to those beneath it */
  size_t expect; /* so many sweeps */
};

/* On a prober's thread. A process that is not wanted by its pid or command may still be wanted by the name that it gives
 * itself. */
static void plan(void *context, struct look *look)
{
  struct sampler *s = context;
  uint64_t key = TARGET_KEY(reach_start_ticks(look->target), look->pid);
  bool whole = false;

  look->wanted = is_wanted(s, look->target);
  for (size_t i = 0; sources[i]; i++) {
    bool read = is_read_by(s, key, sources[i]->tag);

    whole |= read && sources[i]->whole;
    look->asked[i] =
        !read && !(sources[i]->beneath && whole) && (look->wanted || sources[i]->names_itself);
  }
}

/* The source says that it is one of its own. */
static void begin_to_read(struct sampler *s, struct look *look, const struct source *source,
                          struct outcome *outcome)
{
  uint64_t key = TARGET_KEY(reach_start_ticks(look->target), look->pid);
  char reason[SOURCE_REASON_BYTES];
  struct reach_target *own;
  int error;

  if (reach_open(look->pid, &own) < 0)
    return;
  if (reach_start_ticks(own) != reach_start_ticks(look->target)) {
    reach_close(own);
    return;
  }
  error = watch(s, own, source, look->wanted);
  if (error == 0) {
    bare_rows_drop(&s->bare, key, source->tag);
    outcome->read++;
    outcome->expect++;
    outcome->whole |= source->whole;
    if (source->whole)
      stop_beneath(s, key);
  } else if (error == -EDQUOT) {
    (void)snprintf(reason, sizeof(reason), "left out: %s; name it with --target",
                   room_words(error));
    outcome->expect += bare_rows_tell(&s->bare, look->target, source, reason);
  }
}

static void take_verdict(struct sampler *s, struct look *look, size_t i, struct outcome *outcome)
{
  if (look->verdicts[i] == SOURCE_MINE)
    begin_to_read(s, look, sources[i], outcome);
  else if (look->verdicts[i] == SOURCE_MINE_UNREADABLE &&
           look->wanted) /* else nobody asked for it as far as can be told */
    outcome->expect += bare_rows_tell(&s->bare, look->target, sources[i], look->reasons[i]);
}

/* What the last source said that could not tell, or that there is none for it. */
static void tell_unread(struct sampler *s, struct look *look, struct outcome *outcome)
{
  const char *reason = NULL;
  char none[SOURCE_REASON_BYTES];

  for (size_t i = 0; sources[i]; i++)
    if (look->asked[i] && look->verdicts[i] < 0)
      reason = look->reasons[i];
  sources_write_none(none, sizeof(none));
  outcome->expect = bare_rows_tell(&s->bare, look->target, NULL, reason && *reason ? reason : none);
}

static void take_verdicts(struct sampler *s, struct look *look, struct outcome *outcome)
{
  uint64_t key = TARGET_KEY(reach_start_ticks(look->target), look->pid);

  for (size_t i = 0; sources[i]; i++) {
    if (sources[i]->beneath && outcome->whole)
      continue;
    if (is_read_by(s, key, sources[i]->tag)) {
      outcome->read++;
      outcome->whole |= sources[i]->whole;
    } else if (look->asked[i]) {
      take_verdict(s, look, i, outcome);
    }
  }
  if (outcome->read > 0)
    bare_rows_drop(&s->bare, key, SOURCE_TAG_NONE);
  else if (look->wanted && s->target_count > 0 && outcome->expect == 0)
    tell_unread(s, look, outcome);
}

/* Nobody else would find anything in it: it need not be looked at again. */
static bool is_settled(const struct outcome *outcome)
{
  size_t may = 0;

  for (const struct source *const *source = sources; *source; source++)
    may += !((*source)->beneath && outcome->whole);
  return outcome->read == may;
}

/* Returns how many sweeps are to be expected from it. */
static size_t take_look(struct sampler *s, struct look *look, uint64_t now_ns)
{
  uint64_t begin = cost_thread_ns(), start_ticks = 0;
  struct outcome outcome = {0};

  if (look->error == -EMFILE || look->error == -ENFILE || look->error == -ENOMEM)
    tell_left_out(s, look->error);
  if (look->error == 0) {
    start_ticks = reach_start_ticks(look->target);
    take_verdicts(s, look, &outcome);
  }
  discovery_looked(s->discovery, look->pid, start_ticks, is_settled(&outcome),
                   look->cost_ns + cost_thread_ns() - begin, now_ns);
  return outcome.expect;
}

/* --- who holds up those that look --- */

static bool is_held(const struct sampler *s, pid_t pid)
{
  for (size_t i = 0; i < s->held_count; i++)
    if (s->held[i].pid == pid)
      return true;
  return false;
}

static void hold(struct sampler *s, struct prober *prober, pid_t pid, size_t index)
{
  s->held[s->held_count++] =
      (struct held){.prober = prober, .pid = pid, .index = index, .since_ns = clock_mono_ns()};
}

/* Nothing of it is read but what the kernel tells without asking it. Returns how many sweeps that makes. */
static size_t tell_held(struct sampler *s, struct held *held)
{
  struct reach_target *target = NULL;
  char reason[SOURCE_REASON_BYTES];
  size_t told = 0;

  if (held->told_key || clock_mono_ns() < held->since_ns + HELD_PATIENCE_NS ||
      reach_open(held->pid, &target) < 0)
    return 0;
  held->told_key = TARGET_KEY(reach_start_ticks(target), held->pid);
  (void)snprintf(reason, sizeof(reason),
                 "process %d holds up who looks at it: what it runs from (a file system, a page of "
                 "memory) does not answer, or the machine is too busy",
                 (int)held->pid);
  if (is_wanted(s, target))
    told = bare_rows_tell(&s->bare, target, NULL, reason);
  reach_close(target);
  return told;
}

/* Takes what those who looked have found at last, and tells of those who still do not answer. Returns how many sweeps are
 * to be expected. */
static size_t see_to_held(struct sampler *s, uint64_t now_ns)
{
  size_t expected = 0;

  for (size_t i = 0; i < s->held_count; i++) {
    struct held held = s->held[i];

    if (!prober_ended(held.prober)) {
      expected += tell_held(s, &s->held[i]);
      continue;
    }
    s->held[i--] = s->held[--s->held_count];
    s->told_held_full = false;
    if (held.told_key)
      bare_rows_drop(&s->bare, held.told_key, SOURCE_TAG_NONE);
    expected += take_look(s, prober_look(held.prober, held.index), now_ns);
    prober_free(held.prober);
  }
  return expected;
}

static void tell_held_full(struct sampler *s)
{
  if (!s->told_held_full)
    model_thread_gap(s->model,
                     "processes that do not answer hold up those who look: no others are found",
                     clock_wall_ms(), VALUE_UNKNOWN, (int64_t)s->held_count);
  s->told_held_full = true;
}

static void on_prober_end(void *context)
{
  on_end(context);
}

/* The first tick should know of them, if they take only a little longer than others. Returns how many sweeps are to be
 * expected. */
static size_t await_held(struct sampler *s)
{
  uint64_t deadline = clock_mono_ns() + HELD_PATIENCE_NS;
  struct timespec until = clock_timespec(deadline);
  size_t expected = 0;

  while (s->held_count > 0 && clock_mono_ns() < deadline) {
    bool stopping;

    pthread_mutex_lock(&s->lock);
    if (!s->stopping && !s->reap)
      (void)pthread_cond_timedwait(&s->changed, &s->lock, &until);
    s->reap = false;
    stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    if (stopping)
      break;
    expected += see_to_held(s, clock_mono_ns());
  }
  return expected;
}

/* --- looking at many --- */

static bool is_ours(pid_t pid)
{
  return pid == getpid() || pid == broker_pid();
}

static size_t list_next(struct sampler *s, pid_t pids[PROBER_LOOKS_MAX], uint64_t now_ns)
{
  size_t count = 0;
  pid_t pid;

  while (count < PROBER_LOOKS_MAX && (pid = discovery_next(s->discovery, now_ns)) != 0) {
    if (is_ours(pid))
      discovery_looked(s->discovery, pid, 0, true, 0, now_ns);
    else if (!is_held(s, pid))
      pids[count++] = pid;
  }
  return count;
}

/* Looks at the first of them, all where nobody is held up. Returns at how many; *expected grows by their sweeps. */
static size_t look_at_some(struct sampler *s, const pid_t *pids, size_t count, uint64_t now_ns,
                           size_t *expected)
{
  const struct prober_setup setup = {.plan = plan, .ended = on_prober_end, .context = s};
  struct prober *prober;
  size_t done;
  int error = prober_start(pids, count, &setup, &prober);

  if (error < 0) { /* the next slice looks at them */
    tell_left_out(s, error);
    for (size_t i = 0; i < count; i++)
      discovery_looked(s->discovery, pids[i], 0, false, 0, now_ns);
    return count;
  }
  bool all = prober_wait(prober, LOOK_PATIENCE_NS, &done);
  for (size_t i = 0; i < done; i++)
    *expected += take_look(s, prober_look(prober, i), now_ns);
  if (all) {
    prober_free(prober);
    return done;
  }
  hold(s, prober, pids[done], done);
  return done + 1;
}

/* Returns how many sweeps are to be expected; *ret_full: there is nobody left who could look. */
static size_t look_at_list(struct sampler *s, const pid_t *pids, size_t count, uint64_t now_ns,
                           bool *ret_full)
{
  size_t expected = 0, i = 0;

  while (i < count && s->held_count < HELD_MAX) {
    size_t some = count - i < PROBER_LOOKS_MAX ? count - i : PROBER_LOOKS_MAX;

    i += look_at_some(s, pids + i, some, now_ns, &expected);
  }
  *ret_full = i < count;
  if (*ret_full)
    tell_held_full(s);
  return expected;
}

/* Those that are wanted by their numbers: where there are ten thousand processes the others take seconds. */
static size_t look_at_named(struct sampler *s, uint64_t now_ns)
{
  pid_t pids[TARGETS_MAX];
  size_t count = 0;
  bool full;

  for (size_t i = 0; i < s->target_count; i++) {
    char *end;
    long pid = strtol(s->targets[i], &end, 10);

    if (*end == '\0' && pid > 0 && pid <= INT32_MAX && !is_ours((pid_t)pid))
      pids[count++] = (pid_t)pid;
  }
  return look_at_list(s, pids, count, now_ns, &full);
}

static size_t look_at_all(struct sampler *s, uint64_t now_ns)
{
  pid_t pids[PROBER_LOOKS_MAX];
  size_t count, expected = s->passed_once ? 0 : look_at_named(s, now_ns);
  bool full = false;

  while (!full && (count = list_next(s, pids, now_ns)) > 0)
    expected += look_at_list(s, pids, count, now_ns, &full);
  return expected;
}

/* --- the discovery thread --- */

static struct worker *take_ended(struct sampler *s)
{
  struct worker *worker = NULL;

  pthread_mutex_lock(&s->lock);
  s->reap = false;
  for (size_t i = 0; i < s->worker_count; i++) {
    if (worker_ended(s->workers[i])) {
      worker = s->workers[i];
      s->workers[i] = s->workers[--s->worker_count];
      s->uids[i] = s->uids[s->worker_count];
      break;
    }
  }
  pthread_mutex_unlock(&s->lock);
  return worker;
}

/* It was stopped because a source that is `whole` reads the target: its rows go. */
static void clear_beneath(struct sampler *s, const struct worker *worker)
{
  const struct source *source = worker_source(worker);
  uint64_t key = worker_target_key(worker);
  struct sweep *sweep =
      source->beneath && bare_rows_alive(key) ? sweep_new(key, source->tag, SWEEP_FULL) : NULL;

  if (!sweep)
    return;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  model_thread_post(s->model, sweep);
}

static void reap_workers(struct sampler *s, uint64_t now_ns)
{
  struct worker *worker;

  while ((worker = take_ended(s)) != NULL) {
    clear_beneath(s, worker);
    if (worker_unwanted(worker))
      discovery_unwanted(s->discovery, worker_pid(worker), now_ns);
    else
      discovery_again(s->discovery, worker_pid(worker), now_ns);
    (void)worker_join(worker, UINT64_MAX / 2); /* it has ended: this returns */
    s->told_left_out = false;
  }
}

/* Nobody can take its place, for whoever could start one has nothing left to give it. */
static void tell_broker_gone(struct sampler *s)
{
  if (!s->told_broker_gone)
    model_thread_gap(s->model,
                     "the process that reads others for impasse has ended: start impasse again",
                     clock_wall_ms(), VALUE_UNKNOWN, VALUE_UNKNOWN);
  s->told_broker_gone = true;
}

/* Where all wishes are numbers nobody else needs to be looked at. Returns how many are left. */
static size_t keep_wished(const struct sampler *s, pid_t *pids, size_t count)
{
  size_t kept = 0;

  for (size_t i = 0; i < s->target_count; i++)
    if (s->targets[i][strspn(s->targets[i], "0123456789")] != '\0')
      return count;
  for (size_t i = 0; i < count; i++)
    if (is_wanted_as(s, NULL, pids[i]))
      pids[kept++] = pids[i];
  return kept;
}

/* As often as LIST_SHARE of its cost allows. */
static int list_processes(struct sampler *s, uint64_t now_ns)
{
  uint64_t begin = cost_thread_ns(), wait_ns;
  size_t count;
  pid_t *pids;
  int error;

  if (now_ns < s->next_list_ns) {
    discovery_turn(s->discovery, now_ns);
    return 0;
  }
  error = reach_pids(&pids, &count);
  if (error < 0)
    return error;
  count = keep_wished(s, pids, count);
  (void)discovery_list(s->discovery, pids, count, now_ns); /* -ENOMEM: the next tick tries again */
  free(pids);
  wait_ns = (cost_thread_ns() - begin) * LIST_SHARE;
  s->next_list_ns = now_ns + (wait_ns < LIST_INTERVAL_MAX_NS ? wait_ns : LIST_INTERVAL_MAX_NS);
  return 0;
}

static void pass(struct sampler *s)
{
  int error;
  uint64_t now = clock_mono_ns();
  size_t expected;

  reap_workers(s, now);
  (void)see_to_held(s, now); /* counted only until the first tick */
  bare_rows_see_to(&s->bare);
  error = list_processes(s, now);
  if (error == -ECONNRESET)
    tell_broker_gone(s);
  if (error < 0)
    return; /* /proc or memory is short: the next tick tries again */
  expected = look_at_all(s, now);
  if (!s->passed_once)
    expected += await_held(s);
  if (!s->passed_once)
    model_thread_begin(s->model, expected);
  s->passed_once = true;
}

static void *sampler_run(void *argument)
{
  struct sampler *s = argument;
  bool stopping = false;

  sandbox_enter_parser(); /* and with it the workers, whom it starts */
  while (!stopping) {
    struct timespec until;

    pass(s);
    until = clock_timespec(cadence_next(clock_mono_ns(), SAMPLER_INTERVAL_NS));
    pthread_mutex_lock(&s->lock);
    if (!s->stopping && !s->reap)
      (void)pthread_cond_timedwait(&s->changed, &s->lock, &until);
    stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
  }
  return NULL;
}

/* --- life --- */

static void sampler_free(struct sampler *s)
{
  model_thread_stop(s->model);
  discovery_free(s->discovery);
  for (size_t i = 0; i < s->target_count; i++)
    free(s->targets[i]);
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

static int copy_targets(struct sampler *s, const struct sampler_setup *setup)
{
  if (setup->target_count > TARGETS_MAX)
    return -E2BIG;
  for (; s->target_count < setup->target_count; s->target_count++) {
    s->targets[s->target_count] = strdup(setup->targets[s->target_count]);
    if (!s->targets[s->target_count])
      return -ENOMEM;
  }
  return 0;
}

static void init_lock(struct sampler *s)
{
  pthread_condattr_t attributes;

  pthread_mutex_init(&s->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&s->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

int sampler_start(const struct sampler_setup *setup, struct sampler **ret_sampler)
{
  struct model_thread_setup model = {.interval_ns = setup->interval_ns,
                                     .first_patience_ns =
                                         setup->target_count > 0 ? NAMED_PATIENCE_NS : 0,
                                     .publish = setup->publish,
                                     .context = setup->context};
  struct sampler *s = calloc(1, sizeof(*s));
  int error;

  if (!s)
    return -ENOMEM;
  s->interval_ns = setup->interval_ns;
  s->exact = setup->exact;
  s->told_exact = setup->told;
  init_lock(s);
  error = copy_targets(s, setup);
  if (error == 0)
    error = model_thread_start(&model, &s->model);
  s->bare.model = s->model;
  if (error == 0)
    error = (s->discovery = discovery_new()) ? 0 : -ENOMEM;
  if (error == 0)
    error = -pthread_create(&s->thread, NULL, sampler_run, s);
  if (error < 0) {
    sampler_free(s);
    return error;
  }
  *ret_sampler = s;
  return 0;
}

/* Returns how many cannot be freed. */
static size_t free_held(struct sampler *s)
{
  size_t left = 0;

  for (size_t i = 0; i < s->held_count; i++)
    if (prober_ended(s->held[i].prober))
      prober_free(s->held[i].prober);
    else
      left++;
  return left;
}

/* Returns how many do not end. Who is freed is not in the list any more: a prober that is held up may go on, and read it. */
static size_t join_workers(struct sampler *s, uint64_t deadline)
{
  size_t left = 0;

  pthread_mutex_lock(&s->lock);
  while (left < s->worker_count) {
    struct worker *worker = s->workers[left];
    s->workers[left] = s->workers[--s->worker_count];
    pthread_mutex_unlock(&s->lock);
    worker_stop(worker); /* those that the last pass started */
    bool joined = worker_join(worker, deadline) == 0;
    pthread_mutex_lock(&s->lock);
    if (joined)
      continue;
    s->workers[s->worker_count++] = s->workers[left];
    s->workers[left++] = worker;
  }
  pthread_mutex_unlock(&s->lock);
  return left;
}

/* Somebody may still use it: all of it stays. Who that is may end before a sanitizer asks whether anybody does. */
static void leave(struct sampler *s)
{
  (void)s;
#if defined(__SANITIZE_ADDRESS__)
  __lsan_ignore_object(s);
#endif
}

void sampler_stop(struct sampler *s)
{
  uint64_t deadline = clock_mono_ns() + STOP_PATIENCE_NS;
  bool left_behind;

  if (!s)
    return;
  pthread_mutex_lock(&s->lock);
  s->stopping = true;
  pthread_cond_signal(&s->changed);
  for (size_t i = 0; i < s->worker_count; i++)
    worker_stop(s->workers[i]);
  pthread_mutex_unlock(&s->lock);
  (void)pthread_join(s->thread, NULL); /* a thread of ours that was started */
  left_behind = free_held(s) > 0;
  left_behind |= join_workers(s, deadline) > 0;
  model_thread_end(s->model); /* whoever is published to goes next */
  if (left_behind)
    leave(s);
  else
    sampler_free(s);
}

/* A question about a whole target on its way from source to source. */
struct target_ask {
  struct sampler *sampler;
  uint64_t target_key;
  size_t next; /* of sources[] */
  enum feed_question question;
  feed_answer_fn *answer;
  void *context;
};

static int ask_worker(struct sampler *s, uint64_t target_key, unsigned tag, uint64_t actor,
                      enum feed_question question, feed_answer_fn *answer, void *context)
{
  struct worker *worker;
  int error = -ENOENT;

  pthread_mutex_lock(&s->lock);
  worker = find_worker(s, target_key, (uint8_t)tag);
  if (worker)
    error = worker_ask(worker, actor, question, answer, context);
  pthread_mutex_unlock(&s->lock);
  return error == -ESRCH ? -ENOENT : error;
}

static void on_target_answer(void *context, int error, const char *text);

/* Asks the next source that reads the target. */
static int ask_next(struct target_ask *ask)
{
  int error = -ENOENT;

  while (error == -ENOENT && sources[ask->next])
    error = ask_worker(ask->sampler, ask->target_key, sources[ask->next++]->tag, 0, ask->question,
                       on_target_answer, ask);
  return error;
}

static void on_target_answer(void *context, int error, const char *text)
{
  struct target_ask *ask = context;

  if (error == -EOPNOTSUPP && ask_next(ask) == 0)
    return;
  ask->answer(ask->context, error, text);
  free(ask);
}

static int ask_target(struct sampler *s, uint64_t target_key, enum feed_question question,
                      feed_answer_fn *answer, void *context)
{
  struct target_ask *ask = malloc(sizeof(*ask));
  int error;

  if (!ask)
    return -ENOMEM;
  *ask = (struct target_ask){.sampler = s,
                             .target_key = target_key,
                             .question = question,
                             .answer = answer,
                             .context = context};
  error = ask_next(ask);
  if (error < 0)
    free(ask);
  return error;
}

int sampler_ask(struct sampler *s, int64_t target_key, int64_t actor, enum feed_question question,
                feed_answer_fn *answer, void *context)
{
  if (actor == 0)
    return ask_target(s, (uint64_t)target_key, question, answer, context);
  return ask_worker(s, (uint64_t)target_key, (unsigned)((uint64_t)actor >> 56), (uint64_t)actor,
                    question, answer, context);
}

void sampler_gap(struct sampler *s, const char *reason, int64_t since_ms, int64_t until_ms,
                 int64_t count)
{
  model_thread_gap(s->model, reason, since_ms, until_ms, count);
}
