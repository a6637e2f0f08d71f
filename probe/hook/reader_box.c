/* reader_box.c - see reader_box.h. Counters are foreign: what makes no sense together is
 * unknown, never negative. */
#include "probe/hook/reader_box.h"

#include <stdlib.h>
#include <string.h>

#include "probe/reach/reach.h"

static int64_t count_of(uint64_t value)
{
  return value > INT64_MAX ? VALUE_UNKNOWN : (int64_t)value;
}

static bool is_adopted(const struct impasse_box *box)
{
  return box->adopt_address != 0;
}

static struct reader_counts counts_of(const struct reader_slot *slot)
{
  const struct impasse_box *box = &slot->box;
  struct reader_counts counts = {
      .depth = count_of(box->put - slot->hot.taken - box->dropped_oldest),
      .put = count_of(box->put),
      .take = count_of(slot->hot.taken),
      .dropped = count_of(box->dropped_newest + box->dropped_oldest),
      .capacity = box->capacity ? count_of(box->capacity) : VALUE_UNKNOWN,
  };
  if (is_adopted(box)) /* only the program's own depth is kept */
    counts.depth = counts.put = counts.take = VALUE_UNKNOWN;
  return counts;
}

static void note_adopted(struct reader_scan *scan, const struct impasse_box *box, size_t index,
                         bool is_mailbox)
{
  uint8_t bytes = box->adopt_bytes;
  if (!is_adopted(box) || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
    return;
  struct reader_adopted *adopted = reader_scan_add(scan, &scan->adopted, sizeof *adopted);
  if (adopted)
    *adopted =
        (struct reader_adopted){box->adopt_address, index, is_mailbox, box->adopt_signed, bytes};
}

static void put_into_row(const struct reader_counts *counts, struct sweep_actor *row)
{
  bool is_pool = row->kind == ACTOR_KIND_POOL; /* there `capacity` is its threads */
  row->depth = counts->depth;
  row->put_count = counts->put;
  row->take_count = counts->take;
  row->dropped_count = counts->dropped;
  if (!is_pool)
    row->capacity = counts->capacity;
  row->depth_is = counts->depth == VALUE_UNKNOWN ? ENUM_UNKNOWN : DEPTH_EXACT;
  /* How many are gone from the front names the first that is left: it changes whenever
   * one is taken. */
  row->head = counts->depth > 0 && counts->put >= counts->depth
                  ? (uint64_t)(counts->put - counts->depth) + 1
                  : 0;
}

static struct reader_counts counts_of_row(const struct sweep_actor *row)
{
  return (struct reader_counts){row->depth, row->put_count, row->take_count, row->dropped_count,
                                row->kind == ACTOR_KIND_POOL ? VALUE_UNKNOWN : row->capacity};
}

void reader_box_fill(struct reader_scan *scan, const struct reader_slot *slot,
                     struct sweep_actor *row)
{
  struct reader_counts counts = counts_of(slot);
  put_into_row(&counts, row);
  note_adopted(scan, &slot->box, scan->sweep->actor_count - 1, false);
}

void reader_box_note(struct reader_scan *scan, const struct reader_slot *slot)
{
  struct reader_mailbox *mailbox = reader_scan_add(scan, &scan->mailboxes, sizeof *mailbox);
  if (!mailbox)
    return;
  *mailbox = (struct reader_mailbox){slot->cold.owner & IMPASSE_REF_MASK, counts_of(slot)};
  note_adopted(scan, &slot->box, scan->mailboxes.count - 1, true);
}

/* The number that the program keeps in `adopted->bytes` bytes of its own; negative
 * ones are unknown. */
static int64_t adopted_depth(const struct reader_adopted *adopted, uint64_t bytes)
{
  unsigned unused = 64 - 8u * adopted->bytes;
  if (adopted->is_signed && (int64_t)(bytes << unused) < 0)
    return VALUE_UNKNOWN;
  return count_of(bytes);
}

/* All adopted counters in a few system calls. */
static void read_adopted(struct reader_scan *scan)
{
  const struct reader_adopted *adopted = scan->adopted.rows;
  size_t count = scan->adopted.count;
  if (count == 0 || !scan->target)
    return;
  struct reach_piece *pieces = calloc(count, sizeof *pieces);
  /* Little-endian: a narrow one fills the low bytes. */
  uint64_t *values = calloc(count, sizeof *values);
  if (!pieces || !values) {
    scan->no_memory = true;
    goto out;
  }
  for (size_t i = 0; i < count; i++)
    pieces[i] = (struct reach_piece){adopted[i].address, &values[i], adopted[i].bytes, false};
  if (reach_read_pieces(scan->target, pieces, count) != 0)
    goto out; /* not for us to read: unknown they stay */
  for (size_t i = 0; i < count; i++) {
    struct reader_mailbox *mailboxes = scan->mailboxes.rows;
    int64_t depth = pieces[i].read ? adopted_depth(&adopted[i], values[i]) : VALUE_UNKNOWN;
    if (adopted[i].is_mailbox) {
      mailboxes[adopted[i].index].counts.depth = depth;
    } else {
      struct sweep_actor *row = &scan->sweep->actors[adopted[i].index];
      row->depth = depth;
      row->depth_is = depth == VALUE_UNKNOWN ? ENUM_UNKNOWN : DEPTH_EXACT;
    }
  }
out:
  free(pieces);
  free(values);
}

static int64_t sum(int64_t a, int64_t b)
{
  int64_t total;
  if (a == VALUE_UNKNOWN || b == VALUE_UNKNOWN || __builtin_add_overflow(a, b, &total))
    return VALUE_UNKNOWN;
  return total;
}

static void add_counts(struct reader_counts *to, const struct reader_counts *more)
{
  to->depth = sum(to->depth, more->depth);
  to->put = sum(to->put, more->put);
  to->take = sum(to->take, more->take);
  to->dropped = sum(to->dropped, more->dropped);
  to->capacity = sum(to->capacity, more->capacity);
}

static bool is_unused(const struct reader_counts *counts)
{
  return counts->put == 0 && counts->capacity == VALUE_UNKNOWN;
}

static int compare_mailboxes(const void *left, const void *right)
{
  const struct reader_mailbox *a = left, *b = right;
  return (a->owner > b->owner) - (a->owner < b->owner);
}

static int compare_key(const void *key, const void *row)
{
  uint64_t a = *(const uint64_t *)key, b = ((const struct sweep_actor *)row)->key;
  return (a > b) - (a < b);
}

/* Mailboxes of one owner are columns of one row. An own mailbox that was never used does not make
 * the sum of their capacities unknown. */
static void merge_mailboxes(struct reader_scan *scan)
{
  struct reader_mailbox *mailboxes = scan->mailboxes.rows;
  size_t count = scan->mailboxes.count;
  if (count > 0)
    qsort(mailboxes, count, sizeof *mailboxes, compare_mailboxes);
  for (size_t i = 0, next; i < count; i = next) {
    uint64_t key = reader_key(mailboxes[i].owner);
    struct reader_counts total = mailboxes[i].counts, own;
    for (next = i + 1; next < count && mailboxes[next].owner == mailboxes[i].owner; next++)
      add_counts(&total, &mailboxes[next].counts);
    struct sweep_actor *row = scan->sweep->actor_count == 0
                                  ? NULL
                                  : bsearch(&key, scan->sweep->actors, scan->sweep->actor_count,
                                            sizeof *row, compare_key);
    if (!row)
      continue; /* its owner is gone, or it is not one of this round */
    own = counts_of_row(row);
    if (!is_unused(&own))
      add_counts(&total, &own);
    put_into_row(&total, row);
  }
}

void reader_box_finish(struct reader_scan *scan)
{
  read_adopted(scan);
  merge_mailboxes(scan);
}
