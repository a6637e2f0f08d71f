/* Hooked programs whose memory may not be read, told of by probes: real ones, and we have CAP_BPF and
 * CAP_PERFMON but not CAP_SYS_PTRACE. */
#define IMPASSE_USDT
#include "probe/hook/test_target.h"

#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "bpf/ladder.h"
#include "model/tick.h"
#include "probe/clock.h"
#include "probe/hook/probed.h"

enum { SKIPPED = 77, NOBODY = 65534, KEPT_MESSAGES = 3 };

/* Leaves us what probes take, and what the tests' own doings take. Those of root are gone for good. */
static void drop_capabilities(void)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  data[0].effective = data[0].permitted = 1u << CAP_KILL | 1u << CAP_SETUID;
  data[1].effective = data[1].permitted = 1u << (CAP_BPF - 32) | 1u << (CAP_PERFMON - 32);
  if (syscall(SYS_capset, &header, data) != 0) {
    (void)fprintf(stderr, "skipped: these capabilities cannot be had; run as root\n");
    exit(SKIPPED);
  }
}

/* ---- targets ---- */

/* From here on nobody but the privileged may read us. */
static void be_unreadable(void)
{
  if (setuid(NOBODY) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) /* setuid forgets it */
    _exit(1);
}

static void attach(struct test_target *target)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int error = source_hook.exact(target->session, true, reason);
  if (error)
    fail_msg("exact gave %d: %s", error, reason);
  test_words(reason, "detached above");
}

/* ---- what is seen of it ---- */

static void stand_by(void *context, int in, int out)
{
  (void)context, (void)in;
  (void)impasse_actor_open(impasse_text("bank"));
  be_unreadable();
  test_child_tell(out);
}

static void without_probes_it_is_unreadable_and_the_remedy_is_told(void **state)
{
  (void)state;
  struct test_target target = test_target_start(stand_by, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep->target.state, TARGET_UNREADABLE);
  assert_int_equal(sweep->actor_count, 0);
  test_reason(sweep, "another user");
  test_reason(sweep, "--exact");
  test_target_end(&target);
}

static void exchange(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor bank = impasse_actor_open(impasse_text("bank"));
  struct impasse_actor client = impasse_actor_open(impasse_numbered(impasse_class("client"), 7));
  (void)impasse_actor_open(impasse_text("silent"));
  impasse_put(impasse_mailbox_of(bank), KEPT_MESSAGES);
  impasse_take(impasse_mailbox_of(bank), 1);
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  impasse_put(impasse_mailbox_of(bank), 2);
  struct impasse_wait call = impasse_call_begin(client, bank.ref, 0, IMPASSE_WAIT_EXCLUSIVE);
  test_child_tell(out);
  test_child_await(in);
  impasse_take(impasse_mailbox_of(bank), 4);
  impasse_call_end(call);
  test_child_tell(out);
  test_child_await(in);
  impasse_actor_close(client);
  test_child_tell(out);
}

static void mailboxes_and_calls_are_as_they_are(void **state)
{
  (void)state;
  struct test_target target = test_target_start(exchange, NULL);
  test_target_open(&target);
  attach(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->actor_count, 0); /* nothing has changed yet */
  assert_int_not_equal(sweep->target.state, TARGET_UNREADABLE);
  test_child_step(&target.child);
  sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "bank")->depth, KEPT_MESSAGES - 1 + 2);
  assert_int_equal(test_actor(sweep, "bank")->depth_is, DEPTH_EXACT);
  assert_int_equal(test_actor(sweep, "bank")->put_count, KEPT_MESSAGES + 2);
  assert_int_equal(test_actor(sweep, "client/7")->state, ACTOR_BLOCKED);
  test_holders(sweep, test_wait(sweep, "client/7"), "bank");
  assert_false(test_wait(sweep, "client/7")->exclusive);
  assert_false(test_wait(sweep, "client/7")->open);
  assert_true(test_wait(sweep, "client/7")->since_ns > 0);
  assert_null(test_find(sweep, "silent")); /* nobody has touched it */
  assert_int_equal(sweep->target.born_count, VALUE_UNKNOWN);
  assert_int_equal(sweep->gap_count, 0);
  assert_int_equal(test_target_round(&target)->wait_count, 1);
  test_child_step(&target.child);
  assert_int_equal(test_target_round(&target)->wait_count, 0);
  sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "bank")->depth, 0);
  assert_int_equal(sweep->wait_count, 0);
  test_child_step(&target.child);
  assert_null(test_find(test_target_sweep(&target), "client/7"));
  test_target_end(&target);
}

