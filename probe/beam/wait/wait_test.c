/* wait_test.c - blocked calls of real nodes: who waits for whom, and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/wait/test_waits.h"

static void two_servers_that_call_each_other(void **state)
{
  static const char *const LINES[] = {"server_a -> server_b, gen_server:call, all, none, exclusive",
                                      "server_b -> server_a, gen_server:call, all, none, exclusive",
                                      NULL};
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits, "waits:circle([server_a, server_b])", NULL);
  test_waits_expect(&waits, LINES);
  test_waits_stop(&waits);
}

static void every_kind_of_call(void **state)
{
  static const char *const LINES[] = {
      "call_pid -> deaf, gen_server:call, all, none",
      "call_name -> deaf, gen_server:call, all, none",
      "call_node -> deaf, gen_server:call, all, none",
      "call_timeout -> deaf, gen_server:call, all, some",
      "statem -> deaf, gen_statem:call, all, none",
      "statem_timeout -> deaf, gen_statem:call, all, some",
      "event -> deaf, gen_event request, all, none",
      "event_call -> deaf, gen_event:call, all, none",
      "which_children -> deaf, gen_server:call, all, none",
      "sys_state -> deaf, sys request, all, none",
      "io -> deaf, io request, all, none",
      "file -> deaf, file request, all, none",
      "stop -> deaf, sys request, all, none",
      "start -> started, proc_lib:start, all, none",
      "request -> deaf, gen_server:receive_response, all, none",
      "two_requests -> deaf, gen_server:receive_response, all, none",
      "requests -> deaf another, gen_server:receive_response, any, none",
      "erpc -> -, erpc:call, all, some",
      "rpc -> -, rpc:call, all, some",
      "monitor_down -> deaf ?, waits:wait/2, any, none",
      "by_hand -> deaf ?, waits:wait/2, any, some",
      "watcher -> deaf ?, waits:watch/1, any, none",
      NULL};
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits, "waits:start(waits:kinds())", NULL);
  test_waits_expect(&waits, LINES);
  const char *const clean[] = {waits.node->node.otp <= 25
                                   ? "statem_clean -> -, gen_statem:call, all, none"
                                   : "statem_clean -> deaf, gen_statem:call, all, some",
                               NULL};
  test_waits_expect(&waits, clean);
  /* nobody to wait for; it refuses to call itself, and its monitor on itself is none; takes whatever comes */
  assert_int_equal(test_waits_of(&waits, "dead_name"), 0);
  assert_int_equal(test_waits_of(&waits, "itself"), 0);
  assert_int_equal(test_waits_of(&waits, "plain"), 0);
  test_waits_stop(&waits);
}

/* RabbitMQ's own kind of server. */
static void a_call_has_the_name_of_who_calls_gen(void **state)
{
  static const char *const LINES[] = {"pid -> deaf, gen_server2:call, all, none",
                                      "name -> deaf, gen_server2:call, all, some", NULL};
  struct test_waits waits;
  (void)state;
  test_waits_start(
      &waits,
      "{ok, M, B} = compile:forms([begin {ok, T, _} = erl_scan:string(S), "
      "{ok, F} = erl_parse:parse_form(T), F end || S <- ["
      "\"-module(gen_server2).\", \"-export([call/3]).\", "
      "\"call(N, R, T) -> {ok, X} = gen:call(N, '$gen_call', R, T), X.\"]]), "
      "{module, _} = code:load_binary(M, \"\", B), waits:start([]), Deaf = whereis(deaf), "
      "waits:waiting(pid, fun() -> gen_server2:call(Deaf, hello, infinity), ok end), "
      "waits:waiting(name, fun() -> gen_server2:call(deaf, hello, 3600000), ok end)",
      NULL);
  test_waits_expect(&waits, LINES);
  test_waits_stop(&waits);
}

