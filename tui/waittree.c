/*
 * waittree.c - waits as rings and trees. Not here: cells.
 *
 * Nodes are actors, found by a hash of their identity; the waits of a holder hang on it as a list
 * through next[]. Waits whose holder is not known hang on a node for their object, so that "37 wait
 * for the disk" is one tree. The drawing order is a depth-first walk with a stack of its own, for a
 * chain may be a million actors long.
 */
#include "tui/waittree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"

#define NONE UINT32_MAX
#define SORTED_SIBLINGS_MAX 65536u

struct node {
  int64_t target_key,
      actor;      /* of a node without a known actor: target and a hash of what is waited for */
  uint32_t own;   /* first row of its own waits, NONE where it does not wait */
  uint32_t child; /* first row that waits for it */
  uint32_t children;
  int64_t core;
  int64_t longest_ms; /* of those who wait for it */
  bool known;         /* it is an actor */
  bool stuck;         /* nobody is left to end the waits that hang here */
  bool placed;        /* is in the drawing, with its waiters */
};

struct item { /* of the walk's stack: a line to come */
  struct waittree_line line;
  uint32_t node; /* whose waiters follow, NONE for LINE_MORE */
};

struct work {
  const struct snapshot *s;
  struct waittree_limits limits;
  struct waittree *tree;
  uint32_t rows;
  struct node *nodes;
  uint32_t node_count;
  uint32_t *slots; /* hash -> node */
  uint32_t slot_mask;
  uint32_t *waiter, *holder; /* row -> node */
  uint32_t *next;            /* row -> next row of the same holder */
  uint32_t *order;           /* scratch: rows or nodes being sorted */
  struct item *stack;
  uint32_t stack_count, stack_room;
};

static int64_t wait_int(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_WAITS, column, row);
}

static bool in_core(const struct snapshot *s, uint32_t row)
{
  return wait_int(s, WAITS_CORE, row) != VALUE_UNKNOWN;
}

/* --- nodes --- */

static uint64_t hash_of(int64_t target_key, int64_t actor, bool known)
{
  uint64_t hash = ((uint64_t)target_key * 0x9e3779b97f4a7c15ull) ^ (uint64_t)actor ^ known;

  hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
  return hash ^ hash >> 32;
}

static uint32_t node_at(struct work *w, int64_t target_key, int64_t actor, bool known)
{
  uint32_t slot = (uint32_t)hash_of(target_key, actor, known) & w->slot_mask;

  for (; w->slots[slot] != NONE; slot = (slot + 1) & w->slot_mask) {
    const struct node *node = &w->nodes[w->slots[slot]];

    if (node->target_key == target_key && node->actor == actor && node->known == known)
      return w->slots[slot];
  }
  w->slots[slot] = w->node_count;
  w->nodes[w->node_count] = (struct node){.target_key = target_key,
                                          .actor = actor,
                                          .known = known,
                                          .own = NONE,
                                          .child = NONE,
                                          .core = VALUE_UNKNOWN,
                                          .longest_ms = VALUE_UNKNOWN};
  return w->node_count++;
}

/* Waits on one object, without a known holder, share a node. */
static uint32_t node_of_object(struct work *w, uint32_t row, bool stuck)
{
  const char *object = snapshot_text(w->s, RELATION_WAITS, WAITS_OBJECT, row);
  uint64_t seed =
      HASH_SEED ^ snapshot_enum(w->s, RELATION_WAITS, WAITS_VIA, row) ^ (uint64_t)stuck << 9;
  uint64_t hash = hash_text(seed, object);

  return node_at(w, wait_int(w->s, WAITS_TARGET_KEY, row), (int64_t)hash, false);
}

static uint32_t node_of_holder(struct work *w, uint32_t row)
{
  int64_t holder = wait_int(w->s, WAITS_HOLDER, row),
          target = wait_int(w->s, WAITS_HOLDER_TARGET_KEY, row);
  bool stuck = snapshot_enum(w->s, RELATION_WAITS, WAITS_VERDICT, row) == VERDICT_STUCK;
  uint32_t node;

  if (holder != VALUE_UNKNOWN)
    return node_at(w, target, holder, true);
  node = node_of_object(w, row, stuck);
  w->nodes[node].stuck = stuck;
  return node;
}

