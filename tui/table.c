/* table.c - the table widget. Not here: which tables there are (pane_*.c). */
#include "tui/table.h"

#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/word.h"

#define NO_ROW UINT32_MAX
#define TEXT_COLUMNS 10u /* of a text at least */
#define SENTENCE_COLUMNS 36u
#define ROWS_LOOKED_THROUGH 20000u /* for values of optional columns; larger tables show them all */

static bool is_text(enum relation relation, unsigned column)
{
  return relation_info(relation)->columns[column].type == COLUMN_TEXT;
}

static bool sorts_down(enum relation relation, unsigned column)
{
  enum column_type type = relation_info(relation)->columns[column].type;

  return type == COLUMN_INT || type == COLUMN_REAL;
}

void table_init(struct table *table, const struct table_spec *spec)
{
  memset(table, 0, sizeof *table);
  table->spec = spec;
  table->sort = spec->sort;
  table->descending = spec->score || sorts_down(spec->relation, spec->sort);
  table->row = NO_ROW;
}

void table_done(struct table *table)
{
  ranking_done(&table->ranking);
}

void table_renew(struct table *table)
{
  table->ranked = false;
}

static bool accepts(void *context, const struct snapshot *snapshot, uint32_t row)
{
  (void)snapshot;
  return word_in_row(context, row);
}

static bool is_shown(void *spec, const struct snapshot *snapshot, uint32_t row)
{
  return ((const struct table_spec *)spec)->shows(snapshot, row);
}

/* Fills the ranking: who looks for a word finds it in all rows. */
static int rank_rows(struct table *table, const struct snapshot *snapshot,
                     struct ranking_order order)
{
  struct table_spec spec = *table->spec;
  struct word word = word_of(snapshot, spec.relation, table->filter);

  if (table->filter[0])
    return ranking_make(&table->ranking, snapshot, order, accepts, &word);
  return ranking_make(&table->ranking, snapshot, order, spec.shows ? is_shown : NULL, &spec);
}

/* --- which columns there are --- */

static bool has_values(const struct snapshot *snapshot, enum relation relation, unsigned column)
{
  uint32_t rows = snapshot_rows(snapshot, relation);

  if (!rows || rows > ROWS_LOOKED_THROUGH)
    return true;
  for (uint32_t row = 0; row < rows; row++)
    if (snapshot_value(snapshot, relation, column, row).known)
      return true;
  return false;
}

/* As bits by their places in the spec. What it is sorted by stays. */
static uint32_t absent_columns(const struct table *table, const struct snapshot *snapshot)
{
  const struct table_spec *spec = table->spec;
  uint32_t absent = 0;

  for (unsigned i = 1; i < spec->column_count; i++)
    if (spec->columns[i] != table->sort &&
        memchr(spec->optional, spec->columns[i], sizeof spec->optional) &&
        !has_values(snapshot, spec->relation, spec->columns[i]))
      absent |= UINT32_C(1) << i;
  return absent;
}

/* --- the order and the cursor --- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
  return hash ^ hash >> 29;
}

/* Identity of a row by its key columns; never 0. */
static uint64_t row_identity(const struct snapshot *snapshot, enum relation relation, uint32_t row)
{
  const struct relation_info *info = relation_info(relation);
  uint64_t hash = 1;

  for (unsigned i = 0; i < info->column_count && info->columns[i].flags & COLUMN_KEY; i++) {
    struct value value = snapshot_value(snapshot, relation, i, row);

    if (value.type == COLUMN_TEXT)
      for (const char *c = value.known ? value.text : ""; *c; c++)
        hash = mix(hash, (unsigned char)*c);
    else
      hash = mix(hash, (uint64_t)value.integer);
  }
  return hash ? hash : 1;
}

static void table_follow(struct table *table, const struct snapshot *snapshot)
{
  const struct ranking *ranking = &table->ranking;

  for (uint32_t i = 0; i < ranking->count && table->identity; i++) {
    if (row_identity(snapshot, table->spec->relation, ranking->rows[i]) == table->identity) {
      table->cursor = ranking_place(ranking, ranking->rows[i]);
      return;
    }
  }
  table->identity = 0; /* the row is gone: whatever stands in its place is selected */
}

