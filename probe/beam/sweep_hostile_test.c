/*
 * sweep_hostile_test.c - sweeps, parts and rounds of a recorded node whose memory is damaged at
 * random, thousands of times: what comes out is always a sweep that holds its promises, after
 * bounded reading, or an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/beam/sweep.h"
#include "probe/beam/sweep_facts.h"
#include "probe/beam/test_node.h"
#include "probe/beam/test_segments.h"
#include "probe/beam/wait/wait.h"

#ifdef __SANITIZE_THREAD__ /* there is one thread here, and it is slow there */
#define RUNS 100
#else
#define RUNS 3000
#endif

enum {
  FRESH_EACH =
      50, /* readers are made anew; in between they remember what damage made them believe */
  DAMAGES_MOST = 48,
  READS_MOST = 200000,
  BYTES_MOST = 64 << 20,
};

/* Some of all that a sweep looks at: names, labels, ancestors, calls, mailboxes, a name that is
 * long. */
static const char TEXT[] =
    "register(callee, spawn(fun() -> receive never -> ok end end)), "
    "[spawn(fun() -> gen:call(callee, '$gen_call', hello, infinity) end) || _ <- lists:seq(1, "
    "20)], "
    "[begin P = proc_lib:spawn(fun() -> put(key, I), put('$process_label', {label, I}), "
    "receive never -> ok end end), P ! I end || I <- lists:seq(1, 30)], "
    "register(list_to_atom(lists:duplicate(255, $x)), spawn(fun() -> receive never -> ok end "
    "end)), "
    "[(fun Settle() -> case process_info(P, status) of {_, running} -> ok; {_, runnable} -> "
    "Settle(); "
    "_ -> ok end end)() || P <- processes()]";

struct readers {
  struct beam_node *node;
  struct beam_atoms *atoms;
  struct beam_code *code;
  struct beam_names *names;
  struct beam_sweep *rows;
  struct beam_waits *waits;
  struct sweep_facts facts;
};

static void readers_init(struct readers *r, struct beam_node *node)
{
  r->node = node;
  r->atoms = beam_atoms_new(node);
  r->code = beam_code_new(node);
  r->names = beam_names_new(node, r->atoms, r->code);
  r->rows = beam_sweep_new(node, r->names);
  r->waits = beam_waits_new(node, r->atoms, r->code);
  sweep_facts_init(&r->facts, node);
  assert_true(r->atoms && r->code && r->names && r->rows && r->waits);
}

static void readers_done(struct readers *r)
{
  beam_waits_free(r->waits);
  beam_sweep_free(r->rows);
  beam_names_free(r->names);
  beam_code_free(r->code);
  beam_atoms_free(r->atoms);
}

static uint64_t by_name(void *names, uint64_t atom)
{
  return beam_names_by_name(names, atom);
}

static bool lives(void *names, uint64_t word)
{
  return beam_names_lives(names, word);
}

/* As the source does it. */
static size_t run(struct readers *r, enum sweep_kind kind)
{
  const struct beam_waits_world world = {r->names, by_name, lives};
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_BEAM, kind);
  size_t count, rows;
  assert_non_null(sweep);
  int error = beam_sweep_rows(r->rows, sweep);
  const struct beam_proc *candidates = beam_sweep_candidates(r->rows, &count);
  if (!error)
    error = beam_waits_read(r->waits, candidates, count, &world, sweep);
  if (!error)
    error = beam_sweep_end(r->rows, sweep);
  if (!error) {
    sweep_facts_fill(&r->facts, r->atoms, sweep);
    assert_int_equal(sweep_check(sweep), 0);
  } else {
    assert_true(error == -EFAULT || error == -EPROTO || error == -ENOMEM);
  }
  rows = sweep->actor_count;
  sweep_free(sweep);
  return rows;
}

static uint32_t next_random(uint32_t *seed)
{
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  *seed ^= *seed << 5;
  return *seed;
}

static void damage(struct test_segments *segments, uint32_t *seed)
{
  uint32_t input[DAMAGES_MOST * TEST_SEGMENTS_MUTATION / sizeof(uint32_t)];
  size_t words = (1 + next_random(seed) % DAMAGES_MOST) * TEST_SEGMENTS_MUTATION / sizeof *input;
  for (size_t i = 0; i < words; i++)
    input[i] = next_random(seed);
  test_segments_mutate(segments, (const uint8_t *)input, words * sizeof *input);
  segments->refuse_each = next_random(seed) % 4 == 0 ? 2 + next_random(seed) % 300 : 0;
  segments->cut_each = next_random(seed) % 4 == 0 ? 2 + next_random(seed) % 300 : 0;
}

static void damaged_memory_gives_sound_sweeps_after_bounded_reads(void **state)
{
  (void)state;
  struct test_node *live = test_node_start(TEXT, (const char *[]){"+P", "1024", NULL});
  struct test_segments segments;
  struct beam_node node = live->node;
  struct readers readers;
  uint32_t seed = 2463534242;
  size_t rows = 0;
  test_segments_init(&segments);
  test_segments_follow(&segments, &live->memory);
  node.memory = &segments.memory;
  readers_init(&readers, &node);
  size_t whole = run(&readers, SWEEP_FULL);
  assert_true(whole > 50);
  (void)run(&readers, SWEEP_PART);
  (void)run(&readers, SWEEP_ROUND);
  test_segments_freeze(&segments);
  test_node_stop(live);

  for (int i = 0; i < RUNS; i++) {
    test_segments_restore(&segments);
    damage(&segments, &seed);
    if (i % FRESH_EACH == 0) {
      readers_done(&readers);
      readers_init(&readers, &node);
    }
    rows += run(&readers, SWEEP_FULL);
    (void)run(&readers, SWEEP_PART);
    (void)run(&readers, SWEEP_ROUND);
    assert_true(segments.reads < READS_MOST);
    assert_true(segments.bytes < BYTES_MOST);
  }
  assert_true(rows > whole * RUNS / 4); /* damage was not all that was read */

  test_segments_restore(&segments);
  segments.refuse_each = segments.cut_each = 0;
  readers_done(&readers);
  readers_init(&readers, &node);
  assert_int_equal(run(&readers, SWEEP_FULL), whole); /* as it was */
  readers_done(&readers);
  test_segments_done(&segments);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(damaged_memory_gives_sound_sweeps_after_bounded_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