static void link_row(struct work *w, uint32_t row)
{
  int64_t blocked_ms = wait_int(w->s, WAITS_BLOCKED_MS, row);
  struct node *waiter, *holder;

  w->waiter[row] =
      node_at(w, wait_int(w->s, WAITS_TARGET_KEY, row), wait_int(w->s, WAITS_WAITER, row), true);
  w->holder[row] = node_of_holder(w, row);
  waiter = &w->nodes[w->waiter[row]];
  holder = &w->nodes[w->holder[row]];
  if (waiter->own == NONE) {
    waiter->own = row;
    w->tree->waiters++;
  }
  if (in_core(w->s, row))
    waiter->core = wait_int(w->s, WAITS_CORE, row);
  w->next[row] = holder->child;
  holder->child = row;
  holder->children++;
  if (blocked_ms > holder->longest_ms)
    holder->longest_ms = blocked_ms;
}

/* --- lines --- */

static int stack_push(struct work *w, struct item item)
{
  if (w->stack_count == w->stack_room) {
    uint32_t room = w->stack_room ? 2 * w->stack_room : 64;
    struct item *stack = realloc(w->stack, sizeof *stack * room);

    if (!stack)
      return -ENOMEM;
    w->stack = stack;
    w->stack_room = room;
  }
  w->stack[w->stack_count++] = item;
  return 0;
}

static int line_add(struct work *w, struct waittree_line line)
{
  struct waittree *tree = w->tree;

  if (tree->count == tree->room) {
    uint32_t room = tree->room ? 2 * tree->room : 64;
    struct waittree_line *lines = realloc(tree->lines, sizeof *lines * room);

    if (!lines)
      return -ENOMEM;
    tree->lines = lines;
    tree->room = room;
  }
  tree->lines[tree->count++] = line;
  return 0;
}

static bool is_full(const struct work *w)
{
  return w->limits.lines && w->tree->count >= w->limits.lines;
}

static int longest_first(const void *a, const void *b, void *snapshot)
{
  uint32_t row_a = *(const uint32_t *)a, row_b = *(const uint32_t *)b;
  int64_t ms_a = wait_int(snapshot, WAITS_BLOCKED_MS, row_a),
          ms_b = wait_int(snapshot, WAITS_BLOCKED_MS, row_b);

  return ms_a != ms_b ? (ms_a > ms_b ? -1 : 1) : row_a < row_b ? -1 : row_a > row_b;
}

/* The rows that wait for a node and are no edges of its own ring, longest wait first, in
 * w->order. */
static uint32_t children_of(struct work *w, const struct node *node)
{
  uint32_t count = 0;

  for (uint32_t row = node->child; row != NONE; row = w->next[row])
    if (node->core == VALUE_UNKNOWN || w->nodes[w->waiter[row]].core != node->core)
      w->order[count++] = row;
  if (count <= SORTED_SIBLINGS_MAX)
    qsort_r(w->order, count, sizeof *w->order, longest_first, (void *)w->s);
  return count;
}

