/* mailbox_test.c - what is in mailboxes of a real node: every message counted, folded by shape, and requests whose
 * caller is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/mailbox/mailbox.h"
#include "probe/beam/mailbox/test_mailbox.h"

/* The answer about the process of the first line that the node prints. The caller frees. */
static char *answer(const char *erlang, struct test_node **ret_node)
{
  struct test_node *node = test_node_spawn(erlang, NULL);
  char pid[64];
  char *text = NULL;
  size_t length;

  assert_true(test_node_line(node, pid, sizeof pid));
  test_node_ready(node);
  test_node_attach(node);
  struct beam_proc proc = test_proc(node, pid);
  struct beam_atoms *atoms = beam_atoms_new(&node->node);
  FILE *out = open_memstream(&text, &length);
  assert_true(atoms && out);
  assert_int_equal(beam_mailbox_write(&node->node, atoms, &proc, out), 0);
  assert_int_equal(fclose(out), 0);
  beam_atoms_free(atoms);
  if (!text)
    test_node_fail("nothing was written");
  *ret_node = node;
  return text;
}

static void assert_has(const char *text, const char *wanted)
{
  if (!text || !strstr(text, wanted))
    fail_msg("wanted \"%s\" in:\n%s", wanted, text ? text : "nothing");
}

static void test_an_empty_mailbox_has_no_shapes(void **state)
{
  struct test_node *node;
  char *text = answer("io:format(\"~0p~n\", [spawn(fun() -> receive x -> ok end end)])", &node);

  (void)state;
  assert_string_equal(text, "0 messages, 0 read\n");
  free(text);
  test_node_stop(node);
}

static void test_messages_are_folded_by_shape(void **state)
{
  struct test_node *node;
  char *text = answer(
      "P = spawn(fun() -> receive never -> ok end end), "
      "[P ! {'$gen_call', {self(), [alias|make_ref()]}, {get, I}} || I <- lists:seq(1, 8123)], "
      "[P ! {'$gen_cast', flush} || _ <- lists:seq(1, 40)], "
      "[P ! {event, #{id => I, tag => x}, lists:seq(1, I), <<I>>} || I <- lists:seq(1, 9)], "
      "[P ! lists:duplicate(I, I) || I <- lists:seq(0, 3)], P ! timeout, P ! 'Odd one', P ! 7, "
      "P ! #{'__struct__' => 'Elixir.Job', id => 3}, "
      "P ! {deep, {a, {b, {c, {d, e}}}}}, "
      "io:format(\"~0p~n\", [P])",
      &node);

  (void)state;
  assert_has(text, "8181 messages, 8181 read\n");
  assert_has(text, "\n{'$gen_call',_,{get,_}} x 8123, the first at position 1\n"
                   "  for example {'$gen_call',{<0.");
  assert_has(text, "]},{get,1}}\n");
  assert_has(text, "\n{'$gen_cast',flush} x 40, the first at position 8124\n");
  assert_has(text, "\n{event,#{id => _,tag => _},[_ x 2-9],_} x 8, ");
  assert_has(text, "\n{event,#{id => _,tag => _},[_],_} x 1, ");
  assert_has(text, "\n[_ x 2-9] x 2, ");
  assert_has(text, "\n[] x 1, ");
  assert_has(text, "\ntimeout x 1, ");
  assert_has(text, "\n'Odd one' x 1, ");
  assert_has(text, "\n_ x 1, ");
  assert_has(text, "'__struct__' => 'Elixir.Job'"); /* the order of the keys is the release's */
  assert_has(text, "\n{deep,{a,{b,{c,_}}}} x 1, ");
  assert_null(strstr(text, "orphan"));
  free(text);
  test_node_stop(node);
}

static void test_requests_of_the_dead_are_orphans(void **state)
{
  struct test_node *node;
  char *text = answer(
      "P = spawn(fun() -> receive never -> ok end end), "
      "Call = fun(R) -> P ! {'$gen_call', {self(), [alias|make_ref()]}, R} end, "
      "Dead = fun(F) -> {Q, M} = spawn_monitor(F), receive {'DOWN', M, _, Q, _} -> ok end end, "
      "Call({get, 1}), Call({get, 2}), Dead(fun() -> Call({get, \"seventeen\"}) end), "
      "Dead(fun() -> P ! {io_request, self(), make_ref(), {put_chars, unicode, <<\"x\">>}} end), "
      "Dead(fun() -> P ! {self(), no_request} end), Call({get, 3}), "
      "[Dead(fun() -> P ! {self(), {self(), make_ref()}, I} end) || I <- lists:seq(1, 30)], "
      "io:format(\"~0p~n\", [P])",
      &node);

  (void)state;
  assert_has(text, "36 messages, 36 read\n");
  assert_has(text, "\norphan: {get,\"seventeen\"} from <0.");
  assert_has(text, ">, which has ended; position 3 of 36\n");
  assert_has(text, "\norphan: {put_chars,unicode,<<\"x\">>} from <0.");
  assert_has(text, "; position 4 of 36\n");
  assert_has(text, "; position 24 of 36\nand 12 orphans more\n");
  assert_null(strstr(text, "position 1 of"));
  assert_null(strstr(text, "position 5 of"));
  assert_null(strstr(text, "position 6 of"));
  free(text);
  test_node_stop(node);
}

