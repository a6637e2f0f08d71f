/* detect_latent.c - circles that have not closed yet: each wait was seen, at different times. Not
 * here: what was ever seen waiting, see callgraph.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/detect_names.h"
#include "model/detector.h"
#include "model/jsontext.h"

#define SECOND_NS 1000000000ull
#define NONE UINT32_MAX

/* All that can be tuned. */
static const struct {
  int64_t episodes;     /* of the same two actors, for an edge to count */
  int64_t startup_ms;   /* edges seen last when the process was younger belong to its start-up */
  uint32_t edges_tried; /* shortest circles are searched through so many edges */
  uint32_t circles_told;
  uint64_t keep_ns;
} limits = {.episodes = 2,
            .startup_ms = 10000,
            .edges_tried = 256,
            .circles_told = 64,
            .keep_ns = 60 * SECOND_NS};

/* Kinds of wait whose holder is an actor by what it does. The owner of a lock is whoever had it at
 * that instant: two actors that use one mutex wait for each other in turns, and no circle comes of
 * it. */
static const bool lasting_via[] = {[VIA_CALL] = true,
                                   [VIA_JOIN] = true,
                                   [VIA_ROOM] = true,
                                   [VIA_PROMISE] = true,
                                   [VIA_OTHER] = false};

struct instance {
  int64_t target_key, actor;
};

struct edge {
  struct instance waiter, holder;
  uint32_t row;
  bool gone; /* leads nowhere or comes from nowhere */
};

struct graph {
  struct edge *edges; /* sorted by waiter */
  uint32_t count;
};

static int64_t graph_int(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_CALL_GRAPH, column, row);
}

static int instance_order(const struct instance *a, const struct instance *b)
{
  if (a->target_key != b->target_key)
    return a->target_key < b->target_key ? -1 : 1;
  return (a->actor > b->actor) - (a->actor < b->actor);
}