/* Looks up what stands at the cursor's place and remembers it. */
static void table_settle(struct table *table, const struct snapshot *snapshot)
{
  struct ranking *ranking = &table->ranking;

  if (!ranking->count) {
    table->cursor = table->top = 0;
    table->row = NO_ROW;
    table->identity = 0;
    return;
  }
  if (table->cursor >= ranking->count)
    table->cursor = ranking->count - 1;
  ranking_window(ranking, table->cursor, 1);
  table->row = ranking->rows[table->cursor];
  table->identity = row_identity(snapshot, table->spec->relation, table->row);
}

static void table_rank(struct table *table, const struct snapshot *snapshot)
{
  struct ranking_order order;

  if (table->ranked)
    return;
  table->ranked = true;
  order =
      (struct ranking_order){.relation = table->spec->relation,
                             .column = table->sort,
                             .descending = table->descending,
                             .score = table->sort == table->spec->sort ? table->spec->score : NULL};
  table->absent = absent_columns(table, snapshot);
  if (rank_rows(table, snapshot, order))
    table->ranking.count = 0; /* no memory: an empty table until the next snapshot */
  /* at its home place the cursor stays on whatever is first */
  if (table->cursor)
    table_follow(table, snapshot);
  table_settle(table, snapshot);
}

bool table_selected(struct table *table, const struct snapshot *snapshot, uint32_t *ret_row)
{
  table_rank(table, snapshot);
  if (table->row == NO_ROW)
    return false;
  *ret_row = table->row;
  return true;
}

void table_set_filter(struct table *table, const char *word)
{
  (void)snprintf(table->filter, sizeof table->filter, "%s", word);
  table->ranked = false;
}

bool table_search(struct table *table, const struct snapshot *snapshot, const char *word,
                  bool further)
{
  const struct ranking *ranking = &table->ranking;
  uint32_t next = NO_ROW, first = NO_ROW;
  struct word wanted = word_of(snapshot, table->spec->relation, word);

  (void)snprintf(table->search, sizeof table->search, "%s", word);
  table_rank(table, snapshot);
  if (!word[0] || table->row == NO_ROW)
    return true;
  for (uint32_t i = 0; i < ranking->count; i++) {
    uint32_t row = ranking->rows[i];
    bool behind = further ? ranking_before(ranking, table->row, row)
                          : !ranking_before(ranking, row, table->row);
    uint32_t *best = behind ? &next : &first;

    if ((*best == NO_ROW || ranking_before(ranking, row, *best)) && word_in_row(&wanted, row))
      *best = row;
  }
  next = next == NO_ROW ? first : next;
  if (next == NO_ROW)
    return false;
  table->cursor = ranking_place(ranking, next);
  table_settle(table, snapshot);
  return true;
}

static void table_sort_step(struct table *table, unsigned step)
{
  const struct table_spec *spec = table->spec;
  unsigned at = 0;

  while (at < spec->column_count && spec->columns[at] != table->sort)
    at++;
  at = at == spec->column_count ? 0 : (at + step) % spec->column_count;
  while (table->absent >> at & 1)
    at = (at + step) % spec->column_count;
  table->sort = spec->columns[at];
  table->descending =
      (spec->score && table->sort == spec->sort) || sorts_down(spec->relation, table->sort);
  table->ranked = false;
}

/* Scrolls by one column that is there. */
static void table_scroll(struct table *table, bool right)
{
  unsigned left = table->left, most = table->spec->column_count - 2u;

  do
    left = right ? left + 1 : left - 1;
  while (left && left <= most && table->absent >> left & 1);
  if (left <= most)
    table->left = (uint8_t)left;
}

static uint32_t moved(uint32_t place, int64_t by, uint32_t count)
{
  int64_t to = (int64_t)place + by;

  return to < 0 ? 0 : to >= count ? count - 1 : (uint32_t)to;
}

static bool table_move(struct table *table, const struct snapshot *snapshot, enum command command)
{
  uint32_t count = table->ranking.count;
  int64_t page = table->page ? table->page : 1, by;

  switch (command) {
  case COMMAND_UP:
    by = -1;
    break;
  case COMMAND_DOWN:
    by = 1;
    break;
  case COMMAND_PAGE_UP:
    by = -page;
    break;
  case COMMAND_PAGE_DOWN:
    by = page;
    break;
  case COMMAND_HOME:
    by = -(int64_t)UINT32_MAX;
    break;
  case COMMAND_END:
    by = UINT32_MAX;
    break;
  default:
    return false;
  }
  table->cursor = count ? moved(table->cursor, by, count) : 0;
  table_settle(table, snapshot);
  return true;
}

