/* exact_table.c - see exact_table.h. */
#include "probe/beam/exact/exact_table.h"
#include "probe/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { BUCKET_BYTES_24 = 128 }; /* of a bucket's lock where the layout has no name for it: OTP 24 */

/* Addresses in which a lock of a table can lie. */
struct range {
  uint64_t begin, end;
  size_t table; /* in the plan */
};

struct sum {
  uint64_t key;
  uint64_t some_ns, count, max_ns;
  uint64_t fresh_ns; /* of the present take */
};

struct locks {
  struct waits_lock *list; /* by address */
  size_t count, room;
  bool full; /* without memory */
};

struct beam_exact_tables {
  const struct beam_node *node;
  struct beam_exact *exact;
  struct sum *sums; /* by key */
  size_t count;
  struct locks seen; /* at the last take */
  uint64_t taken_ns;
};

struct beam_exact_tables *beam_exact_tables_new(const struct beam_node *node,
                                                struct beam_exact *exact)
{
  struct beam_exact_tables *tables = calloc(1, sizeof *tables);
  if (tables)
    *tables = (struct beam_exact_tables){.node = node, .exact = exact, .taken_ns = clock_mono_ns()};
  return tables;
}

void beam_exact_tables_free(struct beam_exact_tables *tables)
{
  if (!tables)
    return;
  free(tables->sums);
  free(tables->seen.list);
  free(tables);
}

/* ---- what was waited ---- */

static void add_lock(void *context, const struct waits_lock *lock)
{
  struct locks *locks = context;
  if (locks->count == locks->room) {
    size_t room = locks->room ? 2 * locks->room : 64;
    struct waits_lock *list = reallocarray(locks->list, room, sizeof *list);
    locks->full = list == NULL;
    if (locks->full)
      return;
    locks->list = list;
    locks->room = room;
  }
  locks->list[locks->count++] = *lock;
}

static int by_address(const void *a, const void *b)
{
  const struct waits_lock *left = a, *right = b;
  return (left->lock > right->lock) - (left->lock < right->lock);
}

static int collect(struct beam_exact *exact, struct locks *ret_locks)
{
  struct locks locks = {0};
  int error = beam_exact_collect(exact, add_lock, &locks);
  if (!error && locks.full)
    error = -ENOMEM;
  if (error) {
    free(locks.list);
    return error;
  }
  if (locks.count > 0)
    qsort(locks.list, locks.count, sizeof *locks.list, by_address);
  *ret_locks = locks;
  return 0;
}

/* ---- which table a lock is of ---- */

static int by_begin(const void *a, const void *b)
{
  const struct range *left = a, *right = b;
  return (left->begin > right->begin) - (left->begin < right->begin);
}

static struct range *ranges_of(const struct beam_node *node, const struct beam_lock_plan *plan,
                               size_t *ret_count)
{
  const struct beam_layout *at = &node->layout;
  size_t count = 0;
  struct range *ranges = calloc(2 * plan->count + plan->leaf_count + 1, sizeof *ranges);
  for (size_t i = 0; ranges && i < plan->count; i++) {
    const struct beam_lock_table *table = &plan->tables[i];
    uint64_t buckets_bytes =
        table->bucket_count * (uint64_t)(at->sz_hl > 0 ? at->sz_hl : BUCKET_BYTES_24);
    ranges[count++] = (struct range){table->address, table->address + (uint64_t)at->sz_dbtab, i};
    if (table->buckets)
      ranges[count++] = (struct range){table->buckets, table->buckets + buckets_bytes, i};
    for (uint32_t leaf = 0; leaf < table->leaf_count; leaf++) {
      uint64_t address = plan->leaves[table->leaf_first + leaf];
      ranges[count++] =
          (struct range){address, address + (uint64_t)at->cn_lock + (uint64_t)at->sz_rwmtx, i};
    }
  }
  if (ranges)
    qsort(ranges, count, sizeof *ranges, by_begin);
  *ret_count = count;
  return ranges;
}

