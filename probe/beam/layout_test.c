/*
 * layout_test.c - the generated tables are whole: every field of the definition has one row in every layout and nothing
 * else has, and the values could be offsets and sizes of a 64-bit program. Whether they are right, a real node tells
 * (attach_test.c, tests/beam/).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "probe/beam/layout.h"

enum field {
#define FIELD(name, expression, help) FIELD_##name,
#include "probe/beam/layout_fields.def"
#undef FIELD
  FIELD_COUNT,
};

static const char *const NAMES[FIELD_COUNT] = {
#define FIELD(name, expression, help) [FIELD_##name] = #name,
#include "probe/beam/layout_fields.def"
#undef FIELD
};

/* A row that is missing leaves 0, one that is there v + ROW, so that a missing one is not taken for offset 0. */
enum { ROW = 2 };
#define ORIGIN(number, package)
#define VALUE(name, value) [FIELD_##name] = (value) + ROW,
static const int32_t ROWS[][FIELD_COUNT] = {
    {
#include "probe/beam/layouts/otp24.inc"
    },
    {
#include "probe/beam/layouts/otp25.inc"
    },
    {
#include "probe/beam/layouts/otp27.inc"
    },
    {
#include "probe/beam/layouts/otp29.inc"
    },
};
#undef VALUE
#undef ORIGIN

static const int MAJORS[] = {24, 25, 27, 29};
enum { MAJOR_COUNT = sizeof MAJORS / sizeof MAJORS[0] };

static int32_t value_of(const struct beam_layout *layout, enum field field)
{
  switch (field) {
#define FIELD(name, expression, help)                                                              \
  case FIELD_##name:                                                                               \
    return layout->name;
#include "probe/beam/layout_fields.def"
#undef FIELD
  case FIELD_COUNT:
    break;
  }
  return INT32_MIN;
}

static void every_field_has_its_row(void **state)
{
  (void)state;
  for (int m = 0; m < MAJOR_COUNT; m++)
    for (enum field f = 0; f < FIELD_COUNT; f++) {
      if (ROWS[m][f] == 0)
        fail_msg("OTP %d has no row for %s", MAJORS[m], NAMES[f]);
      if (ROWS[m][f] < BEAM_LAYOUT_ABSENT + ROW)
        fail_msg("OTP %d, %s: %d", MAJORS[m], NAMES[f], ROWS[m][f] - ROW);
      assert_int_equal(value_of(beam_layout_for(MAJORS[m]), f), ROWS[m][f] - ROW);
    }
}

/* What a reader cannot do without, in any version. */
static void the_necessary_fields_are_there(void **state)
{
  (void)state;
  for (int m = 0; m < MAJOR_COUNT; m++) {
    const struct beam_layout *l = beam_layout_for(MAJORS[m]);
    const int32_t necessary[] = {l->ptab_tab, l->ptab_max,   l->p_id,   l->p_state,    l->p_reg,
                                 l->p_mon,    l->p_stop,     l->p_heap, l->p_i,        l->p_sigqs,
                                 l->p_siginq, l->it_entries, l->it_seg, l->t_all_next, l->t_owner};
    for (size_t i = 0; i < sizeof necessary / sizeof necessary[0]; i++)
      if (necessary[i] == BEAM_LAYOUT_ABSENT)
        fail_msg("OTP %d lacks necessary field %zu", MAJORS[m], i);
    /* The text of an atom and the length of a mailbox are kept in one of two ways. */
    assert_int_not_equal(l->atom_name == BEAM_LAYOUT_ABSENT, l->atom_u == BEAM_LAYOUT_ABSENT);
    assert_int_not_equal(l->q_len == BEAM_LAYOUT_ABSENT, l->q_mqlen == BEAM_LAYOUT_ABSENT);
  }
}

/* Every size holds the fields that lie in it; a reader that reads sz_x bytes finds them all. */
static void fields_lie_inside_their_structs(void **state)
{
  (void)state;
  static const struct {
    const char *prefix; /* of the fields */
    enum field size;
    int32_t most; /* no struct of any version is near this */
  } STRUCTS[] = {
      {"ptab_", FIELD_sz_ptab, 1024},  {"p_", FIELD_sz_process, 4096},
      {"mn_", FIELD_sz_monnode, 256},  {"t_", FIELD_sz_dbtab, 2048},
      {"rq_", FIELD_sz_runq, 4096},    {"sd_", FIELD_sz_sched, 1 << 20},
      {"lk_", FIELD_sz_rwmtx, 256},    {"n_", FIELD_sz_node, 256},
      {"reg_", FIELD_sz_regproc, 256}, {"m_", FIELD_sz_message, 256},
      {"hf_", FIELD_sz_hfrag, 256},    {"atom_", FIELD_sz_atom, 256},
  };
  for (int m = 0; m < MAJOR_COUNT; m++)
    for (size_t s = 0; s < sizeof STRUCTS / sizeof STRUCTS[0]; s++) {
      const int32_t size = ROWS[m][STRUCTS[s].size] - ROW;
      assert_in_range(size, 1, STRUCTS[s].most);
      for (enum field f = 0; f < FIELD_COUNT; f++)
        if (strncmp(NAMES[f], STRUCTS[s].prefix, strlen(STRUCTS[s].prefix)) == 0 &&
            ROWS[m][f] - ROW >= size)
          fail_msg("OTP %d: %s at %d, beyond %d", MAJORS[m], NAMES[f], ROWS[m][f] - ROW, size);
    }
}

static void the_origin_names_a_package(void **state)
{
  (void)state;
  for (int m = 0; m < MAJOR_COUNT; m++) {
    const struct beam_layout *layout = beam_layout_for(MAJORS[m]);
    char wanted[16];
    assert_non_null(layout);
    assert_int_equal(layout->major, MAJORS[m]);
    (void)snprintf(wanted, sizeof wanted, " 1:%d.", MAJORS[m]);
    assert_non_null(strstr(layout->origin, wanted));
  }
}

static void an_unknown_version_has_a_neighbour_only(void **state)
{
  (void)state;
  static const struct {
    int asked, nearest;
  } CASES[] = {{INT32_MIN, 24}, {23, 24}, {26, 25}, {28, 27}, {30, 29}, {INT32_MAX, 29}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    assert_null(beam_layout_for(CASES[i].asked));
    assert_int_equal(beam_layout_nearest(CASES[i].asked)->major, CASES[i].nearest);
  }
  assert_ptr_equal(beam_layout_nearest(25), beam_layout_for(25));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_has_its_row),
      cmocka_unit_test(the_necessary_fields_are_there),
      cmocka_unit_test(fields_lie_inside_their_structs),
      cmocka_unit_test(the_origin_names_a_package),
      cmocka_unit_test(an_unknown_version_has_a_neighbour_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