/* Puts the waiters of a line's node on the stack, the last one first. */
static int push_children(struct work *w, const struct waittree_line *parent, struct node *node)
{
  uint32_t count = children_of(w, node), shown = count;
  struct waittree_line line = {.kind = LINE_WAITER, .in_ring = parent->in_ring && !parent->last};
  int error;

  node->placed = true;
  line.depth = (uint8_t)(parent->depth < WAITTREE_DEPTH_MAX ? parent->depth + 1 : parent->depth);
  line.rails = parent->rails;
  if (parent->depth && !parent->last)
    line.rails |= 1u << parent->depth;
  line.in_ring = parent->kind == LINE_MEMBER ? !parent->last : parent->in_ring;
  if (w->limits.siblings && count > w->limits.siblings) {
    struct item more = {.line = line, .node = NONE};

    shown = w->limits.siblings;
    more.line.kind = LINE_MORE;
    more.line.count = count - shown;
    more.line.wait = WAITTREE_NO_ROW;
    more.line.last = true;
    error = stack_push(w, more);
    if (error)
      return error;
  }
  for (uint32_t i = shown; i-- > 0;) {
    line.wait = w->order[i];
    line.last = i + 1 == count;
    line.first = i == 0;
    error = stack_push(w, (struct item){.line = line, .node = w->waiter[w->order[i]]});
    if (error)
      return error;
  }
  return 0;
}

/* Walks from one line down to the last of those behind it. */
static int walk(struct work *w, struct waittree_line line, uint32_t node)
{
  int error;

  w->stack_count = 0;
  error = stack_push(w, (struct item){.line = line, .node = node});
  while (!error && w->stack_count && !is_full(w)) {
    struct item item = w->stack[--w->stack_count];
    struct node *at = item.node == NONE ? NULL : &w->nodes[item.node];

    item.line.target_key = at && at->known ? at->target_key : VALUE_UNKNOWN;
    item.line.actor = at && at->known ? at->actor : VALUE_UNKNOWN;
    item.line.again = item.line.kind == LINE_WAITER && at && at->placed &&
                      (at->child != NONE || at->core != VALUE_UNKNOWN);
    if (at && item.line.kind == LINE_ROOT)
      item.line.count = at->children;
    error = line_add(w, item.line);
    if (!error && at && !at->placed)
      error = push_children(w, &item.line, at);
  }
  return error;
}

/* --- rings --- */

/* How many wait for a node transitively, as the model counted them; at least those directly. */
static int64_t behind(const struct work *w, const struct node *node)
{
  uint32_t row;
  int64_t count = VALUE_UNKNOWN;

  if (node->known && !snapshot_find_actor(w->s, node->target_key, node->actor, &row))
    count = snapshot_int(w->s, RELATION_ACTORS, ACTORS_BEHIND, row);
  return count > node->children ? count : node->children;
}

struct member {
  int64_t core;
  uint32_t row;
};

static int by_core(const void *a, const void *b)
{
  const struct member *x = a, *y = b;

  return x->core != y->core ? (x->core < y->core ? -1 : 1) : x->row < y->row ? -1 : x->row > y->row;
}

/* The edge of its ring by which a member goes on: to one that is not placed, else any. NONE
 * without one. */
static uint32_t ring_edge(const struct work *w, uint32_t node, int64_t core, bool *ret_fresh)
{
  uint32_t any = NONE;

  for (uint32_t row = w->nodes[node].own; row < w->rows && w->waiter[row] == node; row++) {
    if (wait_int(w->s, WAITS_CORE, row) != core || w->nodes[w->holder[row]].core != core)
      continue;
    any = any == NONE ? row : any;
    if (!w->nodes[w->holder[row]].placed && w->holder[row] != node) {
      *ret_fresh = true;
      return row;
    }
  }
  *ret_fresh = false;
  return any;
}

/* The order of a ring's members: follow the waits; where that comes round before all were met,
 * begin anew. */
static uint32_t ring_order(struct work *w, const struct member *members, uint32_t count,
                           uint32_t *nodes, uint32_t *edges)
{
  uint32_t found = 0;

  for (uint32_t i = 0; i < count; i++) {
    uint32_t node = w->waiter[members[i].row];
    bool fresh = !w->nodes[node].placed;

    while (fresh) {
      w->nodes[node].placed = true;
      nodes[found] = node;
      edges[found] = ring_edge(w, node, members[i].core, &fresh);
      if (edges[found] == NONE)
        edges[found] = w->nodes[node].own;
      node = w->holder[edges[found]];
      found++;
    }
  }
  return found;
}

