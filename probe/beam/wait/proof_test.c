/* proof_test.c - which links of a circle nobody but the callee can end, in real nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/wait/proof_circle.h"
#include "probe/beam/wait/test_waits.h"

enum {
  READINGS = 60, /* more than a search of a small node takes */
  DEADLINE_S = 20,
};

static void circles_are_found_and_what_leads_to_them_is_not(void **state)
{
  /* 0 -> 1 -> 2 -> 0, 3 -> 0, 4 -> 4, 5 -> nobody who waits */
  static const uint64_t HOLDERS[] = {101, 102, 100, 100, 104, 999};
  struct beam_proc procs[6] = {0};
  struct beam_proof_link links[6] = {0};
  uint32_t found[6], next[6];
  (void)state;
  for (size_t i = 0; i < 6; i++) {
    procs[i].key = 100 + i;
    links[i].waiter = &procs[i];
    links[i].holder = HOLDERS[i];
  }
  assert_int_equal(beam_proof_circle_find(links, 6, found, next, 6), 4);
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(links[found[i]].holder, procs[next[i]].key);
  assert_int_equal(found[3], 4);
  assert_int_equal(beam_proof_circle_find(links, 6, found, next, 2), 2);
  assert_int_equal(beam_proof_circle_find(links, 0, found, next, 2), 0);
}

static void a_circle_of_three_is_proven(void **state)
{
  static const char *const LINES[] = {"one -> two, gen_server:call, all, none, exclusive",
                                      "two -> three, gen_server:call, all, none, exclusive",
                                      "three -> one, gen_server:call, all, none, exclusive", NULL};
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits, "waits:circle([one, two, three])", NULL);
  test_waits_expect(&waits, LINES);
  assert_true(waits.sweep->passing_ns > 0); /* the reading in which the search ended */
  test_waits_read(&waits);
  assert_int_equal(waits.sweep->passing_ns, 0);
  test_waits_stop(&waits);
}

static void a_circle_of_fifty_is_proven(void **state)
{
  struct test_waits waits;
  size_t exclusive = 0;
  (void)state;
  test_waits_start(
      &waits, "waits:circle([list_to_atom(\"s\" ++ integer_to_list(I)) || I <- lists:seq(1, 50)])",
      NULL);
  for (int round = 0; round < 10 * READINGS && exclusive < 50; round++) {
    test_waits_read(&waits);
    exclusive = 0;
    for (size_t i = 0; i < waits.sweep->wait_count; i++)
      exclusive += waits.sweep->waits[i].exclusive;
  }
  assert_int_equal(exclusive, 50);
  test_waits_stop(&waits);
}

/* A helper holds the reference of one link, so others than the callee may end it; the request of the other was not even
 * read. When the helper is killed, nobody may. */
static void who_may_answer_for_the_callee_opens_the_wait(void **state)
{
  static const char *const LINES[] = {"first -> second ?, gen_server:call, any, none",
                                      "second -> first, gen_server:call, all, none, exclusive",
                                      NULL};
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits,
                   "waits:deferred(), "
                   "spawn(fun() -> io:get_line(\"\"), exit(whereis(helper), kill) end)",
                   NULL);
  test_waits_expect(&waits, LINES);
  for (int i = 0; i < READINGS; i++) {
    test_waits_read(&waits);
    assert_true(test_waits_has(&waits, LINES[0]));
    assert_true(test_waits_has(&waits, LINES[1]));
  }
  test_node_tell(waits.node, "go");
  bool open = true; /* its memory may still hold the reference when it is gone: proven or not */
  for (time_t begin = time(NULL); open && time(NULL) - begin < DEADLINE_S;) {
    test_waits_read(&waits);
    open = test_waits_has(&waits, LINES[0]);
  }
  assert_false(open);
  assert_int_equal(test_waits_of(&waits, "first"), 1);
  test_waits_stop(&waits);
}

/* A process that has seen the reference and forgotten it cannot answer: the circle stands, but is not proven. */
static void garbage_opens_no_wait(void **state)
{
  static const char *const LINES[] = {"first -> second, gen_server:call, all, none",
                                      "second -> first, gen_server:call, all, none, exclusive",
                                      NULL};
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits, "waits:spied()", NULL);
  test_waits_expect(&waits, LINES);
  for (int i = 0; i < READINGS; i++) {
    test_waits_read(&waits);
    assert_true(test_waits_has(&waits, LINES[0]));
    assert_true(test_waits_has(&waits, LINES[1]));
  }
  test_waits_stop(&waits);
}

/* The reference may have gone to another node: only what was not read is sure. */
static void a_node_with_a_name_proves_what_is_unread_only(void **state)
{
  static const char *const LINES[] = {"one -> two, gen_server:call, all, none",
                                      "two -> one, gen_server:call, all, none, exclusive", NULL};
  char name[64], port[16];
  const char *const args[] = {"-sname", name, "-start_epmd", "false", "-erl_epmd_port", port, NULL};
  struct test_waits waits;
  (void)state;
  (void)snprintf(name, sizeof name, "proof_%d", (int)getpid());
  (void)snprintf(port, sizeof port, "%d", 20000 + (int)getpid() % 10000); /* needs no epmd */
  test_waits_start(&waits, "waits:circle([one, two])", args);
  test_waits_expect(&waits, LINES);
  for (int i = 0; i < READINGS; i++) {
    test_waits_read(&waits);
    assert_true(test_waits_has(&waits, LINES[0]));
  }
  test_waits_stop(&waits);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(circles_are_found_and_what_leads_to_them_is_not),
      cmocka_unit_test(a_circle_of_three_is_proven),
      cmocka_unit_test(a_circle_of_fifty_is_proven),
      cmocka_unit_test(who_may_answer_for_the_callee_opens_the_wait),
      cmocka_unit_test(garbage_opens_no_wait),
      cmocka_unit_test(a_node_with_a_name_proves_what_is_unread_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
