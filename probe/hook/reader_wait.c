/*
 * reader_wait.c - see reader_wait.h.
 *
 *    reference to   stands for                                   where nobody is left
 *    actor, pool    itself                                       gone: one holder less
 *    mailbox        its owner                                    as its owner
 *    promise        its fulfiller; itself while none is known    as its fulfiller
 *    service        its members, any of them
 *    table          its present holders in a conflicting mode,   free: somebody is about to get it,
 *                   all of them                                  so the wait is open; held by
 *                                                                somebody gone: nobody
 *    0              unknown: the wait is open
 *
 * A wait is one flat group with one quantifier. A service or a table that is the only holder brings
 * its own; beside others it fits only where the quantifiers agree or it stands for at most one.
 * Where they do not, it is left out and the wait counts as open: fewer holders can only make a wait
 * look easier to end, never a deadlock out of none.
 */
#include "probe/hook/reader_wait.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "probe/hook/reader_name.h"
#include "probe/hook/reader_table.h"

static_assert((int)VIA_CALL == IMPASSE_VIA_CALL && (int)VIA_OTHER == IMPASSE_VIA_OTHER &&
                  (int)VIA_POOL == IMPASSE_VIA_POOL && (int)VIA_RDLOCK == IMPASSE_VIA_RDLOCK,
              "both lists of kinds are in one order");

enum {
  FOLLOW_MOST = 4, /* mailbox -> owner, promise -> fulfiller -> service -> member */
  DIRECT_MOST = 2 + IMPASSE_LIST_REFS, /* holders that a wait can name */
};

/* One wait on its way into the sweep. */
struct waiting {
  struct reader_scan *scan;
  const struct impasse_wait_line *line;
  uint32_t direct_count; /* references that the program named */
  uint8_t needs;
  bool open;
  uint32_t object; /* text */
  size_t first;    /* its holders in sweep.holders */
};

static void add_holder(struct waiting *wait, uint64_t reference)
{
  struct sweep_holder *holder = sweep_add_holder(wait->scan->sweep);
  if (!holder) {
    wait->scan->no_memory = true;
    return;
  }
  holder->target = 0;
  holder->actor = reader_key(reference);
}

/* May one more reference be looked at? */
static bool spend(struct waiting *wait)
{
  if (wait->scan->edges < READER_EDGES_MOST) {
    wait->scan->edges++;
    return true;
  }
  wait->scan->edges_lost = true;
  wait->open = true;
  return false;
}

/* Does a holder that stands for `count` others, of which `needs` must act, fit into this wait? */
static bool fits(struct waiting *wait, uint8_t needs, size_t count)
{
  if (wait->direct_count == 1)
    wait->needs = needs;
  if (wait->needs == needs || count <= 1)
    return true;
  wait->open = true;
  return false;
}

static void follow(struct waiting *wait, uint64_t reference, unsigned depth);

/* The references in the lines of one service or list slot; returns how many, and the list
 * that goes on. */
static unsigned read_refs(const struct reader_region *region, uint32_t index, uint64_t reference,
                          uint64_t ret_refs[IMPASSE_LIST_REFS], uint64_t *ret_next)
{
  const struct impasse_hot *hot = reader_line(region->first, IMPASSE_ARRAY_HOT, index);
  const struct impasse_cold *cold = reader_line(region->first, IMPASSE_ARRAY_COLD, index);
  unsigned count = 0;
  for (unsigned i = 0; i < IMPASSE_LIST_REFS; i++) {
    uint64_t member = __atomic_load_n(impasse_list_ref(hot, i), __ATOMIC_ACQUIRE);
    if (member & IMPASSE_REF_MASK)
      ret_refs[count++] = member & IMPASSE_REF_MASK;
  }
  *ret_next = __atomic_load_n(&cold->next, __ATOMIC_ACQUIRE) & IMPASSE_REF_MASK;
  return reader_slot_same(region, index, reference) ? count : 0;
}

/* Counts (`use` false) or follows the members of a service. */
static size_t each_member(struct waiting *wait, uint64_t service, bool use, unsigned depth)
{
  uint64_t refs[IMPASSE_LIST_REFS], next = service;
  size_t total = 0;
  for (unsigned i = 0; i < IMPASSE_LIST_CHAIN_MOST && next && spend(wait); i++) {
    struct reader_region *region;
    uint32_t index;
    enum impasse_kind kind = reader_slot_kind(wait->scan->regions, next, &region, &index);
    if (kind != (i == 0 ? IMPASSE_KIND_SERVICE : IMPASSE_KIND_LIST))
      break;
    unsigned count = read_refs(region, index, next, refs, &next);
    for (unsigned r = 0; use && r < count && spend(wait); r++)
      follow(wait, refs[r], depth);
    total += count;
  }
  return total;
}

