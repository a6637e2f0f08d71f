/* ranking.c - selection of the visible rows. Not here: cells, cursors (table.c). */
#include "tui/ranking.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEY_UNKNOWN UINT64_MAX
#define WINDOW_MARGIN 512u

static uint64_t key_of_int(int64_t value)
{
  return (uint64_t)value ^ 1ull << 63;
}

/* The bits of a double, turned so that they compare as unsigned numbers do. */
static uint64_t key_of_real(double value)
{
  uint64_t bits;

  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | 1ull << 63;
}

/* The first eight bytes; longer equal beginnings are told apart by ranking_before. */
static uint64_t key_of_text(const char *text)
{
  uint64_t key = 0;

  for (unsigned i = 0; i < 8; i++) {
    key = key << 8 | (unsigned char)*text;
    text += *text != '\0';
  }
  return key;
}

static uint64_t ranking_key(const struct ranking *ranking, uint32_t row)
{
  struct value value;
  uint64_t key;

  if (ranking->by.score)
    value = (struct value){
        .type = COLUMN_INT, .known = true, .integer = ranking->by.score(ranking->snapshot, row)};
  else
    value = snapshot_value(ranking->snapshot, ranking->by.relation, ranking->by.column, row);
  if (!value.known)
    return KEY_UNKNOWN;
  key = value.type == COLUMN_REAL   ? key_of_real(value.real)
        : value.type == COLUMN_TEXT ? key_of_text(value.text + ranking->prefix)
                                    : key_of_int(value.integer);
  key = ranking->by.descending ? ~key : key;
  return key == KEY_UNKNOWN ? KEY_UNKNOWN - 1 : key;
}

/* Bytes with which every known text of the column begins: names are often a word and a number,
 * and then the eight bytes of a key hold the number. */
static uint32_t common_prefix(const struct ranking *ranking, uint32_t rows)
{
  const char *first = NULL;
  uint32_t length = 0;

  for (uint32_t row = 0; row < rows; row++) {
    const char *text =
        snapshot_text(ranking->snapshot, ranking->by.relation, ranking->by.column, row);
    uint32_t same = 0;

    if (!text)
      continue;
    if (!first) {
      first = text;
      length = (uint32_t)strlen(text);
    }
    while (same < length && text[same] == first[same])
      same++;
    length = same;
  }
  return length;
}

/* The same as ranking_key for the whole of an integer column, which is what a million rows are
 * sorted by. */
static void ranking_keys_of_ints(struct ranking *ranking, uint32_t rows)
{
  const int64_t *values =
      snapshot_ints(ranking->snapshot, ranking->by.relation, ranking->by.column);
  uint64_t turn = ranking->by.descending ? ~0ull : 0;

  for (uint32_t i = 0; i < rows; i++) {
    uint64_t key = key_of_int(values[i]) ^ turn;

    ranking->keys[i] = values[i] == VALUE_UNKNOWN ? KEY_UNKNOWN
                       : key == KEY_UNKNOWN       ? KEY_UNKNOWN - 1
                                                  : key;
  }
}

static int ranking_reserve(struct ranking *ranking, uint32_t rows)
{
  uint32_t *new_rows;
  uint64_t *new_keys;

  if (rows <= ranking->room)
    return 0;
  new_rows = malloc(sizeof *new_rows * rows);
  new_keys = malloc(sizeof *new_keys * rows);
  if (!new_rows || !new_keys) {
    free(new_rows);
    free(new_keys);
    return -ENOMEM;
  }
  free(ranking->rows);
  free(ranking->keys);
  ranking->rows = new_rows;
  ranking->keys = new_keys;
  ranking->room = rows;
  return 0;
}

int ranking_make(struct ranking *ranking, const struct snapshot *snapshot, struct ranking_order by,
                 ranking_accept_fn *accept, void *context)
{
  uint32_t rows = snapshot_rows(snapshot, by.relation);
  bool ints = !by.score && relation_info(by.relation)->columns[by.column].type == COLUMN_INT;
  int error = ranking_reserve(ranking, rows);

  ranking->count = ranking->ready_first = ranking->ready_end = 0;
  if (error)
    return error;
  ranking->snapshot = snapshot;
  ranking->by = by;
  ranking->prefix = !by.score && relation_info(by.relation)->columns[by.column].type == COLUMN_TEXT
                        ? common_prefix(ranking, rows)
                        : 0;
  if (ints && rows)
    ranking_keys_of_ints(ranking, rows);
  for (uint32_t row = 0; row < rows; row++) {
    if (accept && !accept(context, snapshot, row))
      continue;
    ranking->rows[ranking->count++] = row;
    if (!ints)
      ranking->keys[row] = ranking_key(ranking, row);
  }
  return 0;
}

void ranking_done(struct ranking *ranking)
{
  free(ranking->rows);
  free(ranking->keys);
  memset(ranking, 0, sizeof *ranking);
}

/* Equal in the first eight bytes: by the whole text, if the column is one. */
static int compare_texts(const struct ranking *ranking, uint32_t a, uint32_t b)
{
  const char *text_a, *text_b;
  int order;

  if (ranking->by.score ||
      relation_info(ranking->by.relation)->columns[ranking->by.column].type != COLUMN_TEXT)
    return 0;
  text_a = snapshot_text(ranking->snapshot, ranking->by.relation, ranking->by.column, a);
  text_b = snapshot_text(ranking->snapshot, ranking->by.relation, ranking->by.column, b);
  order = text_a && text_b ? strcmp(text_a, text_b) : 0;
  return ranking->by.descending ? -order : order;
}