static int edge_order(const void *left, const void *right)
{
  const struct edge *a = left, *b = right;
  int order = instance_order(&a->waiter, &b->waiter);

  return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

/* How old the process was when the edge was seen last: the key holds its start in ticks of 10 ms
 * since boot. */
static bool after_startup(const struct snapshot *s, uint32_t row)
{
  struct tick_clock now = snapshot_about(s).now;
  int64_t started_ms = (int64_t)((uint64_t)graph_int(s, CALL_GRAPH_TARGET_KEY, row) >> 22) * 10;
  int64_t ago_ms = now.wall_ms - graph_int(s, CALL_GRAPH_LAST_SEEN, row) * 1000;

  return (int64_t)(now.mono_ns / 1000000) - ago_ms - started_ms >= limits.startup_ms;
}

static bool counts(const struct snapshot *s, uint32_t row)
{
  uint8_t via = snapshot_enum(s, RELATION_CALL_GRAPH, CALL_GRAPH_VIA, row);
  int64_t episodes = graph_int(s, CALL_GRAPH_INSTANCE_EPISODES, row);

  return via < sizeof(lasting_via) / sizeof(lasting_via[0]) && lasting_via[via] &&
         episodes != VALUE_UNKNOWN && episodes >= limits.episodes && after_startup(s, row);
}

static bool alive(const struct snapshot *s, const struct instance *i)
{
  uint32_t row = 0;

  return snapshot_find_actor(s, i->target_key, i->actor, &row) == 0;
}

/* Edges that count, between actors that live now (so all of a circle live together). 0 or -1
 * without memory. */
static int collect(const struct snapshot *s, struct graph *graph)
{
  uint32_t rows = snapshot_rows(s, RELATION_CALL_GRAPH);

  graph->edges = calloc(rows + 1, sizeof(*graph->edges));
  if (!graph->edges)
    return -1;
  for (uint32_t row = 0; row < rows; row++) {
    if (!counts(s, row))
      continue;
    struct edge e = {
        {graph_int(s, CALL_GRAPH_TARGET_KEY, row), graph_int(s, CALL_GRAPH_WAITER_ACTOR, row)},
        {graph_int(s, CALL_GRAPH_HOLDER_TARGET_KEY, row),
         graph_int(s, CALL_GRAPH_HOLDER_ACTOR, row)},
        row,
        false};
    if (instance_order(&e.waiter, &e.holder) != 0 && alive(s, &e.waiter) && alive(s, &e.holder))
      graph->edges[graph->count++] = e;
  }
  qsort(graph->edges, graph->count, sizeof(*graph->edges), edge_order);
  return 0;
}

/* First edge of that waiter, NONE where it has none. */
static uint32_t first_of(const struct graph *graph, const struct instance *waiter)
{
  uint32_t low = 0, high = graph->count;

  while (low < high) {
    uint32_t middle = (low + high) / 2;

    if (instance_order(&graph->edges[middle].waiter, waiter) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low < graph->count && instance_order(&graph->edges[low].waiter, waiter) == 0 ? low : NONE;
}

static bool same_waiter(const struct graph *graph, uint32_t i, const struct instance *waiter)
{
  return i < graph->count && instance_order(&graph->edges[i].waiter, waiter) == 0;
}

/* Drops edges whose holder waits for nobody, until nothing changes: what is left leads into
 * circles. */
static void trim(struct graph *graph)
{
  bool changed = true;

  while (changed) {
    changed = false;
    for (uint32_t i = 0; i < graph->count; i++) {
      struct edge *e = &graph->edges[i];
      bool leads_on = false;

      if (e->gone)
        continue;
      uint32_t k = first_of(graph, &e->holder);
      for (; k != NONE && same_waiter(graph, k, &e->holder) && !leads_on; k++)
        leads_on = !graph->edges[k].gone;
      e->gone = !leads_on;
      changed = changed || e->gone;
    }
  }
}

/* One shortest circle that begins with edge `start`: writes its edges in order, returns how many, 0
 * for none. `via` and `queue` have room for a number for each edge; `via` is by first edge of the
 * holder. */
static uint32_t shortest(const struct graph *graph, uint32_t start, uint32_t *via, uint32_t *queue,
                         uint32_t *circle)
{
  uint32_t head = 0, tail = 0, length = 0, last = NONE;

  memset(via, 0xff, graph->count * sizeof(*via));
  queue[tail++] = start;
  while (head < tail && last == NONE) {
    uint32_t from = queue[head++];
    const struct instance *holder = &graph->edges[from].holder;

    if (instance_order(holder, &graph->edges[start].waiter) == 0) {
      last = from;
      break;
    }
    uint32_t first = first_of(graph, holder);
    if (first == NONE || via[first] != NONE)
      continue;
    for (uint32_t k = first; same_waiter(graph, k, holder); k++) {
      via[k] = from; /* so that each of the holder's edges knows by which edge it was reached */
      if (!graph->edges[k].gone)
        queue[tail++] = k;
    }
  }
  for (uint32_t e = last; e != NONE; e = e == start ? NONE : via[e])
    circle[length++] = e;
  for (uint32_t i = 0; i + 1 < length - i; i++) {
    uint32_t e = circle[i];
    circle[i] = circle[length - 1 - i];
    circle[length - 1 - i] = e;
  }
  return length;
}

/* Is the word (up to a blank) among the words of `list`? */
static bool has_word(const char *list, const char *word, size_t length)
{
  for (const char *at = list; at && *at; at += strspn(at, " ")) {
    size_t n = strcspn(at, " ");

    if (n == length && memcmp(at, word, n) == 0)
      return true;
    at += n;
  }
  return false;
}

static const char *gates_of(const struct snapshot *s, const struct graph *graph, uint32_t edge)
{
  const char *gates =
      snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_GATES, graph->edges[edge].row);

  return gates ? gates : "";
}

/* Somebody was blocked behind every one of these waits: they never begin at the same time. */
static bool gated(const struct snapshot *s, const struct graph *graph, const uint32_t *circle,
                  uint32_t length)
{
  const char *gates = gates_of(s, graph, circle[0]);

  for (const char *at = gates + strspn(gates, " "); *at; at += strspn(at, " ")) {
    size_t n = strcspn(at, " ");
    uint32_t i = 1;

    while (i < length && has_word(gates_of(s, graph, circle[i]), at, n))
      i++;
    if (i == length)
      return true;
    at += n;
  }
  return false;
}

static bool all_timed(const struct snapshot *s, const struct graph *graph, const uint32_t *circle,
                      uint32_t length)
{
  for (uint32_t i = 0; i < length; i++) {
    uint32_t row = graph->edges[circle[i]].row;

    if (graph_int(s, CALL_GRAPH_TIMED, row) < graph_int(s, CALL_GRAPH_EPISODES, row))
      return false;
  }
  return true;
}

static void circle_detail(const struct snapshot *s, const struct graph *graph,
                          const uint32_t *circle, uint32_t length, char *out, size_t room)
{
  struct jsontext json;

  jsontext_init(&json, out, room);
  jsontext_object(&json, NULL);
  jsontext_int(&json, "member_count", length);
  jsontext_array(&json, "members");
  for (uint32_t i = 0; i < length; i++)
    jsontext_text(
        &json, NULL,
        snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER, graph->edges[circle[i]].row));
  jsontext_end(&json);
  jsontext_array(&json, "edges");
  for (uint32_t i = 0; i < length && !json.full; i++) {
    struct jsontext_mark mark = jsontext_mark(&json);
    uint32_t row = graph->edges[circle[i]].row;

    jsontext_object(&json, NULL);
    jsontext_text(&json, "waiter", snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER, row));
    jsontext_text(&json, "holder", snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_HOLDER, row));
    jsontext_text(&json, "via", snapshot_value(s, RELATION_CALL_GRAPH, CALL_GRAPH_VIA, row).text);
    if (!jsontext_end_or_rewind(&json, mark))
      break;
  }
  jsontext_end(&json);
  jsontext_end(&json);
}

