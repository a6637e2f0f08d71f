/*
 * Contention for ETS tables of real nodes: the sampled shares against what the node itself measures by timing its calls,
 * who waits by name in every kind of table, quiet nodes, nodes that stand still or die, and one sampler a node.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <time.h>

#include "probe/beam/table/lock_sampler.h"
#include "probe/beam/table/table.h"
#include "probe/beam/test_node.h"

enum { LINE_BYTES = 1024, SAMPLES_ENOUGH = 300, DUELS_MOST = 5 };

static void pause_ms(long ms)
{
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  (void)nanosleep(&time, NULL); /* between two looks at something that has a deadline */
}

static uint64_t now_ns(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- a sampler by itself ---- */

struct watch {
  struct test_node *node;
  struct beam_table_list *list;
  struct beam_lock_sampler *sampler;
  struct beam_lock_report report;
};

static struct watch open_watch(const char *text, const char *const *args)
{
  struct watch w = {.node = test_node_start(text, args)};
  w.list = beam_table_list_new(&w.node->node);
  assert_non_null(w.list);
  assert_int_equal(beam_lock_sampler_new(&w.node->node, w.node->target, &w.sampler), 0);
  return w;
}

static void close_watch(struct watch *w)
{
  beam_lock_report_done(&w->report);
  beam_lock_sampler_free(w->sampler);
  beam_table_list_free(w->list);
  test_node_stop(w->node);
}

static void plan(struct watch *w)
{
  const struct beam_table *tables;
  size_t count;
  bool whole;
  assert_int_equal(beam_table_list_read(w->list, &tables, &count, &whole), 0);
  struct beam_lock_plan *plan = beam_lock_plan_new(&w->node->node, tables, count);
  assert_non_null(plan);
  beam_lock_sampler_plan(w->sampler, plan);
}

static void report(struct watch *w)
{
  beam_lock_report_done(&w->report);
  assert_int_equal(beam_lock_sampler_report(w->sampler, &w->report), 0);
}

/* Waits until so many more samples are taken, with new plans now and then as sweeps bring them. */
static void take_samples(struct watch *w, uint64_t samples)
{
  uint64_t deadline = now_ns() + TEST_NODE_DEADLINE_MS * UINT64_C(1000000);
  report(w);
  uint64_t from = w->report.sample_count;
  while (w->report.sample_count < from + samples) {
    if (now_ns() > deadline)
      fail_msg("%llu samples in a minute, error %d",
               (unsigned long long)(w->report.sample_count - from), w->report.error);
    pause_ms(50);
    plan(w);
    report(w);
  }
}

/* The sums of the duel's table: the public one with two items. */
static const struct beam_lock_sums *duel_of(struct watch *w)
{
  const struct beam_table *tables;
  size_t count;
  bool whole;
  uint64_t key = 0;
  assert_int_equal(beam_table_list_read(w->list, &tables, &count, &whole), 0);
  for (size_t i = 0; i < count; i++)
    if ((tables[i].status & BEAM_TABLE_PUBLIC) && tables[i].items == 2)
      key = tables[i].key;
  for (size_t i = 0; i < w->report.count; i++)
    if (w->report.sums[i].key == key)
      return &w->report.sums[i];
  fail_msg("the table is not sampled");
  return NULL;
}

/* ---- shares, measured in two ways ---- */

/* A writer copies a large term into the table for about half of the time; a reader asks for a small one again and
 * again, and has to wait as long as the writer writes. Both add up the time of their calls: the reader's calls that
 * take long are those that waited. On a line each, both tell: time in calls, time passed. The term is so large that
 * copying it takes much longer than the emulator spins for a lock before it sleeps, which nobody sees. */
#define DUEL                                                                                       \
  "Main = self(), spawn(fun() -> T = ets:new(duel, [public, set]), "                               \
  "Big = {big, lists:seq(1, 1500000)}, ets:insert(T, [{small, 1}, Big]), Main ! go, "              \
  "Now = fun() -> erlang:monotonic_time(nanosecond) end, "                                         \
  "Timed = fun(F) -> A = Now(), F(), Now() - A end, "                                              \
  "Spin = fun S(Until) -> case Now() < Until of true -> S(Until); false -> ok end end, "           \
  "Loop = fun L(Act, In, Since) -> receive stop -> {In, Now() - Since}; "                          \
  "start -> L(Act, 0, Now()) after 0 -> L(Act, In + Act(), Since) end end, "                       \
  "Run = fun(Name, Act) -> spawn(fun() -> register(Name, self()), {In, All} = Loop(Act, 0, "       \
  "Now()), "                                                                                       \
  "io:format(\"~s ~b ~b~n\", [Name, In, All]) end) end, "                                          \
  "Run(writer, fun() -> D = Timed(fun() -> ets:insert(T, Big) end), Spin(Now() + D), D end), "     \
  "Run(reader, fun() -> case Timed(fun() -> ets:lookup(T, small) end) of "                         \
  "D when D > 100000 -> D; _ -> 0 end end), "                                                      \
  "(fun C() -> case io:get_line(\"\") of \"start\\n\" -> writer ! start, reader ! start, "         \
  "io:format(\"started~n\"), C(); \"stop\\n\" -> writer ! stop, reader ! stop, C() end end)() "    \
  "end), "                                                                                         \
  "receive go -> ok end"

/* Time in calls over time passed, from the two lines. */
static void take_shares(struct test_node *node, double *ret_writer, double *ret_reader)
{
  for (int i = 0; i < 2; i++) {
    char line[LINE_BYTES], who[16];
    long long in, all;
    assert_true(test_node_line(node, line, sizeof line));
    if (sscanf(line, "%15s %lld %lld", who, &in, &all) != 3 || all <= 0)
      fail_msg("the node says \"%s\"", line);
    *(strcmp(who, "writer") == 0 ? ret_writer : ret_reader) = (double)in / (double)all;
  }
}

static bool is_share(const char *what, double sampled, double least, double most)
{
  print_message("%s: sampled %.3f, wanted %.3f to %.3f\n", what, sampled, least, most);
  /* 300 independent samples of one half have a standard deviation of 0.03; neighbours are not quite independent. */
  return sampled >= least - 0.2 && sampled <= most + 0.2;
}

/* Whether what is sampled of one duel is what both sides measure. */
static bool duel_agrees(void)
{
  char line[LINE_BYTES];
  struct watch w = open_watch(DUEL, NULL);
  plan(&w);
  take_samples(&w, 10);
  test_node_tell(w.node, "start");
  assert_true(test_node_line(w.node, line, sizeof line));
  report(&w);
  struct beam_lock_sums before = *duel_of(&w);
  uint64_t begin = w.report.at_ns;
  take_samples(&w, SAMPLES_ENOUGH);
  struct beam_lock_sums after = *duel_of(&w);
  double passed = (double)(w.report.at_ns - begin);
  test_node_tell(w.node, "stop");
  double writer = 0, reader = 0;
  take_shares(w.node, &writer, &reader);
  bool held = is_share("held", (double)(after.held_ns - before.held_ns) / passed, writer, writer);
  /* The emulator yields while it spins, which lasts when others want the processor: up to half is spun. */
  bool waited =
      is_share("waited for", (double)(after.wait_ns - before.wait_ns) / passed, reader / 2, reader);
  bool contended = after.contended_count > before.contended_count;
  close_watch(&w);
  return held && waited && contended;
}

/* Where others want the processor, the sides measure how long they waited for that, too: not every duel can agree. */
static void sampled_shares_are_what_the_node_measures(void **state)
{
  (void)state;
  for (int i = 0; i < DUELS_MOST; i++)
    if (duel_agrees())
      return;
  fail_msg("no duel of %d agrees", DUELS_MOST);
}

/* ---- what is not contention ---- */

static void a_quiet_node_shows_no_waits(void **state)
{
  (void)state;
  struct watch w = open_watch("[ets:new(quiet, [public, {write_concurrency, W}, K]) || W <- [true, "
                              "false], K <- [set, ordered_set]]",
                              NULL);
  plan(&w);
  take_samples(&w, 100);
  assert_true(w.report.samples && w.report.count >= 4);
  for (size_t i = 0; i < w.report.count; i++) {
    assert_int_equal(w.report.sums[i].wait_ns, 0);
    assert_int_equal(w.report.sums[i].contended_count, 0);
    assert_int_equal(w.report.sums[i].read_waiters + w.report.sums[i].write_waiters, 0);
  }
  assert_int_equal(w.report.waiter_count, 0);
  assert_true(w.report.interval_ns >= 10000000); /* never more than 100 Hz */
  close_watch(&w);
}

/* Stopped in the middle of a fight: the locks stay as they are, and nobody is to blame for it. */
static void a_stopped_node_adds_nothing(void **state)
{
  (void)state;
  char line[LINE_BYTES];
  struct watch w = open_watch(DUEL, NULL);
  plan(&w);
  test_node_tell(w.node, "start");
  assert_true(test_node_line(w.node, line, sizeof line));
  take_samples(&w, 50);
  assert_int_equal(kill(w.node->pid, SIGSTOP), 0);
  take_samples(
      &w, 20); /* it has noticed by then: it looks every 100 ms, and samples at most every 10 */
  struct beam_lock_sums before = *duel_of(&w);
  take_samples(&w, 50);
  struct beam_lock_sums after = *duel_of(&w);
  assert_int_equal(after.held_ns, before.held_ns);
  assert_int_equal(after.wait_ns, before.wait_ns);
  assert_int_equal(kill(w.node->pid, SIGCONT), 0);
  close_watch(&w);
}

static void a_node_that_dies_ends_the_sampling(void **state)
{
  (void)state;
  struct watch w = open_watch(DUEL, NULL);
  plan(&w);
  take_samples(&w, 10);
  assert_int_equal(kill(w.node->pid, SIGKILL), 0);
  uint64_t deadline = now_ns() + TEST_NODE_DEADLINE_MS * UINT64_C(1000000);
  do {
    pause_ms(10);
    report(&w);
  } while (w.report.samples && now_ns() < deadline);
  assert_false(w.report.samples);
  assert_int_equal(w.report.error, -ESRCH);
  close_watch(&w);
}

/* ---- whole sweeps: who waits, by name ---- */

extern const struct source source_beam;

struct session {
  struct test_node *node;
  void *session;
  struct sweep *sweep;
};

static struct session open_session(const char *text, const char *const *args)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct session s = {.node = test_node_start(text, args)};
  int error = source_beam.open(s.node->target, &s.session, reason);
  if (error)
    fail_msg("not opened: %d %s", error, reason);
  return s;
}

