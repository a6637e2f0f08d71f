/*
 * tick_fill.c - see tick_fill.h. The text of a sweep is copied into the snapshot as a whole, so
 * that a name costs an addition; columns are filled feed by feed in the order of the rows.
 */
#include "model/tick_fill.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fill {
  struct snapshot_builder *b;
  const struct tick_memory *memory;
  const struct tick_graph *graph;
  uint64_t now_ns;
  uint32_t host;          /* text, as the two below */
  uint32_t *target_names; /* of each target */
  uint32_t *names;        /* column `name` of actors */
  uint32_t *pools;        /* of each feed in the order of the rows: where its sweep's text begins */
  uint32_t wait_row;      /* of `waits`, the next */
  struct turn *moved;     /* waits of threads that are told as those of the actors they run */
  size_t moved_count, moved_next;
  uint64_t rows_left_out; /* of `waits` */
};

/* Where a feed's rows begin in each relation, and what all of them share. */
struct section {
  const struct tick_target *target;
  const struct tick_feed *feed;
  uint32_t target_name;
  uint32_t pool;      /* reference of the feed's text */
  size_t feed_number; /* among those with rows */
  uint32_t row;       /* first row in the relation that is being filled */
};

#define INTS(f, relation, column)                                                                  \
  snapshot_builder_ints((f)->b, RELATION_##relation, relation##_##column)
#define REALS(f, relation, column)                                                                 \
  snapshot_builder_reals((f)->b, RELATION_##relation, relation##_##column)
#define TEXTS(f, relation, column)                                                                 \
  snapshot_builder_texts((f)->b, RELATION_##relation, relation##_##column)
#define ENUMS(f, relation, column)                                                                 \
  snapshot_builder_enums((f)->b, RELATION_##relation, relation##_##column)

static int64_t age_ms(const struct fill *f, uint64_t since_ns)
{
  if (since_ns == 0)
    return VALUE_UNKNOWN;
  return f->now_ns > since_ns ? (int64_t)((f->now_ns - since_ns) / 1000000) : 0;
}

static uint32_t text_of(const struct section *s, uint32_t text)
{
  return text ? s->pool + text : 0;
}

static int64_t key_or_unknown(uint64_t key)
{
  return key ? (int64_t)key : VALUE_UNKNOWN;
}

static int64_t divided(int64_t value, int64_t by)
{
  return value == VALUE_UNKNOWN ? VALUE_UNKNOWN : value / by;
}

/* Whole numbers from 10 upwards, one decimal below: what a rate is worth, and it stores small. */
static double rounded(double rate)
{
  return fabs(rate) >= 10 ? round(rate) : round(rate * 10) / 10;
}

/* --- targets --- */

/* The first feed that knows says it. */
#define FIRST_KNOWN(target, field) first_known(target, offsetof(struct sweep_target, field))
#define FIRST_WORD(target, field) first_word(target, offsetof(struct sweep_target, field))

static int64_t first_known(const struct tick_target *target, size_t field)
{
  for (int rows = 0; rows <= 1; rows++) /* the newest facts, else those of the last full sweep */
    for (size_t i = 0; i < target->feed_count; i++) {
      const struct tick_feed *feed = target->feeds[i];
      const struct sweep *facts = rows ? feed->sweep : tick_feed_facts(feed);
      int64_t value;

      if (!facts)
        continue;
      memcpy(&value, (const char *)&facts->target + field, sizeof(value));
      if (value != VALUE_UNKNOWN)
        return value;
    }
  return VALUE_UNKNOWN;
}

static const char *first_word(const struct tick_target *target, size_t field)
{
  for (int rows = 0; rows <= 1; rows++)
    for (size_t i = 0; i < target->feed_count; i++) {
      const struct tick_feed *feed = target->feeds[i];
      const struct sweep *facts = rows ? feed->sweep : tick_feed_facts(feed);
      uint32_t text;

      if (!facts)
        continue;
      memcpy(&text, (const char *)&facts->target + field, sizeof(text));
      if (sweep_text(facts, text))
        return sweep_text(facts, text);
    }
  return NULL;
}

/* A name that a source says to be the target's alone; it keeps it when it cannot be read any more,
 * and when it is gone. NULL where there is none. */
static const char *unique_name(const struct tick_target *target)
{
  for (size_t i = 0; i < target->feed_count; i++) {
    const struct tick_feed *feed = target->feeds[i];
    const struct sweep *known[] = {feed->failure, feed->part, feed->sweep};

    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
      if (known[k] && known[k]->target.unique_name && known[k]->target.name)
        return sweep_text(known[k], known[k]->target.name);
  }
  return NULL;
}

/* Living targets of one unique name (nodes in two network namespaces) are told apart by pid all the
 * same; one that is gone (a node that was started anew) leaves the name to the living. */
static bool name_is_taken_twice(const struct fill *f, const struct tick_target *target,
                                const char *name)
{
  for (size_t i = 0; i < f->memory->target_count; i++) {
    const struct tick_target *other = f->memory->targets[i];
    const char *other_name = other == target ? NULL : unique_name(other);

    if (other_name && strcmp(other_name, name) == 0 &&
        (target->gone_since_ns || !other->gone_since_ns))
      return true;
  }
  return false;
}

static uint32_t target_name(struct fill *f, const struct tick_target *target)
{
  const char *name = unique_name(target);
  char *text = NULL;
  uint32_t reference;

  if (name && !name_is_taken_twice(f, target, name))
    return snapshot_builder_text(f->b, name);
  if (!name)
    name = FIRST_WORD(target, name);
  if (asprintf(&text, "%s:%d", name ? name : "?", TARGET_KEY_PID(target->key)) < 0)
    return 0;
  reference = snapshot_builder_text(f->b, text);
  free(text);
  return reference;
}

/* Any source that saw it crash is believed. */
static bool target_crashed(const struct tick_target *target)
{
  bool crashed = false;

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);

    crashed |= facts && facts->target.crashed;
  }
  return crashed;
}

/* Gone where any source saw it go; unreadable only where none can read it. */
static uint8_t target_state(const struct tick_target *target)
{
  bool readable = false, known = false, stopped = false;

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);

    if (!facts || facts->target.state == ENUM_UNKNOWN)
      continue;
    if (facts->target.state == TARGET_GONE)
      return TARGET_GONE;
    known = true;
    stopped |= facts->target.state == TARGET_STOPPED;
    readable |= facts->target.state != TARGET_UNREADABLE;
  }
  if (!known)
    return ENUM_UNKNOWN;
  if (!readable)
    return TARGET_UNREADABLE;
  return stopped ? TARGET_STOPPED : TARGET_RUNNING;
}

