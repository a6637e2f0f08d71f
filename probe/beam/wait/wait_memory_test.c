/* wait_memory_test.c - what is remembered of waits from reading to reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/wait/wait_memory.h"

enum { MANY = 5000 };

static void add(struct beam_wait_memory *memory, uint64_t key, uint64_t position)
{
  const struct beam_wait_known known = {.key = key, .position = position};
  assert_int_equal(beam_wait_memory_add(memory, &known), 0);
}

static uint64_t position_of(const struct beam_wait_memory *memory, uint64_t key)
{
  const struct beam_wait_known *known = beam_wait_memory_find(memory, key);
  return known ? known->position : 0;
}

static void a_reading_of_all_forgets_whom_it_did_not_see(void **state)
{
  struct beam_wait_memory *memory = beam_wait_memory_new();
  (void)state;
  for (uint64_t key = 1; key <= MANY; key++)
    add(memory, key, key);
  assert_int_equal(position_of(memory, 1), 0); /* not before the reading ends */
  assert_int_equal(beam_wait_memory_turn(memory), 0);
  for (uint64_t key = 1; key <= MANY; key++)
    assert_int_equal(position_of(memory, key), key);
  add(memory, 7, 70);
  assert_int_equal(beam_wait_memory_turn(memory), 0);
  assert_int_equal(position_of(memory, 7), 70);
  assert_int_equal(position_of(memory, 8), 0);
  beam_wait_memory_free(memory);
}

static void a_reading_of_some_keeps_the_others(void **state)
{
  struct beam_wait_memory *memory = beam_wait_memory_new();
  (void)state;
  for (uint64_t key = 1; key <= MANY; key++)
    add(memory, key, key);
  assert_int_equal(beam_wait_memory_turn(memory), 0);
  add(memory, 7, 70);
  add(memory, MANY + 1, 1);
  assert_int_equal(beam_wait_memory_join(memory), 0);
  assert_int_equal(position_of(memory, 7), 70);
  assert_int_equal(position_of(memory, 8), 8);
  assert_int_equal(position_of(memory, MANY), MANY);
  assert_int_equal(position_of(memory, MANY + 1), 1);
  assert_int_equal(beam_wait_memory_join(memory), 0); /* nothing new */
  assert_int_equal(position_of(memory, MANY + 1), 1);
  beam_wait_memory_free(memory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reading_of_all_forgets_whom_it_did_not_see),
      cmocka_unit_test(a_reading_of_some_keeps_the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
