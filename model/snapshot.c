/*
 * snapshot.c - the block behind snapshot.h: laying it out, reading it, checking a foreign one,
 * counting references. Not here: what the values mean (dictionary.def) and where they come from
 * (tick.c).
 *
 * A builder reserves address space without memory behind it and commits it as the block grows, so
 * that a block of any size is laid out where it stays: nothing is copied when building ends but the
 * text pool.
 */
#include "model/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model/hash.h"

#define SNAPSHOT_MAGIC 0x0050414e53504d49ull /* "IMPSNAP" where the bytes are in our order */
#define SNAPSHOT_LAYOUT 1
#define COLUMNS_MAX 32

struct relation_place {
  uint64_t offset; /* of the first column; 0 where there are no rows */
  uint32_t rows;   /* filled in */
  uint32_t room;   /* laid out: each column has so many */
};

/* Where things are in the block, in bytes:
 *
 *     0  magic               8  layout version       12  dictionary version
 *    16  dictionary hash    24  size
 *    32  mono_ns            40  wall_ms              48  tick
 *    56  text offset        64  text bytes
 *    72  host               76  boot id
 *    80  a relation_place of 16 for each relation
 */
struct snapshot_header {
  uint64_t magic;
  uint32_t layout_version;
  uint32_t dictionary_version;
  uint64_t dictionary_hash; /* names and types of all columns: a column more is another layout */
  uint64_t size;
  uint64_t mono_ns;
  int64_t wall_ms;
  uint64_t tick;
  uint64_t text_offset;
  uint64_t text_bytes;
  uint32_t host;    /* text */
  uint32_t boot_id; /* text */
  struct relation_place relations[RELATION_COUNT];
};

static_assert(sizeof(struct snapshot_header) == 80 + 16 * RELATION_COUNT, "layout");
static_assert(TARGETS_COLUMN_COUNT <= COLUMNS_MAX && ACTORS_COLUMN_COUNT <= COLUMNS_MAX &&
                  WAITS_COLUMN_COUNT <= COLUMNS_MAX && TABLES_COLUMN_COUNT <= COLUMNS_MAX &&
                  CALL_GRAPH_COLUMN_COUNT <= COLUMNS_MAX && ALERTS_COLUMN_COUNT <= COLUMNS_MAX &&
                  NAMES_COLUMN_COUNT <= COLUMNS_MAX && GAPS_COLUMN_COUNT <= COLUMNS_MAX,
              "columns of a handle");

struct snapshot {
  atomic_uint references;
  void *block;
  size_t size;
  void (*release)(void *block, size_t size);
  const char *text;
  uint32_t rows[RELATION_COUNT];
  void *columns[RELATION_COUNT][COLUMNS_MAX];
};

/* Address space that is committed from its beginning as it is used; it never moves. */
struct arena {
  char *base;
  size_t used, committed, reserved;
};

struct snapshot_builder {
  struct snapshot view;
  struct arena block;
  struct arena text;
  uint32_t *interned; /* open hash of text references, 0 = empty; interned_room is a power of two */
  uint32_t interned_count, interned_room;
  bool out_of_memory;
};

static const size_t column_bytes[] = {
    [COLUMN_INT] = sizeof(int64_t),
    [COLUMN_REAL] = sizeof(double),
    [COLUMN_TEXT] = sizeof(uint32_t),
    [COLUMN_ENUM] = sizeof(uint8_t),
};

static uint64_t align8(uint64_t n)
{
  return (n + 7) & ~7ull;
}

static uint64_t dictionary_hash(void)
{
  uint64_t hash = HASH_SEED;

  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    const struct relation_info *info = relation_info((enum relation)r);

    hash = hash_bytes(hash, info->name, strlen(info->name) + 1);
    for (unsigned c = 0; c < info->column_count; c++) {
      hash = hash_bytes(hash, info->columns[c].name, strlen(info->columns[c].name) + 1);
      hash = hash_bytes(hash, &info->columns[c].type, sizeof(enum column_type));
    }
  }
  return hash;
}