static const char *target_reason(const struct tick_target *target)
{
  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);
    const char *reason = facts ? sweep_text(facts, facts->target.reason) : NULL;

    if (reason)
      return reason;
  }
  return NULL;
}

static uint32_t target_runtimes(struct fill *f, const struct tick_target *target)
{
  char text[256] = "";
  size_t length = 0;

  for (size_t i = 0; i < target->feed_count && length < sizeof(text); i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);
    const char *runtime = facts ? sweep_text(facts, facts->target.runtime) : NULL;

    if (runtime)
      length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? "+" : "",
                                 runtime);
  }
  return length ? snapshot_builder_intern(f->b, text) : 0;
}

/* Of all feeds that know; counts come from targets, so that the sum is bounded. */
static int64_t sum_of(const struct tick_target *target, size_t field)
{
  int64_t sum = VALUE_UNKNOWN;

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);
    int64_t value;

    if (!facts)
      continue;
    memcpy(&value, (const char *)&facts->target + field, sizeof(value));
    if (value == VALUE_UNKNOWN)
      continue;
    if (sum == VALUE_UNKNOWN)
      sum = value;
    else if (__builtin_add_overflow(sum, value, &sum))
      sum = INT64_MAX;
  }
  return sum;
}

static bool acts(const struct sweep_actor *actor)
{
  switch (actor->kind) {
  case ACTOR_KIND_QUEUE:
  case ACTOR_KIND_POOL:
  case ACTOR_KIND_SERVICE:
  case ACTOR_KIND_PROMISE:
    return false;
  default:
    return true;
  }
}

/* What is counted by walking the rows of a target. Its threads are actors only where nothing else
 * is. */
struct census {
  int64_t actors, blocked, threads, threads_blocked;
};

static bool is_blocked(const struct tick_graph *graph, uint32_t row,
                       const struct sweep_actor *actor)
{
  uint32_t node = graph->node_of_row[row];

  return actor->state != ACTOR_RUNNABLE && node != TICK_NO_NODE &&
         graph->group_first[node] != graph->group_first[node + 1];
}

static struct census take_census(const struct fill *f, const struct tick_target *target)
{
  struct census census = {0};

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct tick_feed *feed = target->feeds[i];

    for (uint32_t k = 0; feed->sweep && k < feed->sweep->actor_count; k++) {
      const struct sweep_actor *actor = &feed->sweep->actors[k];
      bool thread = actor->kind == ACTOR_KIND_THREAD;

      if (!acts(actor))
        continue;
      *(thread ? &census.threads : &census.actors) += 1;
      if (is_blocked(f->graph, feed->row_first + k, actor))
        *(thread ? &census.threads_blocked : &census.blocked) += 1;
    }
  }
  if (census.actors == 0) {
    census.actors = census.threads;
    census.blocked = census.threads_blocked;
  }
  return census;
}

static bool has_rows(const struct tick_target *target)
{
  for (size_t i = 0; i < target->feed_count; i++)
    if (target->feeds[i]->sweep)
      return true;
  return false;
}

static double share(int64_t cpu_ns, int64_t interval_ns)
{
  return cpu_ns > 0 && interval_ns > 0 ? (double)cpu_ns / (double)interval_ns : 0;
}

/* In permille of a core. A full sweep stands for the part that would come at the same time. */
static double cost_of(const struct sweep_target *t)
{
  double parts = share(t->part_cpu_ns, t->part_interval_ns) - share(t->part_cpu_ns, t->interval_ns);

  return 1000 * (share(t->sweep_cpu_ns, t->interval_ns) + fmax(parts, 0) +
                 share(t->beside_ns_per_s, 1000000000));
}

/* Since when nothing is older than what is known of it: of its feeds the one that was read longest
 * ago. */
static uint64_t swept_ns(const struct tick_target *target)
{
  uint64_t oldest = 0;

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *sweep = target->feeds[i]->sweep;

    if (sweep && (oldest == 0 || sweep->end_ns < oldest))
      oldest = sweep->end_ns;
  }
  return oldest;
}

