/* mailbox.c - see mailbox.h. */
#include "tui/mailbox.h"

#define MESSAGE_BYTES 4096 /* of a stream, about as much to do as a message */

static bool counts(const struct snapshot *s, uint32_t row, enum depth_unit unit)
{
  uint8_t of = snapshot_enum(s, RELATION_ACTORS, ACTORS_DEPTH_UNIT, row);

  return (of == ENUM_UNKNOWN ? DEPTH_MESSAGES : of) == unit;
}

int64_t mailbox_weight(const struct snapshot *s, uint32_t row)
{
  int64_t depth = snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row);

  if (depth == VALUE_UNKNOWN || depth < 0)
    return -1;
  return counts(s, row, DEPTH_BYTES) ? depth / MESSAGE_BYTES : depth;
}

bool mailbox_is_shown(const struct snapshot *s, uint32_t row)
{
  return snapshot_enum(s, RELATION_ACTORS, ACTORS_KIND, row) != ACTOR_KIND_THREAD ||
         snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row) != VALUE_UNKNOWN ||
         snapshot_int(s, RELATION_ACTORS, ACTORS_BLOCKED_MS, row) != VALUE_UNKNOWN ||
         snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row) != 0;
}

int64_t mailbox_messages(const struct snapshot *s)
{
  uint32_t rows = snapshot_rows(s, RELATION_ACTORS);
  const int64_t *depths = rows ? snapshot_ints(s, RELATION_ACTORS, ACTORS_DEPTH) : NULL;
  int64_t sum = 0;

  for (uint32_t row = 0; row < rows; row++)
    if (depths[row] > 0 && depths[row] < INT64_MAX / 2 - sum && counts(s, row, DEPTH_MESSAGES))
      sum += depths[row];
  return sum;
}