/* Bytes of `room` rows of a relation: at most 2^32 * 32 columns * 8. */
static uint64_t relation_bytes(enum relation relation, uint32_t room)
{
  const struct relation_info *info = relation_info(relation);
  uint64_t bytes = 0;

  for (unsigned c = 0; c < info->column_count; c++)
    bytes += align8(room * (uint64_t)column_bytes[info->columns[c].type]);
  return bytes;
}

/* Points the handle at the columns of one relation, whose place was checked. */
static void place_columns(struct snapshot *s, enum relation relation, struct relation_place place)
{
  const struct relation_info *info = relation_info(relation);
  char *column = (char *)s->block + place.offset;

  s->rows[relation] = place.rows;
  for (unsigned c = 0; c < info->column_count; c++) {
    s->columns[relation][c] = column;
    column += align8(place.room * (uint64_t)column_bytes[info->columns[c].type]);
  }
}

/* --- reading --- */

static const struct snapshot_header *header(const struct snapshot *s)
{
  return s->block;
}

struct snapshot_about snapshot_about(const struct snapshot *s)
{
  const struct snapshot_header *h = header(s);

  return (struct snapshot_about){
      .now = {.mono_ns = h->mono_ns, .wall_ms = h->wall_ms},
      .tick = h->tick,
      .host = s->text + h->host,
      .boot_id = s->text + h->boot_id,
  };
}

uint32_t snapshot_rows(const struct snapshot *s, enum relation relation)
{
  assert((unsigned)relation < RELATION_COUNT);
  return s->rows[relation];
}

static void *column_of(const struct snapshot *s, enum relation relation, unsigned column,
                       enum column_type type)
{
  assert((unsigned)relation < RELATION_COUNT);
  assert(column < relation_info(relation)->column_count);
  assert(relation_info(relation)->columns[column].type == type);
  (void)type; /* without assertions */
  return s->columns[relation][column];
}

const int64_t *snapshot_ints(const struct snapshot *s, enum relation relation, unsigned column)
{
  return column_of(s, relation, column, COLUMN_INT);
}

const double *snapshot_reals(const struct snapshot *s, enum relation relation, unsigned column)
{
  return column_of(s, relation, column, COLUMN_REAL);
}

const uint8_t *snapshot_enums(const struct snapshot *s, enum relation relation, unsigned column)
{
  return column_of(s, relation, column, COLUMN_ENUM);
}

int64_t snapshot_int(const struct snapshot *s, enum relation relation, unsigned column,
                     uint32_t row)
{
  assert(row < snapshot_rows(s, relation));
  return snapshot_ints(s, relation, column)[row];
}

double snapshot_real(const struct snapshot *s, enum relation relation, unsigned column,
                     uint32_t row)
{
  assert(row < snapshot_rows(s, relation));
  return snapshot_reals(s, relation, column)[row];
}

uint8_t snapshot_enum(const struct snapshot *s, enum relation relation, unsigned column,
                      uint32_t row)
{
  assert(row < snapshot_rows(s, relation));
  return snapshot_enums(s, relation, column)[row];
}

const char *snapshot_text(const struct snapshot *s, enum relation relation, unsigned column,
                          uint32_t row)
{
  const uint32_t *texts = column_of(s, relation, column, COLUMN_TEXT);

  assert(row < snapshot_rows(s, relation));
  return texts[row] ? s->text + texts[row] : NULL;
}

struct value snapshot_value(const struct snapshot *s, enum relation relation, unsigned column,
                            uint32_t row)
{
  const struct column *info = &relation_info(relation)->columns[column];
  struct value value = {.type = info->type, .real = NAN};

  switch (info->type) {
  case COLUMN_INT:
    value.integer = snapshot_int(s, relation, column, row);
    value.known = value.integer != VALUE_UNKNOWN;
    break;
  case COLUMN_REAL:
    value.real = snapshot_real(s, relation, column, row);
    value.known = !isnan(value.real);
    break;
  case COLUMN_TEXT:
    value.text = snapshot_text(s, relation, column, row);
    value.known = value.text != NULL;
    break;
  case COLUMN_ENUM:
    value.integer = snapshot_enum(s, relation, column, row);
    value.known = value.integer != ENUM_UNKNOWN;
    value.text = value.known ? info->values[value.integer] : NULL;
    break;
  }
  return value;
}

