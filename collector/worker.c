/* worker.c - see worker.h. */
#include "collector/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "collector/cadence.h"
#include "collector/clock.h"
#include "collector/cost.h"
#include "collector/questions.h"
#include "probe/process/process.h"

#define STACK_BYTES (512 * 1024)

/* Where a target is only not ready, the back-off begins lower. */
#define SOON_NS UINT64_C(250000000)
enum { SOON_DIVISOR = 16 };

struct ask {
  struct ask *next;
  uint64_t actor;
  enum feed_question question;
  feed_answer_fn *answer;
  void *context;
};

struct worker {
  struct reach_target *target;
  const struct source *source;
  struct worker_setup setup;
  uint64_t target_key;
  pthread_t thread;
  int wake_fd; /* eventfd: questions or the end */
  atomic_bool stopping;
  atomic_bool ended;
  atomic_bool unwanted; /* the target is another than those that were asked for */
  pthread_mutex_t lock; /* guards asks and closed */
  struct ask *asks;     /* oldest first */
  bool closed;          /* no more questions are taken */

  /* of the thread */
  void *session;                   /* NULL: not open */
  struct process_kept kept;        /* what seldom changes of the process */
  char *name;                      /* of the process when it was found; NULL unknown */
  char exact[SOURCE_REASON_BYTES]; /* what came of asking for probes; "" nothing to tell */
  bool exact_told;
  bool judged, refused; /* whether it is wanted */
  bool probes_due;      /* probes are to be asked for, once it is known to be wanted */
  struct cadence cadence;
  unsigned failures;    /* in a row */
  int64_t sweep_cpu_ns; /* of the last full sweep */
  int64_t beside_ns_per_s;
  uint64_t load_ns_per_s; /* its part of what all targets of its source cost */
  uint64_t all_ns_per_s;  /* what they do */
  int64_t cpu_ns;         /* of the target at the last full sweep; VALUE_UNKNOWN not told */
  size_t actors;          /* that it had then */
  bool quiet;             /* nothing has happened in it since the sweep before */
  uint64_t next_sweep_ns;
  uint64_t next_part_ns;  /* UINT64_MAX: sweeps come as often */
  uint64_t next_round_ns; /* UINT64_MAX: nothing is blocked */
};

pid_t worker_pid(const struct worker *worker)
{
  return reach_pid(worker->target);
}

uint64_t worker_target_key(const struct worker *worker)
{
  return worker->target_key;
}

const struct source *worker_source(const struct worker *worker)
{
  return worker->source;
}

bool worker_ended(const struct worker *worker)
{
  return atomic_load(&worker->ended);
}

bool worker_unwanted(const struct worker *worker)
{
  return atomic_load(&worker->unwanted);
}

static void wake(struct worker *w)
{
  uint64_t one = 1;

  (void)!write(w->wake_fd, &one, sizeof(one)); /* fails only when it is readable already */
}

/* --- sweeps --- */

/* A sweep that says no more than that, and why, the target could not be read. */
static struct sweep *failed_sweep(struct worker *w, enum target_state state, const char *reason)
{
  struct sweep *sweep = sweep_new(w->target_key, w->source->tag, SWEEP_FAILED);

  if (!sweep)
    return NULL;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.runtime = sweep_add_text(sweep, w->source->name, strlen(w->source->name));
  sweep->target.state = (uint8_t)state;
  sweep->target.reason = sweep_add_text(sweep, reason, strlen(reason));
  return sweep;
}

/* A process that is gone has no name any more: it is kept from the time when it had one. */
static void remember_name(struct worker *w)
{
  struct sweep *scratch = sweep_new(w->target_key, w->source->tag, SWEEP_FAILED);
  const char *name;

  if (!scratch)
    return;
  (void)process_fill(w->target, scratch); /* -ESRCH: it was too late */
  name = sweep_text(scratch, scratch->target.name);
  w->name = name ? strdup(name) : NULL;
  sweep_free(scratch);
}

/* Of the processor time that a sweep took: what the next one will take, too. */
static uint64_t lasting_ns(const struct sweep *sweep, uint64_t cpu_ns)
{
  return cpu_ns > sweep->passing_ns ? cpu_ns - sweep->passing_ns : 0;
}