bool table_command(struct table *table, const struct snapshot *snapshot, enum command command)
{
  table_rank(table, snapshot);
  switch (command) {
  case COMMAND_LEFT:
    if (table->left)
      table_scroll(table, false);
    return true;
  case COMMAND_RIGHT:
    table_scroll(table, true);
    return true;
  case COMMAND_SORT_NEXT:
    table_sort_step(table, 1);
    return true;
  case COMMAND_SORT_PREVIOUS:
    table_sort_step(table, table->spec->column_count - 1u);
    return true;
  case COMMAND_INVERT:
    table->descending = !table->descending;
    table->ranked = false;
    return true;
  default:
    return table_move(table, snapshot, command);
  }
}

void table_select_line(struct table *table, const struct snapshot *snapshot, unsigned line)
{
  table_rank(table, snapshot);
  if (!line || line > table->page || table->top + line - 1 >= table->ranking.count)
    return;
  table->cursor = table->top + line - 1;
  table_settle(table, snapshot);
}

/* --- cells --- */

struct layout {
  uint8_t columns[TABLE_COLUMNS_MAX];
  unsigned widths[TABLE_COLUMNS_MAX];
  unsigned count;
};

/* Widths of the forms that format_value gives, so that columns do not jump from one refresh to
 * the next. */
static unsigned width_of_values(enum relation relation, unsigned column)
{
  static const struct {
    const char *unit;
    unsigned width;
  } widths[] = {{"Unix seconds", 7}, {"milliseconds", 7}, {"", 7}};
  const struct column *info = &relation_info(relation)->columns[column];
  unsigned width = 6;

  if (relation == RELATION_ACTORS && column == ACTORS_DEPTH_TREND)
    return 16;
  for (unsigned i = 0; info->type == COLUMN_INT && i < sizeof widths / sizeof *widths; i++)
    if (strcmp(info->unit, widths[i].unit) == 0)
      width = widths[i].width;
  for (unsigned i = 0; info->type == COLUMN_ENUM && info->values[i]; i++)
    width = strlen(info->values[i]) > width ? (unsigned)strlen(info->values[i]) : width;
  return width;
}

static unsigned text_width(const struct table_spec *spec, unsigned column)
{
  for (unsigned i = 0; i < TABLE_WIDE_MAX; i++)
    if (spec->wide[i].width && spec->wide[i].column == column)
      return spec->wide[i].width;
  return column && column == spec->sentence ? SENTENCE_COLUMNS : TEXT_COLUMNS;
}

static unsigned column_width(const struct table *table, unsigned column)
{
  enum relation relation = table->spec->relation;
  const struct column *info = &relation_info(relation)->columns[column];
  char heading[FORMAT_SIZE];
  /* One more for the mark of the order. */
  unsigned width = (unsigned)strlen(format_heading(heading, info)) + 1;
  unsigned values = is_text(relation, column) ? text_width(table->spec, column)
                                              : width_of_values(relation, column);

  return width > values ? width : values;
}

/* Of the first column where it is a name: two of a kind differ at their ends ("pool:init/1 <0.95.0>"), so on a wide
 * screen it comes before columns that would fit as well. */
static unsigned name_width(unsigned room)
{
  return room < 90 ? 0 : room < 110 ? 20 + (room - 80) * 2 / 3 : 40;
}

/* The first column and as many from `left` on as fit; what is left over goes to the sentence, else to
 * the texts, the first one twice. */
static struct layout table_layout(const struct table *table, unsigned room)
{
  struct layout layout = {.count = 0};
  const struct table_spec *spec = table->spec;
  unsigned used = 0, shares = 0, spare;

