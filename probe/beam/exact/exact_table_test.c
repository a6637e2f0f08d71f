/* Rows of ETS tables with exact waits, on a real node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "model/sweep.h"
#include "probe/beam/exact/exact.h"
#include "probe/beam/exact/test_exact.h"
#include "probe/beam/table/table.h"

static const char *const TWO_SCHEDULERS[] = {"+S", "2:2", NULL};

/* A reader goes through the table `fought` again and again and a writer wants it a few hundred times a second; with
 * each line it prints how long its inserts took since it began, in ns. Nobody wants `quiet`. */
static const char STORM[] =
    "ets:new(quiet, [public, named_table]), ets:new(fought, [public, named_table]), "
    "[ets:insert(T, {I, I}) || T <- [quiet, fought], I <- lists:seq(1, 50000)], "
    "spawn_opt(fun F() -> "
    "  ets:select_count(fought, [{{'$1', '_'}, [{'<', '$1', 0}], [true]}]), F() "
    "  end, [{scheduler, 1}]), "
    "Writer = spawn_opt(fun F() -> receive {go, From} -> ok end, "
    "  From ! {took, lists:sum([begin A = erlang:monotonic_time(nanosecond), ets:insert(fought, "
    "{0, 0}), "
    "    B = erlang:monotonic_time(nanosecond), timer:sleep(1), B - A end || _ <- lists:seq(1, "
    "500)])}, "
    "  F() end, [{scheduler, 2}]), "
    "spawn(fun F() -> io:get_line(\"\"), Writer ! {go, self()}, receive {took, N} -> "
    "  io:format(\"took ~p~n\", [N]) end, F() end), "
    "io:format(\"~p~n\", [Writer])";

struct rows {
  struct sweep_table fought, quiet;
};

static struct rows read_rows(struct beam_tables *tables)
{
  struct sweep *sweep = sweep_new(1, SOURCE_TAG_BEAM, SWEEP_FULL);
  struct rows rows = {0};
  assert_non_null(sweep);
  assert_int_equal(beam_tables_read(tables, sweep), 0);
  for (size_t i = 0; i < sweep->table_count; i++) {
    const char *name = sweep_text(sweep, sweep->tables[i].name);
    if (name && strcmp(name, "fought") == 0)
      rows.fought = sweep->tables[i];
    if (name && strcmp(name, "quiet") == 0)
      rows.quiet = sweep->tables[i];
  }
  sweep_free(sweep);
  assert_true(rows.fought.key && rows.quiet.key);
  return rows;
}

/* Lets the writer work; how long its inserts took, in ns. */
static int64_t work(struct test_node *node)
{
  char line[256];
  int64_t took_ns;
  test_node_tell(node, "go");
  assert_true(test_node_line(node, line, sizeof line));
  if (sscanf(line, "took %" SCNd64, &took_ns) != 1)
    fail_msg("the node says %s", line);
  return took_ns;
}

static void waits_go_to_the_table_that_is_fought_over(void **state)
{
  struct test_node *node = test_node_spawn(STORM, TWO_SCHEDULERS);
  char reason[SOURCE_REASON_BYTES] = "";
  struct beam_tables *tables = NULL;
  struct beam_exact *exact = NULL;
  struct beam_atoms *atoms;
  struct rows before, after;
  int64_t took_ns;
  (void)state;
  (void)test_exact_proc(node);
  atoms = beam_atoms_new(&node->node);
  assert_int_equal(beam_tables_new(&node->node, atoms, node->target, &tables), 0);
  if (test_exact_hidden(node))
    goto out; /* exact_test sees that it is refused */
  assert_int_equal(beam_exact_open(&node->node, node->target, &exact, reason), 0);
  assert_int_equal(beam_tables_exact(tables, exact), 0);
  before = read_rows(tables);
  took_ns = work(node);
  after = read_rows(tables);
  assert_true(after.fought.contended_count > before.fought.contended_count);
  /* the reader waits as well, at other times: at least what the writer waited, at most all the time */
  if (after.fought.wait_ns - before.fought.wait_ns < took_ns * 6 / 10)
    fail_msg("waited %" PRId64 " of %" PRId64 " ns", after.fought.wait_ns, took_ns);
  assert_true(after.fought.max_wait_ns > 0);
  assert_true(after.fought.max_wait_ns <= after.fought.wait_ns);
  assert_int_equal(after.quiet.contended_count, 0);
  assert_int_equal(after.quiet.wait_ns, 0);
  assert_int_equal(beam_tables_exact(tables, NULL), 0);
out:
  beam_tables_free(tables);
  beam_exact_close(exact);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(waits_go_to_the_table_that_is_fought_over)};
  test_exact_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