static void tell_load(struct worker *w, uint64_t now_ns_per_s)
{
  if (w->setup.budget)
    w->all_ns_per_s = budget_change(w->setup.budget, w->load_ns_per_s, now_ns_per_s);
  w->load_ns_per_s = now_ns_per_s;
}

/* A hundredth of a second is the least that the kernel tells of processor time. */
static bool nothing_happened(const struct worker *w, const struct sweep *sweep)
{
  const struct sweep_target *target = &sweep->target;

  if (target->cpu_ns == VALUE_UNKNOWN || target->cpu_ns != w->cpu_ns || sweep->wait_count > 0 ||
      sweep->table_count > 0 || sweep->actor_count != w->actors || target->state != TARGET_RUNNING)
    return false;
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep->actors[i].depth > 0)
      return false;
  return true;
}

static void judge_quiet(struct worker *w, const struct sweep *sweep)
{
  w->quiet = sweep->kind == SWEEP_FULL && !w->source->part && nothing_happened(w, sweep);
  w->cpu_ns = sweep->target.cpu_ns;
  w->actors = sweep->actor_count;
}

static uint64_t sweep_interval_ns(const struct worker *w)
{
  return w->quiet ? cadence_quiet_ns(&w->cadence, w->all_ns_per_s) : cadence_sweep_ns(&w->cadence);
}

/* What reading the target costs, as of now. */
static void fill_cost(struct worker *w, struct sweep *sweep, int64_t cpu_ns)
{
  struct sweep_target *target = &sweep->target;
  uint64_t part_ns;

  if (sweep->kind == SWEEP_PART) {
    cadence_part_cost(&w->cadence, (uint64_t)cpu_ns);
  } else {
    cadence_sweep_cost(&w->cadence, (uint64_t)cpu_ns);
    w->sweep_cpu_ns = cpu_ns;
    tell_load(w, cadence_sweep_load(&w->cadence));
    judge_quiet(w, sweep);
  }
  if (target->beside_ns_per_s != VALUE_UNKNOWN)
    w->beside_ns_per_s = target->beside_ns_per_s;
  target->beside_ns_per_s = w->beside_ns_per_s;
  part_ns = cadence_part_ns(&w->cadence);
  target->sweep_cpu_ns = w->sweep_cpu_ns;
  target->interval_ns = (int64_t)sweep_interval_ns(w);
  if (part_ns > 0) {
    target->part_cpu_ns = (int64_t)w->cadence.part_cpu_ns;
    target->part_interval_ns = (int64_t)part_ns;
  }
}

static const char *name_of(const struct worker *w, const struct sweep *sweep)
{
  const char *name = sweep_text(sweep, sweep->target.name);

  return name ? name : w->name ? w->name : "?";
}

/* A gap tells it for as long as it is so; the terminal hears it once. */
static void tell_exact(struct worker *w, struct sweep *sweep)
{
  struct sweep_gap *gap;

  if (w->exact[0] == '\0' || sweep->kind != SWEEP_FULL)
    return;
  gap = sweep_add_gap(sweep);
  if (gap)
    gap->reason = sweep_add_format(sweep, "--exact: %s", w->exact);
  if (!w->exact_told && w->setup.told)
    w->setup.told(w->setup.context, name_of(w, sweep), w->exact);
  w->exact_told = true;
}

/* A target that may name itself is judged by its name, or that it has none, once it has been read. */
static bool is_wanted(struct worker *w, const struct sweep *sweep)
{
  const char *name = sweep->target.unique_name ? sweep_text(sweep, sweep->target.name) : NULL;

  if (!w->judged && w->setup.wanted && sweep->kind == SWEEP_FULL) {
    w->judged = true;
    w->refused = !w->setup.wanted(w->setup.context, name, reach_pid(w->target));
  }
  return !w->refused;
}

/* Completes what the source read with what every process has, and hands it on. False: the target is
 * not wanted. */
