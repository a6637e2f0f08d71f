/* term_test.c - pids of both ways of numbering, and their keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/sweep.h"
#include "probe/beam/term.h"

static void pids_of_old_releases_have_their_slot_above_15_and_13_bits(void **state)
{
  (void)state;
  struct beam_pid pid =
      beam_pid_of_word(25, UINT64_C(0x00012345) << 32 | (7u << 15 | 812u) << 4 | 3);
  assert_int_equal(pid.number, 812);
  assert_int_equal(pid.serial, 7);
}

static void pids_of_new_releases_have_28_and_32_bits(void **state)
{
  (void)state;
  uint64_t word = (UINT64_C(9) << 28 | 0xabcdef) << 4 | 3;
  struct beam_pid pid = beam_pid_of_word(26, word);
  assert_int_equal(pid.number, 0xabcdef);
  assert_int_equal(pid.serial, 9);
}

static void a_key_leads_back_to_its_pid(void **state)
{
  (void)state;
  struct beam_pid pid = {.number = 0xfffffff, .serial = 0x1234567};
  uint64_t key = beam_pid_key(pid);
  assert_int_equal(key >> 56, SOURCE_TAG_BEAM);
  assert_int_equal(beam_pid_of_key(key).number, pid.number);
  assert_int_equal(beam_pid_of_key(key).serial, pid.serial);
}

static void tags_tell_terms_apart(void **state)
{
  (void)state;
  assert_true(beam_is_pid(0x1233) && !beam_is_atom(0x1233) && !beam_is_small(0x1233));
  assert_true(beam_is_atom(0x40cb) && beam_atom_index(0x40cb) == 0x103);
  assert_true(beam_is_small(UINT64_MAX) && beam_small(UINT64_MAX) == -1);
  assert_false(beam_is_atom(BEAM_NIL) || beam_is_pid(BEAM_NIL) || beam_is_list(BEAM_NIL));
  assert_true(beam_is_list(0x7001) && beam_pointer(0x7001) == 0x7000);
  assert_true(beam_is_header(2u << 6) && beam_header_arity(2u << 6) == 2 &&
              beam_header_kind(2u << 6) == BEAM_TUPLE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pids_of_old_releases_have_their_slot_above_15_and_13_bits),
      cmocka_unit_test(pids_of_new_releases_have_28_and_32_bits),
      cmocka_unit_test(a_key_leads_back_to_its_pid),
      cmocka_unit_test(tags_tell_terms_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
