/* snapshot_test.c - what a snapshot promises: values come out as they went in, and a foreign block
 * is checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/snapshot.h"

static const struct tick_clock NOW = {.mono_ns = 5000000000, .wall_ms = 1700000000000};

/* Two targets; of actors (1, 10), (1, 20) and (2, 10). */
static struct snapshot_builder *small_builder(void)
{
  struct snapshot_builder *b = snapshot_builder_new(NOW, 3, "host", "boot");

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_TARGETS, 2), 0);
  snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_TARGET_KEY)[0] = 1;
  snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_TARGET_KEY)[1] = 2;
  assert_int_equal(snapshot_builder_relation(b, RELATION_ACTORS, 4), 0);
  for (uint32_t i = 0; i < 3; i++) {
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_TARGET_KEY)[i] = i < 2 ? 1 : 2;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_ACTOR)[i] = i == 1 ? 20 : 10;
  }
  snapshot_builder_texts(b, RELATION_ACTORS, ACTORS_NAME)[1] = snapshot_builder_text(b, "logger");
  snapshot_builder_enums(b, RELATION_ACTORS, ACTORS_STATE)[1] = ACTOR_BLOCKED;
  snapshot_builder_reals(b, RELATION_ACTORS, ACTORS_IN_PER_S)[1] = 2.5;
  snapshot_builder_trim(b, RELATION_ACTORS, 3);
  return b;
}

static struct snapshot *small_snapshot(void)
{
  struct snapshot *s = NULL;

  assert_int_equal(snapshot_builder_finish(small_builder(), &s), 0);
  return s;
}

static void values_come_out_as_they_went_in(void **context)
{
  struct snapshot *s = small_snapshot();
  struct snapshot_about about = snapshot_about(s);

  (void)context;
  assert_int_equal(about.tick, 3);
  assert_int_equal(about.now.wall_ms, NOW.wall_ms);
  assert_string_equal(about.host, "host");
  assert_string_equal(about.boot_id, "boot");
  assert_int_equal(snapshot_rows(s, RELATION_ACTORS), 3);
  assert_int_equal(snapshot_rows(s, RELATION_ALERTS), 0);
  assert_string_equal(snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, 1), "logger");
  assert_string_equal(snapshot_value(s, RELATION_ACTORS, ACTORS_STATE, 1).text, "blocked");
  assert_true(snapshot_real(s, RELATION_ACTORS, ACTORS_IN_PER_S, 1) == 2.5);
  snapshot_unref(s);
}

static void what_nobody_filled_in_is_unknown(void **context)
{
  struct snapshot *s = small_snapshot();

  (void)context;
  assert_false(snapshot_value(s, RELATION_ACTORS, ACTORS_DEPTH, 0).known);
  assert_false(snapshot_value(s, RELATION_ACTORS, ACTORS_NAME, 0).known);
  assert_false(snapshot_value(s, RELATION_ACTORS, ACTORS_STATE, 0).known);
  assert_true(isnan(snapshot_real(s, RELATION_ACTORS, ACTORS_OUT_PER_S, 0)));
  snapshot_unref(s);
}

static void rows_are_found_by_key(void **context)
{
  struct snapshot *s = small_snapshot();
  uint32_t row = 99, first, count;

  (void)context;
  assert_int_equal(snapshot_find_actor(s, 1, 20, &row), 0);
  assert_int_equal(row, 1);
  assert_int_equal(snapshot_find_actor(s, 2, 10, &row), 0);
  assert_int_equal(row, 2);
  assert_int_equal(snapshot_find_actor(s, 2, 20, &row), -ENOENT);
  assert_int_equal(snapshot_find_target(s, 2, &row), 0);
  assert_int_equal(row, 1);
  assert_int_equal(snapshot_find_target(s, 3, &row), -ENOENT);
  snapshot_range_of_target(s, RELATION_ACTORS, 1, &first, &count);
  assert_int_equal(first, 0);
  assert_int_equal(count, 2);
  snapshot_range_of_target(s, RELATION_WAITS, 1, &first, &count);
  assert_int_equal(count, 0);
  snapshot_unref(s);
}

static void equal_words_are_kept_once_and_survive_growth(void **context)
{
  struct snapshot_builder *b = small_builder();
  uint32_t first = snapshot_builder_intern(b, "word 0"), last = 0;
  char word[32];

  (void)context;
  for (int i = 0; i < 1000; i++) {
    snprintf(word, sizeof(word), "word %d", i);
    last = snapshot_builder_intern(b, word);
  }
  assert_int_equal(snapshot_builder_intern(b, "word 0"), first);
  assert_int_equal(snapshot_builder_intern(b, "word 999"), last);
  assert_int_equal(snapshot_builder_intern(b, NULL), 0);
  snapshot_builder_free(b);
}

