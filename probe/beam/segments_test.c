/* segments_test.c - recorded memory of a node is as good as its own, and its faults are those that were asked for:
 * test_segments.h, on which the fuzzers of this folder stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/test_node.h"
#include "probe/beam/test_segments.h"

static void a_recorded_node_is_attached_as_the_living_one(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES];
  struct test_node *node = test_node_start("ok", NULL);
  struct test_segments segments;
  struct beam_node found;
  test_segments_init(&segments);
  test_segments_follow(&segments, &node->memory);
  assert_int_equal(beam_attach(node->target, &segments.memory, &found, reason), 0);
  test_segments_freeze(&segments);
  assert_int_equal(beam_attach(node->target, &segments.memory, &found, reason), 0);
  assert_true(found.processes.slots == node->node.processes.slots);
  assert_true(found.code_ranges == node->node.code_ranges);
  assert_true(segments.spot_count > 3 && segments.page_count > 3);
  test_segments_done(&segments);
  test_node_stop(node);
}

static void damage_is_seen_and_taken_back(void **state)
{
  (void)state;
  struct test_segments segments;
  uint64_t word = 0x1122334455667788, zero = 0;
  test_segments_init(&segments);
  test_segments_put(&segments, 0x10ffc, &word, sizeof word); /* over the edge of two pages */
  assert_int_equal(segments.page_count, 2);
  test_segments_damage(&segments, 0x11000, &zero, 4);
  assert_int_equal(beam_memory_word(&segments.memory, 0x10ffc, &word), 0);
  assert_true(word == 0x55667788);
  test_segments_restore(&segments);
  assert_int_equal(beam_memory_word(&segments.memory, 0x10ffc, &word), 0);
  assert_true(word == 0x1122334455667788);
  assert_int_equal(beam_memory_word(&segments.memory, 0x12000 - 4, &word), -EFAULT);
  test_segments_done(&segments);
}

static void mutations_hit_only_what_was_read(void **state)
{
  (void)state;
  struct test_segments live, segments;
  uint8_t input[TEST_SEGMENTS_MUTATION * 64];
  uint64_t word = 42;
  test_segments_init(&live);
  test_segments_init(&segments);
  test_segments_put(&live, 0x10000, &word, sizeof word);
  test_segments_follow(&segments, &live.memory);
  assert_int_equal(beam_memory_word(&segments.memory, 0x10000, &word), 0);
  test_segments_freeze(&segments);
  for (size_t i = 0; i < sizeof input; i++)
    input[i] = (uint8_t)(i * 167);
  test_segments_mutate(&segments, input, sizeof input);
  assert_memory_not_equal(segments.pages[0].bytes, live.pages[0].bytes, sizeof word);
  assert_memory_equal(segments.pages[0].bytes + 8, live.pages[0].bytes + 8, TEST_PAGE - 8);
  test_segments_restore(&segments);
  assert_memory_equal(segments.pages[0].bytes, live.pages[0].bytes, TEST_PAGE);
  test_segments_done(&segments);
  test_segments_done(&live);
}

static void faults_come_when_asked_for(void **state)
{
  (void)state;
  struct test_segments segments;
  uint64_t words[4] = {1, 2, 3, 4}, word;
  test_segments_init(&segments);
  test_segments_put(&segments, 0x10000, words, sizeof words);
  segments.refuse_each = 2;
  assert_int_equal(beam_memory_word(&segments.memory, 0x10000, &word), 0);
  assert_int_equal(beam_memory_word(&segments.memory, 0x10000, &word), -EFAULT);
  segments.refuse_each = 0;
  segments.cut_each = 1;
  assert_int_equal(segments.memory.read(&segments.memory, 0x10000, words, 32), 16);
  segments.cut_each = 0;
  segments.gone_after = 4;
  struct reach_piece pieces[] = {{0x10000, words, 8, false}, {0x10008, words, 8, false}};
  assert_int_equal(beam_memory_pieces(&segments.memory, pieces, 1), 0);
  assert_int_equal(beam_memory_pieces(&segments.memory, pieces, 2), -ESRCH);
  assert_int_equal(segments.reads, 5);
  test_segments_done(&segments);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_recorded_node_is_attached_as_the_living_one),
      cmocka_unit_test(damage_is_seen_and_taken_back),
      cmocka_unit_test(mutations_hit_only_what_was_read),
      cmocka_unit_test(faults_come_when_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
