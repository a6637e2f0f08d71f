/* callgraph_test.c - what the memory of edges promises: episodes, instances, gates, and that it is
 * bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/callgraph.h"

#define TARGET 7

static int begin(void **context)
{
  *context = callgraph_new();
  return *context ? 0 : -1;
}

static int end(void **context)
{
  callgraph_free(*context);
  return 0;
}

/* a -> b, borne by these two actors of one target. */
static struct callgraph_sight sight(const char *a, uint64_t actor_a, const char *b,
                                    uint64_t actor_b)
{
  return (struct callgraph_sight){
      .waiter = {TARGET, actor_a},
      .holder = {TARGET, actor_b},
      .waiter_name = a,
      .holder_name = b,
      .via = VIA_CALL,
  };
}

static struct snapshot *filled(struct callgraph *callgraph)
{
  struct snapshot_builder *b = snapshot_builder_new((struct tick_clock){0}, 1, "host", "boot");
  struct snapshot *s = NULL;

  assert_int_equal(snapshot_builder_relation(b, RELATION_TARGETS, 1), 0);
  snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_TARGET_KEY)[0] = TARGET;
  snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[0] = snapshot_builder_text(b, "shop");
  assert_int_equal(callgraph_fill(callgraph, b, "host"), 0);
  assert_int_equal(snapshot_builder_finish(b, &s), 0);
  return s;
}

static int64_t number(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_CALL_GRAPH, column, row);
}

static void episodes_are_counted_and_last(void **context)
{
  struct callgraph_sight ab = sight("a", 1, "b", 2);
  struct callgraph_place place = callgraph_episode(*context, &ab, 1000);
  struct snapshot *s;

  callgraph_lasts(*context, place, 5000);
  ab.timed = true;
  (void)callgraph_episode(*context, &ab, 7000);
  s = filled(*context);
  assert_int_equal(snapshot_rows(s, RELATION_CALL_GRAPH), 1);
  assert_int_equal(number(s, CALL_GRAPH_EPISODES, 0), 2);
  assert_int_equal(number(s, CALL_GRAPH_TIMED, 0), 1);
  assert_int_equal(number(s, CALL_GRAPH_FIRST_SEEN, 0), 1);
  assert_int_equal(number(s, CALL_GRAPH_LAST_SEEN, 0), 7);
  assert_string_equal(snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_TARGET, 0), "shop");
  snapshot_unref(s);
}

static void rows_come_in_the_order_of_their_keys(void **context)
{
  static const char *const names[] = {"c", "a", "b", "a"};
  struct snapshot *s;

  for (int i = 0; i < 3; i++) {
    struct callgraph_sight edge = sight(names[i], 1, names[i + 1], 2);

    (void)callgraph_episode(*context, &edge, 0);
    edge.via = VIA_LOCK; /* another edge of the same two */
    (void)callgraph_episode(*context, &edge, 0);
  }
  s = filled(*context); /* debug builds assert the order of all key columns */
  assert_int_equal(snapshot_rows(s, RELATION_CALL_GRAPH), 6);
  assert_string_equal(snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER, 0), "a");
  assert_int_equal(snapshot_enum(s, RELATION_CALL_GRAPH, CALL_GRAPH_VIA, 0), VIA_CALL);
  assert_int_equal(snapshot_enum(s, RELATION_CALL_GRAPH, CALL_GRAPH_VIA, 1), VIA_LOCK);
  assert_string_equal(snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER, 5), "c");
  snapshot_unref(s);
}

static void a_new_instance_of_a_name_starts_its_episodes_anew(void **context)
{
  struct callgraph_sight old = sight("a", 1, "b", 2), young = sight("a", 1, "b", 3);
  struct snapshot *s;

  (void)callgraph_episode(*context, &old, 0);
  (void)callgraph_episode(*context, &old, 0);
  (void)callgraph_episode(*context, &young, 0);
  s = filled(*context);
  assert_int_equal(number(s, CALL_GRAPH_EPISODES, 0), 3);
  assert_int_equal(number(s, CALL_GRAPH_INSTANCE_EPISODES, 0), 1);
  assert_int_equal(number(s, CALL_GRAPH_HOLDER_ACTOR, 0), 3);
  snapshot_unref(s);
}

static void a_gate_was_there_every_time(void **context)
{
  const struct callgraph_actor first[] = {{TARGET, 0xa}, {TARGET, 0xb}, {TARGET, 0xc}};
  const struct callgraph_actor second[] = {{TARGET, 0xc}, {TARGET, 0xa}, {TARGET, 0xd}};
  struct callgraph_sight ab = sight("a", 1, "b", 2);
  struct snapshot *s;

  ab.behind = first;
  ab.behind_count = 3;
  (void)callgraph_episode(*context, &ab, 0);
  ab.behind = second;
  (void)callgraph_episode(*context, &ab, 0);
  s = filled(*context);
  assert_string_equal(snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_GATES, 0), "7:a 7:c");
  snapshot_unref(s);
  ab.behind_count = 0;
  (void)callgraph_episode(*context, &ab, 0);
  s = filled(*context);
  assert_null(snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_GATES, 0));
  snapshot_unref(s);
}

/* Whether an edge of the snapshot has this waiter. */
static bool has_waiter(const struct snapshot *s, const char *name)
{
  for (uint32_t i = 0; i < snapshot_rows(s, RELATION_CALL_GRAPH); i++)
    if (strcmp(snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER, i), name) == 0)
      return true;
  return false;
}

static void the_ones_seen_longest_ago_are_forgotten_first(void **context)
{
  struct callgraph_place place = {0};
  struct snapshot *s;
  char name[32];

  for (int i = 0; i < CALLGRAPH_EDGES_MAX + 100; i++) {
    struct callgraph_sight edge = sight(name, 1, "server", 2);
    struct callgraph_place at;

    (void)snprintf(name, sizeof(name), "client %d", i);
    at = callgraph_episode(*context, &edge, 1000 * (int64_t)i);
    if (i == 0)
      place = at;
    callgraph_lasts(*context, place, 1000 * (int64_t)i); /* the first one's wait never ends */
  }
  s = filled(*context);
  assert_in_range(snapshot_rows(s, RELATION_CALL_GRAPH), CALLGRAPH_EDGES_MAX / 2,
                  CALLGRAPH_EDGES_MAX);
  assert_true(has_waiter(s, "client 0"));
  assert_false(has_waiter(s, "client 1"));
  assert_true(has_waiter(s, name));
  snapshot_unref(s);
}

static void the_place_of_a_forgotten_edge_is_nobodys(void **context)
{
  struct callgraph_sight ab = sight("a", 1, "b", 2), cd = sight("c", 3, "d", 4);
  struct callgraph_place place = callgraph_episode(*context, &ab, 1000);
  struct snapshot *s;

  callgraph_forget(*context, TARGET);
  (void)callgraph_episode(*context, &cd, 1000);
  callgraph_lasts(*context, place, 9000);
  callgraph_lasts(*context, (struct callgraph_place){UINT32_MAX, 0}, 9000);
  s = filled(*context);
  assert_int_equal(snapshot_rows(s, RELATION_CALL_GRAPH), 1);
  assert_int_equal(number(s, CALL_GRAPH_LAST_SEEN, 0), 1);
  snapshot_unref(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(episodes_are_counted_and_last),
      TEST(rows_come_in_the_order_of_their_keys),
      TEST(a_new_instance_of_a_name_starts_its_episodes_anew),
      TEST(a_gate_was_there_every_time),
      TEST(the_ones_seen_longest_ago_are_forgotten_first),
      TEST(the_place_of_a_forgotten_edge_is_nobodys),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