/* ---- deadlocks, tables, ends ---- */

static void close_the_circle(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor a = impasse_actor_open(impasse_text("a"));
  struct impasse_actor b = impasse_actor_open(impasse_text("b"));
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  (void)impasse_call_begin(a, b.ref, 0, IMPASSE_WAIT_EXCLUSIVE);
  (void)impasse_call_begin(b, a.ref, 0, IMPASSE_WAIT_EXCLUSIVE);
  test_child_tell(out);
}

static struct tick_clock clock_of(void)
{
  struct tick_clock clock = {0};
  clock.mono_ns = clock_mono_ns();
  clock.wall_ms = (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
  return clock;
}

static void a_deadlock_is_confirmed_and_never_proven(void **state)
{
  (void)state;
  struct test_target target = test_target_start(close_the_circle, NULL);
  struct tick_state *ticks = tick_state_new("here", "boot");
  struct snapshot *snapshot = NULL;
  struct sweep *sweep = NULL;
  bool changed;
  test_target_open(&target);
  attach(&target);
  test_child_step(&target.child);
  assert_int_equal(source_hook.sweep(target.session, &sweep), 0);
  assert_int_equal(tick_step(ticks, &sweep, 1, clock_of(), &snapshot), 0);
  snapshot_unref(snapshot);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(source_hook.round(target.session, &sweep), 0);
    assert_int_equal(tick_round(ticks, &sweep, 1, clock_of(), &changed), 0);
  }
  assert_int_equal(tick_step(ticks, NULL, 0, clock_of(), &snapshot), 0);
  assert_int_equal(snapshot_rows(snapshot, RELATION_ALERTS), 1);
  assert_string_equal(snapshot_text(snapshot, RELATION_ALERTS, ALERTS_RULE, 0), "deadlock");
  assert_int_equal(snapshot_enum(snapshot, RELATION_ALERTS, ALERTS_CERTAINTY, 0),
                   CERTAINTY_CONFIRMED);
  snapshot_unref(snapshot);
  tick_state_free(ticks);
  test_target_end(&target);
}

enum { WAITS = 5, WAIT_NS = 2000000 };

static void wait_for_a_table(void *context, int in, int out)
{
  (void)context;
  struct impasse_table table = impasse_table_open(impasse_text("accounts"), IMPASSE_RWLOCK);
  struct impasse_actor holder = impasse_actor_open(impasse_text("holder"));
  struct impasse_actor reader = impasse_actor_open(impasse_text("reader"));
  impasse_table_acquired(table, holder, IMPASSE_WRITE);
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  struct impasse_table_wait wait;
  for (int i = 0; i < WAITS; i++) {
    wait = impasse_table_wait_begin(table, reader, IMPASSE_READ, 0);
    (void)nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    impasse_table_wait_end(wait);
  }
  wait = impasse_table_wait_begin(table, reader, IMPASSE_READ, 0);
  test_child_tell(out);
  test_child_await(in);
  impasse_table_released(table, holder);
  impasse_table_wait_end(wait);
  test_child_tell(out);
}

static void waits_for_tables_add_up(void **state)
{
  (void)state;
  struct test_target target = test_target_start(wait_for_a_table, NULL);
  test_target_open(&target);
  attach(&target);
  test_child_step(&target.child);
  const struct sweep *sweep = test_target_sweep(&target);
  const struct sweep_table *table = test_table(sweep, "accounts");
  assert_int_equal(table->contended_count, WAITS + 1);
  assert_int_equal(table->read_waiters, 1);
  assert_true(table->max_wait_ns >= WAIT_NS);
  assert_true(table->wait_ns >= (int64_t)(WAITS * (WAIT_NS - IMPASSE_EPISODE_UNIT_NS)));
  assert_int_equal(table->owner, 0); /* who took it before the probes came is not known, */
  assert_true(test_wait(sweep, "reader")->open); /* so the wait is open and not stuck */
  assert_int_equal(test_wait(sweep, "reader")->holder_count, 0);
  test_child_step(&target.child);
  sweep = test_target_sweep(&target);
  assert_int_equal(sweep->wait_count, 0);
  assert_int_equal(test_table(sweep, "accounts")->read_waiters, 0);
  test_target_end(&target);
}

