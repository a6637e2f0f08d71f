/*
 * sweep_facts.c - see sweep_facts.h. (Layouts: erts/emulator/beam/erl_ptab.h, erl_node_tables.h,
 * erl_process.h, erl_bif_persistent.c.)
 */
#include "probe/beam/sweep_facts.h"

#include <string.h>

int64_t sweep_facts_unwrap(struct sweep_facts_counter *counter, uint32_t value)
{
  counter->sum += counter->begun ? (int64_t)(uint32_t)(value - counter->last) : (int64_t)value;
  counter->begun = true;
  counter->last = value;
  return counter->sum;
}

/* ---- run queues ---- */

static void add_queue(struct sweep_facts *facts, uint64_t scheduler)
{
  uint64_t queue;
  if (facts->queue_count == SWEEP_FACTS_QUEUES_MOST ||
      beam_memory_word(facts->node->memory, scheduler + (uint64_t)facts->node->layout.sd_runq,
                       &queue) != 0)
    return;
  for (size_t i = 0; i < facts->queue_count; i++)
    if (facts->queues[i] == queue)
      return; /* all dirty schedulers of a kind share one */
  facts->queues[facts->queue_count++] = queue;
}

void sweep_facts_init(struct sweep_facts *facts, const struct beam_node *node)
{
  *facts = (struct sweep_facts){.node = node};
  for (uint32_t i = 0; node->schedulers && i < node->scheduler_count; i++)
    add_queue(facts, node->schedulers + i * node->scheduler_stride);
  if (node->dirty_cpu_schedulers && node->dirty_cpu_count)
    add_queue(facts, node->dirty_cpu_schedulers);
  if (node->dirty_io_schedulers && node->dirty_io_count)
    add_queue(facts, node->dirty_io_schedulers);
}

static int64_t read_run_queue(const struct sweep_facts *facts)
{
  struct reach_piece pieces[SWEEP_FACTS_QUEUES_MOST];
  uint32_t lengths[SWEEP_FACTS_QUEUES_MOST];
  int64_t sum = 0;
  if (facts->queue_count == 0)
    return VALUE_UNKNOWN;
  for (size_t i = 0; i < facts->queue_count; i++)
    pieces[i] = (struct reach_piece){facts->queues[i] + (uint64_t)facts->node->layout.rq_len,
                                     &lengths[i], sizeof lengths[i], false};
  if (beam_memory_pieces(facts->node->memory, pieces, facts->queue_count) != 0)
    return VALUE_UNKNOWN;
  for (size_t i = 0; i < facts->queue_count; i++)
    if (pieces[i].read && lengths[i] <= INT32_MAX)
      sum += lengths[i];
  return sum;
}

/* ---- counts ---- */

/* One of the counters that the table of processes keeps of them. */
static int64_t read_counter(const struct beam_node *node, int32_t offset,
                            struct sweep_facts_counter *counter)
{
  uint32_t value;
  uint64_t at = node->processes.address + (uint64_t)offset;
  return beam_memory_read(node->memory, at, &value, sizeof value) == 0
             ? sweep_facts_unwrap(counter, value)
             : VALUE_UNKNOWN;
}

static void fill_processes(struct sweep_facts *facts, struct sweep_target *target)
{
  const struct beam_layout *l = &facts->node->layout;
  target->born_count = read_counter(facts->node, l->ptab_aid, &facts->born);
  target->died_count = read_counter(facts->node, l->ptab_fid, &facts->died);
}

static int64_t read_persistent_terms(const struct beam_node *node)
{
  const struct beam_layout *l = &node->layout;
  uint64_t table, slots, entries;
  if (!node->persistent_terms ||
      beam_memory_word(node->memory, node->persistent_terms, &table) != 0 ||
      beam_memory_word(node->memory, table + (uint64_t)l->pt_allocated, &slots) != 0 ||
      beam_memory_word(node->memory, table + (uint64_t)l->pt_entries, &entries) != 0 ||
      entries > slots || slots > UINT32_MAX)
    return VALUE_UNKNOWN;
  return (int64_t)entries;
}

static int64_t read_atoms(const struct beam_node *node)
{
  uint32_t entries;
  uint64_t at = node->atom_table + (uint64_t)node->layout.it_entries;
  return beam_memory_read(node->memory, at, &entries, sizeof entries) == 0 ? (int64_t)entries
                                                                           : VALUE_UNKNOWN;
}

/* ---- who it is ---- */

/* A node without distribution has no name of its own: the process's will do. */
static void fill_name(const struct beam_node *node, struct beam_atoms *atoms, struct sweep *sweep)
{
  const struct beam_layout *l = &node->layout;
  uint64_t name;
  uint32_t creation;
  if (!node->this_node || l->n_sysname == BEAM_LAYOUT_ABSENT ||
      beam_memory_word(node->memory, node->this_node + (uint64_t)l->n_sysname, &name) != 0 ||
      beam_memory_read(node->memory, node->this_node + (uint64_t)l->n_creation, &creation,
                       sizeof creation) != 0)
    return;
  char text[BEAM_ATOM_BYTES + 1];
  size_t length;
  if (!beam_atom_text(atoms, name, &length) || beam_atom_is(atoms, name, "nonode@nohost"))
    return;
  length = beam_atom_copy(atoms, name, text, sizeof text);
  sweep->target.name = sweep->target.peer = sweep_add_text(sweep, text, length);
  sweep->target.creation = creation;
  sweep->target.unique_name = true;
}

void sweep_facts_fill(struct sweep_facts *facts, struct beam_atoms *atoms, struct sweep *sweep)
{
  const struct beam_node *node = facts->node;
  sweep->target.runtime = sweep_add_text(sweep, "beam", strlen("beam"));
  sweep->target.version = sweep_add_format(sweep, "OTP %d erts %s%s", node->otp, node->erts,
                                           node->calibrated ? " (calibrated)" : "");
  sweep->target.run_queue = read_run_queue(facts);
  sweep->target.actor_limit = node->processes.most;
  sweep->target.atoms = read_atoms(node);
  sweep->target.persistent_terms = read_persistent_terms(node);
  fill_processes(facts, &sweep->target);
  fill_name(node, atoms, sweep);
}
