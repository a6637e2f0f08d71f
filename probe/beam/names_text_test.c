/* names_text_test.c - texts, functions by address, and slots by registered name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "probe/beam/names_index.h"
#include "probe/beam/names_text.h"

static void texts_stay_where_they_were_put(void **state)
{
  (void)state;
  struct names_text text = {0};
  uint32_t first = names_text_add(&text, "first", 5), second = 0;
  for (int i = 0; i < 10000; i++)
    second = names_text_add(&text, "a\0b", 3);
  assert_string_equal(text.bytes + first, "first");
  assert_string_equal(text.bytes + second, "a?b");
  assert_int_equal(names_text_add(&text, "", 0), 0);
  names_text_done(&text);
}

static void functions_are_found_by_all_of_their_key(void **state)
{
  (void)state;
  struct names_functions functions;
  assert_int_equal(names_functions_init(&functions), 0);
  for (uint64_t i = 1; i < NAMES_FUNCTIONS_MOST; i++)
    (void)names_functions_put(&functions, (struct names_key){{i % 7, i, i % 3}}, (uint32_t)i,
                              i % 2);
  for (uint64_t i = 1; i < NAMES_FUNCTIONS_MOST; i++) {
    const struct names_function *found =
        names_functions_get(&functions, (struct names_key){{i % 7, i, i % 3}});
    assert_non_null(found);
    assert_int_equal(found->text, i);
    assert_int_equal(found->drains, i % 2);
  }
  assert_null(names_functions_get(&functions, (struct names_key){{1, 1, 2}}));
  for (uint64_t i = 0; i < 3; i++) /* full: it begins anew, and goes on */
    (void)names_functions_put(&functions, (struct names_key){{1000 + i, 0, 0}}, 5, false);
  assert_non_null(names_functions_get(&functions, (struct names_key){{1002, 0, 0}}));
  names_functions_done(&functions);
}

static void a_name_leads_to_the_slot_that_had_it_last(void **state)
{
  (void)state;
  struct names_index index = {0};
  uint32_t slot = 0;
  assert_false(names_index_get(&index, 11, &slot));
  for (uint32_t i = 1; i < 20000; i++)
    names_index_put(&index, (uint64_t)i << 6 | 0x0b, i);
  names_index_put(&index, 5 << 6 | 0x0b, 77);
  assert_true(names_index_get(&index, 5 << 6 | 0x0b, &slot));
  assert_int_equal(slot, 77);
  assert_true(names_index_get(&index, 19999 << 6 | 0x0b, &slot));
  assert_int_equal(slot, 19999);
  assert_false(names_index_get(&index, 20000 << 6 | 0x0b, &slot));
  names_index_clear(&index);
  assert_false(names_index_get(&index, 5 << 6 | 0x0b, &slot));
  names_index_done(&index);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_stay_where_they_were_put),
      cmocka_unit_test(functions_are_found_by_all_of_their_key),
      cmocka_unit_test(a_name_leads_to_the_slot_that_had_it_last),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
