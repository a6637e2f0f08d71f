/*
 * snapshot_fuzz.c - a snapshot that came over a socket, of arbitrary bytes: what snapshot_adopt
 * accepts can be read from end to end, and its rows are in the order in which look-ups trust.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "model/snapshot.h"

static void keep(void *block, size_t size)
{
  (void)block; /* the fuzzer's own */
  (void)size;
}

static size_t read_value(struct value value)
{
  FUZZ_CHECK(value.type != COLUMN_ENUM || !value.known || value.text);
  return value.known && value.text ? strlen(value.text) : (size_t)value.integer & 1;
}

/* Returns something that depends on every value, so that none of the reads can be left out. */
static size_t read_relation(const struct snapshot *s, enum relation relation)
{
  unsigned columns = relation_info(relation)->column_count;
  size_t sum = 0;

  for (uint32_t row = 0; row < snapshot_rows(s, relation); row++)
    for (unsigned column = 0; column < columns; column++)
      sum += read_value(snapshot_value(s, relation, column, row));
  return sum;
}

static void check_look_ups(const struct snapshot *s)
{
  const int64_t *targets = snapshot_ints(s, RELATION_ACTORS, ACTORS_TARGET_KEY);
  const int64_t *actors = snapshot_ints(s, RELATION_ACTORS, ACTORS_ACTOR);

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ACTORS); row++) {
    uint32_t found, first, count;

    FUZZ_CHECK(snapshot_find_actor(s, targets[row], actors[row], &found) == 0);
    FUZZ_CHECK(targets[found] == targets[row] && actors[found] == actors[row]);
    snapshot_range_of_target(s, RELATION_WAITS, targets[row], &first, &count);
    FUZZ_CHECK(first + count <= snapshot_rows(s, RELATION_WAITS));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  static volatile size_t sum; /* a read of what is not there is seen only if it is made */
  struct snapshot *s = NULL;

  if (snapshot_adopt((void *)bytes, size, keep, &s) != 0)
    return 0;
  for (unsigned relation = 0; relation < RELATION_COUNT; relation++)
    sum = sum + read_relation(s, (enum relation)relation);
  sum = sum + strlen(snapshot_about(s).host) + strlen(snapshot_about(s).boot_id);
  check_look_ups(s);
  snapshot_unref(s);
  return 0;
}

/* Puts the row's number into every cell: integers ascend, words repeat, enums stay within their
 * words. */
static void fill_row(struct snapshot_builder *b, enum relation relation, uint32_t row)
{
  const struct relation_info *info = relation_info(relation);
  char text[32];

  (void)snprintf(text, sizeof(text), "word %04u", row);
  for (unsigned c = 0; c < info->column_count; c++) {
    switch (info->columns[c].type) {
    case COLUMN_INT:
      snapshot_builder_ints(b, relation, c)[row] = row;
      break;
    case COLUMN_REAL:
      snapshot_builder_reals(b, relation, c)[row] = row / 2.0;
      break;
    case COLUMN_TEXT:
      snapshot_builder_texts(b, relation, c)[row] = snapshot_builder_intern(b, text);
      break;
    case COLUMN_ENUM:
      snapshot_builder_enums(b, relation, c)[row] = row % 2;
      break;
    }
  }
}

/* Seed n has n rows in each relation; the last one has none in every other relation. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  struct snapshot_builder *b = snapshot_builder_new((struct tick_clock){1, 2}, 3, "host", "boot");
  struct snapshot *s = NULL;
  size_t size = 0;
  const void *bytes;

  FUZZ_CHECK(b);
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    uint32_t rows = number == 8 && r % 2 ? 0 : number;

    FUZZ_CHECK(snapshot_builder_relation(b, (enum relation)r, rows) == 0);
    for (uint32_t row = 0; row < rows; row++)
      fill_row(b, (enum relation)r, row);
  }
  FUZZ_CHECK(snapshot_builder_finish(b, &s) == 0);
  bytes = snapshot_bytes(s, &size);
  FUZZ_CHECK(size <= room);
  memcpy(ret_bytes, bytes, size);
  snapshot_unref(s);
  return number < 9 ? size : 0;
}
