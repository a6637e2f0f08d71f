/* Which instructions are cheap to probe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/site.h"

static void judges_first_instructions(void **state)
{
  static const struct {
    uint8_t code[SITE_CODE_BYTES];
    unsigned skip;
    bool stepped;
  } cases[] = {
      {{0x55}, 0, false},                              /* push %rbp */
      {{0x41, 0x57}, 0, false},                        /* push %r15 */
      {{0x49, 0x57}, 0, true},                         /* another prefix */
      {{0xf3, 0x0f, 0x1e, 0xfa, 0x55}, 4, false},      /* endbr64; push */
      {{0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x89}, 4, true}, /* endbr64; mov */
      {{0x48, 0x83, 0xec, 0x18}, 0, true},             /* sub $24, %rsp */
      {{0x0f, 0x84}, 0, false},                        /* je */
      {{0x0f, 0x1f}, 0, true},                         /* long nop */
      {{0x90}, 0, false},
      {{0xe8}, 0, false},
      {{0xc3}, 0, true}, /* ret */
  };
  (void)state;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    unsigned skip = 99;
    bool stepped = !cases[i].stepped;
    site_judge(cases[i].code, &skip, &stepped);
    assert_int_equal(skip, cases[i].skip);
    assert_int_equal(stepped, cases[i].stepped);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(judges_first_instructions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