static void wait_for_many(void *context, int in, int out)
{
  (void)context;
  enum { MANY = 5 };
  struct impasse_ref holders[MANY];
  char name[] = "holder 0";
  for (int i = 0; i < MANY; i++) {
    name[sizeof name - 2] = (char)('0' + i);
    holders[i] = impasse_actor_open(impasse_text(name)).ref;
  }
  struct impasse_actor waiter = impasse_actor_open(impasse_text("waiter"));
  struct impasse_service service = impasse_service_open(impasse_text("service"));
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  struct impasse_wait_request request = {.holders = holders, .holder_count = MANY};
  (void)impasse_wait_begin(waiter, &request);
  struct impasse_actor asker = impasse_actor_open(impasse_text("asker"));
  struct impasse_actor member = impasse_actor_open(impasse_text("member"));
  impasse_service_join(service, member);
  (void)impasse_call_begin(asker, service.ref, 0, 0);
  test_child_tell(out);
}

static void lists_of_holders_are_whole(void **state)
{
  (void)state;
  struct test_target target = test_target_start(wait_for_many, NULL);
  test_target_open(&target);
  attach(&target);
  test_child_step(&target.child);
  const struct sweep *sweep = test_target_sweep(&target);
  test_holders(sweep, test_wait(sweep, "waiter"), "holder 0 holder 1 holder 2 holder 3 holder 4");
  assert_false(test_wait(sweep, "waiter")->open);
  test_holders(sweep, test_wait(sweep, "asker"), "member");
  test_target_end(&target);
}

static void exit_in_order(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor actor = impasse_actor_open(impasse_text("actor"));
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  impasse_put(impasse_mailbox_of(actor), 1);
  impasse_stop();
  test_child_tell(out);
  test_child_await(in);
  exit(0);
}

static bool is_dead(void *reach)
{
  return !reach_alive(reach);
}

static void its_end_is_told(void **state)
{
  (void)state;
  struct test_target target = test_target_start(exit_in_order, NULL);
  test_target_open(&target);
  attach(&target);
  test_child_step(&target.child);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.state, TARGET_UNREADABLE);
  test_reason(sweep, "stopped publishing");
  assert_int_equal(write(target.child.to, "g", 1), 1);
  assert_true(test_until(is_dead, target.reach));
  sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  test_reason(sweep, "exited in order");
  test_target_end(&target);
}

static void a_kill_is_told_with_what_was_seen_last(void **state)
{
  (void)state;
  struct test_target target = test_target_start(close_the_circle, NULL);
  test_target_open(&target);
  attach(&target);
  test_child_step(&target.child);
  assert_int_equal(kill(target.child.pid, SIGKILL), 0);
  assert_true(test_until(is_dead, target.reach));
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  assert_true(sweep->target.crashed);
  test_holders(sweep, test_wait(sweep, "a"), "b");
  test_target_end(&target);
}

static void become_sleep(void *context, int in, int out)
{
  (void)context;
  (void)impasse_actor_open(impasse_text("actor"));
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  execl("/bin/sleep", "sleep", "1000", NULL);
  _exit(1);
}

static bool has_execed(void *reach)
{
  return probed_find(reach) == 0;
}

static void exec_is_told(void **state)
{
  (void)state;
  struct test_target target = test_target_start(become_sleep, NULL);
  test_target_open(&target);
  attach(&target);
  assert_int_equal(write(target.child.to, "g", 1), 1);
  assert_true(test_until(has_execed, target.reach));
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.state, TARGET_UNREADABLE);
  test_reason(sweep, "exec'd into sleep");
  test_target_end(&target);
}

/* ---- cost ---- */

