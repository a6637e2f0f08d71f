/* worker_test.c - a worker with a source made up here, on real processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/clock.h"
#include "collector/worker.h"
#include "probe/reach/reach.h"

#define PATIENCE_NS (20 * CLOCK_NS_PER_S)
#define TAG SOURCE_TAG_HOOK

/* --- what the worker posts --- */

struct inbox {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned full, parts, rounds, failed, ended, answers, told;
  uint8_t last_state;
  char last_reason[128];
  char last_gap[128];
  char last_text[128];
  int64_t last_interval_ns, last_part_interval_ns;
  int last_answer;
};

static struct inbox *inbox_new(void)
{
  struct inbox *inbox = calloc(1, sizeof(*inbox));

  assert_non_null(inbox);
  pthread_mutex_init(&inbox->lock, NULL);
  pthread_cond_init(&inbox->changed, NULL);
  return inbox;
}

static void inbox_free(struct inbox *inbox)
{
  pthread_cond_destroy(&inbox->changed);
  pthread_mutex_destroy(&inbox->lock);
  free(inbox);
}

static void on_post(void *context, struct sweep *sweep)
{
  struct inbox *inbox = context;
  const char *reason = sweep_text(sweep, sweep->target.reason);

  pthread_mutex_lock(&inbox->lock);
  inbox->full += sweep->kind == SWEEP_FULL;
  inbox->parts += sweep->kind == SWEEP_PART;
  inbox->rounds += sweep->kind == SWEEP_ROUND;
  inbox->failed += sweep->kind == SWEEP_FAILED;
  if (sweep->kind != SWEEP_ROUND) {
    inbox->last_state = sweep->target.state;
    strncpy(inbox->last_reason, reason ? reason : "", sizeof(inbox->last_reason) - 1);
    inbox->last_interval_ns = sweep->target.interval_ns;
    inbox->last_part_interval_ns = sweep->target.part_interval_ns;
  }
  if (sweep->gap_count > 0)
    strncpy(inbox->last_gap, sweep_text(sweep, sweep->gaps[0].reason), sizeof(inbox->last_gap) - 1);
  pthread_cond_broadcast(&inbox->changed);
  pthread_mutex_unlock(&inbox->lock);
  sweep_free(sweep);
}

static void on_end(void *context)
{
  struct inbox *inbox = context;

  pthread_mutex_lock(&inbox->lock);
  inbox->ended++;
  pthread_cond_broadcast(&inbox->changed);
  pthread_mutex_unlock(&inbox->lock);
}

static void on_answer(void *context, int error, const char *text)
{
  struct inbox *inbox = context;

  pthread_mutex_lock(&inbox->lock);
  inbox->answers++;
  inbox->last_answer = error;
  strncpy(inbox->last_text, text, sizeof(inbox->last_text) - 1);
  pthread_cond_broadcast(&inbox->changed);
  pthread_mutex_unlock(&inbox->lock);
}

static void on_told(void *context, const char *name, const char *text)
{
  struct inbox *inbox = context;

  (void)name;
  pthread_mutex_lock(&inbox->lock);
  inbox->told++;
  strncpy(inbox->last_text, text, sizeof(inbox->last_text) - 1);
  pthread_cond_broadcast(&inbox->changed);
  pthread_mutex_unlock(&inbox->lock);
}

static bool on_name(void *context, const char *name, pid_t pid)
{
  (void)context;
  return pid == getpid() && name && strcmp(name, "wanted@here") == 0;
}

/* Waits until a counter of the inbox is at least `wanted`. */
static void await(struct inbox *inbox, const unsigned *counter, unsigned wanted)
{
  struct timespec until = clock_timespec(clock_read_ns(CLOCK_REALTIME) + PATIENCE_NS);
  unsigned got;

  pthread_mutex_lock(&inbox->lock);
  while (*counter < wanted && pthread_cond_timedwait(&inbox->changed, &inbox->lock, &until) == 0)
    continue;
  got = *counter;
  pthread_mutex_unlock(&inbox->lock);
  if (got < wanted)
    fail_msg("got %u, wanted %u", got, wanted);
}

/* --- the source; what it does is set before a worker starts --- */

static struct {
  bool blocked;     /* sweeps show a wait */
  bool costly;      /* they take processor time, so that parts come between them */
  const char *name; /* that the target gives itself; NULL none */
  bool by_name;     /* only a target of a certain name is wanted */
  int exact_error;
  atomic_uint probed; /* times that probes were asked for */
  int open_error;
  sem_t release; /* what a sweep of the slow source waits for */
} fake;

