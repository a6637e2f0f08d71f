/*
 * word.h - whether any text of a row contains a word; for filters and searches over many rows.
 *
 * Words of enumerated columns are compared once and not once a row, and a text that stands in one
 * row after another is compared once, too. Case does not matter (of ASCII letters). Pure.
 */
#ifndef IMPASSE_TUI_WORD_H
#define IMPASSE_TUI_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

#define WORD_COLUMNS_MAX 32

struct word {
  const struct snapshot *snapshot; /* lent, as is the text */
  enum relation relation;
  const char *text;
  struct word_column {
    uint8_t column;
    bool is_enum;
    uint64_t enums;   /* bit v: the word of value v contains it */
    const char *last; /* the text compared last, and how that ended */
    bool last_found;
  } columns[WORD_COLUMNS_MAX];
  unsigned column_count;
};

struct word word_of(const struct snapshot *snapshot, enum relation relation, const char *text);
bool word_in_row(struct word *word, uint32_t row);

#endif
