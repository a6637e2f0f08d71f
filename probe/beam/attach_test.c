/* attach_test.c - real nodes are attached, and what was found of them is what they themselves say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/term.h"
#include "probe/beam/test_node.h"

/* Each pid in the table is in the slot that its number says. */
static size_t count_processes(const struct test_node *node)
{
  size_t count = 0;
  for (uint32_t i = 0; i < node->node.processes.most; i++) {
    uint64_t address, word;
    assert_int_equal(beam_memory_word(&node->memory, node->node.processes.slots + i * 8, &address),
                     0);
    if (!address || address & 7 || beam_memory_word(&node->memory, address, &word) != 0 ||
        !beam_is_pid(word) || beam_node_slot(&node->node, word) != i)
      continue;
    count++;
  }
  return count;
}

static void a_node_is_attached_with_all_that_walkers_need(void **state)
{
  (void)state;
  struct test_node *node = test_node_start("ok", (const char *[]){"+S", "3:3", NULL});
  const struct beam_node *found = &node->node;
  assert_int_equal(found->scheduler_count, 3);
  assert_true(found->otp >= 24 && found->erts[0]);
  assert_true(found->processes.most >= 262144);
  assert_true(found->scheduler_stride >= (uint64_t)found->layout.sz_sched - 256);
  assert_true(found->ets_list_offset > 0 && found->ets_list_offset % 8 == 0);
  assert_true(found->atom_table && found->code_ranges && found->schedulers);
  assert_true(found->dirty_cpu_schedulers && found->dirty_cpu_count && found->dirty_io_schedulers);
  assert_true(count_processes(node) > 20);
  test_node_stop(node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_node_is_attached_with_all_that_walkers_need),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
