/* Regions made by hand: whatever is wrong with one is said in words, and nothing in
 * it is believed. */
#include "probe/hook/reader_region.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/hook/test_region.h"
#include "probe/hook/test_target.h"

/* What a process publishes, and what is to be said of it. */
struct lie {
  const char *what;
  void (*publish)(void);
  const char *words; /* of the refusal; NULL = it is accepted */
};

static uint64_t own_start_ticks(void)
{
  struct reach_target *self;
  uint64_t ticks = 0;
  if (reach_open(getpid(), &self) == 0)
    ticks = reach_start_ticks(self);
  reach_close(self);
  return ticks;
}

static struct impasse_header *publish_good(uint32_t chain)
{
  struct impasse_header *header = test_region_publish(IMPASSE_FILE_BYTES, 0, TEST_REGION_SEALS);
  struct timespec now;
  if (!header)
    _exit(1);
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  test_region_header(header, (uint32_t)getpid(), chain);
  header->start_ticks = own_start_ticks();
  header->opened_monotonic_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  return header;
}

static void good(void)
{
  (void)test_region_open(publish_good(0), 0, IMPASSE_KIND_ACTOR);
}

static void without_start_time(void)
{
  publish_good(0)->start_ticks = 0;
}

static void of_another(void)
{
  publish_good(0)->pid = (uint32_t)getppid();
}

static void of_another_time(void)
{
  publish_good(0)->start_ticks -= 1000;
}

static void of_another_and_old(void)
{
  struct impasse_header *header = publish_good(0);
  header->pid = 99999999;
  header->opened_monotonic_ns = 0;
}

/* A copy of the header of somebody who lives and is older than this process. */
static void copied(void)
{
  struct impasse_header *header = publish_good(0);
  struct reach_target *parent;
  if (reach_open(getppid(), &parent) != 0)
    _exit(1);
  header->pid = (uint32_t)getppid();
  header->start_ticks = reach_start_ticks(parent);
  header->opened_monotonic_ns = 1;
  reach_close(parent);
}

static void truncated(void)
{
  struct impasse_header *header = test_region_publish(IMPASSE_FILE_BYTES / 2, 0, TEST_REGION_SEALS);
  test_region_header(header, (uint32_t)getpid(), 0);
}

static void too_long(void)
{
  struct impasse_header *header =
      test_region_publish((size_t)IMPASSE_FILE_BYTES * 2, 0, TEST_REGION_SEALS);
  test_region_header(header, (uint32_t)getpid(), 0);
  header->file_bytes *= 2;
}

static void unsealed(void)
{
  struct impasse_header *header = test_region_publish(IMPASSE_FILE_BYTES, 0, 0);
  test_region_header(header, (uint32_t)getpid(), 0);
}

static void half_sealed(void)
{
  struct impasse_header *header =
      test_region_publish(IMPASSE_FILE_BYTES, 0, F_SEAL_GROW | F_SEAL_SEAL);
  test_region_header(header, (uint32_t)getpid(), 0);
}

/* Of huge pages, of which there may be none: then touching it would kill the reader, and nobody
 * may touch it. */
static void huge(void)
{
  size_t bytes = (IMPASSE_FILE_BYTES + (2u << 20) - 1) & ~((2u << 20) - 1);
  if (!test_region_publish(bytes, MFD_HUGETLB, TEST_REGION_SEALS))
    good(); /* this kernel has none: the case is shown by the other sizes */
}

static void without_magic(void)
{
  publish_good(0)->magic++;
}

static void of_another_layout(void)
{
  publish_good(0)->layout++;
}

static void with_moved_arrays(void)
{
  publish_good(0)->arrays[IMPASSE_ARRAY_HOT].offset = UINT64_C(1) << 62;
}

static void with_long_arrays(void)
{
  publish_good(0)->arrays[IMPASSE_ARRAY_CLASSES].count = UINT32_MAX;
}

static void with_shifted_slots(void)
{
  publish_good(0)->first_slot = 5;
}

static void with_a_far_chain(void)
{
  publish_good(0)->chain = UINT32_MAX;
}

static void without_a_beginning(void)
{
  (void)publish_good(1);
}

static void twice(void)
{
  good();
  good();
}

static void beside_a_lie(void)
{
  of_another();
  good();
}

static const struct lie lies[] = {
    {"good", good, NULL},
    {"without start time", without_start_time, NULL},
    {"of another", of_another, "claims to be of pid "},
    {"of another time", of_another_time, "started at another time"},
    {"of another and old", of_another_and_old, "claims to be of pid 99999999"},
    {"copied from another", copied, "claims to be of pid "},
    {"truncated", truncated, "another size"},
    {"too long", too_long, "another size"},
    {"unsealed", unsealed, "not sealed"},
    {"half sealed", half_sealed, "not sealed"},
    {"without magic", without_magic, "magic"},
    {"of another layout", of_another_layout, "layout version"},
    {"with moved arrays", with_moved_arrays, "arrays"},
    {"with long arrays", with_long_arrays, "arrays"},
    {"with shifted slots", with_shifted_slots, "slot numbers"},
    {"with a far chain", with_a_far_chain, "slot numbers"},
    {"without a beginning", without_a_beginning, "publishes no region"},
    {"twice", twice, NULL},
    {"beside a lie", beside_a_lie, NULL},
};