static void follow_service(struct waiting *wait, uint64_t service, unsigned depth)
{
  if (fits(wait, NEEDS_ANY, each_member(wait, service, false, depth)))
    (void)each_member(wait, service, true, depth); /* the count is as of a moment ago */
}

static uint32_t table_name(struct waiting *wait, struct reader_region *region, uint32_t index)
{
  struct reader_slot slot;
  bool named;
  enum reader_slot_result result = reader_slot_read(wait->scan->target, region, index, 1, &slot);
  return result == READER_SLOT_READ ? reader_name_slot(wait->scan, &slot, &named) : 0;
}

/* Readers wait for the writer, writers for all. */
static void follow_table(struct waiting *wait, uint64_t table, struct reader_region *region,
                         uint32_t index)
{
  struct reader_holders present = reader_table_holders(wait->scan, region, index, table);
  bool reads = wait->line->via == IMPASSE_VIA_RDLOCK;
  size_t conflicting = 0;
  if (!wait->object)
    wait->object = table_name(wait, region, index);
  for (size_t i = 0; i < present.count; i++)
    conflicting += present.holds[i].write || !reads;
  if (!fits(wait, NEEDS_ALL, conflicting))
    return;
  for (size_t i = 0; i < present.count && spend(wait); i++)
    if (present.holds[i].write || !reads)
      follow(wait, present.holds[i].actor, FOLLOW_MOST);
  /* Held all the time and by nobody that lives: its holder closed without giving it back. */
  bool orphaned = present.count == 0 && present.unlisted == 0 && present.held_throughout &&
                  wait->scan->torn_count == 0 && !wait->scan->regions->partial;
  bool complete = reads ? conflicting > 0 : present.count > 0 && present.count >= present.holding;
  if (!orphaned && (!complete || present.unlisted > 0))
    wait->open = true;
}

/* A field of the cold line that refers to another slot. */
static uint64_t owner_of(const struct reader_region *region, uint32_t index)
{
  const struct impasse_cold *cold = reader_line(region->first, IMPASSE_ARRAY_COLD, index);
  return __atomic_load_n(&cold->owner, __ATOMIC_ACQUIRE) & IMPASSE_REF_MASK;
}

static void follow(struct waiting *wait, uint64_t reference, unsigned depth)
{
  struct reader_region *region;
  uint32_t index;
  uint64_t owner;
  if (depth > FOLLOW_MOST) {
    wait->open = true;
    return;
  }
  enum impasse_kind kind = reader_slot_kind(wait->scan->regions, reference, &region, &index);
  switch (kind) {
  case IMPASSE_KIND_ACTOR:
  case IMPASSE_KIND_QUEUE:
  case IMPASSE_KIND_POOL:
    add_holder(wait, reference);
    break;
  case IMPASSE_KIND_MAILBOX:
  case IMPASSE_KIND_PROMISE:
    owner = owner_of(region, index);
    if (owner)
      follow(wait, owner, depth + 1);
    else if (kind == IMPASSE_KIND_PROMISE)
      add_holder(wait, reference);
    else
      wait->open = true;
    break;
  case IMPASSE_KIND_SERVICE:
    follow_service(wait, reference, depth + 1);
    break;
  case IMPASSE_KIND_TABLE:
    follow_table(wait, reference, region, index);
    break;
  case IMPASSE_KIND_LIST: /* nobody can mean a list by itself */
    wait->open = true;
    break;
  case IMPASSE_KIND_NONE: /* gone, as far as all is seen */
  case IMPASSE_KIND_COUNT:
    wait->open |= wait->scan->regions->partial;
    break;
  }
}