/* Through OTP 25 who starts a linked process has no monitor on it. */
static void who_starts_a_process_waits_for_it(void **state)
{
  static const char *const LINES[][3] = {
      {"parent -> child, proc_lib:start_link, all, none, exclusive",
       "child -> parent, gen_server:call, all, none, exclusive", NULL},
      {"parent -> child, proc_lib:start, all, none, exclusive",
       "child -> parent, gen_server:call, all, none, exclusive", NULL},
  };
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits, "waits:starts_who_calls(parent)", NULL);
  test_waits_expect(&waits, LINES[waits.node->node.otp > 25]);
  test_waits_stop(&waits);
}

/* Each message wakes the waiters; none of them is the answer. */
static void a_flood_hides_no_circle(void **state)
{
  enum { READINGS = 100 };
  unsigned a = 0, b = 0;
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits,
                   "waits:circle([server_a, server_b]), waits:flood(server_a, 1), "
                   "waits:flood(server_b, 1)",
                   NULL);
  for (int i = 0; i < READINGS; i++) {
    test_waits_read(&waits);
    a += test_waits_of(&waits, "server_a") == 1;
    b += test_waits_of(&waits, "server_b") == 1;
  }
  assert_true(a > READINGS / 2 && b > READINGS / 2);
  test_waits_stop(&waits);
}

/* A suspended process cannot look at the answer that it has got. */
static void who_has_the_answer_is_not_blocked(void **state)
{
  static const char *const LINES[] = {"asking -> answering, gen_server:call, all, none", NULL};
  char line[16];
  struct test_waits waits;
  (void)state;
  test_waits_start(&waits,
                   "register(answering, spawn(fun() -> receive {'$gen_call', From, _} -> "
                   "receive {go, Teller} -> gen_server:reply(From, ok), Teller ! gone end, "
                   "receive never -> ok end end end)), "
                   "register(asking, spawn(fun() -> gen_server:call(answering, x, infinity) end)), "
                   "spawn(fun() -> io:get_line(\"\"), erlang:suspend_process(whereis(asking)), "
                   "answering ! {go, self()}, receive gone -> io:format(\"answered~n\") end, "
                   "receive never -> ok end end)",
                   NULL);
  test_waits_expect(&waits, LINES);
  test_node_tell(waits.node, "go");
  assert_true(test_node_line(waits.node, line, sizeof line));
  assert_string_equal(line, "answered");
  test_waits_read(&waits);
  assert_int_equal(test_waits_of(&waits, "asking"), 0);
  test_waits_stop(&waits);
}

/* Two nodes, whose servers call each other: by name, and by pid. They have an address each and the
 * port that they are told, so that they need no epmd, which would outlive them. */
static void a_callee_on_another_node_is_named_with_its_node(void **state)
{
  char name[2][64], address[2][32], port[16], line[2][256], text[512];
  struct test_waits here, there;
  (void)state;
  (void)snprintf(port, sizeof port, "%d", 20000 + (int)getpid() % 10000);
  for (int i = 0; i < 2; i++) {
    (void)snprintf(name[i], sizeof name[i], "waits_%d_%d@127.0.0.%d", (int)getpid(), i, i + 1);
    (void)snprintf(address[i], sizeof address[i], "{127,0,0,%d}", i + 1);
  }
  const char *const args[2][13] = {
      {"-start_epmd", "false", "-erl_epmd_port", port, "-setcookie", "waits", "-name", name[0],
       "-kernel", "inet_dist_use_interface", address[0], NULL},
      {"-start_epmd", "false", "-erl_epmd_port", port, "-setcookie", "waits", "-name", name[1],
       "-kernel", "inet_dist_use_interface", address[1], NULL}};
  test_waits_start(&there, "waits:start([])", args[1]);
  (void)snprintf(
      text, sizeof text,
      "pong = net_adm:ping('%s'), Pid = rpc:call('%s', erlang, whereis, [deaf]), "
      "waits:waiting(by_name, fun() -> gen_server:call({deaf, '%s'}, x, infinity), ok end), "
      "waits:waiting(by_pid, fun() -> gen_server:call(Pid, x, infinity), ok end)",
      name[1], name[1], name[1]);
  test_waits_start(&here, text, args[0]);
  (void)snprintf(line[0], sizeof line[0], "by_name -> deaf@%s, gen_server:call, all, none",
                 name[1]);
  (void)snprintf(line[1], sizeof line[1], "by_pid -> -@%s, gen_server:call, all, none", name[1]);
  const char *const lines[] = {line[0], line[1], NULL};
  test_waits_expect(&here, lines);
  test_waits_procs(&there);
  for (size_t i = 0; i < here.sweep->wait_count; i++) {
    const struct sweep_holder *holder = &here.sweep->holders[here.sweep->waits[i].holder_first];
    char waiter[64], callee[64];
    test_waits_name(&here, here.sweep->waits[i].waiter, waiter, sizeof waiter);
    if (strcmp(waiter, "by_pid") != 0)
      continue;
    test_waits_name(&there, holder->actor, callee, sizeof callee);
    assert_string_equal(callee, "deaf"); /* its key is the same, whoever speaks of it */
    assert_int_not_equal(holder->creation, 0);
  }
  test_waits_stop(&here);
  test_waits_stop(&there);
}

