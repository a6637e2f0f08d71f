/* pane_tables.c - shared tables and locks, the most fought over first. */
#include "tui/pane.h"

static enum style style_of(const struct snapshot *s, uint32_t row, unsigned column)
{
  switch (column) {
  case TABLES_WAIT_PERMILLE:
    return snapshot_int(s, RELATION_TABLES, TABLES_WAIT_PERMILLE, row) >= 500 ? STYLE_WARNING
                                                                              : STYLE_NORMAL;
  case TABLES_READ_WAITERS:
  case TABLES_WRITE_WAITERS:
    return snapshot_int(s, RELATION_TABLES, column, row) > 0 ? STYLE_WARNING : STYLE_NORMAL;
  case TABLES_TARGET:
    return STYLE_DIM;
  default:
    return STYLE_NORMAL;
  }
}

#define BYTES_BITS 50

/* The most fought over first; of those that nobody waits for the largest. */
static int64_t score(const struct snapshot *s, uint32_t row)
{
  int64_t wait = snapshot_int(s, RELATION_TABLES, TABLES_WAIT_PERMILLE, row),
          bytes = snapshot_int(s, RELATION_TABLES, TABLES_BYTES, row),
          bytes_most = (INT64_C(1) << BYTES_BITS) - 1;

  wait = wait == VALUE_UNKNOWN || wait < 0 ? -1 : wait > 1000 ? 1000 : wait;
  bytes = bytes == VALUE_UNKNOWN || bytes < 0 ? 0 : bytes > bytes_most ? bytes_most : bytes;
  return wait * (bytes_most + 1) + bytes;
}

static const struct table_spec spec = {
    .relation = RELATION_TABLES,
    .columns = {TABLES_NAME, TABLES_WAIT_PERMILLE, TABLES_ITEMS, TABLES_BYTES, TABLES_OWNER_NAME,
                TABLES_TARGET, TABLES_CONTENDED_PER_S, TABLES_WRITE_WAITERS, TABLES_READ_WAITERS,
                TABLES_MAX_WAIT_US, TABLES_HELD_PERMILLE, TABLES_KIND, TABLES_TYPE},
    .column_count = 13,
    .optional = {TABLES_ITEMS, TABLES_BYTES, TABLES_HELD_PERMILLE, TABLES_TYPE},
    .wide = {{TABLES_OWNER_NAME, 19}, {TABLES_TARGET, 19}},
    .sort = TABLES_WAIT_PERMILLE,
    .score = score,
    .style = style_of,
};

const struct pane pane_tables = {
    .name = "tables",
    .title = "Tables",
    .help = "Tables and locks. wait% is the share of the time for which somebody waited for it; "
            "waiters are those of this instant; the owner holds it for writing or owns it.",
    .table = &spec,
};
