/* remote_test.c - circles over two real nodes: who is called by name is known by his node's name and creation, also by a
 * process that is itself monitored from there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/wait/remote.h"
#include "probe/beam/wait/test_waits.h"

/* Two nodes that need no epmd, which would stay: each has an address of its own, both the port that they are told. */
struct pair {
  char name[2][64], address[2][32], port[16];
  const char *args[2][13];
  struct test_waits node[2];
};

static void tell_args(struct pair *pair)
{
  (void)snprintf(pair->port, sizeof pair->port, "%d", 20000 + (int)getpid() % 10000);
  for (int i = 0; i < 2; i++) {
    (void)snprintf(pair->name[i], sizeof pair->name[i], "remote_%d_%d@127.0.0.%d", (int)getpid(), i,
                   i + 1);
    (void)snprintf(pair->address[i], sizeof pair->address[i], "{127,0,0,%d}", i + 1);
    const char *const args[] = {
        "-start_epmd",    "false", "-erl_epmd_port", pair->port, "-setcookie",
        "remote",         "-name", pair->name[i],    "-kernel",  "inet_dist_use_interface",
        pair->address[i], NULL};
    memcpy(pair->args[i], args, sizeof args);
  }
}

static uint32_t own_creation(const struct test_waits *waits)
{
  uint64_t name;
  uint32_t creation;
  assert_int_equal(
      beam_remote_node(&waits->node->node, waits->node->node.this_node, &name, &creation), 0);
  return creation;
}

static void a_circle_over_two_nodes_names_both_incarnations(void **state)
{
  struct pair pair = {0};
  char text[512], line[2][256];
  (void)state;
  tell_args(&pair);
  test_waits_start(&pair.node[0], "waits:serve(server_a)", pair.args[0]);
  (void)snprintf(text, sizeof text,
                 "pong = net_adm:ping('%s'), waits:serve(server_b), "
                 "gen_server:cast(server_b, {through, [{server_a, '%s'}, {server_b, '%s'}]})",
                 pair.name[0], pair.name[0], pair.name[1]);
  test_waits_start(&pair.node[1], text, pair.args[1]);
  for (int i = 0; i < 2; i++) {
    (void)snprintf(line[i], sizeof line[i], "server_%c -> server_%c@%s, gen_server:call, all, none",
                   'a' + i, 'b' - i, pair.name[1 - i]);
    const char *const lines[] = {line[i], NULL};
    test_waits_expect(&pair.node[i], lines);
  }
  for (int i = 0; i < 2; i++) {
    const struct sweep *sweep = pair.node[i].sweep;
    uint32_t wanted = own_creation(&pair.node[1 - i]);
    assert_int_not_equal(wanted, 0);
    for (size_t k = 0; k < sweep->holder_count; k++)
      if (sweep->holders[k].peer && sweep->holders[k].name)
        assert_int_equal(sweep->holders[k].creation, wanted);
  }
  test_waits_stop(&pair.node[0]);
  test_waits_stop(&pair.node[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_circle_over_two_nodes_names_both_incarnations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
