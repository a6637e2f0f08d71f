/* Waits for locks, measured exactly on real nodes, against what the node itself measures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/exact/exact.h"
#include "probe/beam/exact/test_exact.h"

/* A reader goes through a table again and again; a writer wants it a few hundred times a second. Told so by a
 * line, they work for a second, and the writer prints how long its inserts took in all, in ns. */
static const char *const TWO_SCHEDULERS[] = {"+S", "2:2", NULL};
static const char STORM[] =
    "T = ets:new(battlefield, [public]), "
    "[ets:insert(T, {I, I}) || I <- lists:seq(1, 50000)], "
    "Reader = spawn_opt(fun() -> receive go -> ok end, "
    "  (fun F() -> ets:select_count(T, [{{'$1', '_'}, [{'<', '$1', 0}], [true]}]), F() end)() "
    "  end, [{scheduler, 1}]), "
    "Writer = spawn_opt(fun() -> receive go -> ok end, "
    "  End = erlang:monotonic_time(nanosecond) + 1000000000, "
    "  Took = (fun F(Sum) -> A = erlang:monotonic_time(nanosecond), ets:insert(T, {0, 0}), "
    "    B = erlang:monotonic_time(nanosecond), timer:sleep(1), "
    "    if B > End -> Sum + B - A; true -> F(Sum + B - A) end end)(0), "
    "  exit(Reader, kill), io:format(\"took ~p~n\", [Took]), receive never -> ok end "
    "  end, [{scheduler, 2}]), "
    "register(writer, Writer), "
    "spawn(fun() -> io:get_line(\"\"), Reader ! go, Writer ! go end), "
    "io:format(\"~p~n\", [Writer])";

/* So many processes that want one table, for ever, that the probes are hit far too often. */
static const char FRAY[] =
    "T = ets:new(battlefield, [public]), "
    "[spawn(fun F() -> ets:insert(T, {0, 0}), F() end) || _ <- lists:seq(1, 8)], "
    "io:format(\"~p~n\", [self()])";

struct sum {
  uint64_t waits, waited_ns, some_ns, max_ns;
};

static void add_lock(void *context, const struct waits_lock *lock)
{
  struct sum *sum = context;
  sum->waits += lock->count;
  sum->waited_ns += lock->waited_ns;
  sum->some_ns += lock->some_ns;
  if (lock->max_ns > sum->max_ns)
    sum->max_ns = lock->max_ns;
}

static void waiters(struct beam_exact *exact, struct beam_atoms *atoms, char **ret_text)
{
  size_t length;
  FILE *text = open_memstream(ret_text, &length);
  assert_int_equal(beam_exact_write(exact, atoms, text), 0);
  (void)fclose(text);
}

/* Milliseconds that the text says the process `who` waited. */
static double waited_ms(const char *text, const char *who)
{
  const char *line = strstr(text, who);
  const char *waits = line ? strstr(line, "waits, ") : NULL;
  return waits ? strtod(waits + strlen("waits, "), NULL) : -1;
}

/* Attaches; where the release hides its functions, sees that it is refused in words. */
static bool opened(struct test_node *node, struct beam_exact **ret_exact,
                   char reason[SOURCE_REASON_BYTES])
{
  int error = beam_exact_open(&node->node, node->target, ret_exact, reason);
  if (test_exact_hidden(node)) {
    assert_int_equal(error, -ENOTSUP);
    assert_non_null(strstr(reason, "ethr_rwmutex_rlock is not among the exported functions"));
    return false;
  }
  assert_int_equal(error, 0);
  return true;
}

static void blocked_time_is_what_the_node_measures(void **state)
{
  struct test_node *node = test_node_spawn(STORM, TWO_SCHEDULERS);
  char line[256], reason[SOURCE_REASON_BYTES] = "", *text;
  struct beam_atoms *atoms;
  struct beam_exact *exact;
  struct sum sum = {0};
  double took_ms, writer_ms;
  (void)state;
  (void)test_exact_proc(node);
  atoms = beam_atoms_new(&node->node);
  if (!opened(node, &exact, reason))
    goto out;
  assert_non_null(strstr(reason, "costs the node about 2.1 us more"));
  test_node_tell(node, "go");
  assert_true(test_node_line(node, line, sizeof line));
  if (sscanf(line, "took %lf", &took_ms) != 1)
    fail_msg("the node says %s", line);
  took_ms /= 1e6;
  assert_int_equal(beam_exact_collect(exact, add_lock, &sum), 0);
  waiters(exact, atoms, &text);
  writer_ms = waited_ms(text, "writer <0.");
  print_message("inserts took %.1f ms, %s", took_ms, text);
  if (writer_ms > took_ms || writer_ms < took_ms * 0.6)
    fail_msg("waited %.1f ms of %.1f ms:\n%s", writer_ms, took_ms, text);
  assert_true(sum.waits > 0 && sum.max_ns > 0 && sum.max_ns <= sum.some_ns);
  assert_true(sum.some_ns <= sum.waited_ns);
  assert_true((double)sum.waited_ns / 1e6 >= writer_ms);
  free(text);
  beam_exact_close(exact);
  assert_false(test_exact_probed());
out:
  beam_atoms_free(atoms);
  test_node_stop(node);
}

static bool has_stopped(struct beam_exact *exact, char reason[SOURCE_REASON_BYTES])
{
  for (int ms = 0; ms < TEST_NODE_DEADLINE_MS; ms += 10) {
    if (beam_exact_stopped(exact, reason))
      return true;
    (void)poll(NULL, 0, 10);
  }
  return false;
}

static void probes_end_by_themselves_above_the_budget(void **state)
{
  struct test_node *node = test_node_spawn(FRAY, TWO_SCHEDULERS);
  char reason[SOURCE_REASON_BYTES] = "";
  struct beam_exact *exact;
  struct sum sum = {0};
  (void)state;
  (void)test_exact_proc(node);
  if (!opened(node, &exact, reason))
    goto out;
  assert_true(has_stopped(exact, reason));
  assert_non_null(strstr(reason, "ended by themselves"));
  assert_false(test_exact_holds(getpid(), "perf_event"));
  assert_int_equal(beam_exact_collect(exact, add_lock, &sum), 0);
  assert_true(sum.waits > 0); /* what was counted stays */
  beam_exact_close(exact);
out:
  test_node_stop(node);
}

static void a_node_may_die(void **state)
{
  struct test_node *node = test_node_spawn(FRAY, TWO_SCHEDULERS);
  char reason[SOURCE_REASON_BYTES] = "";
  struct beam_exact *exact;
  struct sum sum = {0};
  (void)state;
  (void)test_exact_proc(node);
  if (!opened(node, &exact, reason))
    goto out;
  (void)kill(node->pid, SIGKILL);
  (void)waitpid(node->pid, NULL, 0);
  assert_int_equal(beam_exact_collect(exact, add_lock, &sum), 0);
  beam_exact_close(exact);
  assert_false(test_exact_probed());
out:
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocked_time_is_what_the_node_measures),
      cmocka_unit_test(probes_end_by_themselves_above_the_budget),
      cmocka_unit_test(a_node_may_die),
  };
  test_exact_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