static bool post(struct worker *w, struct sweep *sweep, uint64_t cpu_begin_ns)
{
  if (!is_wanted(w, sweep)) {
    sweep_free(sweep);
    atomic_store(&w->unwanted, true);
    return false;
  }
  if (w->setup.wanted &&
      !w->judged) { /* it cannot be read: nobody asked for it as far as we know */
    sweep_free(sweep);
    return true;
  }
  if (sweep->kind != SWEEP_ROUND) {
    (void)process_fill_kept(w->target, &w->kept, sweep); /* gone: what the source said stands */
    if (!sweep->target.name && w->name)
      sweep->target.name = sweep_add_text(sweep, w->name, strlen(w->name));
    tell_exact(w, sweep);
    fill_cost(w, sweep, (int64_t)lasting_ns(sweep, cost_thread_ns() - cpu_begin_ns));
  }
  w->setup.post(w->setup.context, sweep);
  return true;
}

static void fail(struct worker *w, uint64_t now_ns)
{
  uint64_t wait = cadence_backoff_ns(++w->failures);

  w->next_sweep_ns = now_ns + (wait > w->setup.interval_ns ? wait : w->setup.interval_ns);
  w->next_round_ns = w->next_part_ns = UINT64_MAX;
}

/* It is too early, which a moment may heal: the first tries follow at once on each other. */
static void retry_soon(struct worker *w, uint64_t now_ns)
{
  fail(w, now_ns);
  uint64_t wait = cadence_backoff_ns(w->failures) / SOON_DIVISOR;
  w->next_sweep_ns = now_ns + (wait > SOON_NS ? wait : SOON_NS);
}

static void ask_for_probes(struct worker *w)
{
  int error = w->source->exact(w->session, true, w->exact);

  if (error < 0 && w->exact[0] == '\0')
    (void)snprintf(w->exact, sizeof(w->exact), "no probes: %s", strerror(-error));
}

static void open_session(struct worker *w)
{
  char reason[SOURCE_REASON_BYTES] = "";
  uint64_t begin = cost_thread_ns();
  int error = w->source->open(w->target, &w->session, reason);
  struct sweep *sweep;

  if (error == 0) {
    w->exact[0] = '\0';
    w->exact_told = false;
    w->probes_due = w->setup.exact && w->source->exact;
    return;
  }
  w->session = NULL;
  if (error == -EAGAIN)
    retry_soon(w, clock_mono_ns());
  else
    fail(w, clock_mono_ns());
  sweep = failed_sweep(w, TARGET_UNREADABLE, *reason ? reason : strerror(-error));
  if (sweep)
    (void)post(w, sweep, begin); /* nobody can be unwanted who has no name */
}

static uint64_t next_sweep(const struct worker *w, uint64_t now_ns)
{
  uint64_t interval_ns = sweep_interval_ns(w);

  if (!w->quiet)
    return cadence_next(now_ns, interval_ns);
  return cadence_next_turn(now_ns, interval_ns, w->setup.interval_ns,
                           (uint64_t)reach_pid(w->target));
}

/* When the next reads are due, after a full sweep or a part. */
static void schedule(struct worker *w, bool full, bool blocked)
{
  uint64_t now = clock_mono_ns(), part_ns = cadence_part_ns(&w->cadence);

  if (full)
    w->next_sweep_ns = next_sweep(w, now);
  w->next_part_ns = part_ns ? cadence_next(now, part_ns) : UINT64_MAX;
  w->next_round_ns = blocked ? now + cadence_round_ns(&w->cadence) : UINT64_MAX;
}

/* A full read. Who is not wanted gets no probes, so they are asked for after the first one, which is then made again:
 * its counters began otherwise. */
static int read_fully(struct worker *w, struct sweep **ret_sweep)
{
  int error = w->source->sweep(w->session, ret_sweep);

  if (!w->probes_due || !*ret_sweep || (*ret_sweep)->kind != SWEEP_FULL ||
      !is_wanted(w, *ret_sweep))
    return error;
  w->probes_due = false;
  ask_for_probes(w);
  sweep_free(*ret_sweep);
  *ret_sweep = NULL;
  return w->source->sweep(w->session, ret_sweep);
}

