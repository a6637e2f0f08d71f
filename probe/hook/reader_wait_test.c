/* Waits and tables, read from a real hooked process: references are followed to whoever can
 * end the wait. */
#include "probe/hook/test_target.h"

static struct impasse_actor actor(const char *name)
{
  return impasse_actor_open(impasse_text(name));
}

static struct impasse_wait wait_for(const char *name, struct impasse_ref holder)
{
  return impasse_call_begin(actor(name), holder, 0, 0);
}

/* ---- calls ---- */

static void open_calls(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor server = actor("server"), helper = actor("helper"), dead = actor("dead");
  struct impasse_actor client = actor("client");
  struct impasse_wait call =
      impasse_call_begin(client, server.ref, 1500000000, IMPASSE_WAIT_EXCLUSIVE);
  struct impasse_wait forwarded = wait_for("forwarded", server.ref);
  impasse_call_forward(forwarded, helper.ref);
  (void)wait_for("orphan", dead.ref);
  impasse_actor_close(dead);
  (void)wait_for("unsure", impasse_unknown());
  (void)impasse_call_begin(actor("vague"), server.ref, IMPASSE_TIMEOUT_UNKNOWN, 0);
  struct impasse_actor self = actor("self");
  (void)impasse_call_begin(self, self.ref, 0, 0);
  test_child_tell(out);

  test_child_await(in); /* the same client calls the same server a second time */
  impasse_call_end(call);
  (void)impasse_call_begin(client, server.ref, 0, 0);
  test_child_tell(out);
}

static void calls_name_their_holders(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_calls, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  const struct sweep_wait *call = test_wait(sweep, "client");
  test_holders(sweep, call, "server");
  assert_int_equal(test_actor(sweep, "client")->state, ACTOR_BLOCKED);
  assert_int_equal(call->via, VIA_CALL);
  assert_int_equal(call->timeout, TIMEOUT_SOME);
  assert_true(call->timeout_ns == 1500000000);
  assert_true(call->exclusive && !call->open);
  assert_int_equal(call->rank, 1);
  assert_true(call->since_ns > 0 && call->since_ns <= sweep->end_ns);
  assert_true(call->id.hi == test_actor(sweep, "client")->key && call->id.lo != 0);
  struct wait_id first = call->id;

  test_holders(sweep, test_wait(sweep, "forwarded"), "helper");
  assert_int_equal(test_wait(sweep, "forwarded")->timeout, TIMEOUT_NONE);
  test_holders(sweep, test_wait(sweep, "orphan"), "");
  assert_false(test_wait(sweep, "orphan")->open); /* stuck: nobody will ever answer */
  test_holders(sweep, test_wait(sweep, "unsure"), "");
  assert_true(test_wait(sweep, "unsure")->open);
  assert_int_equal(test_wait(sweep, "vague")->timeout, TIMEOUT_SOME);
  assert_true(test_wait(sweep, "vague")->timeout_ns == VALUE_UNKNOWN);
  test_holders(sweep, test_wait(sweep, "self"), "self");
  assert_int_equal(sweep->target.died_count, 1);

  sweep = test_target_round(&target);
  assert_true(test_wait(sweep, "client")->id.lo == first.lo);
  test_child_step(&target.child);
  sweep = test_target_round(&target);
  assert_true(test_wait(sweep, "client")->id.lo != first.lo);
  test_target_end(&target);
}

/* ---- services, promises, mailboxes, lists ---- */