/* The first index in [first, last) whose value is at least `wanted`. */
static uint32_t lower_bound(const int64_t *values, uint32_t first, uint32_t last, int64_t wanted)
{
  while (first < last) {
    uint32_t middle = first + (last - first) / 2;

    if (values[middle] < wanted)
      first = middle + 1;
    else
      last = middle;
  }
  return first;
}

void snapshot_range_of_target(const struct snapshot *s, enum relation relation, int64_t target_key,
                              uint32_t *ret_first, uint32_t *ret_count)
{
  uint32_t rows = snapshot_rows(s, relation), first, last;
  const int64_t *keys;

  if (rows == 0) {
    *ret_first = *ret_count = 0;
    return;
  }
  keys = snapshot_ints(s, relation, 0);
  first = lower_bound(keys, 0, rows, target_key);
  last = target_key == INT64_MAX ? rows : lower_bound(keys, first, rows, target_key + 1);
  *ret_first = first;
  *ret_count = last - first;
}

int snapshot_find_target(const struct snapshot *s, int64_t target_key, uint32_t *ret_row)
{
  uint32_t first, count;

  snapshot_range_of_target(s, RELATION_TARGETS, target_key, &first, &count);
  if (count == 0)
    return -ENOENT;
  *ret_row = first;
  return 0;
}

int snapshot_find_actor(const struct snapshot *s, int64_t target_key, int64_t actor,
                        uint32_t *ret_row)
{
  uint32_t first, count, row;
  const int64_t *actors;

  snapshot_range_of_target(s, RELATION_ACTORS, target_key, &first, &count);
  if (count == 0)
    return -ENOENT;
  actors = snapshot_ints(s, RELATION_ACTORS, ACTORS_ACTOR);
  row = lower_bound(actors, first, first + count, actor);
  if (row == first + count || actors[row] != actor)
    return -ENOENT;
  *ret_row = row;
  return 0;
}

struct snapshot *snapshot_ref(const struct snapshot *snapshot)
{
  struct snapshot *s = (struct snapshot *)snapshot; /* the count is no part of what is const */

  atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
  return s;
}

void snapshot_unref(const struct snapshot *snapshot)
{
  struct snapshot *s = (struct snapshot *)snapshot;

  if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
    return;
  s->release(s->block, s->size);
  free(s);
}

const void *snapshot_bytes(const struct snapshot *s, size_t *ret_size)
{
  *ret_size = s->size;
  return s->block;
}

/* --- checking a foreign block --- */

static int check_header(const struct snapshot_header *h, size_t size)
{
  if (size < sizeof(*h) || (uintptr_t)h % 8 || h->magic != SNAPSHOT_MAGIC)
    return -EINVAL;
  if (h->layout_version != SNAPSHOT_LAYOUT || h->dictionary_version != DICTIONARY_VERSION ||
      h->dictionary_hash != dictionary_hash())
    return -EPROTONOSUPPORT;
  if (h->size != size || h->text_bytes == 0 || h->text_bytes > UINT32_MAX ||
      h->text_offset > size || h->text_bytes > size - h->text_offset || h->host >= h->text_bytes ||
      h->boot_id >= h->text_bytes)
    return -EINVAL;
  if (((const char *)h)[h->text_offset + h->text_bytes - 1] != 0)
    return -EINVAL;
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    struct relation_place p = h->relations[r];

    if (p.rows > p.room || p.offset % 8 || p.offset > size ||
        relation_bytes((enum relation)r, p.room) > size - p.offset)
      return -EINVAL;
  }
  return 0;
}

static bool texts_ok(const uint32_t *texts, uint32_t rows, uint64_t text_bytes)
{
  for (uint32_t i = 0; i < rows; i++)
    if (texts[i] >= text_bytes)
      return false;
  return true;
}

static bool enums_ok(const uint8_t *enums, uint32_t rows, const char *const *words)
{
  uint8_t count = 0;

  while (words[count])
    count++;
  for (uint32_t i = 0; i < rows; i++)
    if (enums[i] >= count && enums[i] != ENUM_UNKNOWN)
      return false;
  return true;
}