static int fake_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES])
{
  (void)target;
  (void)reason;
  return 1;
}

static int fake_open(struct reach_target *target, void **ret_session,
                     char reason[SOURCE_REASON_BYTES])
{
  if (fake.open_error < 0)
    strcpy(reason, "closed on Mondays");
  *ret_session = target;
  return fake.open_error;
}

static int fake_read(void *session, enum sweep_kind kind, struct sweep **ret_sweep)
{
  struct reach_target *target = session;
  struct sweep *sweep =
      sweep_new(TARGET_KEY(reach_start_ticks(target), reach_pid(target)), TAG, kind);

  if (!sweep)
    return -ENOMEM;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  if (fake.name) {
    sweep->target.name = sweep_add_text(sweep, fake.name, strlen(fake.name));
    sweep->target.unique_name = true;
  }
  sweep_add_actor(sweep)->key = ACTOR_KEY(TAG, 1);
  if (fake.blocked)
    sweep_add_wait(sweep)->waiter = ACTOR_KEY(TAG, 1);
  *ret_sweep = sweep;
  return 0;
}

static int fake_sweep(void *session, struct sweep **ret_sweep)
{
  uint64_t begin = clock_thread_ns();

  while (fake.costly && clock_thread_ns() - begin < 3 * CLOCK_NS_PER_MS)
    continue; /* three times the budget of its interval */
  return fake_read(session, SWEEP_FULL, ret_sweep);
}

static int slow_sweep(void *session, struct sweep **ret_sweep)
{
  (void)sem_wait(&fake.release);
  return fake_read(session, SWEEP_FULL, ret_sweep);
}

static int fake_part(void *session, struct sweep **ret_sweep)
{
  return fake_read(session, SWEEP_PART, ret_sweep);
}

static int fake_exact(void *session, bool on, char reason[SOURCE_REASON_BYTES])
{
  (void)session;
  assert_true(on);
  atomic_fetch_add(&fake.probed, 1);
  if (fake.exact_error == 0)
    strcpy(reason, "costs a little");
  return fake.exact_error;
}

static int fake_round(void *session, struct sweep **ret_sweep)
{
  return fake_read(session, SWEEP_ROUND, ret_sweep);
}

static int fake_ask(void *session, uint64_t actor, enum feed_question question, char **ret_text)
{
  (void)session;
  (void)question;
  if (actor == 99)
    return -ENOENT;
  if (actor == 98) {
    *ret_text = strdup("only root may; use sudo");
    return -EPERM;
  }
  *ret_text = strdup("an answer");
  return *ret_text ? 0 : -ENOMEM;
}

static void fake_close(void *session)
{
  (void)session;
}

static const struct source fake_source = {
    .name = "fake",
    .tag = TAG,
    .help = "made up",
    .probe = fake_probe,
    .open = fake_open,
    .sweep = fake_sweep,
    .round = fake_round,
    .ask = fake_ask,
    .close = fake_close,
};

/* A source with all that is optional. */
static const struct source rich_source = {
    .name = "rich",
    .tag = TAG,
    .help = "made up",
    .budget_permille = 50,
    .names_itself = true,
    .probe = fake_probe,
    .open = fake_open,
    .sweep = fake_sweep,
    .part = fake_part,
    .round = fake_round,
    .exact = fake_exact,
    .ask = fake_ask,
    .close = fake_close,
};

static const struct source slow_source = {
    .name = "slow",
    .tag = TAG,
    .help = "made up",
    .probe = fake_probe,
    .open = fake_open,
    .sweep = slow_sweep,
    .round = fake_round,
    .ask = fake_ask,
    .close = fake_close,
};

static struct worker *start_with(const struct source *source, pid_t pid, struct inbox *inbox,
                                 uint64_t interval_ns)
{
  const struct worker_setup setup = {.interval_ns = interval_ns,
                                     .exact = true,
                                     .post = on_post,
                                     .ended = on_end,
                                     .wanted = fake.by_name ? on_name : NULL,
                                     .told = on_told,
                                     .context = inbox};
  struct reach_target *target = NULL;
  struct worker *worker = NULL;

  assert_int_equal(reach_open(pid, &target), 0);
  assert_int_equal(worker_start(target, source, &setup, &worker), 0);
  return worker;
}

