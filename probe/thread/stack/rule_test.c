/* rule_test.c - expressions of frames, those that compilers write and those made to harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>
#include <unistd.h>

#include "probe/thread/stack/rule.h"

static struct window window;
static uint64_t memory[4] = {11, 22, 33, 44}; /* of a target that is ourselves */

struct stage {
  struct reach_target *target;
  struct registers registers;
  struct rule_state state;
  uint64_t value;
};

static struct stage stage(void)
{
  struct stage s = {0};
  assert_int_equal(reach_open(getpid(), &s.target), 0);
  window_begin(&window, s.target);
  return s;
}

static enum rule_result evaluated(struct stage *s, const Dwarf_Op *operations, size_t count)
{
  s->state.registers = &s->registers;
  s->state.window = &window;
  return rule_evaluate(&s->state, operations, count, &s->value);
}

#define EVALUATED(s, ...)                                                                          \
  evaluated(s, (const Dwarf_Op[]){__VA_ARGS__},                                                    \
            sizeof((const Dwarf_Op[]){__VA_ARGS__}) / sizeof(Dwarf_Op))

static void a_register_with_an_offset_is_an_address(void **state)
{
  struct stage s = stage();
  (void)state;
  registers_set(&s.registers, REGISTERS_SP, 1000);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_breg0 + REGISTERS_SP, .number = 8}), RULE_ADDRESS);
  assert_int_equal(s.value, 1008);
  assert_int_equal(
      EVALUATED(&s, {.atom = DW_OP_bregx, .number = REGISTERS_SP, .number2 = (Dwarf_Word)-8}),
      RULE_ADDRESS);
  assert_int_equal(s.value, 992);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_reg0 + REGISTERS_SP}), RULE_VALUE);
  assert_int_equal(s.value, 1000);
  reach_close(s.target);
}

static void what_is_not_known_makes_the_result_unknown(void **state)
{
  struct stage s = stage();
  (void)state;
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_breg0 + 1}), RULE_UNKNOWN);
  assert_false(s.state.wants_frame);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_breg0 + REGISTERS_FRAME}), RULE_UNKNOWN);
  assert_true(s.state.wants_frame);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_call_frame_cfa}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_bregx, .number = UINT64_MAX}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_regx, .number = REGISTERS_COUNT}), RULE_UNKNOWN);
  reach_close(s.target);
}

static void the_frame_of_the_plt_depends_on_where_pc_is(void **state)
{
  struct stage s = stage();
  (void)state;
  registers_set(&s.registers, REGISTERS_SP, 1000);
  for (uint64_t pc = 0; pc < 32; pc++) {
    registers_set(&s.registers, 0, pc);
    assert_int_equal(EVALUATED(&s, {.atom = DW_OP_breg0 + REGISTERS_SP, .number = 8},
                               {.atom = DW_OP_breg0}, {.atom = DW_OP_lit0 + 15},
                               {.atom = DW_OP_and}, {.atom = DW_OP_lit0 + 11}, {.atom = DW_OP_ge},
                               {.atom = DW_OP_lit0 + 3}, {.atom = DW_OP_shl}, {.atom = DW_OP_plus}),
                     RULE_ADDRESS);
    assert_int_equal(s.value, 1008 + (pc % 16 >= 11 ? 8 : 0));
  }
  reach_close(s.target);
}

static void memory_is_read_where_it_is_there(void **state)
{
  struct stage s = stage();
  (void)state;
  s.state.cfa = (uint64_t)(uintptr_t)(memory + 3);
  s.state.cfa_known = true;
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_call_frame_cfa},
                             {.atom = DW_OP_plus_uconst, .number = (Dwarf_Word)-16},
                             {.atom = DW_OP_deref}, {.atom = DW_OP_stack_value}),
                   RULE_VALUE);
  assert_int_equal(s.value, 22);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_lit0}, {.atom = DW_OP_deref}), RULE_UNKNOWN);
  reach_close(s.target);
}

static void broken_expressions_end(void **state)
{
  struct stage s = stage();
  Dwarf_Op many[300];
  (void)state;
  for (size_t i = 0; i < 300; i++)
    many[i] = (Dwarf_Op){.atom = DW_OP_lit0};
  assert_int_equal(evaluated(&s, many, 16), RULE_ADDRESS);
  assert_int_equal(evaluated(&s, many, 17), RULE_UNKNOWN); /* deeper than anybody needs */
  assert_int_equal(evaluated(&s, many, 300), RULE_UNKNOWN);
  assert_int_equal(evaluated(&s, many, 0), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_plus}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_dup}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_deref}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_plus_uconst, .number = 1}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_skip}), RULE_UNKNOWN);
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_nop}), RULE_UNKNOWN); /* nothing is left */
  assert_int_equal(EVALUATED(&s, {.atom = DW_OP_lit0 + 1}, {.atom = DW_OP_const8u, .number = 64},
                             {.atom = DW_OP_shl}),
                   RULE_ADDRESS);
  assert_int_equal(s.value, 0);
  reach_close(s.target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_register_with_an_offset_is_an_address),
      cmocka_unit_test(what_is_not_known_makes_the_result_unknown),
      cmocka_unit_test(the_frame_of_the_plt_depends_on_where_pc_is),
      cmocka_unit_test(memory_is_read_where_it_is_there),
      cmocka_unit_test(broken_expressions_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
