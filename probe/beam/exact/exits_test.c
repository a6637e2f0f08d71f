/* Why processes end: bursts on real nodes with known reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/exact/exits.h"
#include "probe/beam/exact/test_exact.h"

/* In each round 5, 3 and 2 processes end. */
static const char MORTALS[] =
    "Mortals = fun(Reason, Count) -> [spawn(fun() -> exit(Reason) end) || _ <- lists:seq(1, "
    "Count)] end, "
    "spawn(fun F() -> Mortals(normal, 5), Mortals({shutdown, \"text\"}, 3), "
    "  Mortals({{badmatch, 1}, [a]}, 2), timer:sleep(1), F() end)";

static void reasons_have_their_shares(void **state)
{
  struct test_node *node = test_node_start(MORTALS, NULL);
  struct beam_atoms *atoms = beam_atoms_new(&node->node);
  char *answer;
  size_t length;
  FILE *text = open_memstream(&answer, &length);
  int error = beam_exits_write(&node->node, atoms, node->target, text);
  double normal, shutdown, badmatch;
  (void)state;
  (void)fclose(text);
  if (test_exact_hidden(node)) {
    assert_int_equal(error, -ENOTSUP);
    assert_non_null(strstr(answer, "erts_do_exit_process is not among the exported functions"));
    goto out;
  }
  assert_int_equal(error, 0);
  normal = test_exact_share(answer, "normal  ", "");
  shutdown = test_exact_share(answer, "{shutdown,_}  ", "");
  badmatch = test_exact_share(answer, "{{badmatch,_},_}  ", "");
  if (normal < 48 || normal > 52 || shutdown < 28 || shutdown > 32 || badmatch < 18 ||
      badmatch > 22)
    fail_msg("shares %g, %g, %g, wanted 50, 30, 20:\n%s", normal, shutdown, badmatch, answer);
  assert_non_null(strstr(answer, " exits of the node probed, about 1.0 us each"));
  assert_false(test_exact_probed());
out:
  free(answer);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(reasons_have_their_shares)};
  test_exact_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