static int compare_cell(const struct snapshot *s, enum relation relation, unsigned column,
                        uint32_t a, uint32_t b)
{
  const void *cells = s->columns[relation][column];
  const char *x, *y;

  switch (relation_info(relation)->columns[column].type) {
  case COLUMN_INT:
    return (((const int64_t *)cells)[a] > ((const int64_t *)cells)[b]) -
           (((const int64_t *)cells)[a] < ((const int64_t *)cells)[b]);
  case COLUMN_ENUM:
    return ((const uint8_t *)cells)[a] - ((const uint8_t *)cells)[b];
  case COLUMN_TEXT:
    x = s->text + ((const uint32_t *)cells)[a];
    y = s->text + ((const uint32_t *)cells)[b];
    return x == y ? 0 : strcmp(x, y);
  case COLUMN_REAL:
    break;
  }
  return 0; /* no key is a REAL */
}

/* Rows are sorted by the key columns, unknown first; equal keys may stand side by side. */
static bool order_ok(const struct snapshot *s, enum relation relation)
{
  const struct relation_info *info = relation_info(relation);

  for (uint32_t i = 1; i < s->rows[relation]; i++) {
    int order = 0;

    for (unsigned c = 0; order == 0 && c < info->column_count; c++) {
      if (!(info->columns[c].flags & COLUMN_KEY))
        break;
      order = compare_cell(s, relation, c, i - 1, i);
    }
    if (order > 0)
      return false;
  }
  return true;
}

static int check_relation(const struct snapshot *s, enum relation relation)
{
  const struct relation_info *info = relation_info(relation);
  uint32_t rows = s->rows[relation];

  for (unsigned c = 0; c < info->column_count; c++) {
    const void *cells = s->columns[relation][c];

    if (info->columns[c].type == COLUMN_TEXT && !texts_ok(cells, rows, header(s)->text_bytes))
      return -EINVAL;
    if (info->columns[c].type == COLUMN_ENUM && !enums_ok(cells, rows, info->columns[c].values))
      return -EINVAL;
  }
  return order_ok(s, relation) ? 0 : -EINVAL;
}

int snapshot_adopt(void *block, size_t size, void (*release)(void *block, size_t size),
                   struct snapshot **ret_snapshot)
{
  const struct snapshot_header *h = block;
  struct snapshot *s = NULL;
  int e = check_header(h, size);

  if (e)
    goto out;
  e = -ENOMEM;
  s = calloc(1, sizeof(*s));
  if (!s)
    goto out;
  s->block = block;
  s->size = size;
  s->release = release;
  s->text = (const char *)block + h->text_offset;
  atomic_init(&s->references, 1);
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    place_columns(s, (enum relation)r, h->relations[r]);
    e = check_relation(s, (enum relation)r);
    if (e)
      goto out;
  }
  *ret_snapshot = s;
  return 0;
out:
  free(s);
  return e;
}

/* --- building --- */

#define ARENA_STEP (64u << 10)
#define ARENA_HUGE (4u << 20) /* from here on huge pages save more time than they cost memory */

/* Reserves up to `wanted` bytes of addresses, fewer where the process may not have so many. */
static int arena_reserve(struct arena *arena, size_t wanted)
{
  for (; wanted >= ARENA_STEP; wanted /= 2) {
    void *base = mmap(NULL, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base != MAP_FAILED) {
      *arena = (struct arena){.base = base, .reserved = wanted};
      return 0;
    }
  }
  return -ENOMEM;
}

static void arena_done(struct arena *arena)
{
  if (arena->base)
    (void)munmap(arena->base, arena->reserved); /* cannot fail: it is ours */
  *arena = (struct arena){0};
}