static void close_session(struct session *s)
{
  sweep_free(s->sweep);
  source_beam.close(s->session);
  test_node_stop(s->node);
}

static void sweep_again(struct session *s)
{
  sweep_free(s->sweep);
  s->sweep = NULL;
  assert_int_equal(source_beam.sweep(s->session, &s->sweep), 0);
  assert_int_equal(sweep_check(s->sweep), 0);
}

static const struct sweep_table *table_named(const struct session *s, const char *name)
{
  for (size_t i = 0; i < s->sweep->table_count; i++)
    if (strcmp(sweep_text(s->sweep, s->sweep->tables[i].name) ?: "", name) == 0)
      return &s->sweep->tables[i];
  fail_msg("no table %s", name);
  return NULL;
}

/* A wait for the battlefield by one of the fighters. */
static bool fighter_waits(const struct session *s)
{
  const struct sweep *sweep = s->sweep;
  for (size_t i = 0; i < sweep->wait_count; i++) {
    const struct sweep_wait *wait = &sweep->waits[i];
    const char *object = sweep_text(sweep, wait->object);
    if (!object || strcmp(object, "ets battlefield") != 0)
      continue;
    assert_true(wait->open && wait->holder_count == 0 && wait->timeout == TIMEOUT_NONE);
    assert_true(wait->via == VIA_LOCK || wait->via == VIA_RDLOCK);
    for (size_t a = 0; a < sweep->actor_count; a++)
      if (sweep->actors[a].key == wait->waiter) {
        assert_int_equal(sweep->actors[a].state, ACTOR_BLOCKED);
        const char *name = sweep_text(sweep, sweep->actors[a].name);
        return name && strncmp(name, "fighter_", 8) == 0;
      }
  }
  return false;
}