static void open_indirect(void *context, int in, int out)
{
  (void)context, (void)in;
  struct impasse_service service = impasse_service_open(impasse_text("service"));
  struct impasse_service bare = impasse_service_open(impasse_text("bare"));
  struct impasse_actor one = actor("one"), two = actor("two"), gone = actor("gone");
  impasse_service_join(service, one);
  impasse_service_join(service, gone);
  impasse_service_join(service, two);
  impasse_actor_close(gone);
  (void)wait_for("of service", service.ref);
  (void)wait_for("of bare", bare.ref);

  struct impasse_promise promise = impasse_promise_open(impasse_text("promise"));
  struct impasse_promise broken = impasse_promise_open(impasse_text("broken"));
  struct impasse_promise later = impasse_promise_open(impasse_text("later"));
  impasse_promise_fulfiller(promise, one.ref);
  impasse_promise_fulfiller(broken, gone.ref);
  (void)impasse_await_begin(actor("of promise"), promise, 0);
  (void)impasse_await_begin(actor("of broken"), broken, 0);
  (void)impasse_await_begin(actor("of later"), later, 0);

  (void)impasse_room_begin(actor("of room"), impasse_mailbox_open(two), 0);
  (void)impasse_join_begin(actor("of join"), two, 0);

  struct impasse_ref many[6] = {one.ref, two.ref, one.ref, two.ref, gone.ref, two.ref};
  struct impasse_wait_request any = {.holders = many,
                                     .holder_count = 6,
                                     .via = IMPASSE_VIA_CHANNEL,
                                     .flags = IMPASSE_WAIT_ANY | IMPASSE_WAIT_OPEN,
                                     .object = impasse_class("select")};
  (void)impasse_wait_begin(actor("of many"), &any);
  struct impasse_ref mixed[2] = {one.ref, service.ref};
  struct impasse_wait_request all = {.holders = mixed, .holder_count = 2, .via = IMPASSE_VIA_CALL};
  (void)impasse_wait_begin(actor("of mixed"), &all);
  all.holder_count = 0;
  (void)impasse_wait_begin(actor("of none"), &all);
  test_child_tell(out);
}

static void indirect_holders_are_followed(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_indirect, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  const struct sweep_wait *wait = test_wait(sweep, "of service");
  test_holders(sweep, wait, "one two");
  assert_int_equal(wait->needs, NEEDS_ANY); /* any member may answer */
  assert_false(wait->open);
  test_holders(sweep, test_wait(sweep, "of bare"), "");
  assert_false(test_wait(sweep, "of bare")->open);
  assert_int_equal(test_actor(sweep, "service")->kind, ACTOR_KIND_SERVICE);

  test_holders(sweep, test_wait(sweep, "of promise"), "one");
  assert_int_equal(test_wait(sweep, "of promise")->via, VIA_PROMISE);
  test_holders(sweep, test_wait(sweep, "of broken"), "");
  test_holders(sweep, test_wait(sweep, "of later"), "later");
  assert_int_equal(test_actor(sweep, "later")->kind, ACTOR_KIND_PROMISE);
  assert_int_equal(test_actor(sweep, "later")->state, ENUM_UNKNOWN); /* free: anybody may be it */

  test_holders(sweep, test_wait(sweep, "of room"), "two");
  assert_int_equal(test_wait(sweep, "of room")->via, VIA_ROOM);
  test_holders(sweep, test_wait(sweep, "of join"), "two");
  assert_int_equal(test_wait(sweep, "of join")->via, VIA_JOIN);

  wait = test_wait(sweep, "of many");
  test_holders(sweep, wait, "one two one two two");
  assert_int_equal(wait->needs, NEEDS_ANY);
  assert_true(wait->open);
  assert_string_equal(sweep_text(sweep, wait->object), "select");
  /* All of one actor and any of a service is more than one group can say: only what is
   * sure is told. */
  wait = test_wait(sweep, "of mixed");
  test_holders(sweep, wait, "one");
  assert_true(wait->open);
  wait = test_wait(sweep, "of none");
  assert_true(wait->holder_count == 0 && !wait->open);
  test_target_end(&target);
}

/* ---- several waits of one actor ---- */

static void open_nested(void *context, int in, int out)
{
  (void)context, (void)in;
  struct impasse_actor server = actor("server"), nested = actor("nested"), both = actor("both");
  struct impasse_actor deep = actor("deep");
  (void)impasse_call_begin(nested, server.ref, 0, 0);
  (void)impasse_call_begin(nested, both.ref, 0, 0);
  (void)impasse_call_begin(both, server.ref, 0, 0);
  (void)impasse_call_begin(both, nested.ref, 0, IMPASSE_WAIT_CONCURRENT);
  for (unsigned i = 0; i < IMPASSE_WAITS_MOST + 1; i++)
    (void)impasse_call_begin(deep, server.ref, 0, 0);
  test_child_tell(out);
}

