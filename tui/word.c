/* word.c - whether any text of a row contains a word. Not here: what is done with the row. */
#include "tui/word.h"

#include <string.h>

static uint64_t enums_with(const char *const *values, const char *text)
{
  uint64_t bits = 0;

  for (unsigned v = 0; values[v] && v < 64; v++)
    if (strcasestr(values[v], text))
      bits |= 1ull << v;
  return bits;
}

struct word word_of(const struct snapshot *snapshot, enum relation relation, const char *text)
{
  const struct relation_info *info = relation_info(relation);
  struct word word = {.snapshot = snapshot, .relation = relation, .text = text};

  for (unsigned i = 0; i < info->column_count && word.column_count < WORD_COLUMNS_MAX; i++) {
    const struct column *column = &info->columns[i];

    if (column->type == COLUMN_TEXT)
      word.columns[word.column_count++] = (struct word_column){.column = (uint8_t)i};
    else if (column->type == COLUMN_ENUM)
      word.columns[word.column_count++] = (struct word_column){
          .column = (uint8_t)i, .is_enum = true, .enums = enums_with(column->values, text)};
  }
  return word;
}

static bool in_enum(const struct word *word, const struct word_column *column, uint32_t row)
{
  uint8_t value;

  if (!column->enums)
    return false;
  value = snapshot_enum(word->snapshot, word->relation, column->column, row);
  return value < 64 && column->enums >> value & 1;
}

static bool in_text(const struct word *word, struct word_column *column, uint32_t row)
{
  const char *text = snapshot_text(word->snapshot, word->relation, column->column, row);

  if (text != column->last) {
    column->last = text;
    column->last_found = text && strcasestr(text, word->text);
  }
  return column->last_found;
}

bool word_in_row(struct word *word, uint32_t row)
{
  for (unsigned i = 0; i < word->column_count; i++) {
    struct word_column *column = &word->columns[i];

    if (column->is_enum ? in_enum(word, column, row) : in_text(word, column, row))
      return true;
  }
  return false;
}