/* On the heap, in fragments, suspended (nothing is sorted), with a parallel in-queue, and deeper than what is read. */
static void test_messages_are_found_wherever_they_lie(void **state)
{
  static const char *const options[] = {"[{message_queue_data,on_heap}]",
                                        "[{message_queue_data,off_heap}]",
                                        "[{message_queue_data,off_heap},{fullsweep_after,0}]"};
  (void)state;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    struct test_node *node;
    char *erlang;
    assert_true(asprintf(&erlang,
                         "P = spawn_opt(fun() -> receive never -> ok end end, %s), "
                         "[P ! {before, I, lists:seq(1, 40)} || I <- lists:seq(1, 500)], "
                         "erlang:garbage_collect(P), "
                         "erlang:suspend_process(P), "
                         "Ms = [element(2, spawn_monitor(fun() -> [P ! {while_suspended, J} || J "
                         "<- lists:seq(1, 500)] "
                         "end)) || _ <- lists:seq(1, 8)], "
                         "[receive {'DOWN', M, _, _, _} -> ok end || M <- Ms], "
                         "io:format(\"~0p~n\", [P])",
                         options[i]) > 0);
    char *text = answer(erlang, &node);
    assert_has(text, "4500 messages, 4500 read\n");
    assert_has(text, "\n{while_suspended,_} x 4000, the first at position 501\n");
    assert_has(text, "\n{before,_,[_ x 10-99]} x 500, the first at position 1\n");
    free(text);
    free(erlang);
    test_node_stop(node);
  }
}

/* What many senders at once make the emulator do by itself; here it is told to. */
static void test_parallel_in_queues_are_read(void **state)
{
  struct test_node *node;
  char *text = answer(
      "logger:set_primary_config(level, none), "
      "erts_debug:set_internal_state(available_internal_state, true), Me = self(), "
      "P = spawn_opt(fun() -> Me ! {forced, erts_debug:set_internal_state(proc_sig_buffers, "
      "true)}, "
      "receive never -> ok end end, [{message_queue_data, off_heap}]), "
      "receive {forced, true} -> ok end, erlang:suspend_process(P), io:format(\"~0p~n\", [P]), "
      "Ms = [element(2, spawn_monitor(fun() -> [P ! {parallel, J} || J <- lists:seq(1, 100)] end)) "
      "|| _ <- lists:seq(1, 50)], [receive {'DOWN', M, _, _, _} -> ok end || M <- Ms]",
      &node);

  (void)state;
  assert_has(text, "5000 messages, 5000 read\n{parallel,_} x 5000, ");
  free(text);
  test_node_stop(node);
}

static void test_who_keeps_a_queue_of_its_own_is_told(void **state)
{
  struct test_node *node;
  char *text = answer(
      "Parse = fun(T) -> {ok, Ts, _} = erl_scan:string(T), {ok, F} = erl_parse:parse_form(Ts), F "
      "end, "
      "{ok, M, B} = compile:forms([Parse(T) || T <- [\"-module(gen_server2).\", "
      "\"-export([loop/0]).\", "
      "\"loop() -> receive never -> loop() end.\"]]), {module, M} = code:load_binary(M, \"x\", B), "
      "io:format(\"~0p~n\", [spawn(gen_server2, loop, [])])",
      &node);

  (void)state;
  assert_has(text, "; gen_server2 keeps more in a queue of its own, which is not shown\n");
  free(text);
  test_node_stop(node);
}

static void test_of_a_flood_the_first_are_read(void **state)
{
  struct test_node *node;
  char *text = answer("P = spawn(fun() -> receive never -> ok end end), "
                      "[P ! {flood, I} || I <- lists:seq(1, 200000)], io:format(\"~0p~n\", [P])",
                      &node);

  (void)state;
  assert_has(text, "200000 messages, the first 10000 read\n{flood,_} x 10000, ");
  free(text);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_empty_mailbox_has_no_shapes),
      cmocka_unit_test(test_messages_are_folded_by_shape),
      cmocka_unit_test(test_requests_of_the_dead_are_orphans),
      cmocka_unit_test(test_messages_are_found_wherever_they_lie),
      cmocka_unit_test(test_parallel_in_queues_are_read),
      cmocka_unit_test(test_who_keeps_a_queue_of_its_own_is_told),
      cmocka_unit_test(test_of_a_flood_the_first_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