/* Returns false when nothing is left to read. */
static bool sweep_once(struct worker *w, bool exited)
{
  uint64_t begin = cost_thread_ns();
  struct sweep *sweep = NULL;
  bool gone, failed, blocked;
  int error = w->session ? read_fully(w, &sweep) : -ENODATA;

  if (!sweep)
    sweep = failed_sweep(w, exited ? TARGET_GONE : TARGET_UNREADABLE,
                         exited ? "exited" : strerror(error < 0 ? -error : EIO));
  if (!sweep) { /* no memory: try again later */
    fail(w, clock_mono_ns());
    return !exited;
  }
  if (exited && sweep->target.state != TARGET_GONE) {
    sweep->target.state = TARGET_GONE; /* it went between the source's last look and now */
    if (!sweep->target.reason)
      sweep->target.reason = sweep_add_text(sweep, "exited", strlen("exited"));
  }
  gone = sweep->target.state == TARGET_GONE;
  failed = sweep->kind == SWEEP_FAILED;
  blocked = sweep->wait_count > 0;
  if (!post(w, sweep, begin))
    return false;
  if (failed) {
    fail(w, clock_mono_ns());
  } else {
    w->failures = 0;
    schedule(w, true, blocked);
  }
  return !gone;
}

/* What is wrong the next full sweep tells: it is made at once. */
static void part_once(struct worker *w)
{
  uint64_t begin = cost_thread_ns();
  struct sweep *sweep = NULL;
  bool blocked, failed;

  if (w->source->part(w->session, &sweep) < 0 || !sweep) {
    w->next_part_ns = UINT64_MAX;
    w->next_sweep_ns = clock_mono_ns();
    return;
  }
  blocked = sweep->wait_count > 0;
  failed = sweep->kind == SWEEP_FAILED;
  (void)post(w, sweep, begin); /* it was judged before */
  if (failed)
    fail(w, clock_mono_ns());
  else
    schedule(w, false, blocked);
}

static void round_once(struct worker *w)
{
  uint64_t begin = cost_thread_ns();
  struct sweep *sweep = NULL;

  if (w->source->round(w->session, &sweep) < 0 || !sweep) {
    w->next_round_ns = UINT64_MAX; /* the next sweep tells what is wrong */
    return;
  }
  cadence_round_cost(&w->cadence, lasting_ns(sweep, cost_thread_ns() - begin));
  w->next_round_ns =
      sweep->wait_count > 0 ? clock_mono_ns() + cadence_round_ns(&w->cadence) : UINT64_MAX;
  (void)post(w, sweep, begin);
}

/* --- questions --- */

static struct ask *take_asks(struct worker *w, bool close)
{
  struct ask *asks;

  pthread_mutex_lock(&w->lock);
  asks = w->asks;
  w->asks = NULL;
  w->closed |= close;
  pthread_mutex_unlock(&w->lock);
  return asks;
}

/* For a source that gives no words of its own. */
static const char *words_of(int error, enum feed_question question)
{
  switch (error) {
  case 0:
    return "";
  case -EOPNOTSUPP:
    return question_refused(question);
  case -ECANCELED:
    return "the process is not readable now";
  default:
    return strerror(-error);
  }
}

static void answer_asks(struct worker *w, bool closing)
{
  struct ask *ask = take_asks(w, closing);

  while (ask) {
    struct ask *next = ask->next;
    char *text = NULL;
    int error = -ECANCELED;

    if (!closing && w->session)
      error = w->source->ask(w->session, ask->actor, ask->question, &text);
    ask->answer(ask->context, error, text ? text : words_of(error, ask->question));
    free(text);
    free(ask);
    ask = next;
  }
}

int worker_ask(struct worker *w, uint64_t actor, enum feed_question question,
               feed_answer_fn *answer, void *context)
{
  struct ask *ask = malloc(sizeof(*ask)), **end = &w->asks;
  bool closed;

  if (!ask)
    return -ENOMEM;
  *ask = (struct ask){.actor = actor, .question = question, .answer = answer, .context = context};
  pthread_mutex_lock(&w->lock);
  closed = w->closed;
  if (!closed) {
    while (*end)
      end = &(*end)->next;
    *end = ask;
  }
  pthread_mutex_unlock(&w->lock);
  if (closed) {
    free(ask);
    return -ESRCH;
  }
  wake(w);
  return 0;
}

