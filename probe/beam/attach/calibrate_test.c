/*
 * calibrate_test.c - a layout that is wrong is found out: each field in turn is moved by a word, and the attach must
 * refuse, or find the field where it really is. And nodes are read with the layouts of their neighbours.
 *
 * $IMPASSE_TEST_ALL_FIELDS prints what of the other fields nothing proves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "probe/beam/attach/attach_inner.h"
#include "probe/beam/attach/calibrate_inner.h"
#include "probe/beam/test_node.h"

static const struct field {
  const char *name;
  size_t at;
} FIELDS[] = {
#define FIELD(name, expression, help) {#name, offsetof(struct beam_layout, name)},
#include "probe/beam/layout_fields.def"
#undef FIELD
};

/* The fields on which rows and waits stand. */
static const char *const PROVEN[] = {
    "ptab_tab",  "ptab_max",   "ptab_pix_mask", "ptab_pix_cl_mask", "p_reg",     "p_links",
    "p_htop",    "p_stop",     "p_heap",        "p_hend",           "p_heapsz",  "p_i",
    "p_gl",      "p_sigqs",    "p_siginq",      "p_dict",           "p_u",       "p_parent",
    "p_state",   "p_runq",     "p_argreg",      "q_first",          "q_save",    "q_last",
    "q_cont",    "q_contlast", "iq_first",      "iq_last",          "atom_len",  "atom_ix",
    "it_seg",    "reg_name",   "reg_proc",      "mn_other",         "mn_keyoff", "sd_no",
    "sd_runq",   "rq_sched",   "t_all_next",    "t_all_prev",       "t_owner",   "t_name",
    "t_meth",    "ch_funs",    "ci_mfa",        "pd_data",          "md_ref",    "p_mon",
    "p_timer",   "p_started",  "p_ltmon",       "p_oldheap",        "p_oldhtop", "p_oldhend",
    "mn_parent", "mn_left",    "mn_right",      "mn_next",          "mn_prev"};

/* A node in which each of the invariants has something to say. */
static struct test_node *start_full_node(void)
{
  return test_node_start(
      "P = spawn(fun() -> receive stop -> ok end end), "
      "[P ! M || M <- [1, 2, 3]], "
      "[spawn(fun() -> erlang:monitor(process, P), receive stop -> ok end end) || _ <- "
      "lists:seq(1, 40)], [erlang:garbage_collect(Q) || Q <- processes()], timer:sleep(50)",
      (const char *[]){"+S", "2:2", NULL});
}

static int32_t *offset_at(struct beam_layout *layout, size_t at)
{
  return (int32_t *)(void *)((char *)layout + at);
}

/* Moves one field by a word: is that refused, or put right? */
static bool is_found_out(const struct test_node *node, const struct field *field)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct beam_layout wrong = *beam_layout_for(node->node.otp);
  struct beam_layout right = wrong;
  const struct beam_layout *layouts[] = {&wrong};
  struct beam_memory memory = node->memory;
  struct beam_node found;
  *offset_at(&wrong, field->at) += 8;
  if (attach_with(node->target, &memory, layouts, 1, &found, reason) != 0)
    return reason[0] != '\0';
  return *offset_at(&found.layout, field->at) == *offset_at(&right, field->at);
}

static bool is_absent(const struct test_node *node, const struct field *field)
{
  struct beam_layout layout = node->node.layout;
  return *offset_at(&layout, field->at) == BEAM_LAYOUT_ABSENT;
}

static const struct field *find_field(const char *name)
{
  for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
    if (strcmp(FIELDS[i].name, name) == 0)
      return &FIELDS[i];
  fail_msg("no field %s", name);
  return NULL;
}

static void a_field_that_moved_is_found_out(void **state)
{
  (void)state;
  struct test_node *node = start_full_node();
  size_t missed = 0;
  for (size_t i = 0; i < sizeof PROVEN / sizeof *PROVEN; i++) {
    const struct field *field = find_field(PROVEN[i]);
    if (is_absent(node, field) || is_found_out(node, field))
      continue;
    print_error("%s + 8 was believed\n", field->name);
    missed++;
  }
  for (size_t i = 0; getenv("IMPASSE_TEST_ALL_FIELDS") && i < sizeof FIELDS / sizeof *FIELDS; i++)
    if (!is_absent(node, &FIELDS[i]) && !is_found_out(node, &FIELDS[i]))
      print_message("%s ", FIELDS[i].name);
  assert_int_equal(missed, 0);
  test_node_stop(node);
}