static struct worker *start(pid_t pid, struct inbox *inbox, uint64_t interval_ns)
{
  return start_with(&fake_source, pid, inbox, interval_ns);
}

static void stop(struct worker *worker)
{
  worker_stop(worker);
  assert_int_equal(worker_join(worker, clock_mono_ns() + PATIENCE_NS), 0);
}

static int reset(void **state)
{
  (void)state;
  fake.blocked = fake.costly = fake.by_name = false;
  fake.name = NULL;
  fake.open_error = fake.exact_error = 0;
  return 0;
}

/* --- tests --- */

static void rounds_come_only_while_something_is_blocked(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker = start(getpid(), inbox, 50 * CLOCK_NS_PER_MS);

  (void)state;
  await(inbox, &inbox->full, 6); /* longer than a round takes */
  assert_int_equal(inbox->rounds, 0);
  stop(worker);
  fake.blocked = true;
  worker = start(getpid(), inbox, 10 * CLOCK_NS_PER_S);
  await(inbox, &inbox->rounds, 3);
  stop(worker);
  assert_int_equal(inbox->ended, 2);
  inbox_free(inbox);
}

static void a_target_that_cannot_be_opened_is_told_with_the_reason_and_tried_again(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker;

  (void)state;
  fake.open_error = -EACCES;
  worker = start(getpid(), inbox, 50 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->failed, 2);
  assert_int_equal(inbox->last_state, TARGET_UNREADABLE);
  assert_string_equal(inbox->last_reason, "closed on Mondays");
  assert_int_equal(inbox->full, 0);
  stop(worker);
  inbox_free(inbox);
}

/* However rarely it would be read. */
static void a_target_that_is_not_ready_yet_is_soon_tried_again(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker;

  (void)state;
  fake.open_error = -EAGAIN;
  worker = start(getpid(), inbox, 1000 * CLOCK_NS_PER_S);
  await(inbox, &inbox->failed, 3);
  stop(worker);
  inbox_free(inbox);
}

static void a_slow_target_holds_up_nobody_else(void **state)
{
  struct inbox *slow_inbox = inbox_new(), *inbox = inbox_new();
  struct worker *slow, *quick;

  (void)state;
  assert_int_equal(sem_init(&fake.release, 0, 0), 0);
  slow = start_with(&slow_source, getpid(), slow_inbox, 50 * CLOCK_NS_PER_MS);
  quick = start(getpid(), inbox, 50 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->full, 5);
  assert_int_equal(slow_inbox->full, 0);
  stop(quick);
  worker_stop(slow); /* it is held, as if by the kernel: it is left alone */
  assert_int_equal(worker_join(slow, clock_mono_ns() + 10 * CLOCK_NS_PER_MS), -ETIMEDOUT);
  (void)sem_post(&fake.release);
  assert_int_equal(worker_join(slow, clock_mono_ns() + PATIENCE_NS), 0);
  sem_destroy(&fake.release);
  inbox_free(inbox);
  inbox_free(slow_inbox);
}

static void questions_are_answered_between_sweeps(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker = start(getpid(), inbox, 10 * CLOCK_NS_PER_S);

  (void)state;
  assert_int_equal(worker_ask(worker, 1, FEED_STACK, on_answer, inbox), 0);
  await(inbox, &inbox->answers, 1);
  assert_int_equal(inbox->last_answer, 0);
  assert_int_equal(worker_ask(worker, 99, FEED_STACK, on_answer, inbox), 0);
  await(inbox, &inbox->answers, 2);
  assert_int_equal(inbox->last_answer, -ENOENT);
  assert_string_equal(inbox->last_text, "No such file or directory");
  assert_int_equal(worker_ask(worker, 98, FEED_STACK, on_answer, inbox), 0);
  await(inbox, &inbox->answers, 3);
  assert_int_equal(inbox->last_answer, -EPERM);
  assert_string_equal(inbox->last_text, "only root may; use sudo");
  worker_stop(worker);
  await(inbox, &inbox->ended, 1);
  assert_int_equal(worker_ask(worker, 1, FEED_STACK, on_answer, inbox), -ESRCH);
  stop(worker);
  assert_int_equal(inbox->answers, 3);
  inbox_free(inbox);
}