static void fill_target_reading(struct fill *f, const struct tick_target *target, uint32_t row)
{
  uint64_t newest = 0;
  int64_t interval = VALUE_UNKNOWN,
          spent = sum_of(target, offsetof(struct sweep_target, sweep_cpu_ns));
  double cost = 0;

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct tick_feed *feed = target->feeds[i];
    const struct sweep *facts = tick_feed_facts(feed);

    if (facts && facts->target.interval_ns > interval)
      interval = facts->target.interval_ns;
    if (facts)
      cost += cost_of(&facts->target);
    if (feed->sweep && feed->read_ns > newest)
      newest = feed->read_ns;
  }
  INTS(f, TARGETS, SWEEP_US)[row] = divided(spent, 1000);
  INTS(f, TARGETS, INTERVAL_MS)[row] = divided(interval, 1000000);
  if (spent != VALUE_UNKNOWN && interval != VALUE_UNKNOWN)
    INTS(f, TARGETS, COST_PERMILLE)[row] = (int64_t)round(cost);
  INTS(f, TARGETS, LOST)[row] = sum_of(target, offsetof(struct sweep_target, lost_count));
  if (newest)
    INTS(f, TARGETS, AGE_MS)[row] = age_ms(f, newest);
  if (newest)
    INTS(f, TARGETS, SWEPT_MS)[row] = age_ms(f, swept_ns(target));
}

static void fill_target_rates(struct fill *f, const struct tick_target *target, uint32_t row)
{
  for (size_t i = target->feed_count; i-- > 0;) { /* the first that knows is written last */
    const struct tick_feed *feed = target->feeds[i];

    if (feed->cpu_permille != VALUE_UNKNOWN)
      INTS(f, TARGETS, CPU_PERMILLE)[row] = feed->cpu_permille;
    if (!isnan(feed->born_per_s))
      REALS(f, TARGETS, BORN_PER_S)[row] = rounded(feed->born_per_s);
    if (!isnan(feed->died_per_s))
      REALS(f, TARGETS, DIED_PER_S)[row] = rounded(feed->died_per_s);
  }
}

static void fill_target(struct fill *f, uint32_t row)
{
  const struct tick_target *target = f->memory->targets[row];

  INTS(f, TARGETS, TARGET_KEY)[row] = (int64_t)target->key;
  TEXTS(f, TARGETS, HOST)[row] = f->host;
  TEXTS(f, TARGETS, TARGET)[row] = f->target_names[row] = target_name(f, target);
  if (TARGET_KEY_PID(target->key) != 0) /* a crash dump tells none */
    INTS(f, TARGETS, PID)[row] = TARGET_KEY_PID(target->key);
  INTS(f, TARGETS, UID)[row] = FIRST_KNOWN(target, uid);
  TEXTS(f, TARGETS, CGROUP)[row] = snapshot_builder_intern(f->b, FIRST_WORD(target, cgroup));
  TEXTS(f, TARGETS, RUNTIME)[row] = target_runtimes(f, target);
  TEXTS(f, TARGETS, VERSION)[row] = snapshot_builder_intern(f->b, FIRST_WORD(target, version));
  ENUMS(f, TARGETS, STATE)[row] = target_state(target);
  TEXTS(f, TARGETS, REASON)[row] = snapshot_builder_text(f->b, target_reason(target));
  if (ENUMS(f, TARGETS, STATE)[row] == TARGET_GONE)
    INTS(f, TARGETS, CRASHED)[row] = target_crashed(target);
  INTS(f, TARGETS, RSS_BYTES)[row] = FIRST_KNOWN(target, rss_bytes);
  INTS(f, TARGETS, MEMORY_LIMIT_BYTES)[row] = FIRST_KNOWN(target, memory_limit_bytes);
  INTS(f, TARGETS, RUN_QUEUE)[row] = FIRST_KNOWN(target, run_queue);
  INTS(f, TARGETS, ACTOR_LIMIT)[row] = FIRST_KNOWN(target, actor_limit);
  INTS(f, TARGETS, ATOMS)[row] = FIRST_KNOWN(target, atoms);
  INTS(f, TARGETS, PERSISTENT_TERMS)[row] = FIRST_KNOWN(target, persistent_terms);
  if (has_rows(target)) {
    struct census census = take_census(f, target);

    INTS(f, TARGETS, ACTORS)[row] = census.actors;
    INTS(f, TARGETS, BLOCKED)[row] = census.blocked;
  }
  fill_target_rates(f, target, row);
  fill_target_reading(f, target, row);
}

static int fill_targets(struct fill *f)
{
  uint32_t rows = (uint32_t)f->memory->target_count;

  if (snapshot_builder_relation(f->b, RELATION_TARGETS, rows) < 0)
    return -ENOMEM;
  for (uint32_t row = 0; row < rows; row++)
    fill_target(f, row);
  return 0;
}

/* --- actors --- */

/* An actor that the source gave no name is called by its kind and the lower part of its key. */
static uint32_t actor_name(struct fill *f, const struct section *s, const struct sweep_actor *actor)
{
  const char *const *kinds = relation_info(RELATION_ACTORS)->columns[ACTORS_KIND].values;
  char text[64];

  if (actor->name)
    return text_of(s, actor->name);
  (void)snprintf(text, sizeof(text), "%s-%llu",
                 actor->kind == ENUM_UNKNOWN ? kinds[ACTOR_KIND_ACTOR] : kinds[actor->kind],
                 (unsigned long long)(actor->key & 0xffffffffffffff));
  return snapshot_builder_text(f->b, text);
}

