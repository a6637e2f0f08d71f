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
  unsigned full, rounds, failed, ended, answers;
  uint8_t last_state;
  char last_reason[128];
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
  inbox->rounds += sweep->kind == SWEEP_ROUND;
  inbox->failed += sweep->kind == SWEEP_FAILED;
  if (sweep->kind != SWEEP_ROUND) {
    inbox->last_state = sweep->target.state;
    strncpy(inbox->last_reason, reason ? reason : "", sizeof(inbox->last_reason) - 1);
  }
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

  (void)text;
  pthread_mutex_lock(&inbox->lock);
  inbox->answers++;
  inbox->last_answer = error;
  pthread_cond_broadcast(&inbox->changed);
  pthread_mutex_unlock(&inbox->lock);
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
  bool blocked; /* sweeps show a wait */
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
  sweep_add_actor(sweep)->key = ACTOR_KEY(TAG, 1);
  if (fake.blocked)
    sweep_add_wait(sweep)->waiter = ACTOR_KEY(TAG, 1);
  *ret_sweep = sweep;
  return 0;
}

static int fake_sweep(void *session, struct sweep **ret_sweep)
{
  return fake_read(session, SWEEP_FULL, ret_sweep);
}

static int slow_sweep(void *session, struct sweep **ret_sweep)
{
  (void)sem_wait(&fake.release);
  return fake_read(session, SWEEP_FULL, ret_sweep);
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
  const struct worker_setup setup = {
      .interval_ns = interval_ns, .post = on_post, .ended = on_end, .context = inbox};
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
  fake.blocked = false;
  fake.open_error = 0;
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
  worker_stop(worker);
  await(inbox, &inbox->ended, 1);
  assert_int_equal(worker_ask(worker, 1, FEED_STACK, on_answer, inbox), -ESRCH);
  stop(worker);
  assert_int_equal(inbox->answers, 2);
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
      cmocka_unit_test_setup(a_slow_target_holds_up_nobody_else, reset),
      cmocka_unit_test_setup(questions_are_answered_between_sweeps, reset),
      cmocka_unit_test_setup(a_target_that_exits_is_gone_and_its_worker_ends, reset),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
