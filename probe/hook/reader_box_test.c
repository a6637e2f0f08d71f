/* Rows of actors and their mailboxes, read from a real hooked process. */
#include <sys/syscall.h>

#include "probe/hook/test_target.h"

static struct impasse_actor text_actor(const char *name)
{
  return impasse_actor_open(impasse_text(name));
}

/* ---- names ---- */

static void open_named(void *context, int in, int out)
{
  (void)context, (void)in;
  uint32_t worker = impasse_class("worker");
  struct impasse_actor boss = impasse_actor_open(impasse_registered("boss"));
  struct impasse_pool none = {impasse_unknown()};
  (void)impasse_actor_open_in(impasse_numbered(worker, 17), boss, none);
  (void)impasse_actor_open(impasse_numbered(worker, 18446744073709551614u));
  (void)impasse_actor_open(impasse_numbered(worker, UINT64_MAX));
  (void)text_actor("tab\t\x1b[31m");
  (void)impasse_actor_open(impasse_unnamed());
  test_child_tell(out);
}

static void names_are_formatted_by_the_reader(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_named, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep->actor_count, 6);
  assert_int_equal(sweep->target.born_count, 6);
  assert_int_equal(sweep->target.died_count, 0);
  assert_int_equal(sweep->target.lost_count, 0);
  assert_string_equal(sweep_text(sweep, sweep->target.runtime), "hook");
  assert_non_null(sweep_text(sweep, sweep->target.version));
  assert_int_equal(sweep->target.state, ENUM_UNKNOWN); /* running or stopped: process_fill knows */

  const struct sweep_actor *boss = test_actor(sweep, "boss");
  assert_int_equal(boss->kind, ACTOR_KIND_ACTOR);
  assert_int_equal(boss->flags, SWEEP_ACTOR_NAMED | SWEEP_ACTOR_REGISTERED);
  assert_int_equal(test_actor(sweep, "worker/17")->flags, SWEEP_ACTOR_NAMED);
  assert_true(test_actor(sweep, "worker/17")->parent == boss->key);
  assert_true(boss->parent == 0);
  (void)test_actor(sweep, "worker/18446744073709551614");
  (void)test_actor(sweep, "worker");
  (void)test_actor(sweep, "tab\t\x1b[31m"); /* as it is: whoever shows it makes it harmless */
  size_t unnamed = 0;
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep_text(sweep, sweep->actors[i].name)[0] == '#') {
      assert_int_equal(sweep->actors[i].flags, 0);
      unnamed++;
    }
  assert_int_equal(unnamed, 1);
  test_target_end(&target);
}

/* ---- counters ---- */

static void open_counted(void *context, int in, int out)
{
  (void)context, (void)in;
  struct impasse_actor actor = text_actor("plain");
  struct impasse_mailbox box = impasse_mailbox_of(actor);
  impasse_put(box, 10);
  impasse_take(box, 3);
  impasse_drop_oldest(box, 2);
  impasse_drop_newest(box, 5);
  impasse_capacity(box, 64);
  impasse_actor_memory(actor, 4096);
  impasse_actor_function(actor, impasse_class("handle_call"));

  struct impasse_actor several = text_actor("several");
  struct impasse_mailbox high = impasse_mailbox_open(several), low = impasse_mailbox_open(several);
  impasse_capacity(high, 8);
  impasse_capacity(low, 4);
  impasse_put(high, 5);
  impasse_take(high, 1);
  impasse_put(low, 2);

  struct impasse_actor both = text_actor("both");
  impasse_put(impasse_mailbox_of(both), 1);
  impasse_put(impasse_mailbox_open(both), 1);

  (void)text_actor("empty");
  struct impasse_mailbox queue = impasse_queue_open(impasse_text("queue"));
  impasse_put(queue, 4);
  impasse_take_shared(queue, 1);
  struct impasse_pool pool = impasse_pool_open(impasse_text("pool"), 3);
  impasse_put(impasse_mailbox_of_pool(pool), 2);
  (void)impasse_pool_open(impasse_text("endless"), 0);
  test_child_tell(out);
}

