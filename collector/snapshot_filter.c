/* snapshot_filter.c - see snapshot_filter.h. */
#include "collector/snapshot_filter.h"
#include "model/maker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* target_keys of the rows to keep, ascending. */
struct wanted {
  int64_t *keys;
  size_t count;
};

static int wanted_init(struct wanted *wanted, const struct snapshot *snapshot,
                       const struct options *options)
{
  uint32_t rows = snapshot_rows(snapshot, RELATION_TARGETS);

  wanted->count = 0;
  wanted->keys = calloc(rows ? rows : 1, sizeof(int64_t));
  if (!wanted->keys)
    return -ENOMEM;
  for (uint32_t row = 0; row < rows; row++)
    if (maker_is_row(snapshot, row) ||
        options_want_target(options, snapshot_text(snapshot, RELATION_TARGETS, TARGETS_TARGET, row),
                            snapshot_int(snapshot, RELATION_TARGETS, TARGETS_PID, row)))
      wanted->keys[wanted->count++] =
          snapshot_int(snapshot, RELATION_TARGETS, TARGETS_TARGET_KEY, row);
  return 0;
}

static int compare_keys(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* What concerns no single target (impasse itself, the machine) is kept. */
static bool is_kept(const struct wanted *wanted, int64_t target_key)
{
  return target_key == VALUE_UNKNOWN || target_key == 0 ||
         bsearch(&target_key, wanted->keys, wanted->count, sizeof(int64_t), compare_keys) != NULL;
}

static void copy_value(const struct snapshot *from, uint32_t from_row, struct snapshot_builder *to,
                       uint32_t to_row, enum relation relation, unsigned column)
{
  switch (relation_info(relation)->columns[column].type) {
  case COLUMN_INT:
    snapshot_builder_ints(to, relation, column)[to_row] =
        snapshot_int(from, relation, column, from_row);
    break;
  case COLUMN_REAL:
    snapshot_builder_reals(to, relation, column)[to_row] =
        snapshot_real(from, relation, column, from_row);
    break;
  case COLUMN_TEXT:
    snapshot_builder_texts(to, relation, column)[to_row] =
        snapshot_builder_intern(to, snapshot_text(from, relation, column, from_row));
    break;
  case COLUMN_ENUM:
    snapshot_builder_enums(to, relation, column)[to_row] =
        snapshot_enum(from, relation, column, from_row);
    break;
  }
}

static int copy_relation(const struct snapshot *from, struct snapshot_builder *to,
                         enum relation relation, const struct wanted *wanted)
{
  uint32_t rows = snapshot_rows(from, relation), kept = 0;
  int key_column = relation_column(relation, "target_key");
  int error = snapshot_builder_relation(to, relation, rows);

  if (error < 0)
    return error;
  for (uint32_t row = 0; row < rows; row++) {
    if (key_column >= 0 &&
        !is_kept(wanted, snapshot_int(from, relation, (unsigned)key_column, row)))
      continue;
    for (unsigned column = 0; column < relation_info(relation)->column_count; column++)
      copy_value(from, row, to, kept, relation, column);
    kept++;
  }
  snapshot_builder_trim(to, relation, kept);
  return 0;
}

int snapshot_filter(const struct snapshot *snapshot, const struct options *options,
                    struct snapshot **ret_snapshot)
{
  struct snapshot_about about = snapshot_about(snapshot);
  struct snapshot_builder *builder;
  struct wanted wanted;
  int error;

  if (options->target_count == 0) {
    *ret_snapshot = snapshot_ref(snapshot);
    return 0;
  }
  error = wanted_init(&wanted, snapshot, options);
  if (error < 0)
    return error;
  builder = snapshot_builder_new(about.now, about.tick, about.host, about.boot_id);
  error = builder ? 0 : -ENOMEM;
  for (unsigned relation = 0; relation < RELATION_COUNT && error == 0; relation++)
    error = copy_relation(snapshot, builder, (enum relation)relation, &wanted);
  free(wanted.keys);
  if (error < 0) {
    snapshot_builder_free(builder);
    return error;
  }
  return snapshot_builder_finish(builder, ret_snapshot);
}

static bool shows_target(const struct snapshot *s, const char *wish)
{
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_TARGETS); row++)
    if (options_target_means(wish, snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row),
                             snapshot_int(s, RELATION_TARGETS, TARGETS_PID, row)))
      return true;
  return false;
}

/* By its name, or one of the processes that the wish stands for. */
static bool shows_wish(const struct snapshot *s, const struct options *options, size_t wish)
{
  bool shown = shows_target(s, options->targets[wish]);

  for (size_t i = options->wish_count; i < options->target_count && !shown; i++)
    shown = options->wish_of[i] == wish && shows_target(s, options->targets[i]);
  return shown;
}

const char *snapshot_missing_target(const struct snapshot *s, const struct options *options)
{
  for (size_t i = 0; i < options->wish_count; i++)
    if (!shows_wish(s, options, i))
      return options->targets[i];
  return NULL;
}