static void nesting_is_rank_and_what_is_beyond_the_slot_is_unknown(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_nested, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(test_wait_count(sweep, "nested"), 2);
  assert_int_equal(test_wait_n(sweep, "nested", 0)->rank, 1);
  assert_int_equal(test_wait_n(sweep, "nested", 1)->rank, 2);
  assert_int_equal(test_wait_n(sweep, "both", 0)->rank, test_wait_n(sweep, "both", 1)->rank);
  assert_int_equal(test_actor(sweep, "deep")->state, ENUM_UNKNOWN);
  assert_int_equal(test_wait_count(sweep, "deep"), 0);
  assert_int_equal(sweep->target.lost_count, 1);
  assert_int_equal(sweep->gap_count, 1);
  test_words(sweep_text(sweep, sweep->gaps[0].reason), "too many open waits");
  sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.lost_count, 1);
  assert_int_equal(sweep->gap_count, 0); /* told once */
  test_target_end(&target);
}

/* ---- tables ---- */

static void open_tables(void *context, int in, int out)
{
  (void)context;
  struct impasse_table mutex = impasse_table_open(impasse_text("mutex"), IMPASSE_MUTEX);
  struct impasse_table rw = impasse_table_open(impasse_text("rw"), IMPASSE_RWLOCK);
  struct impasse_table left = impasse_table_open(impasse_text("left"), IMPASSE_TABLE);
  struct impasse_table busy = impasse_table_open(impasse_text("free"), IMPASSE_TABLE);
  struct impasse_table anon = impasse_table_open(impasse_text("anonymous"), IMPASSE_TABLE);
  struct impasse_actor owner = actor("owner"), first = actor("first"), second = actor("second");
  struct impasse_actor gone = actor("gone");
  impasse_table_acquired(mutex, owner, IMPASSE_WRITE);
  impasse_table_acquired(rw, first, IMPASSE_READ);
  impasse_table_acquired(rw, second, IMPASSE_READ);
  impasse_table_acquired(left, gone, IMPASSE_WRITE);
  impasse_actor_close(gone);
  impasse_table_acquired(anon, (struct impasse_actor){impasse_unknown()}, IMPASSE_WRITE);
  impasse_table_size(mutex, 12, 3400);
  (void)impasse_table_wait_begin(mutex, actor("w mutex"), IMPASSE_WRITE, 0);
  (void)impasse_table_wait_begin(mutex, actor("r mutex"), IMPASSE_READ, 0);
  (void)impasse_table_wait_begin(rw, actor("w rw"), IMPASSE_WRITE, 1000);
  (void)impasse_table_wait_begin(rw, actor("r rw"), IMPASSE_READ, 0);
  (void)impasse_table_wait_begin(left, actor("w left"), IMPASSE_WRITE, 0);
  (void)impasse_table_wait_begin(busy, actor("w free"), IMPASSE_WRITE, 0);
  (void)impasse_table_wait_begin(anon, actor("w anonymous"), IMPASSE_WRITE, 0);
  test_child_tell(out);
  test_child_await(in);
  impasse_table_released(rw, first);
  impasse_table_acquired(mutex, second, IMPASSE_READ);
  test_child_tell(out);
}