/* The range that a lock lies in, NULL: it is none of a table. */
static const struct range *range_of(const struct range *ranges, size_t count, uint64_t lock)
{
  size_t low = 0, high = count;
  while (low < high) { /* the first that begins behind it */
    size_t middle = (low + high) / 2;
    if (ranges[middle].begin <= lock)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && lock < ranges[low - 1].end ? &ranges[low - 1] : NULL;
}

/* ---- sums ---- */

/* A sum for each table of the plan, with what it had already; both are by key. */
static struct sum *sums_of(const struct beam_exact_tables *tables,
                           const struct beam_lock_plan *plan)
{
  struct sum *sums = calloc(plan->count + 1, sizeof *sums);
  size_t old = 0;
  for (size_t i = 0; sums && i < plan->count; i++) {
    while (old < tables->count && tables->sums[old].key < plan->tables[i].key)
      old++;
    if (old < tables->count && tables->sums[old].key == plan->tables[i].key)
      sums[i] = tables->sums[old];
    sums[i].key = plan->tables[i].key;
    sums[i].fresh_ns = 0;
  }
  return sums;
}

static uint64_t more(uint64_t now, uint64_t before)
{
  return now > before ? now - before : 0; /* a sum may go back by one wait for one read */
}

/* What a lock has more than at the last take goes to its table. */
static void add_fresh(const struct waits_lock *lock, const struct waits_lock *before,
                      struct sum *sum)
{
  sum->fresh_ns += more(lock->some_ns, before->some_ns);
  sum->count += more(lock->count, before->count);
  if (lock->max_ns > before->max_ns && lock->max_ns > sum->max_ns)
    sum->max_ns = lock->max_ns;
}

static void add_all(const struct locks *seen, const struct locks *locks, const struct range *ranges,
                    size_t range_count, struct sum *sums)
{
  static const struct waits_lock NEVER = {0};
  size_t old = 0;
  for (size_t i = 0; i < locks->count; i++) {
    const struct waits_lock *lock = &locks->list[i];
    const struct range *range = range_of(ranges, range_count, lock->lock);
    while (old < seen->count && seen->list[old].lock < lock->lock)
      old++;
    if (range)
      add_fresh(lock,
                old < seen->count && seen->list[old].lock == lock->lock ? &seen->list[old] : &NEVER,
                &sums[range->table]);
  }
}

int beam_exact_tables_take(struct beam_exact_tables *tables, const struct beam_lock_plan *plan)
{
  struct locks locks = {0};
  struct range *ranges = NULL;
  struct sum *sums = NULL;
  size_t range_count = 0;
  uint64_t now = clock_mono_ns(), passed_ns = now - tables->taken_ns;
  int error = collect(tables->exact, &locks);
  if (error)
    goto out;
  ranges = ranges_of(tables->node, plan, &range_count);
  sums = sums_of(tables, plan);
  error = ranges && sums ? 0 : -ENOMEM;
  if (error)
    goto out;
  add_all(&tables->seen, &locks, ranges, range_count, sums);
  for (size_t i = 0; i < plan->count; i++)
    sums[i].some_ns += sums[i].fresh_ns < passed_ns ? sums[i].fresh_ns : passed_ns;
  free(tables->sums);
  free(tables->seen.list);
  tables->sums = sums;
  tables->count = plan->count;
  tables->seen = locks;
  tables->taken_ns = now;
  sums = NULL;
  locks.list = NULL;
out:
  free(ranges);
  free(sums);
  free(locks.list);
  return error;
}

bool beam_exact_tables_put(const struct beam_exact_tables *tables, uint64_t key,
                           struct sweep_table *row)
{
  size_t low = 0, high = tables->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (tables->sums[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == tables->count || tables->sums[low].key != key)
    return false;
  row->wait_ns = (int64_t)tables->sums[low].some_ns;
  row->contended_count = (int64_t)tables->sums[low].count;
  row->max_wait_ns = (int64_t)tables->sums[low].max_ns;
  return true;
}