/* Fighters write large terms under one key, so that one bucket, one leaf or the table is held for long. */
static void fight_in(const char *options)
{
  char text[2048];
  (void)snprintf(text, sizeof text,
                 "Main = self(), spawn(fun() -> ets:new(battlefield, [named_table, public, %s]), "
                 "Big = lists:seq(1, 100000), "
                 "[register(list_to_atom(\"fighter_\" ++ integer_to_list(I)), spawn(fun() -> (fun "
                 "Loop() -> ets:insert(battlefield, {key, Big}), Loop() end)() end)) || I <- "
                 "lists:seq(1, 6)], Main ! go, receive never -> ok end end), receive go -> ok end",
                 options);
  struct session s = open_session(text, NULL);
  uint64_t deadline = now_ns() + TEST_NODE_DEADLINE_MS * UINT64_C(1000000);
  bool waits = false;
  const struct sweep_table *table;
  do {
    pause_ms(100);
    sweep_again(&s);
    waits |= fighter_waits(&s);
    table = table_named(&s, "battlefield");
  } while (now_ns() < deadline &&
           (!waits || table->wait_ns <= 0 || table->held_ns <= 0 || table->max_wait_ns <= 0));
  print_message("%s: held %lld ms, waited for %lld ms, %lld waits, the longest %lld us\n", options,
                (long long)table->held_ns / 1000000, (long long)table->wait_ns / 1000000,
                (long long)table->contended_count, (long long)table->max_wait_ns / 1000);
  if (!waits)
    fail_msg("%s: nobody was seen to wait", options);
  assert_true(table->wait_ns > 0 && table->held_ns > 0 && table->contended_count > 0);
  close_session(&s);
}