static void parts_come_between_costly_sweeps(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker;

  (void)state;
  worker = start_with(&rich_source, getpid(), inbox, 20 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->full, 5);
  assert_int_equal(inbox->parts, 0); /* they cost next to nothing */
  stop(worker);
  fake.costly = true;
  inbox->full = 0;
  worker = start_with(&rich_source, getpid(), inbox, 20 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->parts, 5);
  await(inbox, &inbox->full, 3);
  assert_true(inbox->last_interval_ns >= (int64_t)(60 * CLOCK_NS_PER_MS));
  assert_true(inbox->last_part_interval_ns >= (int64_t)(20 * CLOCK_NS_PER_MS));
  stop(worker);
  inbox_free(inbox);
}

static void a_target_of_another_name_than_is_wished_is_closed_unheard(void **state)
{
  static const char *const names[] = {"other@here", NULL};
  struct inbox *inbox = inbox_new();
  struct worker *worker;

  (void)state;
  fake.by_name = true;
  atomic_store(&fake.probed, 0);
  for (unsigned i = 0; i < 2; i++) {
    fake.name = names[i];
    worker = start_with(&rich_source, getpid(), inbox, 10 * CLOCK_NS_PER_MS);
    await(inbox, &inbox->ended, i + 1);
    assert_true(worker_unwanted(worker));
    assert_int_equal(inbox->full + inbox->failed, 0);
    stop(worker);
  }
  assert_int_equal(atomic_load(&fake.probed), 0);
  fake.open_error = -EACCES; /* nobody knows its name: nothing is said of it */
  worker = start_with(&rich_source, getpid(), inbox, 10 * CLOCK_NS_PER_MS);
  assert_int_equal(worker_ask(worker, 1, FEED_STACK, on_answer, inbox), 0);
  await(inbox, &inbox->answers, 1);
  stop(worker);
  assert_int_equal(inbox->full + inbox->failed, 0);
  fake.open_error = 0;
  fake.name = "wanted@here";
  worker = start_with(&rich_source, getpid(), inbox, 10 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->full, 3);
  assert_false(worker_unwanted(worker));
  stop(worker);
  assert_int_equal(atomic_load(&fake.probed), 1);
  inbox_free(inbox);
}

static void what_probes_cost_is_told_once_and_stays_a_gap(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker;

  (void)state;
  worker = start_with(&rich_source, getpid(), inbox, 10 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->full, 3);
  stop(worker);
  assert_int_equal(inbox->told, 1);
  assert_string_equal(inbox->last_text, "costs a little");
  assert_string_equal(inbox->last_gap, "--exact: costs a little");
  fake.exact_error = -EPERM;
  worker = start_with(&rich_source, getpid(), inbox, 10 * CLOCK_NS_PER_MS);
  await(inbox, &inbox->told, 2);
  stop(worker);
  assert_string_equal(inbox->last_text, "no probes: Operation not permitted");
  inbox_free(inbox);
}

static void a_target_that_exits_is_gone_and_its_worker_ends(void **state)
{
  struct inbox *inbox = inbox_new();
  struct worker *worker;
  pid_t child = fork();

  (void)state;
  assert_true(child >= 0);
  if (child == 0)
    for (;;)
      (void)pause();
  worker = start(child, inbox, 10 * CLOCK_NS_PER_S);
  await(inbox, &inbox->full, 1);
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  await(inbox, &inbox->ended, 1);
  assert_true(worker_ended(worker));
  assert_int_equal(inbox->last_state, TARGET_GONE);
  assert_int_equal(worker_pid(worker), child);
  stop(worker);
  inbox_free(inbox);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(rounds_come_only_while_something_is_blocked, reset),
      cmocka_unit_test_setup(a_target_that_cannot_be_opened_is_told_with_the_reason_and_tried_again,
                             reset),
      cmocka_unit_test_setup(a_target_that_is_not_ready_yet_is_soon_tried_again, reset),
      cmocka_unit_test_setup(a_slow_target_holds_up_nobody_else, reset),
      cmocka_unit_test_setup(questions_are_answered_between_sweeps, reset),
      cmocka_unit_test_setup(parts_come_between_costly_sweeps, reset),
      cmocka_unit_test_setup(a_target_of_another_name_than_is_wished_is_closed_unheard, reset),
      cmocka_unit_test_setup(what_probes_cost_is_told_once_and_stays_a_gap, reset),
      cmocka_unit_test_setup(a_target_that_exits_is_gone_and_its_worker_ends, reset),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