static void mailboxes_are_counted_and_those_of_one_owner_added_up(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_counted, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.born_count, 5); /* not the pools and further mailboxes */
  const struct sweep_actor *plain = test_actor(sweep, "plain");
  assert_int_equal(plain->depth, 5);
  assert_int_equal(plain->depth_is, DEPTH_EXACT);
  assert_int_equal(plain->put_count, 10);
  assert_int_equal(plain->take_count, 3);
  assert_int_equal(plain->dropped_count, 7);
  assert_int_equal(plain->capacity, 64);
  assert_int_equal(plain->memory_bytes, 4096);
  assert_int_equal(plain->work_unit, WORK_MESSAGES);
  assert_int_equal(plain->work_count, 3);
  assert_int_equal(plain->head, 6); /* five are gone, the sixth is the first */
  assert_string_equal(sweep_text(sweep, plain->function), "handle_call");

  const struct sweep_actor *several = test_actor(sweep, "several");
  assert_int_equal(several->depth, 6);
  assert_int_equal(several->put_count, 7);
  assert_int_equal(several->take_count, 1);
  assert_int_equal(several->capacity, 12);
  const struct sweep_actor *both = test_actor(sweep, "both");
  assert_int_equal(both->depth, 2);
  assert_true(both->capacity == VALUE_UNKNOWN);
  const struct sweep_actor *empty = test_actor(sweep, "empty");
  assert_int_equal(empty->depth, 0);
  assert_true(empty->capacity == VALUE_UNKNOWN && empty->memory_bytes == VALUE_UNKNOWN);
  assert_true(empty->head == 0 && empty->function == 0);

  assert_int_equal(test_actor(sweep, "queue")->kind, ACTOR_KIND_QUEUE);
  assert_int_equal(test_actor(sweep, "queue")->depth, 3);
  assert_int_equal(test_actor(sweep, "queue")->state, ENUM_UNKNOWN);
  const struct sweep_actor *pool = test_actor(sweep, "pool");
  assert_int_equal(pool->kind, ACTOR_KIND_POOL);
  assert_int_equal(pool->capacity, 3);
  assert_int_equal(pool->depth, 2);
  assert_true(pool->flags & SWEEP_ACTOR_POOL_SIZE);
  assert_false(test_actor(sweep, "endless")->flags & SWEEP_ACTOR_POOL_SIZE);
  assert_int_equal(sweep->actor_count, 7); /* mailboxes are no rows */
  test_target_end(&target);
}

/* ---- adopted depths ---- */

static void open_adopted(void *context, int in, int out)
{
  static volatile uint8_t one = 200;
  static volatile int16_t two = -1;
  static volatile uint32_t four = 70000;
  static volatile int64_t eight = 5000000000;
  (void)context, (void)in;
  impasse_adopt(impasse_mailbox_of(text_actor("one")), &one, 1, false);
  impasse_adopt(impasse_mailbox_of(text_actor("two")), &two, 2, true);
  impasse_adopt(impasse_mailbox_of(text_actor("four")), &four, 4, false);
  impasse_adopt(impasse_mailbox_of(text_actor("eight")), &eight, 8, true);
  impasse_adopt(impasse_mailbox_of(text_actor("nowhere")), (void *)8, 8, true);
  struct impasse_actor owner = text_actor("owner");
  impasse_adopt(impasse_mailbox_open(owner), &four, 4, false);
  impasse_put(impasse_mailbox_of(owner), 1);
  test_child_tell(out);
}

static void adopted_depths_are_read_in_the_target(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_adopted, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "one")->depth, 200);
  assert_true(test_actor(sweep, "one")->put_count == VALUE_UNKNOWN);
  assert_true(test_actor(sweep, "two")->depth == VALUE_UNKNOWN); /* negative: never a depth */
  assert_int_equal(test_actor(sweep, "four")->depth, 70000);
  assert_int_equal(test_actor(sweep, "eight")->depth, 5000000000);
  assert_true(test_actor(sweep, "nowhere")->depth == VALUE_UNKNOWN);
  assert_int_equal(test_actor(sweep, "nowhere")->depth_is, ENUM_UNKNOWN);
  assert_int_equal(test_actor(sweep, "owner")->depth, 70001);
  test_target_end(&target);
}

/* ---- states ---- */