/* The references that the program named, from the line and its list. */
static uint32_t direct_holders(struct waiting *wait, uint64_t ret_refs[DIRECT_MOST])
{
  const struct impasse_wait_line *line = wait->line;
  uint32_t inline_most = line->list ? IMPASSE_HOLDERS_INLINE - 1 : IMPASSE_HOLDERS_INLINE;
  uint32_t count = line->holder_count < inline_most ? line->holder_count : inline_most;
  memcpy(ret_refs, line->holders, count * sizeof *ret_refs);
  if (count > 0 && (ret_refs[0] & ~IMPASSE_REF_MASK) != IMPASSE_CALL_TAG(line->call))
    ret_refs[0] = 0; /* of another call: it was being replaced */
  if (line->list && line->holder_count > count) {
    struct reader_region *region;
    uint32_t index;
    uint64_t list = line->holders[2] & IMPASSE_REF_MASK, refs[IMPASSE_LIST_REFS], next;
    unsigned more = 0;
    if (reader_slot_kind(wait->scan->regions, list, &region, &index) == IMPASSE_KIND_LIST)
      more = read_refs(region, index, list, refs, &next);
    if (more > line->holder_count - count)
      more = line->holder_count - count;
    memcpy(ret_refs + count, refs, more * sizeof *ret_refs);
    count += more;
  }
  if (count < line->holder_count)
    wait->open = true;
  return count;
}

static void follow_all(struct waiting *wait)
{
  uint64_t refs[DIRECT_MOST];
  wait->direct_count = direct_holders(wait, refs);
  for (uint32_t i = 0; i < wait->direct_count && spend(wait); i++) {
    if (refs[i] & IMPASSE_REF_MASK)
      follow(wait, refs[i] & IMPASSE_REF_MASK, 0);
    else
      wait->open = true;
  }
}

/* 0 = unknown, also where it is told in a clock that is not ours. */
static uint64_t since_of(const struct reader_scan *scan, const struct impasse_wait_line *line)
{
  return scan->same_clock && line->since_ns <= INT64_MAX ? line->since_ns : 0;
}

static void add_wait(struct reader_scan *scan, const struct reader_pending *pending)
{
  const struct impasse_wait_line *line = &pending->line;
  struct waiting wait = {
      .scan = scan,
      .line = line,
      .needs = line->flags & IMPASSE_WAIT_ANY ? NEEDS_ANY : NEEDS_ALL,
      .open = line->flags & IMPASSE_WAIT_OPEN,
      .object = reader_name_class(scan, line->object),
      .first = scan->sweep->holder_count,
  };
  follow_all(&wait);
  struct sweep_wait *row = sweep_add_wait(scan->sweep);
  if (!row) {
    scan->no_memory = true;
    return;
  }
  bool timed = line->timeout_ns != IMPASSE_TIMEOUT_NONE;
  row->waiter = reader_key(pending->waiter);
  row->id = (struct wait_id){row->waiter, line->call};
  row->run_count = 0; /* the call number says it all */
  row->since_ns = since_of(scan, line);
  row->timeout = timed ? TIMEOUT_SOME : TIMEOUT_NONE;
  row->timeout_ns =
      timed && line->timeout_ns <= INT64_MAX ? (int64_t)line->timeout_ns : VALUE_UNKNOWN;
  row->holder_first = (uint32_t)wait.first;
  row->holder_count = (uint32_t)(scan->sweep->holder_count - wait.first);
  row->object = wait.object;
  row->via = line->via < IMPASSE_VIA_COUNT ? line->via : VIA_OTHER;
  row->needs = wait.needs;
  row->open = wait.open;
  row->exclusive = (line->flags & IMPASSE_WAIT_EXCLUSIVE) && !wait.open;
  row->rank = line->rank;
}

static int compare_calls(const void *left, const void *right)
{
  const struct impasse_wait_line *a = left, *b = right;
  return (a->call > b->call) - (a->call < b->call);
}

void reader_wait_note(struct reader_scan *scan, const struct reader_slot *slot)
{
  struct impasse_wait_line lines[IMPASSE_WAITS_MOST];
  size_t count = 0;
  for (unsigned i = 0; i < IMPASSE_WAITS_MOST; i++)
    if (slot->hot.wait_mask >> i & 1)
      lines[count++] = slot->waits[i];
  qsort(lines, count, sizeof *lines, compare_calls); /* the sweep wants them by their ids */
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && lines[i].call == lines[i - 1].call)
      continue; /* a number is used once: one of the two is a lie */
    struct reader_pending *pending = reader_scan_add(scan, &scan->pending, sizeof *pending);
    if (!pending)
      return;
    *pending = (struct reader_pending){slot->reference, lines[i]};
  }
}

void reader_wait_finish(struct reader_scan *scan)
{
  const struct reader_pending *pending = scan->pending.rows;
  for (size_t i = 0; i < scan->pending.count && !scan->no_memory; i++)
    add_wait(scan, &pending[i]);
}