  for (unsigned i = 0; i < spec->column_count; i++) {
    unsigned column = spec->columns[i], width = column_width(table, column);

    if ((i > 0 && i <= table->left) || table->absent >> i & 1)
      continue;
    if (!i && spec->name_columns > width)
      width = spec->name_columns;
    else if (!i && is_text(spec->relation, column) && name_width(room) > width)
      width = name_width(room);
    if (layout.count && used + 1 + width > room) {
      /* a text may be cut rather than left out */
      if (!is_text(spec->relation, column) || used + 1 + TEXT_COLUMNS > room)
        break;
      width = room - used - 1;
    }
    used += width + (layout.count ? 1 : 0);
    shares += is_text(spec->relation, column) ? 1 : 0;
    layout.columns[layout.count] = (uint8_t)column;
    layout.widths[layout.count++] = width;
  }
  spare = room > used ? room - used : 0;
  for (unsigned i = 1; i < layout.count && spare; i++) {
    if (spec->sentence && layout.columns[i] == spec->sentence) {
      layout.widths[i] += spare;
      spare = 0;
    }
  }
  if (!shares)
    return layout;
  shares += is_text(spec->relation, layout.columns[0]) ? 1 : 0;
  for (unsigned i = layout.count; i-- > 0;) {
    unsigned share = is_text(spec->relation, layout.columns[i]) ? (i ? spare / shares : spare) : 0;

    /* names beyond forty cells are rare: the room is better left at the end */
    share = share > 30 ? 30 : share;
    layout.widths[i] += share;
    spare -= share;
    shares -= share ? 1 : 0;
    shares = shares ? shares : 1;
  }
  return layout;
}

static bool to_the_right(enum relation relation, unsigned column)
{
  enum column_type type = relation_info(relation)->columns[column].type;

  return type == COLUMN_INT || type == COLUMN_REAL;
}

static void draw_headings(const struct table *table, const struct layout *layout,
                          struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 0);

  canvas_restyle(area, 0, 0, area.columns, STYLE_HEADING);
  for (unsigned i = 0; i < layout->count; i++) {
    unsigned column = layout->columns[i];
    bool sorted = column == table->sort;
    char heading[FORMAT_SIZE];

    format_heading(heading, &relation_info(table->spec->relation)->columns[column]);
    if (sorted)
      strcat(heading, table->descending ? "\u25bc" : "\u25b2");
    (to_the_right(table->spec->relation, column) ? pen_right : pen_left)(
        &pen, layout->widths[i], sorted ? STYLE_SORTED : STYLE_HEADING, heading);
    pen_skip(&pen, 1);
  }
}

static void draw_row(const struct table *table, const struct snapshot *snapshot, uint32_t row,
                     const struct layout *layout, struct canvas_area area, unsigned line)
{
  enum relation relation = table->spec->relation;
  struct canvas_pen pen = canvas_pen(area, line, 0);

  for (unsigned i = 0; i < layout->count; i++) {
    unsigned column = layout->columns[i];
    struct value value = snapshot_value(snapshot, relation, column, row);
    char buffer[FORMAT_SIZE];
    enum style style = !value.known ? STYLE_DIM : i ? STYLE_NORMAL : STYLE_STRONG;

    if (table->spec->style && value.known &&
        table->spec->style(snapshot, row, column) != STYLE_NORMAL)
      style = table->spec->style(snapshot, row, column);
    (to_the_right(relation, column) ? pen_right : pen_left)(
        &pen, layout->widths[i], style, format_cell(buffer, snapshot, relation, column, row));
    pen_skip(&pen, 1);
  }
}

void table_draw(struct table *table, const struct snapshot *snapshot, struct canvas_area area)
{
  struct ranking *ranking = &table->ranking;
  struct layout layout;

  table_rank(table, snapshot);
  if (!area.rows || !area.columns)
    return;
  layout = table_layout(table, area.columns);
  draw_headings(table, &layout, area);
  table->page = area.rows - 1;
  if (table->cursor < table->top)
    table->top = table->cursor;
  if (table->page && table->cursor >= table->top + table->page)
    table->top = table->cursor - table->page + 1;
  if (table->top + table->page > ranking->count)
    table->top = ranking->count > table->page ? ranking->count - table->page : 0;
  ranking_window(ranking, table->top, table->page);
  for (uint32_t i = 0; i < table->page && table->top + i < ranking->count; i++) {
    draw_row(table, snapshot, ranking->rows[table->top + i], &layout, area, i + 1);
    if (table->top + i == table->cursor)
      canvas_restyle(area, i + 1, 0, area.columns, STYLE_SELECTED);
  }
  if (!ranking->count && table->page)
    (void)canvas_text(area, 1, 0, area.columns, STYLE_DIM,
                      table->filter[0] ? "nothing matches the filter" : "nothing here");
}