static void waiters_are_named_in_every_kind_of_table(void **state)
{
  (void)state;
  fight_in("set");
#ifndef __SANITIZE_THREAD__ /* there each takes a minute, and threads meet in all of them alike */
  fight_in("set, {read_concurrency, true}");
  fight_in("set, {write_concurrency, true}");
  fight_in("ordered_set");
  fight_in("ordered_set, {write_concurrency, true}");
#endif
}

/* ---- one sampler a node ---- */

static bool has_gap(const struct sweep *sweep, const char *words)
{
  for (size_t i = 0; i < sweep->gap_count; i++)
    if (strstr(sweep_text(sweep, sweep->gaps[i].reason) ?: "", words))
      return true;
  return false;
}

static void the_second_reader_says_who_samples_and_takes_over(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES] = "", words[64];
  void *second = NULL;
  struct sweep *sweep = NULL;
  struct session s = open_session("ets:new(one, [named_table])", NULL);
  sweep_again(&s);
  assert_false(has_gap(s.sweep, "samples"));
  assert_int_equal(source_beam.open(s.node->target, &second, reason), 0);
  assert_int_equal(source_beam.sweep(second, &sweep), 0);
  (void)snprintf(words, sizeof words, "process %d samples", (int)getpid());
  assert_true(has_gap(sweep, words));
  assert_true(sweep->table_count > 0);
  for (size_t i = 0; i < sweep->table_count; i++) {
    assert_int_equal(sweep->tables[i].wait_ns, VALUE_UNKNOWN);
    assert_true(sweep->tables[i].items >= 0);
  }
  sweep_free(sweep);
  source_beam.close(s.session);
  s.session = second;
  uint64_t deadline = now_ns() + TEST_NODE_DEADLINE_MS * UINT64_C(1000000);
  do {
    pause_ms(20);
    sweep_again(&s);
  } while (table_named(&s, "one")->wait_ns == VALUE_UNKNOWN && now_ns() < deadline);
  assert_int_equal(table_named(&s, "one")->wait_ns, 0);
  assert_false(has_gap(s.sweep, "samples"));
  close_session(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sampled_shares_are_what_the_node_measures),
      cmocka_unit_test(a_quiet_node_shows_no_waits),
      cmocka_unit_test(a_stopped_node_adds_nothing),
      cmocka_unit_test(a_node_that_dies_ends_the_sampling),
      cmocka_unit_test(waiters_are_named_in_every_kind_of_table),
      cmocka_unit_test(the_second_reader_says_who_samples_and_takes_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
