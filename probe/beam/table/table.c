/* table.c - see table.h: rows and waits out of the list of tables and the report of the sampler. */
#include "probe/beam/table/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/exact/exact_table.h"
#include "probe/beam/table/lock_sampler.h"
#include "probe/beam/table/table_list.h"
#include "probe/beam/term.h"

enum { NAME_BYTES = BEAM_ATOM_BYTES + 64, TYPE_BYTES = 128 };

struct beam_tables {
  const struct beam_node *node;
  struct beam_atoms *atoms;
  struct beam_table_list *list;
  struct beam_lock_sampler *sampler; /* NULL where nobody can wait, or nothing can be sampled */
  struct beam_exact_tables *exact;   /* NULL: sampled */
  bool lock_free;                    /* with one scheduler there is nobody to wait for */
};

int beam_tables_new(const struct beam_node *node, struct beam_atoms *atoms,
                    const struct reach_target *target, struct beam_tables **ret_tables)
{
  struct beam_tables *tables = calloc(1, sizeof *tables);
  int error = -ENOMEM;
  if (!tables)
    return error;
  *tables =
      (struct beam_tables){.node = node, .atoms = atoms, .lock_free = node->scheduler_count == 1};
  tables->list = beam_table_list_new(node);
  if (!tables->list)
    goto out;
  error = 0;
  if (target && !tables->lock_free)
    error = beam_lock_sampler_new(node, target, &tables->sampler);
  if (error)
    goto out;
  *ret_tables = tables;
  tables = NULL;
out:
  beam_tables_free(tables);
  return error;
}

void beam_tables_free(struct beam_tables *tables)
{
  if (!tables)
    return;
  beam_exact_tables_free(tables->exact);
  beam_lock_sampler_free(tables->sampler);
  beam_table_list_free(tables->list);
  free(tables);
}

int beam_tables_exact(struct beam_tables *tables, struct beam_exact *exact)
{
  struct beam_exact_tables *made = exact ? beam_exact_tables_new(tables->node, exact) : NULL;
  if (exact && !made)
    return -ENOMEM;
  beam_exact_tables_free(tables->exact);
  tables->exact = made;
  return 0;
}

/* ---- words ---- */

static uint32_t add_name(struct beam_tables *tables, struct sweep *sweep,
                         const struct beam_table *table)
{
  char text[NAME_BYTES];
  size_t length = beam_atom_copy(tables->atoms, table->name, text, BEAM_ATOM_BYTES + 1);
  if (table->status & BEAM_TABLE_NAMED)
    return sweep_add_text(sweep, text, length);
  return sweep_add_format(sweep, "%s #Ref<0.%u.%u.%u>", text, table->number[2], table->number[1],
                          table->number[0]);
}

/* As ets:new names them. */
static const struct {
  uint32_t bits; /* all of them */
  const char *word;
} WORDS[] = {
    {BEAM_TABLE_SET, "set"},
    {BEAM_TABLE_BAG, "bag"},
    {BEAM_TABLE_DUPLICATE_BAG, "duplicate_bag"},
    {BEAM_TABLE_ORDERED_SET, "ordered_set"},
    {BEAM_TABLE_CONCURRENT_ORDERED_SET, "ordered_set"},
    {BEAM_TABLE_PRIVATE, "private"},
    {BEAM_TABLE_PROTECTED, "protected"},
    {BEAM_TABLE_PUBLIC, "public"},
    {BEAM_TABLE_NAMED, "named_table"},
    {BEAM_TABLE_FINE_LOCKED, "write_concurrency"},
    {BEAM_TABLE_FINE_LOCKED_AUTO, "auto"},
    {BEAM_TABLE_READ_CONCURRENCY, "read_concurrency"},
};

static void add_word(char *text, size_t *length, const char *word)
{
  int n = snprintf(text + *length, TYPE_BYTES - *length, "%s%s", *length ? " " : "", word);
  if (n > 0 && (size_t)n < TYPE_BYTES - *length)
    *length += (size_t)n; /* all words together fit */
}