static const struct sweep *sweep_until_stuck(struct test_target *target)
{
  /* That a table was held throughout a sweep is known once it was taken well before it. */
  for (int ms = 0; ms < TEST_CHILD_DEADLINE_MS; ms++) {
    const struct sweep *sweep = test_target_sweep(target);
    if (!test_wait(sweep, "w left")->open)
      return sweep;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  fail_msg("a table that nobody living holds was never told so");
  return NULL;
}

static void waits_for_tables_are_for_their_holders(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_tables, NULL);
  test_target_open(&target);
  const struct sweep *sweep = sweep_until_stuck(&target);
  const struct sweep_wait *wait = test_wait(sweep, "w mutex");
  test_holders(sweep, wait, "owner");
  assert_int_equal(wait->via, VIA_LOCK);
  assert_false(wait->open);
  assert_string_equal(sweep_text(sweep, wait->object), "mutex");
  test_holders(sweep, test_wait(sweep, "r mutex"), "owner");
  assert_int_equal(test_wait(sweep, "r mutex")->via, VIA_RDLOCK);
  wait = test_wait(sweep, "w rw");
  test_holders(sweep, wait, "first second");
  assert_int_equal(wait->needs, NEEDS_ALL);
  assert_int_equal(wait->timeout, TIMEOUT_SOME);
  /* Only readers hold it: another reader waits for something else, behind a writer perhaps. */
  test_holders(sweep, test_wait(sweep, "r rw"), "");
  assert_true(test_wait(sweep, "r rw")->open);
  test_holders(sweep, test_wait(sweep, "w left"), "");
  test_holders(sweep, test_wait(sweep, "w free"), "");
  assert_true(test_wait(sweep, "w free")->open); /* about to get it */
  assert_true(test_wait(sweep, "w anonymous")->open);

  const struct sweep_table *mutex = test_table(sweep, "mutex");
  assert_int_equal(mutex->kind, TABLE_MUTEX);
  assert_true(mutex->owner == test_actor(sweep, "owner")->key);
  assert_int_equal(mutex->items, 12);
  assert_int_equal(mutex->bytes, 3400);
  assert_int_equal(mutex->read_waiters, 1);
  assert_int_equal(mutex->write_waiters, 1);
  assert_true(mutex->wait_ns > 0 && mutex->held_ns >= 0);
  const struct sweep_table *rw = test_table(sweep, "rw");
  assert_int_equal(rw->kind, TABLE_RWLOCK);
  assert_true(rw->owner == 0 && rw->items == VALUE_UNKNOWN);
  assert_int_equal(test_table(sweep, "left")->kind, TABLE_TABLE);
  int64_t waited = mutex->wait_ns, held = mutex->held_ns;

  test_child_step(&target.child);
  sweep = test_target_round(&target);
  assert_int_equal(sweep->table_count, 0);
  test_holders(sweep, test_wait(sweep, "w rw"),
               "?"); /* only `second` is left, who has no row here */
  assert_true(test_wait(sweep, "w rw")->holder_count == 1);
  sweep = test_target_sweep(&target);
  test_holders(sweep, test_wait(sweep, "w mutex"), "owner second");
  test_holders(sweep, test_wait(sweep, "r mutex"), "owner");
  assert_true(test_table(sweep, "mutex")->wait_ns >= waited);
  assert_true(test_table(sweep, "mutex")->held_ns >= held);
  test_target_end(&target);
}

/* ---- rounds ---- */

static void open_round(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor server = actor("server"), leaver = actor("leaver"), runner = actor("runner");
  struct impasse_actor rich = actor("rich");
  struct impasse_mailbox more = impasse_mailbox_open(rich);
  impasse_put(more, 3);
  (void)impasse_call_begin(leaver, server.ref, 0, 0);
  struct impasse_wait call = impasse_call_begin(runner, server.ref, 0, 0);
  (void)impasse_call_begin(rich, server.ref, 0, 0);
  test_child_tell(out);
  test_child_await(in);
  impasse_actor_close(leaver);
  impasse_call_end(call);
  impasse_put(more, 1);
  (void)impasse_call_begin(server, rich.ref, 0, 0);
  test_child_tell(out);
}

static void a_round_reads_whom_the_last_sweep_saw_blocked(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_round, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  uint64_t leaver = test_actor(sweep, "leaver")->key;
  test_child_step(&target.child);
  sweep = test_target_round(&target);
  assert_int_equal(sweep->actor_count, 3);
  assert_null(test_find(sweep, "server")); /* blocked by now, but not when it was last seen */
  assert_int_equal(test_actor(sweep, "runner")->state, ACTOR_RUNNING);
  assert_int_equal(test_actor(sweep, "rich")->depth, 4);
  assert_int_equal(sweep->wait_count, 1);
  assert_true(sweep->waits[0].waiter == test_actor(sweep, "rich")->key);
  bool told = false;
  for (size_t i = 0; i < sweep->actor_count; i++)
    told |= sweep->actors[i].key == leaver && sweep->actors[i].state == ACTOR_EXITING;
  assert_true(told);
  sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "server")->state, ACTOR_BLOCKED);
  test_target_end(&target);
}

static void open_starved_pool(void *context, int in, int out)
{
  (void)context;
  struct impasse_pool pool = impasse_pool_open(impasse_text("pool"), 1);
  struct impasse_pool other = impasse_pool_open(impasse_text("other"), 1);
  struct impasse_actor none = {impasse_unknown()};
  struct impasse_actor busy = impasse_actor_open_in(impasse_text("busy"), none, pool);
  struct impasse_actor queued = impasse_actor_open_in(impasse_text("queued"), none, pool);
  impasse_runnable(impasse_actor_open_in(impasse_text("elsewhere"), none, other));
  struct impasse_worker worker = impasse_worker_begin(pool);
  impasse_runnable(queued);
  impasse_run_begin(&worker, busy);
  struct impasse_wait call = impasse_call_begin(busy, queued.ref, 0, 0);
  test_child_tell(out);
  test_child_await(in);
  impasse_call_end(call);
  impasse_actor_close(queued);
  test_child_tell(out);
}

