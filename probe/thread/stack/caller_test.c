/* caller_test.c - return addresses are told from numbers that happen to lie on a stack. Of x86-64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "probe/thread/stack/caller.h"

#if defined(__x86_64__)

static uint8_t code[64]; /* of a target that is ourselves */
static uint64_t slot = 0x1234567890;

static enum caller_kind judged(const uint8_t *bytes, size_t length, uint64_t *ret_callee)
{
  struct reach_target *target = NULL;
  enum caller_kind kind;
  assert_int_equal(reach_open(getpid(), &target), 0);
  memset(code, 0x90, sizeof code);
  memcpy(code + 32 - length, bytes, length);
  kind = caller_judge(target, (uint64_t)(uintptr_t)(code + 32), ret_callee);
  reach_close(target);
  return kind;
}

#define JUDGED(...)                                                                                \
  judged((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), &callee)

static void a_direct_call_tells_its_function(void **state)
{
  uint64_t callee = 0;
  (void)state;
  assert_int_equal(JUDGED(0xe8, 0x10, 0, 0, 0), CALLER_DIRECT);
  assert_int_equal(callee, (uint64_t)(uintptr_t)(code + 32) + 0x10);
  assert_int_equal(JUDGED(0xe8, 0xf0, 0xff, 0xff, 0xff), CALLER_DIRECT);
  assert_int_equal(callee, (uint64_t)(uintptr_t)(code + 32) - 0x10);
}

static void a_call_through_a_slot_tells_what_is_in_it(void **state)
{
  int32_t offset = (int32_t)((intptr_t)&slot - (intptr_t)(code + 32));
  uint8_t bytes[6] = {0xff, 0x15};
  uint64_t callee = 0;
  (void)state;
  memcpy(bytes + 2, &offset, sizeof offset);
  assert_int_equal(judged(bytes, sizeof bytes, &callee), CALLER_DIRECT);
  assert_int_equal(callee, slot);
}

static void a_stub_of_the_plt_stands_for_its_function(void **state)
{
  static uint8_t stub[16] = {0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25};
  int32_t to_slot = (int32_t)((intptr_t)&slot - (intptr_t)(stub + 10));
  int32_t to_stub = (int32_t)((intptr_t)stub - (intptr_t)(code + 32));
  uint8_t bytes[5] = {0xe8};
  uint64_t callee = 0;
  (void)state;
  memcpy(stub + 6, &to_slot, sizeof to_slot);
  memcpy(bytes + 1, &to_stub, sizeof to_stub);
  assert_int_equal(judged(bytes, sizeof bytes, &callee), CALLER_DIRECT);
  assert_int_equal(callee, slot);
}

static void calls_of_registers_and_memory_are_calls(void **state)
{
  uint64_t callee = 0;
  (void)state;
  assert_int_equal(JUDGED(0xff, 0xd0), CALLER_INDIRECT);                   /* *%rax */
  assert_int_equal(JUDGED(0x41, 0xff, 0xd4), CALLER_INDIRECT);             /* *%r12 */
  assert_int_equal(JUDGED(0xff, 0x13), CALLER_INDIRECT);                   /* *(%rbx) */
  assert_int_equal(JUDGED(0xff, 0x50, 0x18), CALLER_INDIRECT);             /* *0x18(%rax) */
  assert_int_equal(JUDGED(0xff, 0x14, 0xc8), CALLER_INDIRECT);             /* *(%rax,%rcx,8) */
  assert_int_equal(JUDGED(0xff, 0x90, 0, 1, 0, 0), CALLER_INDIRECT);       /* *0x100(%rax) */
  assert_int_equal(JUDGED(0xff, 0x94, 0xc8, 0, 1, 0, 0), CALLER_INDIRECT); /* ... with an index */
}

static void whatever_else_stands_there_is_none(void **state)
{
  struct reach_target *target = NULL;
  uint64_t callee = 0;
  (void)state;
  assert_int_equal(JUDGED(0x90), CALLER_NONE);
  assert_int_equal(JUDGED(0xff, 0xe0), CALLER_NONE); /* a jump */
  assert_int_equal(JUDGED(0xff, 0x50), CALLER_NONE); /* too short */
  assert_int_equal(JUDGED(0xe8, 0, 0, 0), CALLER_NONE);
  assert_int_equal(reach_open(getpid(), &target), 0);
  assert_int_equal(caller_judge(target, 0, &callee), CALLER_NONE);
  assert_int_equal(caller_judge(target, 4096, &callee), CALLER_NONE);
  assert_int_equal(caller_judge(target, UINT64_MAX, &callee), CALLER_NONE);
  reach_close(target);
}

static void a_jump_at_the_end_of_a_function_is_seen(void **state)
{
  uint64_t start = (uint64_t)(uintptr_t)code, callee = 0;
  struct reach_target *target = NULL;
  (void)state;
  (void)JUDGED(0xe9, 0x10, 0, 0, 0, 0x0f, 0x84, 0xf0, 0xff, 0xff, 0xff);
  assert_int_equal(reach_open(getpid(), &target), 0);
  assert_true(caller_jumps(target, start, sizeof code, start + 26 + 0x10));
  assert_true(caller_jumps(target, start, sizeof code, start + 32 - 0x10));
  assert_false(caller_jumps(target, start, sizeof code, start));
  assert_false(caller_jumps(target, start, 25, start + 26 + 0x10)); /* cut */
  assert_false(caller_jumps(target, 0, 64, 5));
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_direct_call_tells_its_function),
      cmocka_unit_test(a_call_through_a_slot_tells_what_is_in_it),
      cmocka_unit_test(a_stub_of_the_plt_stands_for_its_function),
      cmocka_unit_test(calls_of_registers_and_memory_are_calls),
      cmocka_unit_test(a_jump_at_the_end_of_a_function_is_seen),
      cmocka_unit_test(whatever_else_stands_there_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
  return 77; /* skipped: no such machine has run the other rules */
}

#endif