static uint32_t add_type(struct sweep *sweep, const struct beam_table *table)
{
  char text[TYPE_BYTES] = "";
  size_t length = 0;
  for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
    if (table->status & WORDS[i].bits)
      add_word(text, &length, WORDS[i].word);
  if (table->decentralised)
    add_word(text, &length, "decentralized_counters");
  if (table->compressed)
    add_word(text, &length, "compressed");
  return sweep_add_text(sweep, text, length);
}

/* ---- rows ---- */

static uint64_t key_of_pid(const struct beam_node *node, uint64_t word)
{
  return beam_is_pid(word) ? beam_pid_key(beam_node_pid(node, word)) : 0;
}

static const struct beam_lock_sums *find_sums(const struct beam_lock_report *report, uint64_t key)
{
  size_t low = 0, high = report->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (report->sums[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < report->count && report->sums[low].key == key ? &report->sums[low] : NULL;
}

/* Nobody waits where there is nobody else. */
static const struct beam_lock_sums NOBODY_WAITS = {.held_ns = VALUE_UNKNOWN};

/* What was seen of a part of its locks is the least that there was; where nothing was seen, that says nothing. */
static bool tells_nothing(const struct beam_table *table, const struct beam_lock_sums *sums)
{
  return table->bucket_count > BEAM_LOCK_BUCKETS_MOST && sums->contended_count == 0;
}

static void set_sums(struct sweep_table *row, const struct beam_lock_sums *sums)
{
  row->held_ns = sums->held_ns;
  row->wait_ns = sums->wait_ns;
  row->contended_count = sums->contended_count;
  row->max_wait_ns = sums->max_wait_ns;
  row->read_waiters = sums->read_waiters;
  row->write_waiters = sums->write_waiters;
}

static int add_row(struct beam_tables *tables, const struct beam_table *table,
                   const struct beam_lock_sums *sums, struct sweep *sweep)
{
  uint32_t name = add_name(tables, sweep, table), type = add_type(sweep, table);
  struct sweep_table *row = sweep_add_table(sweep);
  if (!row)
    return -ENOMEM;
  row->key = table->key;
  row->owner = key_of_pid(tables->node, table->owner);
  row->name = name;
  row->type = type;
  row->kind = TABLE_ETS;
  row->items = table->items;
  row->bytes = table->bytes == VALUE_UNKNOWN ? VALUE_UNKNOWN : (table->bytes + 7) & ~INT64_C(7);
  if (sums && (sums == &NOBODY_WAITS || !tells_nothing(table, sums)))
    set_sums(row, sums);
  if (tables->exact)
    (void)beam_exact_tables_put(tables->exact, table->key, row); /* else it stays as sampled */
  return 0;
}

/* ---- waits ---- */

static const struct beam_table *find_table(const struct beam_table *list, size_t count,
                                           uint64_t key)
{
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (list[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && list[low].key == key ? &list[low] : NULL;
}

static uint32_t add_object(struct beam_tables *tables, struct sweep *sweep,
                           const struct beam_table *table)
{
  char text[NAME_BYTES];
  (void)beam_atom_copy(tables->atoms, table->name, text, BEAM_ATOM_BYTES + 1);
  if (table->status & BEAM_TABLE_NAMED)
    return sweep_add_format(sweep, "ets %s", text);
  return sweep_add_format(sweep, "ets %s #Ref<0.%u.%u.%u>", text, table->number[2],
                          table->number[1], table->number[0]);
}

/* The lock names no holder, so the list of them is open: such a wait never makes a deadlock. */
static int add_wait(struct beam_tables *tables, const struct beam_lock_waiter *waiter,
                    const struct beam_table *table, struct sweep_actor *actor, struct sweep *sweep)
{
  uint32_t object = add_object(tables, sweep, table);
  struct sweep_wait *wait = sweep_add_wait(sweep);
  if (!wait)
    return -ENOMEM;
  wait->id = (struct wait_id){waiter->lock, waiter->run};
  wait->waiter = actor->key;
  wait->since_ns = waiter->since_ns;
  wait->object = object;
  wait->via = waiter->writes ? VIA_LOCK : VIA_RDLOCK;
  wait->timeout = TIMEOUT_NONE;
  actor->state = ACTOR_BLOCKED;
  return 0;
}

/* A process waits for one lock only, and one that has no row in the sweep was born or died meanwhile. */
static int add_waits(struct beam_tables *tables, const struct beam_lock_report *report,
                     const struct beam_table *list, size_t count, struct sweep *sweep)
{
  if (report->waiter_count == 0)
    return 0;
  for (size_t a = 0; a < sweep->actor_count; a++)
    for (size_t i = 0; i < report->waiter_count; i++) {
      const struct beam_lock_waiter *waiter = &report->waiters[i];
      struct sweep_actor *actor = &sweep->actors[a];
      if (actor->key != key_of_pid(tables->node, waiter->pid))
        continue;
      const struct beam_table *table = find_table(list, count, waiter->table);
      int error = table ? add_wait(tables, waiter, table, actor, sweep) : 0;
      if (error)
        return error;
      break;
    }
  return 0;
}

/* ---- what is missing ---- */

static int add_gap(struct sweep *sweep, uint32_t reason)
{
  struct sweep_gap *gap = sweep_add_gap(sweep);
  if (!gap)
    return -ENOMEM;
  gap->reason = reason;
  return 0;
}

static int tell_missing(const struct beam_lock_report *report, bool whole, bool planned_whole,
                        struct sweep *sweep)
{
  int error = 0;
  if (!whole)
    error = add_gap(sweep, sweep_add_format(sweep, "ETS tables came and went too fast to be listed "
                                                   "completely"));
  if (!error && !planned_whole)
    error =
        add_gap(sweep, sweep_add_format(sweep, "there are more ETS locks than are looked at: of "
                                               "some tables waits go unseen"));
  if (error || report->samples)
    return error;
  if (report->claimant || report->error == -EBUSY)
    return add_gap(sweep,
                   sweep_add_format(sweep,
                                    "process %d samples the locks of its ETS tables: who waits for "
                                    "them is unknown here",
                                    (int)report->claimant));
  if (!report->error)
    return 0;
  return add_gap(sweep, sweep_add_format(sweep, "the locks of its ETS tables cannot be sampled: %s",
                                         strerrordesc_np(-report->error) ?: "unknown error"));
}

/* ---- a sweep ---- */

/* Hands the sampler what to look at from now on, and takes what it has seen. */
static int ask_sampler(struct beam_tables *tables, const struct beam_table *list, size_t count,
                       struct beam_lock_report *ret_report, bool *ret_whole)
{
  struct beam_lock_plan *plan = beam_lock_plan_new(tables->node, list, count);
  if (!plan)
    return -ENOMEM;
  *ret_whole = plan->whole;
  int error = tables->exact ? beam_exact_tables_take(tables->exact, plan) : 0;
  if (error) {
    beam_lock_plan_free(plan);
    return error;
  }
  beam_lock_sampler_plan(tables->sampler, plan);
  return beam_lock_sampler_report(tables->sampler, ret_report);
}

static void tell_cost(const struct beam_lock_report *report, struct sweep *sweep)
{
  if (report->samples && report->ran_ns > 0)
    sweep->target.beside_ns_per_s =
        (int64_t)((double)report->cpu_ns * 1e9 / (double)report->ran_ns);
}

int beam_tables_read(struct beam_tables *tables, struct sweep *sweep)
{
  const struct beam_table *list;
  struct beam_lock_report report = {0};
  size_t count = 0;
  bool whole = true, planned_whole = true;
  int error = beam_table_list_read(tables->list, &list, &count, &whole);
  if (error == -ENOTSUP)
    return add_gap(sweep, sweep_add_format(sweep, "its ETS tables were not found"));
  if (!error && tables->sampler)
    error = ask_sampler(tables, list, count, &report, &planned_whole);
  for (size_t i = 0; i < count && !error; i++)
    error = add_row(tables, &list[i],
                    tables->lock_free ? &NOBODY_WAITS : find_sums(&report, list[i].key), sweep);
  if (!error)
    error = add_waits(tables, &report, list, count, sweep);
  if (!error)
    error = tell_missing(&report, whole, planned_whole, sweep);
  if (!error)
    tell_cost(&report, sweep);
  beam_lock_report_done(&report);
  return error;
}