static void fill_identity(struct fill *f, const struct section *s)
{
  int64_t *target = INTS(f, ACTORS, TARGET_KEY) + s->row, *key = INTS(f, ACTORS, ACTOR) + s->row;
  int64_t *parent = INTS(f, ACTORS, PARENT) + s->row, *pool = INTS(f, ACTORS, POOL) + s->row;
  int64_t *thread = INTS(f, ACTORS, THREAD) + s->row;
  uint32_t *host = TEXTS(f, ACTORS, HOST) + s->row, *of = TEXTS(f, ACTORS, TARGET) + s->row;
  uint32_t *function = TEXTS(f, ACTORS, FUNCTION) + s->row;
  uint8_t *kind = ENUMS(f, ACTORS, KIND) + s->row, *state = ENUMS(f, ACTORS, STATE) + s->row;

  for (size_t i = 0; i < s->feed->sweep->actor_count; i++) {
    const struct sweep_actor *a = &s->feed->sweep->actors[i];

    target[i] = (int64_t)s->target->key;
    key[i] = (int64_t)a->key;
    parent[i] = key_or_unknown(a->parent);
    pool[i] = key_or_unknown(a->pool);
    thread[i] = a->tid ? a->tid : VALUE_UNKNOWN;
    host[i] = f->host;
    of[i] = s->target_name;
    f->names[s->row + i] = actor_name(f, s, a);
    function[i] = text_of(s, a->function);
    kind[i] = a->kind;
    state[i] = a->state;
  }
}

static void fill_mailbox(struct fill *f, const struct section *s)
{
  int64_t *depth = INTS(f, ACTORS, DEPTH) + s->row, *trend = INTS(f, ACTORS, DEPTH_TREND) + s->row;
  int64_t *capacity = INTS(f, ACTORS, CAPACITY) + s->row;
  int64_t *dropped = INTS(f, ACTORS, DROPPED) + s->row;
  int64_t *memory = INTS(f, ACTORS, MEMORY_BYTES) + s->row;
  uint8_t *depth_is = ENUMS(f, ACTORS, DEPTH_IS) + s->row;
  uint8_t *depth_unit = ENUMS(f, ACTORS, DEPTH_UNIT) + s->row;
  uint8_t *unit = ENUMS(f, ACTORS, WORK_UNIT) + s->row;

  for (size_t i = 0; i < s->feed->sweep->actor_count; i++) {
    const struct sweep_actor *a = &s->feed->sweep->actors[i];

    depth[i] = a->depth;
    if (a->depth != VALUE_UNKNOWN)
      trend[i] = (int64_t)s->feed->actors[i].depth_trend;
    capacity[i] = a->capacity;
    dropped[i] = a->dropped_count;
    memory[i] = a->memory_bytes;
    depth_is[i] = a->depth_is;
    depth_unit[i] = a->depth_unit;
    unit[i] = a->work_unit;
  }
}

static void fill_rates(struct fill *f, const struct section *s)
{
  double *growth = REALS(f, ACTORS, GROWTH_PER_S) + s->row;
  double *in = REALS(f, ACTORS, IN_PER_S) + s->row, *out = REALS(f, ACTORS, OUT_PER_S) + s->row;
  double *work = REALS(f, ACTORS, WORK_PER_S) + s->row;
  int64_t *age = INTS(f, ACTORS, AGE_MS) + s->row;
  int64_t *unmatched = INTS(f, ACTORS, UNMATCHED_MS) + s->row;

  for (size_t i = 0; i < s->feed->sweep->actor_count; i++) {
    const struct actor_memory *m = &s->feed->actors[i];

    growth[i] = rounded((double)m->growth_per_s);
    in[i] = rounded((double)m->in_per_s);
    out[i] = rounded((double)m->out_per_s);
    work[i] = rounded((double)m->work_per_s);
    age[i] = age_ms(f, m->read_end_ns);
    if (m->unmatched_since_ns && m->unmatched_since_ns < m->read_end_ns &&
        s->feed->sweep->actors[i].state == ACTOR_RECEIVE)
      unmatched[i] = age_ms(f, m->unmatched_since_ns);
  }
}

/* A holder that is not among the rows is called as the waiter's source calls it, with the peer that
 * it is said to be in. */
static uint32_t absent_name(struct fill *f, const struct sweep *sweep,
                            const struct sweep_holder *holder)
{
  const char *name = sweep_text(sweep, holder->name), *peer = sweep_text(sweep, holder->peer);
  uint32_t reference;
  char *text = NULL;

  if (!peer)
    return snapshot_builder_intern(f->b, name);
  if (asprintf(&text, "%s@%s", name ? name : "?", peer) < 0)
    return 0;
  reference = snapshot_builder_intern(f->b, text);
  free(text);
  return reference;
}

/* The name of the first holder, with how many more there are. */
static uint32_t waits_for(struct fill *f, const struct tick_feed *feed, uint32_t number)
{
  const struct waitgraph_group *group = &f->graph->graph.groups[number];
  const struct sweep_wait *wait = &feed->sweep->waits[f->graph->group_wait[number]];
  const uint32_t *holders = f->graph->graph.holders + group->holder_first;
  uint32_t row, first, reference;
  const char *name;
  char *text = NULL;

  if (group->holder_count == 0)
    return wait->holder_count
               ? absent_name(f, feed->sweep, &feed->sweep->holders[wait->holder_first])
               : 0;
  row = tick_graph_face_row(f->graph, f->graph->row_of_node[holders[0]]);
  first = f->names[row];
  if (group->holder_count == 1 || first == 0)
    return first;
  name = snapshot_text(snapshot_builder_view(f->b), RELATION_ACTORS, ACTORS_NAME, row);
  if (asprintf(&text, "%s +%u", name, group->holder_count - 1) < 0)
    return first;
  reference = snapshot_builder_text(f->b, text);
  free(text);
  return reference;
}