bool ranking_before(const struct ranking *ranking, uint32_t a, uint32_t b)
{
  int order;

  if (ranking->keys[a] != ranking->keys[b])
    return ranking->keys[a] < ranking->keys[b];
  order = compare_texts(ranking, a, b);
  return order ? order < 0 : a < b;
}

static void swap(uint32_t *a, uint32_t *b)
{
  uint32_t was = *a;

  *a = *b;
  *b = was;
}

/* Of three rows the one in the middle goes to rows[low]: a pivot that sorted input does not
 * spoil. */
static uint32_t choose_pivot(struct ranking *ranking, uint32_t low, uint32_t high)
{
  uint32_t *rows = ranking->rows, middle = low + (high - low) / 2, last = high - 1;

  if (ranking_before(ranking, rows[last], rows[low]))
    swap(&rows[last], &rows[low]);
  if (ranking_before(ranking, rows[middle], rows[low]))
    swap(&rows[middle], &rows[low]);
  if (ranking_before(ranking, rows[last], rows[middle]))
    swap(&rows[last], &rows[middle]);
  swap(&rows[low], &rows[middle]);
  return rows[low];
}

/* Afterwards rows[place] is the row of that place, smaller ones stand before it in [low, high),
 * others behind. */
static void ranking_select(struct ranking *ranking, uint32_t low, uint32_t high, uint32_t place)
{
  uint32_t *rows = ranking->rows;

  while (high - low > 1) {
    uint32_t pivot = choose_pivot(ranking, low, high), i = low, j = high;

    for (;;) {
      do
        i++;
      while (i < high && ranking_before(ranking, rows[i], pivot));
      do
        j--;
      while (ranking_before(ranking, pivot, rows[j]));
      if (i >= j)
        break;
      swap(&rows[i], &rows[j]);
    }
    swap(&rows[low], &rows[j]);
    if (j == place)
      return;
    if (j > place)
      high = j;
    else
      low = j + 1;
  }
}

static int compare_rows(const void *a, const void *b, void *ranking)
{
  uint32_t row_a = *(const uint32_t *)a, row_b = *(const uint32_t *)b;

  return row_a == row_b ? 0 : ranking_before(ranking, row_a, row_b) ? -1 : 1;
}

/* Puts the places [first, end) in order, knowing that just those of [low, high) stand in [low,
 * high). */
static void ranking_arrange(struct ranking *ranking, uint32_t low, uint32_t high, uint32_t first,
                            uint32_t end)
{
  if (first > low)
    ranking_select(ranking, low, high, first);
  if (end < high)
    ranking_select(ranking, first, high, end);
  qsort_r(ranking->rows + first, end - first, sizeof *ranking->rows, compare_rows, ranking);
}

void ranking_window(struct ranking *ranking, uint32_t first, uint32_t count)
{
  uint32_t end, low = ranking->ready_first, high = ranking->ready_end;

  if (first >= ranking->count || !count)
    return;
  end = count < ranking->count - first ? first + count : ranking->count;
  if (low <= first && end <= high)
    return;
  /* more than was asked for, so that scrolling finds most windows ready */
  first = first > WINDOW_MARGIN ? first - WINDOW_MARGIN : 0;
  end = ranking->count - end > WINDOW_MARGIN ? end + WINDOW_MARGIN : ranking->count;
  if (low == high) {
    ranking_arrange(ranking, 0, ranking->count, first, end);
  } else {
    /* what is ready parts the others: the rows before it stay before it */
    if (first < low)
      ranking_arrange(ranking, 0, low, first, end < low ? end : low);
    if (end > high)
      ranking_arrange(ranking, high, ranking->count, first > high ? first : high, end);
    if (first <= high && end >= low) { /* it grows */
      first = low < first ? low : first;
      end = high > end ? high : end;
    }
  }
  ranking->ready_first = first;
  ranking->ready_end = end;
}

uint32_t ranking_place(const struct ranking *ranking, uint32_t row)
{
  uint32_t place = 0;

  for (uint32_t i = 0; i < ranking->count; i++)
    place += ranking_before(ranking, ranking->rows[i], row);
  return place;
}

struct scored {
  int64_t score;
  uint32_t row;
};

/* Keeps best[] sorted, best first: n is a screenful, so most rows are turned away by one
 * comparison. */
uint32_t ranking_top(const struct snapshot *snapshot, enum relation relation,
                     ranking_score_fn *score, uint32_t *ret_rows, uint32_t room)
{
  struct scored best[RANKING_TOP_MAX];
  uint32_t rows = snapshot_rows(snapshot, relation), count = 0;

  room = room < RANKING_TOP_MAX ? room : RANKING_TOP_MAX;
  for (uint32_t row = 0; row < rows && room; row++) {
    struct scored entry = {score(snapshot, row), row};
    uint32_t at;

    if (entry.score <= 0 || (count == room && entry.score <= best[count - 1].score))
      continue;
    count += count < room;
    for (at = count - 1; at > 0 && best[at - 1].score < entry.score; at--)
      best[at] = best[at - 1];
    best[at] = entry;
  }
  for (uint32_t i = 0; i < count; i++)
    ret_rows[i] = best[i].row;
  return count;
}