/* Appends `bytes` zero bytes and returns them, or NULL. */
static char *arena_take(struct arena *arena, size_t bytes)
{
  size_t wanted;
  char *taken;

  if (bytes > arena->reserved - arena->used)
    return NULL;
  wanted = arena->used + bytes;
  if (wanted > arena->committed) {
    size_t step = arena->committed / 2 > ARENA_STEP ? arena->committed / 2 : ARENA_STEP;
    size_t until = wanted > arena->committed + step ? wanted : arena->committed + step;

    until = (until + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP;
    if (until > arena->reserved)
      until = arena->reserved;
    if (mprotect(arena->base + arena->committed, until - arena->committed, PROT_READ | PROT_WRITE) <
        0)
      return NULL;
    if (until - arena->committed >= ARENA_HUGE) /* only a hint: small pages do as well */
      (void)madvise(arena->base + arena->committed, until - arena->committed, MADV_HUGEPAGE);
    arena->committed = until;
  }
  taken = arena->base + arena->used;
  arena->used = wanted;
  return taken;
}

/* Gives back the addresses behind what is used. */
static void arena_shrink(struct arena *arena)
{
  size_t keep = (arena->used + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP;

  if (keep < arena->reserved && munmap(arena->base + keep, arena->reserved - keep) == 0)
    arena->reserved = keep;
}

static void release_arena(void *block, size_t size)
{
  (void)munmap(block, (size + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP); /* ours: cannot fail */
}

static struct snapshot_header *builder_header(struct snapshot_builder *b)
{
  return (struct snapshot_header *)(void *)b->block.base;
}

struct snapshot_builder *snapshot_builder_new(struct tick_clock now, uint64_t tick,
                                              const char *host, const char *boot_id)
{
  struct snapshot_builder *b = calloc(1, sizeof(*b));

  if (!b || arena_reserve(&b->block, 1ull << 36) || arena_reserve(&b->text, 1ull << 32) ||
      !arena_take(&b->block, sizeof(struct snapshot_header)) || !arena_take(&b->text, 1)) {
    snapshot_builder_free(b);
    return NULL;
  }
  *builder_header(b) = (struct snapshot_header){
      .magic = SNAPSHOT_MAGIC,
      .layout_version = SNAPSHOT_LAYOUT,
      .dictionary_version = DICTIONARY_VERSION,
      .dictionary_hash = dictionary_hash(),
      .mono_ns = now.mono_ns,
      .wall_ms = now.wall_ms,
      .tick = tick,
      .host = snapshot_builder_intern(b, host),
      .boot_id = snapshot_builder_intern(b, boot_id),
  };
  b->view.block = b->block.base;
  b->view.text = b->text.base;
  return b;
}

void snapshot_builder_free(struct snapshot_builder *b)
{
  if (!b)
    return;
  arena_done(&b->block);
  arena_done(&b->text);
  free(b->interned);
  free(b);
}

static void fill_unknown(void *cells, const struct column *column, uint32_t rows)
{
  switch (column->type) {
  case COLUMN_INT:
    for (uint32_t i = 0; i < rows; i++)
      ((int64_t *)cells)[i] = VALUE_UNKNOWN;
    break;
  case COLUMN_REAL:
    for (uint32_t i = 0; i < rows; i++)
      ((double *)cells)[i] = NAN;
    break;
  case COLUMN_ENUM:
    memset(cells, ENUM_UNKNOWN, rows);
    break;
  case COLUMN_TEXT:
    break; /* fresh pages hold 0 = unknown */
  }
}

int snapshot_builder_relation(struct snapshot_builder *b, enum relation relation, uint32_t rows)
{
  const struct relation_info *info = relation_info(relation);
  struct relation_place place = {.rows = rows, .room = rows};
  char *columns;

  assert(b->view.rows[relation] == 0);
  columns = arena_take(&b->block, relation_bytes(relation, rows));
  if (!columns) {
    b->out_of_memory = true;
    return -ENOMEM;
  }
  place.offset = (uint64_t)(columns - b->block.base);
  builder_header(b)->relations[relation] = place;
  place_columns(&b->view, relation, place);
  for (unsigned c = 0; c < info->column_count; c++)
    fill_unknown(b->view.columns[relation][c], &info->columns[c], rows);
  return 0;
}

void snapshot_builder_trim(struct snapshot_builder *b, enum relation relation, uint32_t rows)
{
  assert(rows <= b->view.rows[relation]);
  b->view.rows[relation] = rows;
  builder_header(b)->relations[relation].rows = rows;
}

int64_t *snapshot_builder_ints(struct snapshot_builder *b, enum relation relation, unsigned column)
{
  return column_of(&b->view, relation, column, COLUMN_INT);
}

double *snapshot_builder_reals(struct snapshot_builder *b, enum relation relation, unsigned column)
{
  return column_of(&b->view, relation, column, COLUMN_REAL);
}

uint32_t *snapshot_builder_texts(struct snapshot_builder *b, enum relation relation,
                                 unsigned column)
{
  return column_of(&b->view, relation, column, COLUMN_TEXT);
}

uint8_t *snapshot_builder_enums(struct snapshot_builder *b, enum relation relation, unsigned column)
{
  return column_of(&b->view, relation, column, COLUMN_ENUM);
}

uint32_t snapshot_builder_pool(struct snapshot_builder *b, const char *strings, size_t bytes)
{
  char *place = bytes <= UINT32_MAX - b->text.used ? arena_take(&b->text, bytes) : NULL;

  if (!place) {
    b->out_of_memory = true;
    return 0;
  }
  memcpy(place, strings, bytes);
  return (uint32_t)(place - b->text.base);
}

uint32_t snapshot_builder_text(struct snapshot_builder *b, const char *text)
{
  return text ? snapshot_builder_pool(b, text, strlen(text) + 1) : 0;
}

/* The slot of the hash where `text` is or belongs. There is always an empty one. */
static uint32_t *interned_slot(const struct snapshot_builder *b, const char *text)
{
  uint32_t mask = b->interned_room - 1;
  uint32_t i = (uint32_t)hash_text(HASH_SEED, text) & mask;

  while (b->interned[i] && strcmp(b->text.base + b->interned[i], text) != 0)
    i = (i + 1) & mask;
  return &b->interned[i];
}

static int interned_grow(struct snapshot_builder *b)
{
  uint32_t *old = b->interned, old_room = b->interned_room;
  uint32_t room = old_room ? old_room * 2 : 64;
  uint32_t *bigger = calloc(room, sizeof(*bigger));

  if (!bigger)
    return -ENOMEM;
  b->interned = bigger;
  b->interned_room = room;
  for (uint32_t i = 0; i < old_room; i++)
    if (old[i])
      *interned_slot(b, b->text.base + old[i]) = old[i];
  free(old);
  return 0;
}

uint32_t snapshot_builder_intern(struct snapshot_builder *b, const char *text)
{
  uint32_t *slot;

  if (!text)
    return 0;
  if (b->interned_count >= b->interned_room / 2 && interned_grow(b) < 0) {
    b->out_of_memory = true;
    return 0;
  }
  slot = interned_slot(b, text);
  if (*slot == 0) {
    *slot = snapshot_builder_text(b, text);
    if (*slot)
      b->interned_count++;
  }
  return *slot;
}

const struct snapshot *snapshot_builder_view(struct snapshot_builder *b)
{
  return &b->view;
}

/* Puts the text pool behind the columns, which completes the block. */
static int builder_append_text(struct snapshot_builder *b)
{
  char *pool = arena_take(&b->block, align8(b->text.used));

  if (!pool)
    return -ENOMEM;
  memcpy(pool, b->text.base, b->text.used);
  builder_header(b)->text_offset = (uint64_t)(pool - b->block.base);
  builder_header(b)->text_bytes = b->text.used;
  builder_header(b)->size = b->block.used;
  return 0;
}

int snapshot_builder_finish(struct snapshot_builder *b, struct snapshot **ret_snapshot)
{
  struct snapshot *s = malloc(sizeof(*s));
  int e = -ENOMEM;

  if (!s || b->out_of_memory || builder_append_text(b) < 0)
    goto out;
  arena_shrink(&b->block);
  memcpy(s, &b->view, sizeof(*s));
  atomic_init(&s->references, 1);
  s->size = b->block.used;
  s->text = b->block.base + builder_header(b)->text_offset;
  s->release = release_arena;
#ifndef NDEBUG
  for (unsigned r = 0; r < RELATION_COUNT; r++)
    assert(order_ok(s, (enum relation)r));
#endif
  b->block = (struct arena){0}; /* the snapshot's now */
  *ret_snapshot = s;
  s = NULL;
  e = 0;
out:
  free(s);
  snapshot_builder_free(b);
  return e;
}
