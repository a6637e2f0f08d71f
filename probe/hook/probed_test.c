/* Hooked programs whose memory may not be read, told of by probes: real ones, and we have CAP_BPF and
 * CAP_PERFMON but not CAP_SYS_PTRACE. */
#define IMPASSE_USDT
#include "probe/hook/test_target.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "bpf/ladder.h"
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
  if (setuid(NOBODY) != 0)
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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_probes_it_is_unreadable_and_the_remedy_is_told),
      cmocka_unit_test(mailboxes_and_calls_are_as_they_are),
  };
  char words[256];
  drop_capabilities();
  if (ladder_try(words, sizeof words) != 0) {
    (void)fprintf(stderr, "skipped: %s\n", words);
    return SKIPPED;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