/* --- the thread --- */

static uint64_t next_read_ns(const struct worker *w)
{
  uint64_t next = w->next_sweep_ns < w->next_round_ns ? w->next_sweep_ns : w->next_round_ns;

  return next < w->next_part_ns ? next : w->next_part_ns;
}

/* Waits for the next thing to do. Returns true when the target exited. */
static bool wait_for_work(struct worker *w)
{
  struct pollfd fds[] = {{.fd = w->wake_fd, .events = POLLIN},
                         {.fd = reach_pidfd(w->target), .events = POLLIN}};
  uint64_t now = clock_mono_ns(), next = next_read_ns(w), count;
  struct timespec timeout = clock_timespec(next > now ? next - now : 0);

  if (ppoll(fds, 2, &timeout, NULL) <= 0)
    return false;
  if (fds[0].revents)
    (void)!read(w->wake_fd, &count, sizeof(count)); /* only empties it */
  return fds[1].revents != 0;
}

static void *worker_run(void *argument)
{
  struct worker *w = argument;
  bool exited = false, more = true;

  remember_name(w);
  while (more && !atomic_load(&w->stopping)) {
    uint64_t now = clock_mono_ns();

    if (exited || now >= w->next_sweep_ns) {
      if (!w->session && !exited)
        open_session(w);
      if (w->session || exited)
        more = sweep_once(w, exited);
    } else if (now >= w->next_part_ns) {
      part_once(w);
    } else if (now >= w->next_round_ns) {
      round_once(w);
    }
    answer_asks(w, false);
    if (more && !exited)
      exited = wait_for_work(w);
  }
  answer_asks(w, true);
  if (w->session)
    w->source->close(w->session);
  tell_load(w, 0);
  atomic_store(&w->ended, true);
  w->setup.ended(w->setup.context);
  return NULL;
}

static void worker_free(struct worker *w)
{
  if (!w)
    return;
  reach_close(w->target);
  if (w->wake_fd >= 0)
    (void)close(w->wake_fd);
  free(w->name);
  process_kept_done(&w->kept);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

static int start_thread(struct worker *w)
{
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);

  if (error != 0)
    return -error;
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES); /* else the default, which is larger */
  error = pthread_create(&w->thread, &attributes, worker_run, w);
  pthread_attr_destroy(&attributes);
  return -error;
}

int worker_start(struct reach_target *target, const struct source *source,
                 const struct worker_setup *setup, struct worker **ret_worker)
{
  struct worker *w = calloc(1, sizeof(*w));
  int error = 0;

  if (!w) {
    reach_close(target);
    return -ENOMEM;
  }
  w->target = target;
  w->source = source;
  w->setup = *setup;
  w->target_key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  w->cadence.interval_ns = setup->interval_ns;
  w->cadence.budget_permille = source->budget_permille;
  w->cadence.has_parts = source->part != NULL;
  w->sweep_cpu_ns = w->beside_ns_per_s = w->cpu_ns = VALUE_UNKNOWN;
  w->next_round_ns = w->next_part_ns = UINT64_MAX;
  pthread_mutex_init(&w->lock, NULL);
  w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (w->wake_fd < 0)
    error = -errno;
  else
    error = start_thread(w);
  if (error < 0) {
    worker_free(w);
    return error;
  }
  *ret_worker = w;
  return 0;
}

void worker_stop(struct worker *w)
{
  atomic_store(&w->stopping, true);
  wake(w);
}

int worker_join(struct worker *w, uint64_t deadline_ns)
{
  uint64_t mono = clock_mono_ns(), wall = clock_read_ns(CLOCK_REALTIME);
  struct timespec until = clock_timespec(wall + (deadline_ns > mono ? deadline_ns - mono : 0));

  if (pthread_timedjoin_np(w->thread, NULL, &until) != 0)
    return -ETIMEDOUT;
  worker_free(w);
  return 0;
}