static void put_without_end(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor actor = impasse_actor_open(impasse_text("actor"));
  be_unreadable();
  test_child_tell(out);
  test_child_await(in);
  test_child_tell(out);
  for (;;)
    impasse_put(impasse_mailbox_of(actor), 1);
}

static bool is_unprobed(void *context)
{
  struct test_target *target = context;
  const struct sweep *sweep = test_target_sweep(target);
  return sweep->target.state == TARGET_UNREADABLE;
}

static void above_the_budget_probes_are_taken_away(void **state)
{
  (void)state;
  struct test_target target = test_target_start(put_without_end, NULL);
  test_target_open(&target);
  attach(&target);
  test_child_step(&target.child);
  assert_true(test_until(is_unprobed, &target));
  assert_int_equal(target.sweep->actor_count, 0); /* what was copied is old by now */
  test_reason(target.sweep, "probes were taken away");
  attach(&target); /* again, on request */
  assert_true(test_until(is_unprobed, &target));
  test_target_end(&target);
}

/* ---- threads at once ---- */

enum { RUNNERS = 4, CALLS = 100, ROUNDS = 5, HITS = 4 /* a call, with its message */ };
_Static_assert(RUNNERS *CALLS *ROUNDS *HITS < PROBED_HITS_PER_S, "within the budget");

static void *call_and_return(void *context)
{
  const struct impasse_actor *pair = context;
  for (int i = 0; i < CALLS; i++) {
    impasse_put(impasse_mailbox_of(pair[1]), 1);
    struct impasse_wait call = impasse_call_begin(pair[0], pair[1].ref, 0, 0);
    impasse_take(impasse_mailbox_of(pair[1]), 1);
    impasse_call_end(call);
  }
  return NULL;
}

/* All call the same one, whose mailbox all of them put into. */
static void call_at_once(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor pairs[RUNNERS][2], shared;
  pthread_t threads[RUNNERS];
  shared = impasse_actor_open(impasse_text("shared"));
  for (int i = 0; i < RUNNERS; i++) {
    pairs[i][0] = impasse_actor_open(impasse_unnamed());
    pairs[i][1] = shared;
  }
  be_unreadable();
  test_child_tell(out);
  for (;;) {
    test_child_await(in);
    for (int i = 0; i < RUNNERS; i++)
      if (pthread_create(&threads[i], NULL, call_and_return, pairs[i]) != 0)
        _exit(1);
    for (int i = 0; i < RUNNERS; i++)
      (void)pthread_join(threads[i], NULL);
    test_child_tell(out);
  }
}

/* Copies race with each other; what stands when all is quiet must be what is. */
static void what_stands_in_the_end_is_true(void **state)
{
  (void)state;
  struct test_target target = test_target_start(call_at_once, NULL);
  test_target_open(&target);
  attach(&target);
  for (int i = 1; i <= ROUNDS; i++) {
    test_child_step(&target.child);
    const struct sweep *sweep = test_target_sweep(&target);
    assert_int_equal(sweep->wait_count, 0);
    assert_int_equal(sweep->actor_count, RUNNERS + 1);
    assert_int_equal(test_actor(sweep, "shared")->put_count, i * RUNNERS * CALLS);
    assert_int_equal(sweep->gap_count, 0);
  }
  test_target_end(&target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_probes_it_is_unreadable_and_the_remedy_is_told),
      cmocka_unit_test(mailboxes_and_calls_are_as_they_are),
      cmocka_unit_test(a_deadlock_is_confirmed_and_never_proven),
      cmocka_unit_test(waits_for_tables_add_up),
      cmocka_unit_test(lists_of_holders_are_whole),
      cmocka_unit_test(its_end_is_told),
      cmocka_unit_test(a_kill_is_told_with_what_was_seen_last),
      cmocka_unit_test(exec_is_told),
      cmocka_unit_test(above_the_budget_probes_are_taken_away),
      cmocka_unit_test(what_stands_in_the_end_is_true),
  };
  char words[256];
  drop_capabilities();
  if (ladder_try(words, sizeof words) != 0) {
    (void)fprintf(stderr, "skipped: %s\n", words);
    return SKIPPED;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
