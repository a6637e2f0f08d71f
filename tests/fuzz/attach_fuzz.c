/*
 * attach_fuzz.c - an attach to a real node whose memory was damaged: whatever it holds, the scan, the calibration and the
 * validation end, read a bounded amount, and either refuse in words or give a node whose numbers are within bounds.
 *
 * The node is started at the first input and recorded by one attach to it while it is stopped; the inputs are what
 * test_segments_mutate makes of them. Without erl there is nothing to damage: it says so and passes.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "probe/beam/attach/attach_inner.h"
#include "probe/beam/test_node.h"
#include "probe/beam/test_segments.h"

enum {
  READS_MOST = 1 << 22,
  BYTES_MOST = 1 << 30,
};

static struct recording {
  struct test_node *node;
  struct test_segments segments;
} recording; /* made once, for all inputs */

static void end_node(void)
{
  test_node_stop(recording.node);
  test_segments_done(&recording.segments);
}

static void record(void)
{
  char reason[SOURCE_REASON_BYTES];
  struct beam_node found;
  int status;
  recording.node = test_node_spawn("ok", (const char *[]){"+S", "2:2", "+P", "1024", NULL});
  test_node_ready(recording.node); /* ends the program with 77 where there is no erl */
  FUZZ_CHECK(kill(recording.node->pid, SIGSTOP) == 0);
  FUZZ_CHECK(waitpid(recording.node->pid, &status, WUNTRACED) == recording.node->pid);
  test_node_attach(recording.node);
  test_segments_init(&recording.segments);
  test_segments_follow(&recording.segments, &recording.node->memory);
  FUZZ_CHECK(beam_attach(recording.node->target, &recording.segments.memory, &found, reason) == 0);
  test_segments_freeze(&recording.segments);
  FUZZ_CHECK(atexit(end_node) == 0);
}

static void check_node(const struct beam_node *node)
{
  FUZZ_CHECK(node->processes.most && (node->processes.most & (node->processes.most - 1)) == 0);
  FUZZ_CHECK(node->scheduler_count > 0 && node->scheduler_count <= BEAM_SCHEDULERS_MOST);
  FUZZ_CHECK(node->dirty_cpu_count <= BEAM_SCHEDULERS_MOST);
  FUZZ_CHECK(node->dirty_io_count <= BEAM_SCHEDULERS_MOST);
  FUZZ_CHECK(node->scheduler_stride > 0 && node->scheduler_stride % 64 == 0);
  FUZZ_CHECK(node->ets_list_offset > 0 && (uint64_t)node->ets_list_offset < node->scheduler_stride);
  FUZZ_CHECK(node->atom_table && node->code_ranges);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct beam_node node;
  struct test_segments *segments = &recording.segments;
  if (!recording.node)
    record();
  segments->refuse_each =
      size ? bytes[0] : 0; /* few inputs are whole mutations: the rest chooses faults */
  segments->cut_each = size > 1 ? bytes[1] : 0;
  test_segments_mutate(segments, bytes + (size ? 1 : 0), size ? size - 1 : 0);
  int error = beam_attach(recording.node->target, &segments->memory, &node, reason);
  FUZZ_CHECK(error == 0 || reason[0]);
  FUZZ_CHECK(segments->reads < READS_MOST && segments->bytes < BYTES_MOST);
  if (!error)
    check_node(&node);
  test_segments_restore(segments);
  return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  if (number >= 8 || room < 1024)
    return 0;
  size_t length = 1 + (size_t)(1 + number * 4) * TEST_SEGMENTS_MUTATION;
  for (size_t i = 0; i < length; i++)
    ret_bytes[i] = (uint8_t)((i + 7) * (number * 2 + 41) * 2654435761u >> 13);
  ret_bytes[0] = 0;
  ret_bytes[1] = 0;
  return length;
}
