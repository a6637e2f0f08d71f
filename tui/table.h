/*
 * table.h - the table widget: rows of a relation, sorted, filtered and searched, with a cursor that
 * stays on its row.
 *
 * A pane describes its table by a constant spec; columns, their headings, widths and the form of
 * their values come from the dictionary. Only visible rows are formatted; the order of the others
 * is never computed (ranking.h).
 *
 * Not here: keys (keys.h) beyond the commands that a table understands, and the prompt in which a
 * word is typed.
 */
#ifndef IMPASSE_TUI_TABLE_H
#define IMPASSE_TUI_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "tui/canvas.h"
#include "tui/keys.h"
#include "tui/ranking.h"

#define TABLE_COLUMNS_MAX 24
#define TABLE_OPTIONAL_MAX 8
#define TABLE_WIDE_MAX 2
#define TABLE_WORD_SIZE 128

struct table_spec {
  enum relation relation;
  uint8_t columns[TABLE_COLUMNS_MAX]; /* the first stays when the others scroll */
  uint8_t column_count;
  uint8_t sentence; /* a text column that wants room for a sentence; 0 = none */
  /* Columns that take no room while no row has a value there, as the items of locks; 0 = none. */
  uint8_t optional[TABLE_OPTIONAL_MAX];
  uint8_t name_columns; /* that the first column has at least */
  struct {
    uint8_t column, width; /* a text, and what it has at least where it is not cut */
  } wide[TABLE_WIDE_MAX];
  uint8_t sort; /* column it is sorted by at first; numbers descend */
  /* NULL, or the first order is by this, highest first, and not by the column's values. */
  ranking_score_fn *score;
  /* NULL, or which rows are there at all while no word is looked for. */
  bool (*shows)(const struct snapshot *snapshot, uint32_t row);
  /* NULL = plain. */
  enum style (*style)(const struct snapshot *snapshot, uint32_t row, unsigned column);
};

struct table {
  const struct table_spec *spec;
  struct ranking ranking;
  bool ranked;     /* the ranking is of the present snapshot, order and filter */
  uint32_t absent; /* bit i: no row has a value in the optional column i of the spec */
  uint8_t sort;
  bool descending;
  uint8_t left;      /* columns scrolled out, the first aside */
  uint32_t top;      /* place of the first visible row */
  uint32_t cursor;   /* place of the selected row */
  uint32_t row;      /* its row in the ranked snapshot; UINT32_MAX where the table is empty */
  uint64_t identity; /* hash of its key columns; 0 = none yet: the cursor stays at its place */
  uint32_t page;     /* visible rows when it was drawn last */
  char filter[TABLE_WORD_SIZE];
  char search[TABLE_WORD_SIZE];
};

void table_init(struct table *table, const struct table_spec *spec);
void table_done(struct table *table);

/* The snapshot of the following calls is another one than before. */
void table_renew(struct table *table);

/* Draws headings and rows. */
void table_draw(struct table *table, const struct snapshot *snapshot, struct canvas_area area);

/* Moves, scrolls, sorts. False where the command is none of a table's. */
bool table_command(struct table *table, const struct snapshot *snapshot, enum command command);

/* Shows only rows that contain the word in any text (case does not matter); "" shows all. */
void table_set_filter(struct table *table, const char *word);

/* Puts the cursor on the first row from its place on (after it where `further`) that contains
 * the word, going round at the end. False where none does. */
bool table_search(struct table *table, const struct snapshot *snapshot, const char *word,
                  bool further);

/* The selected row, or false where there is none. */
bool table_selected(struct table *table, const struct snapshot *snapshot, uint32_t *ret_row);

/* Selects the row that was drawn at `line` of the area (0 = headings). */
void table_select_line(struct table *table, const struct snapshot *snapshot, unsigned line);

#endif