/* Instead of the members from first to the last but one. */
static int draw_left_out(struct work *w, const uint32_t *nodes, uint32_t first, uint32_t found)
{
  for (uint32_t i = first; i + 1 < found; i++)
    w->nodes[nodes[i]].placed = true;
  return line_add(w, (struct waittree_line){.kind = LINE_MORE,
                                            .in_ring = true,
                                            .count = found - 1 - first,
                                            .wait = WAITTREE_NO_ROW,
                                            .target_key = VALUE_UNKNOWN,
                                            .actor = VALUE_UNKNOWN});
}

static int draw_ring(struct work *w, const struct member *members, uint32_t count)
{
  uint32_t *nodes = malloc(2 * sizeof *nodes * count), *edges = nodes + count, found;
  struct waittree_line title = {.kind = LINE_CORE,
                                .wait = members[0].row,
                                .target_key = VALUE_UNKNOWN,
                                .actor = VALUE_UNKNOWN};
  int error = 0;

  if (!nodes)
    return -ENOMEM;
  found = ring_order(w, members, count, nodes, edges);
  title.count = found;
  if (behind(w, &w->nodes[nodes[0]]) >= found) /* its fellow members are behind it as well */
    title.victims = (uint32_t)(behind(w, &w->nodes[nodes[0]]) - (found - 1));
  error = line_add(w, title);
  for (uint32_t i = 0; i < found; i++)
    w->nodes[nodes[i]].placed = false; /* walk() places it together with those behind it */
  for (uint32_t i = 0; i < found && !error && !is_full(w); i++) {
    struct waittree_line line = {
        .kind = LINE_MEMBER, .first = i == 0, .last = i + 1 == found, .wait = edges[i]};

    if (w->limits.members && found > w->limits.members && i + 1 == w->limits.members) {
      error = draw_left_out(w, nodes, i, found);
      i = found - 2;
      continue;
    }
    if (w->limits.bare_rings)
      w->nodes[nodes[i]].placed = true;
    error = walk(w, line, nodes[i]);
  }
  free(nodes);
  return error;
}

static int draw_rings(struct work *w)
{
  struct member *members = malloc(sizeof *members * (w->rows ? w->rows : 1));
  uint32_t count = 0;
  int error = 0;

  if (!members)
    return -ENOMEM;
  for (uint32_t row = 0; row < w->rows; row++)
    if (in_core(w->s, row))
      members[count++] = (struct member){wait_int(w->s, WAITS_CORE, row), row};
  qsort(members, count, sizeof *members, by_core);
  for (unsigned timed = 0; timed < 2; timed++) {
    for (uint32_t i = 0, end; i < count && !error; i = end) {
      bool is_timed =
          snapshot_enum(w->s, RELATION_WAITS, WAITS_VERDICT, members[i].row) == VERDICT_TIMED;

      for (end = i + 1; end < count && members[end].core == members[i].core;)
        end++;
      if (is_timed != timed)
        continue;
      *(timed ? &w->tree->timed : &w->tree->rings) += 1;
      if (!is_full(w))
        error = draw_ring(w, members + i, end - i);
    }
  }
  free(members);
  return error;
}

/* --- roots --- */

struct root {
  int64_t behind, longest_ms;
  uint32_t node;
  bool stuck;
};

static int by_weight(const void *a, const void *b)
{
  const struct root *x = a, *y = b;

  if (x->stuck != y->stuck)
    return x->stuck ? -1 : 1;
  if (x->behind != y->behind)
    return x->behind > y->behind ? -1 : 1;
  if (x->longest_ms != y->longest_ms)
    return x->longest_ms > y->longest_ms ? -1 : 1;
  return x->node < y->node ? -1 : 1;
}

static bool lines_contain(const struct work *w, uint32_t first)
{
  static const uint8_t columns[] = {WAITS_WAITER_NAME, WAITS_HOLDER_NAME, WAITS_OBJECT,
                                    WAITS_TARGET};

  for (uint32_t i = first; i < w->tree->count; i++) {
    uint32_t row = w->tree->lines[i].wait;

    for (unsigned c = 0; c < sizeof columns && row != WAITTREE_NO_ROW; c++) {
      const char *text = snapshot_text(w->s, RELATION_WAITS, columns[c], row);

      if (text && strcasestr(text, w->limits.word))
        return true;
    }
  }
  return false;
}