static void a_round_reads_a_starved_pool_and_who_is_queued_for_it(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_starved_pool, NULL);
  test_target_open(&target);
  uint64_t queued = test_actor(test_target_sweep(&target), "queued")->key;
  const struct sweep *sweep = test_target_round(&target);
  assert_int_equal(sweep->actor_count, 3);
  assert_int_equal(test_actor(sweep, "busy")->state, ACTOR_BLOCKED);
  assert_int_equal(test_actor(sweep, "queued")->state, ACTOR_RUNNABLE);
  assert_int_equal(test_actor(sweep, "pool")->capacity, 1);
  test_child_step(&target.child);
  sweep = test_target_round(&target);
  assert_int_equal(test_actor(sweep, "busy")->state, ACTOR_RUNNING);
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep->actors[i].key == queued)
      assert_int_equal(sweep->actors[i].state, ACTOR_EXITING);
  (void)test_target_sweep(&target);
  sweep = test_target_round(&target);
  assert_int_equal(sweep->actor_count, 1); /* only who is on a thread: nobody keeps the pool's up */
  assert_int_equal(test_actor(sweep, "busy")->state, ACTOR_RUNNING);
  test_target_end(&target);
}

/* ---- questions ---- */

static void senders_are_those_who_wait(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_round, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  char *text = NULL;
  uint64_t server = test_actor(sweep, "server")->key;
  assert_int_equal(source_hook.ask(target.session, server, FEED_SENDERS, &text), 0);
  test_words(text, "leaver via call for ");
  test_words(text, "runner via call for ");
  free(text);
  assert_int_equal(
      source_hook.ask(target.session, test_actor(sweep, "rich")->key, FEED_SENDERS, &text), 0);
  assert_string_equal(text, "");
  free(text);
  assert_int_equal(source_hook.ask(target.session, server, FEED_MESSAGES, &text), -EOPNOTSUPP);
  assert_int_equal(source_hook.ask(target.session, server, FEED_STACK, &text), -EOPNOTSUPP);
  test_target_end(&target);
}

/* ---- a target that never pauses ---- */

static void churn(void *context, int in, int out)
{
  (void)context, (void)in;
  struct impasse_actor a = actor("a"), b = actor("b");
  struct impasse_table table = impasse_table_open(impasse_text("t"), IMPASSE_MUTEX);
  test_child_tell(out);
  for (;;) {
    impasse_put(impasse_mailbox_of(a), 1);
    struct impasse_wait call = impasse_call_begin(a, b.ref, 0, 0);
    impasse_table_acquired(table, b, IMPASSE_WRITE);
    struct impasse_actor brief = actor("brief");
    (void)impasse_call_begin(brief, a.ref, 0, 0);
    impasse_take(impasse_mailbox_of(a), 1);
    impasse_table_released(table, b);
    impasse_actor_close(brief);
    impasse_call_end(call);
  }
}

static void what_changes_all_the_time_is_never_read_half(void **state)
{
  (void)state;
  struct test_target target = test_target_start(churn, NULL);
  test_target_open(&target);
  for (int i = 0; i < 20000; i++) {
    const struct sweep *sweep =
        i % 4 == 0 ? test_target_sweep(&target) : test_target_round(&target);
    for (size_t n = 0; n < sweep->actor_count; n++)
      assert_true(sweep->actors[n].depth >= 0 || sweep->actors[n].state == ACTOR_EXITING);
    for (size_t n = 0; n < sweep->wait_count; n++) {
      assert_int_equal(sweep->waits[n].via, VIA_CALL);
      assert_true(sweep->waits[n].holder_count == 1 || sweep->waits[n].open);
      assert_true(sweep->waits[n].since_ns <= sweep->end_ns);
    }
  }
  test_target_end(&target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_name_their_holders),
      cmocka_unit_test(indirect_holders_are_followed),
      cmocka_unit_test(nesting_is_rank_and_what_is_beyond_the_slot_is_unknown),
      cmocka_unit_test(waits_for_tables_are_for_their_holders),
      cmocka_unit_test(a_round_reads_whom_the_last_sweep_saw_blocked),
      cmocka_unit_test(a_round_reads_a_starved_pool_and_who_is_queued_for_it),
      cmocka_unit_test(senders_are_those_who_wait),
      cmocka_unit_test(what_changes_all_the_time_is_never_read_half),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
