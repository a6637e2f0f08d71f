/* keys_test.c - the key table is sound: no key twice, a help for each, htop's keys where htop
 * has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tui/keys.h"

static void no_key_is_bound_twice(void **state)
{
  (void)state;
  for (size_t i = 0; i < keys_count; i++) {
    assert_true(keys[i].help && *keys[i].help);
    for (unsigned n = 0; n < KEY_INPUTS && keys[i].inputs[n]; n++)
      assert_int_equal(key_command(keys[i].inputs[n]), keys[i].command);
  }
}

static void habits_of_htop_work(void **state)
{
  static const struct {
    uint32_t input;
    enum command command;
  } habits[] = {
      {INPUT_F1, COMMAND_HELP},
      {'?', COMMAND_HELP},
      {'h', COMMAND_HELP},
      {INPUT_F1 + 2, COMMAND_SEARCH},
      {'/', COMMAND_SEARCH},
      {INPUT_F1 + 3, COMMAND_FILTER},
      {'\\', COMMAND_FILTER},
      {INPUT_F1 + 4, COMMAND_TREE},
      {'t', COMMAND_TREE},
      {INPUT_F1 + 5, COMMAND_SORT_NEXT},
      {'<', COMMAND_SORT_PREVIOUS},
      {'>', COMMAND_SORT_NEXT},
      {'I', COMMAND_INVERT},
      {INPUT_F1 + 8, COMMAND_KILL},
      {INPUT_F10, COMMAND_QUIT},
      {'q', COMMAND_QUIT},
      {'Z', COMMAND_PAUSE},
      {' ', COMMAND_PAUSE},
      {INPUT_CONTROL('L'), COMMAND_REDRAW},
  };

  (void)state;
  for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
    assert_int_equal(key_command(habits[i].input), habits[i].command);
  assert_int_equal(key_command(INPUT_NONE), COMMAND_NONE);
  assert_int_equal(key_command('x'), COMMAND_NONE);
}

static void names_are_as_on_the_keyboard(void **state)
{
  char names[KEY_NAMES_SIZE];

  (void)state;
  assert_string_equal(key_names(&keys[0], names), "F1 ? h");
  for (size_t i = 0; i < keys_count; i++) {
    assert_true(*key_names(&keys[i], names));
    /* the line of function keys takes its number from the first input */
    assert_true(!keys[i].label ||
                (keys[i].inputs[0] >= INPUT_F1 && keys[i].inputs[0] <= INPUT_F10));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_key_is_bound_twice),
      cmocka_unit_test(habits_of_htop_work),
      cmocka_unit_test(names_are_as_on_the_keyboard),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