static void open_states(void *context, int in, int out)
{
  (void)context;
  struct impasse_pool pool = impasse_pool_open(impasse_text("pool"), 2);
  struct impasse_actor none = {impasse_unknown()};
  struct impasse_actor busy = impasse_actor_open_in(impasse_text("busy"), none, pool);
  struct impasse_actor idle = impasse_actor_open_in(impasse_text("idle"), none, pool);
  struct impasse_actor ready = impasse_actor_open_in(impasse_text("ready"), none, pool);
  struct impasse_actor aside = impasse_actor_open_in(impasse_text("aside"), none, pool);
  struct impasse_actor again = impasse_actor_open_in(impasse_text("again"), none, pool);
  struct impasse_actor alone = text_actor("alone");
  struct impasse_worker worker = impasse_worker_begin(pool);
  (void)idle;
  impasse_receive_begin(alone);
  impasse_run_begin(&worker, ready);
  impasse_run_end(ready, IMPASSE_RUNNABLE);
  impasse_run_begin(&worker, aside);
  (void)impasse_call_begin(aside, busy.ref, 0, 0);
  impasse_run_end(aside, IMPASSE_BLOCKED);
  /* It began a call, was put aside, and has been taken up again since: the call does
   * not stop it. */
  impasse_run_begin(&worker, again);
  (void)impasse_call_begin(again, busy.ref, 0, 0);
  impasse_run_end(again, IMPASSE_BLOCKED);
  impasse_run_begin(&worker, again);
  impasse_run_begin(&worker, busy);
  test_child_tell(out);
  int32_t tid = (int32_t)syscall(SYS_gettid);
  if (write(out, &tid, sizeof tid) != sizeof tid)
    _exit(1);
  test_child_await(in);
  (void)impasse_call_begin(busy, alone.ref, 0, 0);
  test_child_tell(out);
}

static void states_and_threads_are_those_of_the_scheduler(void **state)
{
  (void)state;
  int32_t tid;
  struct test_target target = test_target_start(open_states, NULL);
  assert_int_equal(read(target.child.from, &tid, sizeof tid), sizeof tid);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  const struct sweep_actor *busy = test_actor(sweep, "busy");
  assert_int_equal(busy->state, ACTOR_RUNNING);
  assert_int_equal(busy->tid, tid);
  assert_true(busy->pool == test_actor(sweep, "pool")->key);
  assert_int_equal(busy->work_unit, WORK_RUNS);
  assert_int_equal(busy->work_count, 1);
  assert_int_equal(test_actor(sweep, "idle")->state, ACTOR_RECEIVE);
  assert_int_equal(test_actor(sweep, "alone")->state, ACTOR_RECEIVE);
  assert_int_equal(test_actor(sweep, "ready")->state, ACTOR_RUNNABLE);
  assert_int_equal(test_actor(sweep, "ready")->tid, 0);
  assert_int_equal(test_actor(sweep, "aside")->state, ACTOR_BLOCKED);
  assert_int_equal(test_wait_count(sweep, "aside"), 1);
  assert_int_equal(test_actor(sweep, "again")->state, ACTOR_RUNNING);
  assert_int_equal(test_wait_count(sweep, "again"), 0);
  assert_int_equal(sweep->target.run_queue, 1);

  test_child_step(&target.child);
  sweep = test_target_sweep(&target);
  busy = test_actor(sweep, "busy");
  assert_int_equal(busy->state, ACTOR_BLOCKED); /* on its thread */
  assert_int_equal(busy->tid, tid);
  test_target_end(&target);
}

/* ---- many ---- */

static void open_many(void *context, int in, int out)
{
  (void)in;
  size_t count = *(const size_t *)context;
  uint32_t worker = impasse_class("worker");
  struct impasse_actor first = impasse_actor_open(impasse_numbered(worker, 0));
  impasse_put(impasse_mailbox_of(first), 1);
  for (size_t i = 1; i < count; i++) {
    struct impasse_actor actor = impasse_actor_open(impasse_numbered(worker, i));
    impasse_put(impasse_mailbox_of(actor), i + 1);
    if (i % 2)
      (void)impasse_call_begin(actor, first.ref, 0, 0);
  }
  test_child_tell(out);
}

static void all_are_read(size_t count)
{
  struct test_target target = test_target_start(open_many, &count);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  int64_t depths = 0;
  assert_int_equal(sweep->actor_count, count);
  assert_int_equal(sweep->wait_count, count / 2);
  for (size_t i = 0; i < sweep->actor_count; i++)
    depths += sweep->actors[i].depth;
  assert_int_equal(depths, count * (count + 1) / 2);
  assert_int_equal(test_target_round(&target)->actor_count, count / 2);
  test_target_end(&target);
}

static void ten_thousand_actors_are_read(void **state)
{
  (void)state;
  all_are_read(10000);
}

static void a_chain_of_regions_is_read_as_one(void **state)
{
  (void)state;
  all_are_read(IMPASSE_SLOTS + 10000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_formatted_by_the_reader),
      cmocka_unit_test(mailboxes_are_counted_and_those_of_one_owner_added_up),
      cmocka_unit_test(adopted_depths_are_read_in_the_target),
      cmocka_unit_test(states_and_threads_are_those_of_the_scheduler),
      cmocka_unit_test(ten_thousand_actors_are_read),
      cmocka_unit_test(a_chain_of_regions_is_read_as_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
