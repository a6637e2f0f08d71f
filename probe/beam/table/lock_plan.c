/* lock_plan.c - see lock.h: what is to be looked at, and the walk through trees for their leaves. */
#include <stdlib.h>

#include "probe/beam/table/lock.h"

enum {
  NODE_BYTES_MOST = 256, /* of a node of a tree that are read */
  NODES_MOST = 4 * BEAM_LOCK_LEAVES_MOST,
  TREE_LEAVES_MOST = 256, /* of one tree */
};

/* A walk has a queue of nodes to be visited, not a stack of those above: joins and splits under way can make the tree
 * look like anything. */
struct walk {
  const struct beam_node *node;
  struct beam_lock_plan *plan;
  uint32_t visited;
};

static void visit(struct walk *w, uint64_t *queue, size_t *length, uint64_t address, size_t most)
{
  const struct beam_layout *at = &w->node->layout;
  unsigned char bytes[NODE_BYTES_MOST];
  size_t needed = (size_t)(at->cn_right > at->cn_valid ? at->cn_right : at->cn_valid) + 8;
  if (needed > sizeof bytes || beam_memory_read(w->node->memory, address, bytes, needed) != 0)
    return;
  if (bytes[at->cn_isbase] & 1) {
    if (bytes[at->cn_valid] & 1)
      w->plan->leaves[w->plan->leaf_count++] = address;
    return;
  }
  const uint64_t children[] = {beam_u64(bytes, at->cn_left), beam_u64(bytes, at->cn_right)};
  for (size_t i = 0; i < 2; i++)
    if (children[i] && *length < most)
      queue[(*length)++] = children[i];
}

static void find_leaves(struct walk *w, uint64_t root, struct beam_lock_table *table)
{
  uint64_t queue[2 * TREE_LEAVES_MOST];
  size_t length = 0, next = 0;
  table->leaf_first = (uint32_t)w->plan->leaf_count;
  if (root)
    queue[length++] = root;
  for (; next < length && w->visited < NODES_MOST; next++, w->visited++) {
    if (w->plan->leaf_count == BEAM_LOCK_LEAVES_MOST)
      break;
    visit(w, queue, &length, queue[next], sizeof queue / sizeof *queue);
  }
  if (next < length || length == sizeof queue / sizeof *queue)
    w->plan->whole = false;
  table->leaf_count = (uint32_t)w->plan->leaf_count - table->leaf_first;
}

struct beam_lock_plan *beam_lock_plan_new(const struct beam_node *node,
                                          const struct beam_table *tables, size_t count)
{
  struct beam_lock_plan *plan = calloc(1, sizeof *plan);
  struct walk w = {.node = node, .plan = plan};
  if (!plan)
    return NULL;
  plan->whole = count <= BEAM_LOCK_TABLES_MOST;
  plan->count = plan->whole ? count : BEAM_LOCK_TABLES_MOST;
  plan->tables = calloc(plan->count + 1, sizeof *plan->tables);
  plan->leaves = calloc(BEAM_LOCK_LEAVES_MOST, sizeof *plan->leaves);
  if (!plan->tables || !plan->leaves) {
    beam_lock_plan_free(plan);
    return NULL;
  }
  for (size_t i = 0; i < plan->count; i++) {
    struct beam_lock_table *table = &plan->tables[i];
    *table = (struct beam_lock_table){.key = tables[i].key,
                                      .address = tables[i].address,
                                      .btid = tables[i].btid,
                                      .buckets = tables[i].buckets,
                                      .bucket_count = tables[i].bucket_count};
    plan->whole &= tables[i].bucket_count <= BEAM_LOCK_BUCKETS_MOST;
    find_leaves(&w, tables[i].root, table);
  }
  return plan;
}

void beam_lock_plan_free(struct beam_lock_plan *plan)
{
  if (!plan)
    return;
  free(plan->tables);
  free(plan->leaves);
  free(plan);
}