static int draw_root(struct work *w, uint32_t node)
{
  uint32_t first = w->tree->count;
  struct waittree_line line = {.kind = LINE_ROOT, .wait = w->nodes[node].child};
  int error = walk(w, line, node);

  if (!error && w->limits.word && w->limits.word[0] && !lines_contain(w, first))
    w->tree->count = first;
  return error;
}

/* Behind a ring, or a member of one, that is not listed. */
static bool is_hidden(const struct work *w, const struct node *node)
{
  return (w->limits.bare_rings || w->limits.members) && node->own != NONE &&
         snapshot_enum(w->s, RELATION_WAITS, WAITS_VERDICT, node->own) == VERDICT_VICTIM;
}

static int draw_roots(struct work *w)
{
  struct root *roots = malloc(sizeof *roots * (w->node_count ? w->node_count : 1));
  uint32_t count = 0;
  int error = 0;

  if (!roots)
    return -ENOMEM;
  for (uint32_t i = 0; i < w->node_count; i++) {
    const struct node *node = &w->nodes[i];

    if (node->child != NONE && node->own == NONE)
      roots[count++] = (struct root){behind(w, node), node->longest_ms, i, node->stuck};
  }
  qsort(roots, count, sizeof *roots, by_weight);
  for (uint32_t i = 0; i < count && !error && !is_full(w); i++)
    error = draw_root(w, roots[i].node);
  /* a circle that somebody may still leave has no root: it begins at any of its actors */
  for (uint32_t i = 0; i < w->node_count && !error && !is_full(w); i++)
    if (w->nodes[i].child != NONE && !w->nodes[i].placed && !is_hidden(w, &w->nodes[i]))
      error = draw_root(w, i);
  free(roots);
  return error;
}

/* --- the whole --- */

static int work_init(struct work *w)
{
  uint64_t slots = 16;

  while (slots < 4ull * w->rows)
    slots *= 2;
  w->nodes = malloc(sizeof *w->nodes * (2ull * w->rows + 1));
  w->slots = malloc(sizeof *w->slots * slots);
  w->waiter = malloc(sizeof *w->waiter * (w->rows + 1ull));
  w->holder = malloc(sizeof *w->holder * (w->rows + 1ull));
  w->next = malloc(sizeof *w->next * (w->rows + 1ull));
  w->order = malloc(sizeof *w->order * (w->rows + 1ull));
  if (!w->nodes || !w->slots || !w->waiter || !w->holder || !w->next || !w->order)
    return -ENOMEM;
  memset(w->slots, 0xff, sizeof *w->slots * slots);
  w->slot_mask = (uint32_t)(slots - 1);
  return 0;
}

static void work_done(struct work *w)
{
  free(w->nodes);
  free(w->slots);
  free(w->waiter);
  free(w->holder);
  free(w->next);
  free(w->order);
  free(w->stack);
}

int waittree_make(struct waittree *tree, const struct snapshot *snapshot,
                  struct waittree_limits limits)
{
  struct work w = {.s = snapshot,
                   .limits = limits,
                   .tree = tree,
                   .rows = snapshot_rows(snapshot, RELATION_WAITS)};
  int error;

  tree->count = tree->rings = tree->timed = tree->waiters = 0;
  error = work_init(&w);
  for (uint32_t row = 0; row < w.rows && !error; row++)
    link_row(&w, row);
  if (!error)
    error = draw_rings(&w);
  if (!error)
    error = draw_roots(&w);
  if (error)
    tree->count = 0;
  work_done(&w);
  return error;
}

void waittree_done(struct waittree *tree)
{
  free(tree->lines);
  memset(tree, 0, sizeof *tree);
}