static void fill_node(struct fill *f, uint32_t row, uint32_t node)
{
  const struct tick_graph *g = f->graph;
  uint32_t first = g->group_first[node], behind = g->graph.behind[node];
  const struct tick_feed *feed = g->rows[node].feed;
  uint64_t since = UINT64_MAX;

  INTS(f, ACTORS, BEHIND)[row] = behind == WAITGRAPH_BEHIND_UNKNOWN ? VALUE_UNKNOWN : behind;
  if (first == g->group_first[node + 1])
    return;
  for (uint32_t i = first; i < g->group_first[node + 1]; i++)
    if (feed->waits[g->group_wait[i]].since_ns < since)
      since = feed->waits[g->group_wait[i]].since_ns;
  if (g->row_of_node[node] != row) /* its thread waits, of which its own source knows nothing */
    ENUMS(f, ACTORS, STATE)[row] = ACTOR_BLOCKED;
  INTS(f, ACTORS, BLOCKED_MS)[row] = age_ms(f, since);
  TEXTS(f, ACTORS, WAITS_FOR)[row] = waits_for(f, feed, first);
}

static void fill_graph_columns(struct fill *f)
{
  int64_t *behind = INTS(f, ACTORS, BEHIND);

  for (uint32_t row = 0; row < f->graph->row_count; row++) {
    if (f->graph->node_of_row[row] == TICK_NO_NODE || tick_graph_face_row(f->graph, row) != row)
      behind[row] = 0; /* nobody waits for it, or for the actor that it runs */
    else
      fill_node(f, row, f->graph->node_of_row[row]);
  }
}

/* Calls `each` for the feeds with rows, in the order of the rows. */
static int for_each_feed(struct fill *f, int (*each)(struct fill *f, struct section *section))
{
  struct section s = {0};

  for (size_t t = 0; t < f->memory->target_count; t++) {
    s.target = f->memory->targets[t];
    s.target_name = f->target_names[t];
    for (size_t i = 0; i < s.target->feed_count; i++) {
      int e;

      s.feed = s.target->feeds[i];
      if (!s.feed->sweep)
        continue;
      s.pool = f->pools[s.feed_number];
      e = each(f, &s);
      if (e)
        return e;
      s.feed_number++;
    }
  }
  return 0;
}

static int copy_text(struct fill *f, struct section *s)
{
  const struct sweep *sweep = s->feed->sweep;

  f->pools[s->feed_number] =
      sweep->text_bytes ? snapshot_builder_pool(f->b, sweep->text, sweep->text_bytes) : 0;
  return 0;
}

static int fill_actors_of(struct fill *f, struct section *s)
{
  s->row = s->feed->row_first;
  fill_identity(f, s);
  fill_mailbox(f, s);
  fill_rates(f, s);
  return 0;
}

static int fill_actors(struct fill *f)
{
  int e;

  if (snapshot_builder_relation(f->b, RELATION_ACTORS, f->graph->row_count) < 0)
    return -ENOMEM;
  f->names = TEXTS(f, ACTORS, NAME);
  e = for_each_feed(f, fill_actors_of);
  if (!e)
    fill_graph_columns(f);
  return e;
}

/* --- waits --- */