static void tell(const struct snapshot *s, const struct graph *graph, const uint32_t *circle,
                 uint32_t length, struct finding_sink *sink)
{
  struct detect_name *names = calloc(length, sizeof(*names));
  struct phrase key = {0}, sentence = {0};
  const char *target = NULL;
  char detail[4096];

  if (!names)
    return; /* the next tick tries again */
  for (uint32_t i = 0; i < length; i++) {
    const struct edge *e = &graph->edges[circle[i]];
    const char *of = snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_TARGET, e->row);

    names[i] = (struct detect_name){
        of ? of : "?", snapshot_text(s, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER, e->row),
        e->waiter.actor};
    if (i > DETECT_NAMES_SHOWN)
      continue;
    phrase_name(&sentence, names[i].name);
    phrase_add(&sentence, i == DETECT_NAMES_SHOWN ? " ... -> " : " -> ");
  }
  target = names[0].target;
  phrase_name(&sentence, names[0].name);
  phrase_add(&sentence,
             ": each of these waits was seen, not yet all at once; nothing keeps them apart");
  detect_names_key(&key, "latent_deadlock", names, length);
  circle_detail(s, graph, circle, length, detail, sizeof(detail));
  finding_add(sink, &(struct finding){.key = key.text,
                                      .summary = sentence.text,
                                      .detail = detail,
                                      .target = target,
                                      .target_key = graph->edges[circle[0]].waiter.target_key,
                                      .actor = VALUE_UNKNOWN,
                                      .severity = SEVERITY_INFO,
                                      .certainty = CERTAINTY_SUSPECTED,
                                      .keep_ns = limits.keep_ns});
  free(names);
}

/* Each circle is told from its smallest edge, so that the same one is not told once for each of its
 * edges. */
static bool begins_smallest(const uint32_t *circle, uint32_t length)
{
  for (uint32_t i = 1; i < length; i++)
    if (circle[i] < circle[0])
      return false;
  return true;
}

static void latent_step(void *state, const struct snapshot *s, struct finding_sink *sink)
{
  struct graph graph = {0};
  uint32_t *room = NULL, told = 0, tried = 0;

  (void)state; /* keeps none: the memory is the relation */
  if (snapshot_rows(s, RELATION_CALL_GRAPH) < 2 || collect(s, &graph) != 0)
    return;
  trim(&graph);
  room = calloc(graph.count + 1, 3 * sizeof(*room));
  for (uint32_t start = 0; room && start < graph.count; start++) {
    uint32_t *via = room, *queue = room + graph.count, *circle = room + 2 * (size_t)graph.count;

    if (graph.edges[start].gone)
      continue;
    if (tried++ >= limits.edges_tried || told >= limits.circles_told)
      break;
    uint32_t length = shortest(&graph, start, via, queue, circle);
    if (length < 2 || !begins_smallest(circle, length) || gated(s, &graph, circle, length) ||
        all_timed(s, &graph, circle, length))
      continue;
    tell(s, &graph, circle, length, sink);
    told++;
  }
  free(room);
  free(graph.edges);
}

const struct detector detect_latent_deadlock = {
    .name = "latent_deadlock",
    .help = "A circle of waits that has not closed yet: each of its waits was seen at least twice "
            "between actors that live now, after start-up, not all of them with a timeout, and "
            "nobody was blocked behind all of them (such a gate lets only one begin). "
            "Information, once for each circle. Found in the relation call_graph. It cannot see "
            "waits that are shorter than the time between two sweeps, locks, and what the program "
            "itself does to keep the waits apart: silence proves nothing, and neither does a "
            "finding.",
    .history_ns = 60 * SECOND_NS,
    .step = latent_step,
};