static void publish(void *context, int in, int out)
{
  (void)in;
  const struct lie *lie = context;
  lie->publish();
  test_child_tell(out);
}

static void each_lie_is_refused_in_words(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    struct lie lie = lies[i];
    char reason[SOURCE_REASON_BYTES] = "";
    struct test_target target = test_target_start(publish, &lie);
    int error = source_hook.open(target.reach, &target.session, reason);
    if ((error == 0) != (lie.words == NULL))
      fail_msg("a region %s: open gave %d (%s)", lie.what, error, reason);
    if (lie.words)
      test_words(reason, lie.words);
    else
      (void)test_target_sweep(&target);
    test_target_end(&target);
  }
}

static void what_is_refused_beside_a_good_one_is_a_gap(void **state)
{
  (void)state;
  struct lie lie = {"", beside_a_lie, NULL};
  struct test_target target = test_target_start(publish, &lie);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->actor_count, 1);
  assert_int_equal(sweep->gap_count, 1);
  test_words(sweep_text(sweep, sweep->gaps[0].reason), "claims to be of pid ");
  assert_int_equal(test_target_sweep(&target)->gap_count, 0);
  test_target_end(&target);
}

static void huge_pages_are_not_touched(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES] = "";
  struct lie lie = {"", huge, NULL};
  struct test_target target = test_target_start(publish, &lie);
  if (source_hook.open(target.reach, &target.session, reason) == 0) {
    test_target_end(&target);
    print_message("this kernel makes no files of huge pages\n");
    skip();
  }
  test_words(reason, "ordinary pages");
  test_target_end(&target);
}

/* ---- lies behind a right header ---- */

static void fill_with_noise(void)
{
  struct impasse_header *header = publish_good(0);
  uint64_t state = 1, *word = (uint64_t *)(void *)((char *)header + IMPASSE_SHARDS_OFFSET);
  for (size_t i = 0; i < (IMPASSE_FILE_BYTES - IMPASSE_SHARDS_OFFSET) / 8; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    word[i] = state ^ state >> 29;
  }
  /* Many of the slots are to pass for open ones of a known kind. */
  for (uint32_t i = 0; i < IMPASSE_SLOTS; i++) {
    struct impasse_hot *hot = test_region_hot(header, i);
    hot->kind = (uint8_t)(hot->kind % (IMPASSE_KIND_COUNT + 1));
    hot->generation = i % 8 ? 1 : hot->generation;
    hot->sequence &= i % 4 ? ~1u : ~0u;
  }
  header->region_count = UINT32_MAX;
  header->losses[0] = UINT64_MAX;
}

static void noise_is_no_danger(void **state)
{
  (void)state;
  struct lie lie = {"", fill_with_noise, NULL};
  struct test_target target = test_target_start(publish, &lie);
  test_target_open(&target);
  assert_true(test_target_sweep(&target)->actor_count > 0);
  (void)test_target_round(&target);
  (void)test_target_sweep(&target);
  test_target_end(&target);
}

/* Every actor waits for one service, whose members are lists of lists without an end. */
static void publish_explosion(void)
{
  struct impasse_header *header = publish_good(0);
  for (uint32_t i = 0; i < IMPASSE_SHARD_SLOTS; i++) {
    bool service = i < 64;
    struct impasse_hot *hot =
        test_region_open(header, i, service ? IMPASSE_KIND_SERVICE : IMPASSE_KIND_ACTOR);
    hot->run = IMPASSE_RUN(0, IMPASSE_BLOCKED);
    if (!service)
      (void)test_region_wait(hot, IMPASSE_REF(0, 1));
    for (unsigned r = 0; service && r < IMPASSE_LIST_REFS; r++)
      *impasse_list_ref(hot, r) = IMPASSE_REF((i + r) % 64, 1);
  }
}

static void a_flood_of_edges_is_cut_and_told(void **state)
{
  (void)state;
  struct lie lie = {"", publish_explosion, NULL};
  struct test_target target = test_target_start(publish, &lie);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->wait_count, IMPASSE_SHARD_SLOTS - 64);
  assert_int_equal(sweep->gap_count, 1);
  test_words(sweep_text(sweep, sweep->gaps[0].reason), "too many holders in all");
  assert_true(sweep->waits[sweep->wait_count - 1].open);
  test_target_end(&target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_lie_is_refused_in_words),
      cmocka_unit_test(what_is_refused_beside_a_good_one_is_a_gap),
      cmocka_unit_test(huge_pages_are_not_touched),
      cmocka_unit_test(noise_is_no_danger),
      cmocka_unit_test(a_flood_of_edges_is_cut_and_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