static uint64_t mix(uint64_t x)
{
  x ^= x >> 30; /* splitmix64's finalizer */
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

/* The wait's identity in one number: 63 bits of a mix of all that tells waits apart. */
static int64_t wait_number(uint64_t target, const struct sweep_wait *wait)
{
  uint64_t x = mix(mix(mix(target) ^ wait->id.hi) ^ wait->id.lo);

  if (wait->run_count)
    x = mix(x ^ wait->run_count);
  return (int64_t)(x >> 1);
}

/* One wait on its way into the relation. */
struct wait_row {
  int64_t number;
  const struct section *from; /* where it was read */
  uint32_t index;             /* in the feed */
  uint32_t waiter_row;
  uint32_t face_row; /* of whom it is told: the actor that the waiter, a thread, runs */
  uint32_t node;     /* TICK_NO_NODE where the wait does not block */
};

static void fill_wait_verdict(struct fill *f, const struct wait_row *w, uint32_t holder_row,
                              uint32_t row)
{
  const struct tick_graph *g = f->graph;
  uint32_t core, holder;

  ENUMS(f, WAITS, VERDICT)[row] = VERDICT_FREE;
  if (w->node == TICK_NO_NODE)
    return;
  ENUMS(f, WAITS, VERDICT)[row] = g->graph.verdict[w->node];
  ENUMS(f, WAITS, CERTAINTY)[row] = g->certainty[w->node];
  core = g->graph.core[w->node];
  holder = holder_row == TICK_NO_ROW ? TICK_NO_NODE : g->node_of_row[holder_row];
  if (core != WAITGRAPH_NO_CORE && holder != TICK_NO_NODE && g->graph.core[holder] == core)
    INTS(f, WAITS, CORE)[row] = core;
}

/* What is known of a holder, found or not. */
struct holder_cells {
  int64_t target_key, actor; /* VALUE_UNKNOWN */
  uint32_t row;              /* TICK_NO_ROW */
  const struct sweep_holder *holder;
};

static struct holder_cells look_up_holder(const struct fill *f, const struct section *s,
                                          uint32_t number)
{
  const struct sweep_holder *holder = &s->feed->sweep->holders[number];
  uint32_t face;
  struct holder_cells cells = {
      .target_key = holder->peer ? VALUE_UNKNOWN : (int64_t)holder->target,
      .actor = key_or_unknown(holder->actor),
      .row = f->graph->holder_rows[f->graph->holder_first[s->feed_number] + number],
      .holder = holder,
  };

  if (cells.row == TICK_NO_ROW)
    return cells;
  face = tick_graph_face_row(f->graph, cells.row);
  if (holder->peer || !holder->actor || face != cells.row) {
    cells.row = face;
    cells.target_key = INTS(f, ACTORS, TARGET_KEY)[cells.row];
    cells.actor = INTS(f, ACTORS, ACTOR)[cells.row];
  }
  return cells;
}

static int compare_holder_cells(const void *a, const void *b)
{
  const struct holder_cells *x = a, *y = b;

  if (x->target_key != y->target_key)
    return x->target_key < y->target_key ? -1 : 1;
  return (x->actor > y->actor) - (x->actor < y->actor);
}

/* The row of a wait and one of its holders; NULL for a wait without a known one. */
static void fill_wait_row(struct fill *f, const struct wait_row *w,
                          const struct holder_cells *cells, uint32_t row)
{
  const struct section *s = w->from;
  const struct sweep_wait *wait = &s->feed->sweep->waits[w->index];
  const struct wait_memory *memory = &s->feed->waits[w->index];
  const struct actor_memory *waiter = &s->feed->actors[w->waiter_row - s->feed->row_first];

  INTS(f, WAITS, TARGET_KEY)[row] = (int64_t)s->target->key;
  INTS(f, WAITS, WAITER)[row] = INTS(f, ACTORS, ACTOR)[w->face_row];
  INTS(f, WAITS, WAIT)[row] = w->number;
  if (cells) {
    INTS(f, WAITS, HOLDER_TARGET_KEY)[row] = cells->target_key;
    INTS(f, WAITS, HOLDER)[row] = cells->actor;
    TEXTS(f, WAITS, HOLDER_NAME)
    [row] = cells->row == TICK_NO_ROW ? absent_name(f, s->feed->sweep, cells->holder)
                                      : f->names[cells->row];
  }
  TEXTS(f, WAITS, HOST)[row] = f->host;
  TEXTS(f, WAITS, TARGET)[row] = s->target_name;
  TEXTS(f, WAITS, WAITER_NAME)[row] = f->names[w->face_row];
  ENUMS(f, WAITS, VIA)[row] = wait->via;
  TEXTS(f, WAITS, OBJECT)[row] = text_of(s, wait->object);
  INTS(f, WAITS, BLOCKED_MS)[row] = age_ms(f, memory->since_ns);
  ENUMS(f, WAITS, TIMEOUT)[row] = wait->timeout;
  INTS(f, WAITS, TIMEOUT_MS)[row] = divided(wait->timeout_ns, 1000000);
  ENUMS(f, WAITS, NEEDS)[row] = wait->needs;
  INTS(f, WAITS, OPEN)[row] = wait->open;
  INTS(f, WAITS, AGE_MS)[row] = age_ms(f, waiter->read_end_ns);
  fill_wait_verdict(f, w, cells ? cells->row : TICK_NO_ROW, row);
}

static int compare_wait_rows(const void *a, const void *b)
{
  const struct wait_row *x = a, *y = b;

  return (x->number > y->number) - (x->number < y->number);
}

/* Does the waiter's node stand for this very row? A thread's wait does not count while its actor
 * has a call open. */
static uint32_t node_of_wait(const struct fill *f, const struct section *s, uint32_t waiter_row,
                             const struct sweep_wait *wait)
{
  uint32_t node = f->graph->node_of_row[waiter_row];
  const struct sweep *sweep = s->feed->sweep;

  if (node == TICK_NO_NODE || f->graph->row_of_node[node] != waiter_row)
    return TICK_NO_NODE;
  return tick_graph_counts(sweep, &sweep->actors[waiter_row - s->feed->row_first], wait)
             ? node
             : TICK_NO_NODE;
}

/* The rows of one wait: in the order of the keys, of which those of peers are known only now. */
static int fill_holders_of_wait(struct fill *f, const struct wait_row *w)
{
  const struct sweep_wait *wait = &w->from->feed->sweep->waits[w->index];
  struct holder_cells few[16], *cells = few;
  uint32_t count = wait->holder_count;

  if (count == 0) {
    fill_wait_row(f, w, NULL, f->wait_row++);
    return 0;
  }
  if (count > 16)
    cells = malloc(count * sizeof(*cells));
  if (!cells)
    return -ENOMEM;
  for (uint32_t h = 0; h < count; h++)
    cells[h] = look_up_holder(f, w->from, wait->holder_first + h);
  if (count > 1)
    qsort(cells, count, sizeof(*cells), compare_holder_cells);
  for (uint32_t h = 0; h < count; h++)
    fill_wait_row(f, w, &cells[h], f->wait_row++);
  if (cells != few)
    free(cells);
  return 0;
}

/* All waits of one waiter, which stand side by side from `first` on. */
struct turn {
  struct section from;
  uint32_t waiter_row, face_row;
  uint32_t first, count;
};

static void list_turn(const struct fill *f, const struct turn *turn, struct wait_row *rows)
{
  const struct section *s = &turn->from;

  for (uint32_t i = 0; i < turn->count; i++) {
    const struct sweep_wait *wait = &s->feed->sweep->waits[turn->first + i];

    rows[i] = (struct wait_row){.number = wait_number(s->target->key, wait),
                                .from = s,
                                .index = turn->first + i,
                                .waiter_row = turn->waiter_row,
                                .face_row = turn->face_row,
                                .node = node_of_wait(f, s, turn->waiter_row, wait)};
  }
}

/* The waits of an actor and those of its thread, either of which may be NULL, ordered by their
 * numbers. */
static int fill_turns(struct fill *f, const struct turn *own, const struct turn *moved)
{
  uint32_t own_count = own ? own->count : 0, count = own_count + (moved ? moved->count : 0);
  struct wait_row few[16], *rows = count <= 16 ? few : malloc(count * sizeof(*rows));
  int e = 0;

  if (!rows)
    return -ENOMEM;
  if (own)
    list_turn(f, own, rows);
  if (moved)
    list_turn(f, moved, rows + own_count);
  if (count > 1)
    qsort(rows, count, sizeof(*rows), compare_wait_rows);
  for (uint32_t i = 0; i < count && !e; i++)
    e = fill_holders_of_wait(f, &rows[i]);
  if (rows != few)
    free(rows);
  return e;
}

/* The next waiter of a feed from wait `first` on; false where there is none. */
static bool next_turn(const struct fill *f, const struct section *s, uint32_t first, size_t *index,
                      struct turn *ret_turn)
{
  const struct sweep *sweep = s->feed->sweep;
  uint32_t end = first + 1, row;

  if (first >= sweep->wait_count)
    return false;
  while (end < sweep->wait_count && sweep->waits[end].waiter == sweep->waits[first].waiter)
    end++;
  *index = tick_feed_find(s->feed, sweep->waits[first].waiter, *index);
  row = s->feed->row_first + (uint32_t)*index;
  *ret_turn = (struct turn){*s, row, tick_graph_face_row(f->graph, row), first, end - first};
  return true;
}

static uint64_t count_rows(const struct sweep *sweep, uint32_t first, size_t count)
{
  uint64_t rows = 0;

  for (size_t i = first; i < first + count; i++)
    rows += sweep->waits[i].holder_count ? sweep->waits[i].holder_count : 1;
  return rows;
}

/* A thread's wait while its actor is in one of its own is how that one waits: it is left out. */
static int collect_moved(struct fill *f, struct section *s)
{
  struct turn turn;
  size_t index = 0;

  for (uint32_t at = 0; next_turn(f, s, at, &index, &turn); at = turn.first + turn.count) {
    uint32_t node = f->graph->node_of_row[turn.waiter_row];

    if (turn.face_row == turn.waiter_row)
      continue;
    if (node != TICK_NO_NODE && f->graph->row_of_node[node] == turn.face_row)
      f->rows_left_out += count_rows(s->feed->sweep, turn.first, turn.count);
    else
      f->moved[f->moved_count++] = turn;
  }
  return 0;
}

static int compare_turns(const void *a, const void *b)
{
  const struct turn *x = a, *y = b;

  return (x->face_row > y->face_row) - (x->face_row < y->face_row);
}

/* Each thread that runs an actor waits once, and no two run the same. */
static int list_moved(struct fill *f)
{
  size_t room = f->graph->joints.count;

  if (room == 0)
    return 0;
  f->moved = malloc(room * sizeof(*f->moved));
  if (!f->moved)
    return -ENOMEM;
  (void)for_each_feed(f, collect_moved); /* cannot fail */
  qsort(f->moved, f->moved_count, sizeof(*f->moved), compare_turns);
  return 0;
}

/* Those of actors before this row that have no waits of their own. */
static int fill_moved_before(struct fill *f, uint32_t row)
{
  int e = 0;

  while (!e && f->moved_next < f->moved_count && f->moved[f->moved_next].face_row < row)
    e = fill_turns(f, NULL, &f->moved[f->moved_next++]);
  return e;
}

static int fill_waits_of(struct fill *f, struct section *s)
{
  struct turn turn;
  size_t index = 0;
  int e = 0;

  for (uint32_t at = 0; !e && next_turn(f, s, at, &index, &turn); at = turn.first + turn.count) {
    const struct turn *moved = NULL;

    if (turn.face_row != turn.waiter_row)
      continue;
    e = fill_moved_before(f, turn.face_row);
    if (f->moved_next < f->moved_count && f->moved[f->moved_next].face_row == turn.face_row)
      moved = &f->moved[f->moved_next++];
    if (!e)
      e = fill_turns(f, &turn, moved);
  }
  return e ? e : fill_moved_before(f, s->feed->row_first + (uint32_t)s->feed->sweep->actor_count);
}

static int fill_waits(struct fill *f)
{
  uint64_t rows = 0;

  for (size_t t = 0; t < f->memory->target_count; t++)
    for (size_t i = 0; i < f->memory->targets[t]->feed_count; i++) {
      const struct sweep *sweep = f->memory->targets[t]->feeds[i]->sweep;

      if (sweep)
        rows += count_rows(sweep, 0, sweep->wait_count);
    }
  if (rows > UINT32_MAX || list_moved(f) < 0)
    return -ENOMEM;
  rows -= f->rows_left_out;
  if (snapshot_builder_relation(f->b, RELATION_WAITS, (uint32_t)rows) < 0)
    return -ENOMEM;
  return rows ? for_each_feed(f, fill_waits_of) : 0;
}

/* --- tables --- */

/* A table on its way into the relation; several sources may know the same one. */
struct table_row {
  uint64_t key;
  uint32_t index;
  struct section section;
};

struct table_list {
  struct table_row *rows;
  size_t count;
};

static int compare_tables(const void *a, const void *b)
{
  const struct table_row *x = a, *y = b;

  if (x->section.target->key != y->section.target->key)
    return x->section.target->key < y->section.target->key ? -1 : 1;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return x->section.feed->source - y->section.feed->source;
}

/* The actor that a thread runs owns what the thread has locked. */
static void fill_owner(struct fill *f, uint32_t owner_row, uint32_t row)
{
  uint32_t face = tick_graph_face_row(f->graph, owner_row);

  INTS(f, TABLES, OWNER)[row] = INTS(f, ACTORS, ACTOR)[face];
  TEXTS(f, TABLES, OWNER_NAME)[row] = f->names[face];
}

static void fill_table(struct fill *f, const struct table_row *from, uint32_t row)
{
  const struct tick_feed *feed = from->section.feed;
  const struct sweep_table *table = &feed->sweep->tables[from->index];
  const struct table_memory *memory = &feed->tables[from->index];
  const struct tick_target *target = from->section.target;

  INTS(f, TABLES, TARGET_KEY)[row] = (int64_t)target->key;
  INTS(f, TABLES, TABLE_KEY)[row] = (int64_t)table->key;
  TEXTS(f, TABLES, HOST)[row] = f->host;
  TEXTS(f, TABLES, TARGET)[row] = from->section.target_name;
  TEXTS(f, TABLES, NAME)[row] = text_of(&from->section, table->name);
  ENUMS(f, TABLES, KIND)[row] = table->kind;
  TEXTS(f, TABLES, TYPE)[row] = text_of(&from->section, table->type);
  INTS(f, TABLES, OWNER)[row] = key_or_unknown(table->owner);
  for (size_t i = 0; table->owner && i < target->feed_count; i++) {
    size_t index = target->feeds[i]->source == table->owner >> 56
                       ? tick_feed_find(target->feeds[i], table->owner, 0)
                       : SIZE_MAX;

    if (index != SIZE_MAX)
      fill_owner(f, target->feeds[i]->row_first + (uint32_t)index, row);
  }
  INTS(f, TABLES, ITEMS)[row] = table->items;
  INTS(f, TABLES, BYTES)[row] = table->bytes;
  INTS(f, TABLES, READ_WAITERS)[row] = table->read_waiters;
  INTS(f, TABLES, WRITE_WAITERS)[row] = table->write_waiters;
  if (memory->held_permille >= 0)
    INTS(f, TABLES, HELD_PERMILLE)[row] = memory->held_permille;
  if (memory->wait_permille >= 0)
    INTS(f, TABLES, WAIT_PERMILLE)[row] = memory->wait_permille;
  REALS(f, TABLES, CONTENDED_PER_S)[row] = rounded((double)memory->contended_per_s);
  INTS(f, TABLES, MAX_WAIT_US)[row] = divided(table->max_wait_ns, 1000);
  INTS(f, TABLES, AGE_MS)[row] = age_ms(f, memory->rated_ns);
}

static size_t list_tables(struct fill *f, struct table_row *rows)
{
  size_t count = 0, number = 0;

  for (size_t t = 0; t < f->memory->target_count; t++)
    for (size_t i = 0; i < f->memory->targets[t]->feed_count; i++) {
      const struct tick_target *target = f->memory->targets[t];
      const struct sweep *sweep = target->feeds[i]->sweep;

      if (!sweep)
        continue;
      for (uint32_t k = 0; k < sweep->table_count; k++, count++)
        if (rows)
          rows[count] = (struct table_row){
              .key = sweep->tables[k].key,
              .index = k,
              .section = {.target = target,
                          .feed = target->feeds[i],
                          .target_name = f->target_names[t],
                          .pool = f->pools[number]},
          };
      number++;
    }
  return count;
}

static int fill_tables(struct fill *f)
{
  size_t count = list_tables(f, NULL);
  struct table_row *rows = malloc((count + 1) * sizeof(*rows));
  int e = -ENOMEM;

  if (!rows || count > UINT32_MAX ||
      snapshot_builder_relation(f->b, RELATION_TABLES, (uint32_t)count) < 0)
    goto out;
  (void)list_tables(f, rows);
  qsort(rows, count, sizeof(*rows), compare_tables);
  for (uint32_t i = 0; i < count; i++)
    fill_table(f, &rows[i], i);
  e = 0;
out:
  free(rows);
  return e;
}

int tick_fill(struct snapshot_builder *b, const struct tick_memory *memory,
              const struct tick_graph *graph, uint64_t now_ns, const char *host)
{
  struct fill f = {.b = b, .memory = memory, .graph = graph, .now_ns = now_ns};
  size_t feeds = 0;
  int e = -ENOMEM;

  for (size_t t = 0; t < memory->target_count; t++)
    feeds += memory->targets[t]->feed_count;
  f.host = snapshot_builder_intern(b, host);
  f.target_names = malloc((memory->target_count + 1) * sizeof(*f.target_names));
  f.pools = malloc((feeds + 1) * sizeof(*f.pools));
  if (!f.target_names || !f.pools)
    goto out;
  e = fill_targets(&f);
  if (!e)
    e = for_each_feed(&f, copy_text);
  if (!e)
    e = fill_actors(&f);
  if (!e)
    e = fill_waits(&f);
  if (!e)
    e = fill_tables(&f);
out:
  free(f.target_names);
  free(f.pools);
  free(f.moved);
  return e;
}