#define ELIXIR_EBIN "/usr/lib/elixir/lib/elixir/ebin"

/* 1.14 waits for one task after the other, later ones for all at once. */
static bool elixir_yields_one_by_one(void)
{
  char text[256] = "";
  FILE *app = fopen(ELIXIR_EBIN "/elixir.app", "re");
  bool old = false;
  while (app && fgets(text, sizeof text, app))
    old |= strstr(text, "\"1.14.") != NULL;
  if (app)
    (void)fclose(app);
  return old;
}

static void calls_of_elixir(void **state)
{
  static const char EBIN[] = ELIXIR_EBIN;
  static const char *const ARGS[] = {"-pa", EBIN, NULL};
  const char *const lines[] = {"await -> -, Task.await, all, none",
                               "await_many -> - -, Task.await_many, all, unknown",
                               "yield -> -, Task.yield, all, none",
                               elixir_yields_one_by_one()
                                   ? "yield_many -> -, Task.yield_many, all, unknown"
                                   : "yield_many -> - -, Task.yield_many, all, unknown",
                               "agent -> deaf, GenServer.call, all, some",
                               "genserver -> deaf, GenServer.call, all, some",
                               NULL};
  struct test_waits waits;
  (void)state;
  if (getenv("IMPASSE_TEST_ERL") || access(EBIN, R_OK) != 0) {
    (void)fprintf(stderr,
                  "skipped: Elixir is for the machine's own release only (package elixir)\n");
    skip();
  }
  test_waits_start(&waits,
                   "waits:start([]), "
                   "T = fun() -> 'Elixir.Task':async(fun() -> receive never -> ok end end) end, "
                   "[waits:waiting(N, F) || {N, F} <- ["
                   "{await, fun() -> 'Elixir.Task':await(T(), infinity), ok end}, "
                   "{await_many, fun() -> 'Elixir.Task':await_many([T(), T()], infinity), ok end}, "
                   "{yield, fun() -> 'Elixir.Task':yield(T(), infinity), ok end}, "
                   "{yield_many, fun() -> 'Elixir.Task':yield_many([T(), T()], 3600000), ok end}, "
                   "{agent, fun() -> 'Elixir.Agent':get(deaf, fun(X) -> X end, 3600000), ok end}, "
                   "{genserver, fun() -> 'Elixir.GenServer':call(deaf, x, 3600000), ok end}]]",
                   ARGS);
  test_waits_expect(&waits, lines);
  test_waits_stop(&waits);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_servers_that_call_each_other),
      cmocka_unit_test(every_kind_of_call),
      cmocka_unit_test(a_call_has_the_name_of_who_calls_gen),
      cmocka_unit_test(who_starts_a_process_waits_for_it),
      cmocka_unit_test(a_flood_hides_no_circle),
      cmocka_unit_test(who_has_the_answer_is_not_blocked),
      cmocka_unit_test(a_callee_on_another_node_is_named_with_its_node),
      cmocka_unit_test(calls_of_elixir),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