static bool is_of_process(const struct field *field)
{
  return strncmp(field->name, "p_", 2) == 0;
}

/* Fields of a process that are elsewhere than the right layout says. */
static size_t count_misplaced(const struct beam_layout *found, int otp)
{
  struct beam_layout layout = *found, right = *beam_layout_for(otp);
  size_t count = 0;
  for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
    int32_t got = *offset_at(&layout, FIELDS[i].at), wanted = *offset_at(&right, FIELDS[i].at);
    if (!is_of_process(&FIELDS[i]) || got == wanted || wanted == BEAM_LAYOUT_ABSENT ||
        got == BEAM_LAYOUT_ABSENT) /* absent is an answer, too */
      continue;
    print_error("%s: got %d, wanted %d\n", FIELDS[i].name, got, wanted);
    count++;
  }
  return count;
}

/* As in a release that has put new fields in front of those from p_heap on. */
static void fields_that_moved_together_are_found(void **state)
{
  (void)state;
  static const int32_t distances[] = {8, -16, 64};
  struct test_node *node = start_full_node();
  for (size_t n = 0; n < sizeof distances / sizeof *distances; n++) {
    char reason[SOURCE_REASON_BYTES] = "";
    struct beam_layout moved = *beam_layout_for(node->node.otp);
    const struct beam_layout *layouts[] = {&moved};
    struct beam_memory memory = node->memory;
    struct beam_node found;
    int32_t from = moved.p_heap;
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
      if (is_of_process(&FIELDS[i]) && *offset_at(&moved, FIELDS[i].at) >= from)
        *offset_at(&moved, FIELDS[i].at) += distances[n];
    int error = attach_with(node->target, &memory, layouts, 1, &found, reason);
    if (error)
      print_error("moved by %d: %d %s\n", distances[n], error, reason);
    assert_int_equal(error, 0);
    assert_true(found.calibrated);
    assert_int_equal(count_misplaced(&found.layout, node->node.otp), 0);
  }
  test_node_stop(node);
}

static void the_layout_of_another_version_is_corrected_or_refused(void **state)
{
  (void)state;
  struct test_node *node = start_full_node();
  for (int otp = 1; otp < 100; otp++) {
    char reason[SOURCE_REASON_BYTES] = "";
    const struct beam_layout *layout = beam_layout_for(otp);
    struct beam_memory memory = node->memory;
    struct beam_node found;
    if (!layout || otp == node->node.otp)
      continue;
    if (attach_with(node->target, &memory, &layout, 1, &found, reason) != 0) {
      assert_non_null(strstr(reason, "(invariant "));
      continue;
    }
    assert_true(found.calibrated);
    assert_int_equal(count_misplaced(&found.layout, node->node.otp), 0);
  }
  test_node_stop(node);
}

static void without_a_layout_the_node_is_refused_by_its_version(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES] = "", version[16];
  struct test_node *node = start_full_node();
  const struct beam_layout *none = NULL;
  struct beam_node found;
  assert_int_equal(attach_with(node->target, &node->memory, &none, 0, &found, reason), -ENOTSUP);
  (void)snprintf(version, sizeof version, "node is %d", node->node.otp);
  assert_non_null(strstr(reason, "impasse knows OTP"));
  assert_non_null(strstr(reason, version));
  test_node_stop(node);
}

static void neighbours_are_neighbours_in_every_layout(void **state)
{
  (void)state;
  for (int otp = 1; otp < 100; otp++) {
    if (!beam_layout_for(otp))
      continue;
    struct beam_layout layout = *beam_layout_for(otp);
    for (size_t i = 0; i < CALIBRATE_NEIGHBOUR_COUNT; i++)
      assert_int_equal(*offset_at(&layout, CALIBRATE_NEIGHBOURS[i].first) + 8,
                       *offset_at(&layout, CALIBRATE_NEIGHBOURS[i].second));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_field_that_moved_is_found_out),
      cmocka_unit_test(fields_that_moved_together_are_found),
      cmocka_unit_test(the_layout_of_another_version_is_corrected_or_refused),
      cmocka_unit_test(without_a_layout_the_node_is_refused_by_its_version),
      cmocka_unit_test(neighbours_are_neighbours_in_every_layout),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
