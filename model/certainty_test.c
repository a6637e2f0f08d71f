/* certainty_test.c - how sure: spans that meet, spans that do not, and what a core needs from
 * outside of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/certainty.h"

enum { NODES = 5 };

/* Five nodes with one group each: holders a and b, b = NODES for one only. */
struct picture {
  struct waitgraph graph;
  struct waitgraph_group groups[NODES];
  uint32_t holders[2 * NODES];
  uint32_t group_first[NODES + 1];
  struct certainty_span spans[NODES];
  uint8_t certainty[NODES];
};

static const struct certainty_span early = {10, 20, false}, late = {20, 30, false},
                                   whole = {10, 30, false}, mine = {10, 30, true};

static void draw(struct picture *p, uint32_t node, uint8_t needs, uint32_t a, uint32_t b,
                 struct certainty_span span)
{
  p->groups[node] = (struct waitgraph_group){
      .node = node, .holder_first = 2 * node, .holder_count = b < NODES ? 2 : 1, .needs = needs};
  p->holders[2 * node] = a;
  p->holders[2 * node + 1] = b;
  p->spans[node] = span;
  p->group_first[node] = node;
}

static void judge(struct picture *p)
{
  p->group_first[NODES] = NODES;
  p->graph = (struct waitgraph){
      .node_count = NODES, .group_count = NODES, .groups = p->groups, .holders = p->holders};
  assert_int_equal(waitgraph_reduce(&p->graph), 0);
  assert_int_equal(certainty_judge(&p->graph, p->group_first, p->spans, p->certainty), 0);
  waitgraph_done(&p->graph);
}

/* 0 <-> 1, 2 <-> 3, and 4 as given. */
static void draw_two_circles(struct picture *p, struct certainty_span first,
                             struct certainty_span second)
{
  draw(p, 0, NEEDS_ALL, 1, NODES, whole);
  draw(p, 1, NEEDS_ALL, 0, NODES, first);
  draw(p, 2, NEEDS_ALL, 3, NODES, whole);
  draw(p, 3, NEEDS_ALL, 2, NODES, second);
}

static void spans_must_have_an_instant_in_common(void **context)
{
  struct picture p;

  (void)context;
  draw_two_circles(&p, early, late);
  p.spans[2] = early; /* early and late only touch */
  draw(&p, 4, NEEDS_ALL, 0, NODES, late);
  judge(&p);
  assert_int_equal(p.certainty[0], CERTAINTY_CONFIRMED);
  assert_int_equal(p.certainty[1], CERTAINTY_CONFIRMED);
  assert_int_equal(p.certainty[2], CERTAINTY_SUSPECTED);
  assert_int_equal(p.certainty[4],
                   CERTAINTY_CONFIRMED); /* as what it is behind, whenever it came */
}

static void every_wait_must_be_exclusive_to_be_proven(void **context)
{
  struct picture p;

  (void)context;
  draw_two_circles(&p, mine, mine);
  p.spans[0] = mine;
  draw(&p, 4, NEEDS_ALL, 0, NODES, whole);
  judge(&p);
  assert_int_equal(p.certainty[0], CERTAINTY_PROVEN);
  assert_int_equal(p.certainty[2], CERTAINTY_CONFIRMED);
  assert_int_equal(p.certainty[4], CERTAINTY_PROVEN);
}

/* 0 any {1, 2}: the circle of 0 and 1 holds only as long as that of 2 and 3 does. */
static void a_core_needs_what_its_any_waits_need(void **context)
{
  struct picture p;

  (void)context;
  for (int any = 0; any <= 1; any++) {
    draw_two_circles(&p, whole, late);
    p.spans[2] = early;
    draw(&p, 0, any ? NEEDS_ANY : NEEDS_ALL, 1, 2, whole);
    draw(&p, 4, NEEDS_ALL, 0, NODES, whole);
    judge(&p);
    assert_int_equal(p.certainty[0], any ? CERTAINTY_SUSPECTED : CERTAINTY_CONFIRMED);
    assert_int_equal(p.certainty[4], any ? CERTAINTY_SUSPECTED : CERTAINTY_CONFIRMED);
  }
}

/* 4 behind a suspected circle and a confirmed one: all of both, any of both. */
static void a_victim_of_two_is_as_sure_as_it_needs_them(void **context)
{
  struct picture p;

  (void)context;
  for (int any = 0; any <= 1; any++) {
    draw_two_circles(&p, whole, late);
    p.spans[2] = early;
    draw(&p, 4, any ? NEEDS_ANY : NEEDS_ALL, 0, 2, whole);
    judge(&p);
    assert_int_equal(p.certainty[4], any ? CERTAINTY_SUSPECTED : CERTAINTY_CONFIRMED);
  }
}

static void who_is_free_has_no_certainty(void **context)
{
  struct picture p;

  (void)context;
  draw_two_circles(&p, whole, whole);
  draw(&p, 4, NEEDS_ALL, 0, NODES, whole);
  p.groups[4].timed =
      true; /* behind a circle, but a timeout ends it: a victim of the second reduction */
  p.groups[2].open = true;
  p.groups[2].needs = NEEDS_ANY;
  judge(&p);
  assert_int_equal(p.certainty[2], ENUM_UNKNOWN);
  assert_int_equal(p.certainty[3], ENUM_UNKNOWN);
  assert_int_equal(p.certainty[4], CERTAINTY_CONFIRMED);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans_must_have_an_instant_in_common),
      cmocka_unit_test(every_wait_must_be_exclusive_to_be_proven),
      cmocka_unit_test(a_core_needs_what_its_any_waits_need),
      cmocka_unit_test(a_victim_of_two_is_as_sure_as_it_needs_them),
      cmocka_unit_test(who_is_free_has_no_certainty),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
