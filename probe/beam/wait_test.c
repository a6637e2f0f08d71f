/* wait_test.c - blocked calls of real nodes: who waits for whom, and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/test_waits.h"

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
  /* nobody to wait for; it refuses to call itself, and its monitor on itself is none; takes whatever comes */
  assert_int_equal(test_waits_of(&waits, "dead_name"), 0);
  assert_int_equal(test_waits_of(&waits, "itself"), 0);
  assert_int_equal(test_waits_of(&waits, "plain"), 0);
  test_waits_stop(&waits);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_servers_that_call_each_other),
      cmocka_unit_test(every_kind_of_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