static void the_view_shows_what_is_built_so_far(void **context)
{
  struct snapshot_builder *b = small_builder();
  const struct snapshot *view = snapshot_builder_view(b);

  (void)context;
  assert_string_equal(snapshot_text(view, RELATION_ACTORS, ACTORS_NAME, 1), "logger");
  assert_int_equal(snapshot_rows(view, RELATION_WAITS), 0);
  for (int i = 0; i < 100000; i++) /* neither columns nor words move */
    assert_true(snapshot_builder_text(b, "a word that makes the pool grow") > 0);
  assert_int_equal(snapshot_builder_relation(b, RELATION_TABLES, 1000000), 0);
  assert_string_equal(snapshot_text(view, RELATION_ACTORS, ACTORS_NAME, 1), "logger");
  snapshot_builder_free(b);
}

static unsigned released;

static void release_counted(void *block, size_t size)
{
  (void)size;
  free(block);
  released++;
}

/* A malloc'ed copy of the block, as if it had come over a socket. */
static unsigned char *copy_of(const struct snapshot *s, size_t *ret_size)
{
  const void *bytes = snapshot_bytes(s, ret_size);
  unsigned char *copy = malloc(*ret_size);

  assert_non_null(copy);
  return memcpy(copy, bytes, *ret_size);
}

static void a_block_can_be_handed_over(void **context)
{
  struct snapshot *s = small_snapshot(), *t = NULL;
  size_t size;
  unsigned char *copy = copy_of(s, &size);

  (void)context;
  snapshot_unref(s);
  released = 0;
  assert_int_equal(snapshot_adopt(copy, size, release_counted, &t), 0);
  assert_string_equal(snapshot_text(t, RELATION_ACTORS, ACTORS_NAME, 1), "logger");
  assert_int_equal(snapshot_int(t, RELATION_ACTORS, ACTORS_ACTOR, 1), 20);
  snapshot_unref(snapshot_ref(t));
  assert_int_equal(released, 0);
  snapshot_unref(t);
  assert_int_equal(released, 1);
}

static void a_shorter_block_is_refused(void **context)
{
  struct snapshot *s = small_snapshot(), *t = NULL;
  size_t size;
  unsigned char *copy = copy_of(s, &size);

  (void)context;
  for (size_t n = 0; n < size; n += n < 512 ? 1 : 64)
    assert_int_equal(snapshot_adopt(copy, n, release_counted, &t), -EINVAL);
  free(copy);
  snapshot_unref(s);
}

static void another_dictionary_is_told_apart_from_damage(void **context)
{
  struct snapshot *s = small_snapshot(), *t = NULL;
  size_t size;
  unsigned char *copy = copy_of(s, &size);

  (void)context;
  copy[12]++; /* dictionary version, see the layout in snapshot.c */
  assert_int_equal(snapshot_adopt(copy, size, release_counted, &t), -EPROTONOSUPPORT);
  copy[12]--;
  copy[0]++; /* magic */
  assert_int_equal(snapshot_adopt(copy, size, release_counted, &t), -EINVAL);
  free(copy);
  snapshot_unref(s);
}

/* Changes one cell of a copied block and expects it to be refused. */
static void expect_refused(size_t offset_in_block, const void *value, size_t bytes)
{
  struct snapshot *s = small_snapshot(), *t = NULL;
  size_t size;
  unsigned char *copy = copy_of(s, &size);

  memcpy(copy + offset_in_block, value, bytes);
  assert_int_equal(snapshot_adopt(copy, size, release_counted, &t), -EINVAL);
  free(copy);
  snapshot_unref(s);
}

static void bad_cells_are_refused(void **context)
{
  struct snapshot *s = small_snapshot();
  size_t size;
  const char *base = snapshot_bytes(s, &size);
  size_t state = (size_t)((const char *)snapshot_enums(s, RELATION_ACTORS, ACTORS_STATE) - base);
  size_t key = (size_t)((const char *)snapshot_ints(s, RELATION_ACTORS, ACTORS_ACTOR) - base);
  size_t kind = (size_t)((const char *)snapshot_enums(s, RELATION_ACTORS, ACTORS_KIND) - base);
  size_t name = kind - 4 * sizeof(uint32_t); /* the column before `kind`, of 4 rows */
  uint32_t beyond = UINT32_MAX;
  int64_t large = 21;
  uint8_t word = ACTOR_EXITING + 1;

  (void)context;
  snapshot_unref(s);
  expect_refused(state, &word, sizeof(word));
  expect_refused(key, &large, sizeof(large)); /* (1, 21) before (1, 20) */
  expect_refused(name, &beyond, sizeof(beyond));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_come_out_as_they_went_in),
      cmocka_unit_test(what_nobody_filled_in_is_unknown),
      cmocka_unit_test(rows_are_found_by_key),
      cmocka_unit_test(equal_words_are_kept_once_and_survive_growth),
      cmocka_unit_test(the_view_shows_what_is_built_so_far),
      cmocka_unit_test(a_block_can_be_handed_over),
      cmocka_unit_test(a_shorter_block_is_refused),
      cmocka_unit_test(another_dictionary_is_told_apart_from_damage),
      cmocka_unit_test(bad_cells_are_refused),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
