/* Who sends to a mailbox: bursts on real nodes with known senders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "probe/beam/exact/senders.h"
#include "probe/beam/exact/test_exact.h"

/* In each round 6, 3 and 1 messages, of three processes and shapes; one process steps them all. */
static const char POLITE[] =
    "Sink = spawn(fun F() -> receive _ -> F() end end), register(sink, Sink), "
    "Sender = fun(Message, Count) -> spawn(fun F() -> receive go -> ok end, "
    "  [Sink ! Message || _ <- lists:seq(1, Count)], F() end) end, "
    "Heavy = Sender({'$gen_cast', {log, \"text\"}}, 6), register(heavy, Heavy), "
    "Middle = Sender({'$gen_call', {self(), make_ref()}, {get, 1}}, 3), register('Middle one', "
    "Middle), "
    "Light = Sender(tick, 1), "
    "spawn(fun F() -> [P ! go || P <- [Heavy, Middle, Light]], timer:sleep(1), F() end), "
    "io:format(\"~p~n\", [Sink])";

static const char FLOOD[] = "Sink = spawn(fun F() -> receive _ -> F() end end), "
                            "[spawn(fun F() -> Sink ! {event, 1}, F() end) || _ <- [1, 2]], "
                            "io:format(\"~p~n\", [Sink])";

/* Asks; where the release hides its functions, sees that it is refused in words. */
static bool answered(struct test_node *node, struct beam_atoms *atoms, const struct beam_proc *proc,
                     int wanted, char **ret_text)
{
  int error = test_exact_senders(node, atoms, proc, ret_text);
  if (test_exact_hidden(node)) {
    assert_int_equal(error, -ENOTSUP);
    assert_non_null(strstr(*ret_text, "erts_send_message is not among the exported functions"));
    return false;
  }
  assert_int_equal(error, wanted);
  return true;
}

static void senders_and_shapes_have_their_shares(void **state)
{
  struct test_node *node = test_node_spawn(POLITE, NULL);
  struct beam_proc sink = test_exact_proc(node);
  struct beam_atoms *atoms = beam_atoms_new(&node->node);
  char *text;
  double heavy, middle, light;
  (void)state;
  if (!answered(node, atoms, &sink, 0, &text))
    goto out;
  heavy = test_exact_share(text, "heavy <0.", "  {'$gen_cast',{log,_}}  ");
  middle = test_exact_share(text, "'Middle one' <0.", "  {'$gen_call',_,{get,_}}  ");
  light = test_exact_share(text, "<0.", "  tick  ");
  if (heavy < 58 || heavy > 62 || middle < 28 || middle > 32 || light < 8 || light > 12)
    fail_msg("shares %g, %g, %g, wanted 60, 30, 10:\n%s", heavy, middle, light, text);
  assert_int_equal(strncmp(text, "sink <0.", 8), 0);
  assert_non_null(strstr(text, " sends of the node probed, about 1.0 us each"));
  assert_null(strstr(text, "a sample"));
  assert_false(test_exact_probed());
out:
  free(text);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

static void a_flood_is_sampled(void **state)
{
  struct test_node *node = test_node_spawn(FLOOD, NULL);
  struct beam_proc sink = test_exact_proc(node);
  struct beam_atoms *atoms = beam_atoms_new(&node->node);
  char *text;
  (void)state;
  if (!answered(node, atoms, &sink, 0, &text))
    goto out;
  /* Where others want the processor, a flood is one now and then only. */
  for (time_t end = time(NULL) + TEST_NODE_DEADLINE_MS / 1000;
       !strstr(text, "a sample") && time(NULL) < end;) {
    free(text);
    (void)answered(node, atoms, &sink, 0, &text);
  }
  if (!strstr(text, "a sample") || !strstr(text, "{event,_}"))
    fail_msg("not a sample:\n%s", text);
  assert_false(test_exact_probed());
out:
  free(text);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

static void a_silent_mailbox_is_told(void **state)
{
  struct test_node *node = test_node_spawn("io:format(\"~p~n\", [whereis(init)])", NULL);
  struct beam_proc init = test_exact_proc(node);
  struct beam_atoms *atoms = beam_atoms_new(&node->node);
  char *text;
  (void)state;
  if (!answered(node, atoms, &init, 0, &text))
    goto out;
  assert_non_null(strstr(text, "init <0."));
  assert_non_null(strstr(text, "nobody of this node sent to it"));
out:
  free(text);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

static void a_node_that_dies_is_told(void **state)
{
  struct test_node *node = test_node_spawn("io:format(\"~p~n\", [whereis(init)])", NULL);
  struct beam_proc init = test_exact_proc(node);
  struct beam_atoms *atoms = beam_atoms_new(&node->node);
  pid_t killer = test_exact_kill_once_probed(node->pid);
  char *text;
  (void)state;
  if (!answered(node, atoms, &init, -ESRCH, &text))
    goto out;
  assert_string_equal(text, "the process is gone\n");
  assert_false(test_exact_probed());
out:
  free(text);
  (void)kill(killer, SIGKILL);
  (void)waitpid(killer, NULL, 0);
  beam_atoms_free(atoms);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(senders_and_shapes_have_their_shares),
      cmocka_unit_test(a_flood_is_sampled),
      cmocka_unit_test(a_silent_mailbox_is_told),
      cmocka_unit_test(a_node_that_dies_is_told),
  };
  test_exact_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
