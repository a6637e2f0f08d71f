/* detect_deadlock.c - circles of waits: for ever (critical), or until a timeout (a warning,
 * critical when it recurs). Not here: what is a circle and how sure that is, see waitgraph.h and
 * tick.h; waits without a holder, see detect_stuck.c. */
#include "model/detect_deadlock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/detect_core.h"
#include "model/detect_names.h"
#include "model/hash.h"
#include "model/jsontext.h"
#include "model/phrase.h"

/* All that can be tuned. */
static const struct {
  uint64_t timed_keep_ns;   /* a timed circle that comes back within this is the same alert */
  int64_t recurs_within_ms; /* the same timed circle so often ... */
  unsigned recurs_count;    /* ... within this is critical */
  uint32_t sentence_names;  /* a longer circle is told as its first six and its last */
  uint32_t sentence_first;
  uint32_t inhibited_members; /* alerts of so many members are hidden behind the deadlock */
} limits = {
    .timed_keep_ns = 30ull * 1000000000,
    .recurs_within_ms = 10 * 60 * 1000,
    .recurs_count = 3,
    .sentence_names = 8,
    .sentence_first = 6,
    .inhibited_members = 4096,
};

enum { EPISODES_MAX = 256, EPISODE_TIMES = 3 };

/* A timed circle that was seen, by its key, with the beginnings of its last episodes. */
struct episodes {
  uint64_t key_hash;
  uint64_t waits_hash; /* of the newest episode: other waits of the same actors are another one */
  uint64_t seen_tick;
  int64_t begun_ms[EPISODE_TIMES]; /* newest first */
};

struct deadlock_state {
  struct episodes episodes[EPISODES_MAX];
  size_t episode_count;
  uint64_t tick;
  char detail[DEADLOCK_DETAIL_BYTES];
};

static void *deadlock_new(void)
{
  return calloc(1, sizeof(struct deadlock_state));
}

/* deadlock/TARGET/sorted names. False without memory. */
static bool core_key(const struct core *core, struct phrase *key)
{
  struct detect_name *names = calloc(core->member_count, sizeof(*names));

  if (!names)
    return false;
  for (uint32_t i = 0; i < core->member_count; i++) {
    const struct core_member *m = &core->members[i];

    names[i] = (struct detect_name){m->target ? m->target : "?", m->name, m->actor};
  }
  detect_names_key(key, "deadlock", names, core->member_count);
  free(names);
  return true;
}

/* --- the sentence --- */

static const char *row_text(const struct snapshot *s, const struct core *core, uint32_t edge,
                            unsigned column)
{
  return snapshot_text(s, RELATION_WAITS, column, core->edges[edge].row);
}

static const char *row_word(const struct snapshot *s, const struct core *core, uint32_t edge,
                            unsigned column)
{
  const char *word = snapshot_value(s, RELATION_WAITS, column, core->edges[edge].row).text;

  return word ? word : "unknown";
}

static uint8_t row_via(const struct snapshot *s, const struct core *core, uint32_t edge)
{
  return snapshot_enum(s, RELATION_WAITS, WAITS_VIA, core->edges[edge].row);
}

/* Of a circle through several targets with where it is: names are unique within one of them. */
static void add_member(const struct core *core, uint32_t edge, bool several,
                       struct phrase *sentence)
{
  const struct core_member *m = &core->members[detect_core_waiter(core, edge)];

  phrase_name(sentence, m->name);
  if (several) {
    phrase_add(sentence, "@");
    phrase_name(sentence, m->target);
  }
}

static bool spans_targets(const struct core *core)
{
  for (uint32_t i = 1; i < core->member_count; i++)
    if (core->members[i].target_key != core->members[0].target_key)
      return true;
  return false;
}

static void add_circle(const struct core *core, struct phrase *sentence)
{
  uint32_t n = core->cycle_length;
  bool several = spans_targets(core);

  for (uint32_t i = 0; i < n; i++) {
    if (n > limits.sentence_names && i == limits.sentence_first) {
      phrase_add(sentence, "... (%u more) -> ", n - limits.sentence_first - 1);
      i = n - 1;
    }
    add_member(core, core->cycle[i], several, sentence);
    phrase_add(sentence, " -> ");
  }
  if (n > 0)
    add_member(core, core->cycle[0], several, sentence);
}

/* Erlang's, whose waits are called by the function that waits, and have no timeout by the word
 * infinity. */
static bool is_process(const struct snapshot *s, const struct core *core, uint32_t edge)
{
  uint32_t row = core->edges[edge].row, actor;

  return snapshot_find_actor(s, snapshot_int(s, RELATION_WAITS, WAITS_TARGET_KEY, row),
                             snapshot_int(s, RELATION_WAITS, WAITS_WAITER, row), &actor) == 0 &&
         snapshot_enum(s, RELATION_ACTORS, ACTORS_KIND, actor) == ACTOR_KIND_PROCESS;
}

static void kind_of_edge(const struct snapshot *s, const struct core *core, uint32_t edge,
                         struct phrase *kind)
{
  const char *object = row_text(s, core, edge, WAITS_OBJECT);
  uint8_t via = row_via(s, core, edge);

  if (object && is_process(s, core, edge)) {
    phrase_name(kind, object);
    return;
  }
  if (object && (strncmp(object, "mutex ", 6) == 0 || strncmp(object, "rwlock ", 7) == 0)) {
    phrase_name(kind, object); /* says itself that it is a lock */
    return;
  }
  phrase_add(kind, "%s", row_word(s, core, edge, WAITS_VIA));
  if (object && (via == VIA_LOCK || via == VIA_RDLOCK || via == VIA_CHANNEL)) {
    phrase_add(kind, " ");
    phrase_name(kind, object);
  }
}

/* "call, lock accounts": each different kind of the circle once, locks by their names; at most
 * four. */
static void add_kinds(const struct snapshot *s, const struct core *core, struct phrase *sentence)
{
  enum { KINDS_MAX = 4 };
  struct phrase kinds[KINDS_MAX] = {0};
  unsigned count = 0;

  for (uint32_t i = 0; i < core->cycle_length; i++) {
    struct phrase kind = {0};
    unsigned k = 0;

    kind_of_edge(s, core, core->cycle[i], &kind);
    while (k < count && strcmp(kinds[k].text, kind.text) != 0)
      k++;
    if (k < count)
      continue;
    phrase_add(sentence, "%s%s", count == 0 ? ": " : ", ",
               count == KINDS_MAX ? "others" : kind.text);
    if (count == KINDS_MAX)
      return;
    kinds[count++] = kind;
  }
}

static void add_timeout(const struct snapshot *s, const struct core *core, struct phrase *sentence)
{
  int64_t shortest = VALUE_UNKNOWN;

  if (core->verdict == VERDICT_DEADLOCK) {
    phrase_add(sentence, core->cycle_length > 0 && is_process(s, core, core->cycle[0])
                             ? ", infinity"
                             : ", no timeout");
    return;
  }
  for (uint32_t i = 0; i < core->edge_count; i++) {
    int64_t ms = snapshot_int(s, RELATION_WAITS, WAITS_TIMEOUT_MS, core->edges[i].row);

    if (ms != VALUE_UNKNOWN && (shortest == VALUE_UNKNOWN || ms < shortest))
      shortest = ms;
  }
  phrase_add(sentence, ", until a timeout");
  if (shortest != VALUE_UNKNOWN) {
    phrase_add(sentence, " of ");
    phrase_duration(sentence, shortest);
  }
}

static bool is_pool(const struct snapshot *s, int64_t target_key, int64_t actor)
{
  uint32_t row = 0;

  return snapshot_find_actor(s, target_key, actor, &row) == 0 &&
         snapshot_enum(s, RELATION_ACTORS, ACTORS_KIND, row) == ACTOR_KIND_POOL;
}

/* The pool whose threads are all taken by waits for that pool, or NULL. It is a member itself: it
 * waits for any of the actors on its threads, and what is queued waits for it. */
static const char *starved_pool(const struct snapshot *s, const struct core *core)
{
  for (uint32_t i = 0; i < core->edge_count; i++) {
    uint32_t row = core->edges[i].row;

    if (row_via(s, core, i) == VIA_POOL &&
        is_pool(s, core->edges[i].waiter_target,
                snapshot_int(s, RELATION_WAITS, WAITS_WAITER, row)))
      return row_text(s, core, i, WAITS_WAITER_NAME);
  }
  return NULL;
}

static void core_sentence(const struct snapshot *s, const struct core *core, unsigned episodes,
                          struct phrase *sentence)
{
  const char *pool = starved_pool(s, core);

  if (pool) {
    phrase_add(sentence, "every thread of pool ");
    phrase_name(sentence, pool);
    phrase_add(sentence, " waits for what only a thread of it could do: ");
  }
  add_circle(core, sentence);
  add_kinds(s, core, sentence);
  add_timeout(s, core, sentence);
  if (core->member_count > core->cycle_length)
    phrase_add(sentence, "; %u in the knot", core->member_count);
  if (core->victims > 0)
    phrase_add(sentence, "; %lld more blocked behind", (long long)core->victims);
  if (episodes >= limits.recurs_count)
    phrase_add(sentence, "; it keeps coming back");
}

/* --- the detail --- */

/* False where the list is full: then nothing of this edge is there. */
static bool add_edge(struct jsontext *json, const struct snapshot *s, const struct core *core,
                     uint32_t edge)
{
  uint32_t row = core->edges[edge].row;
  struct jsontext_mark mark = jsontext_mark(json);

  jsontext_object(json, NULL);
  jsontext_text(json, "waiter", row_text(s, core, edge, WAITS_WAITER_NAME));
  jsontext_text(json, "holder", row_text(s, core, edge, WAITS_HOLDER_NAME));
  jsontext_text(json, "via", row_word(s, core, edge, WAITS_VIA));
  jsontext_text(json, "object", row_text(s, core, edge, WAITS_OBJECT));
  jsontext_int(json, "blocked_ms", snapshot_int(s, RELATION_WAITS, WAITS_BLOCKED_MS, row));
  jsontext_text(json, "timeout", row_word(s, core, edge, WAITS_TIMEOUT));
  return jsontext_end_or_rewind(json, mark);
}

static bool in_cycle(const struct core *core, uint32_t edge)
{
  for (uint32_t i = 0; i < core->cycle_length; i++)
    if (core->cycle[i] == edge)
      return true;
  return false;
}

/* The edges of the circle first, because the list is bounded; then others, unless the circle alone
 * fills it. */
static void add_edges(struct jsontext *json, const struct snapshot *s, const struct core *core)
{
  uint32_t count = 0;

  jsontext_array(json, "edges");
  for (uint32_t i = 0; i < core->cycle_length && count < DEADLOCK_LIST_MAX; i++, count++)
    if (!add_edge(json, s, core, core->cycle[i]))
      count = DEADLOCK_LIST_MAX;
  for (uint32_t i = 0; i < core->edge_count && count < DEADLOCK_LIST_MAX; i++) {
    if (in_cycle(core, i))
      continue;
    if (!add_edge(json, s, core, i))
      break;
    count++;
  }
  jsontext_end(json);
}

static void core_detail(const struct snapshot *s, const struct core *core, unsigned episodes,
                        char *out)
{
  struct jsontext json;

  jsontext_init(&json, out, DEADLOCK_DETAIL_BYTES);
  jsontext_object(&json, NULL);
  jsontext_text(&json, "kind", core->verdict == VERDICT_TIMED ? "timed" : "deadlock");
  jsontext_text(&json, "pool", starved_pool(s, core));
  jsontext_int(&json, "member_count", core->member_count);
  jsontext_int(&json, "edge_count", core->edge_count);
  jsontext_int(&json, "victims", core->victims);
  jsontext_int(&json, "episodes", episodes);
  jsontext_array(&json, "members");
  for (uint32_t i = 0; i < core->member_count && i < DEADLOCK_LIST_MAX; i++)
    jsontext_text(&json, NULL, core->members[i].name);
  jsontext_end(&json);
  add_edges(&json, s, core);
  jsontext_end(&json);
}

/* --- episodes of timed circles --- */

static uint64_t hash_waits(const struct snapshot *s, const struct core *core)
{
  uint64_t hash = HASH_SEED;

  for (uint32_t i = 0; i < core->edge_count; i++) {
    int64_t wait = snapshot_int(s, RELATION_WAITS, WAITS_WAIT, core->edges[i].row);

    hash = hash_bytes(hash, &core->edges[i].waiter, sizeof(core->edges[i].waiter));
    hash = hash_bytes(hash, &wait, sizeof(wait));
  }
  return hash;
}

static struct episodes *find_episodes(struct deadlock_state *state, uint64_t key_hash)
{
  struct episodes *oldest = &state->episodes[0];

  for (size_t i = 0; i < state->episode_count; i++) {
    if (state->episodes[i].key_hash == key_hash)
      return &state->episodes[i];
    if (state->episodes[i].seen_tick < oldest->seen_tick)
      oldest = &state->episodes[i];
  }
  if (state->episode_count < EPISODES_MAX)
    oldest = &state->episodes[state->episode_count++];
  *oldest = (struct episodes){.key_hash = key_hash};
  return oldest;
}

/* Notes that this circle is there now; how many separate times it was, within the time that
 * counts. */
static unsigned count_episodes(struct deadlock_state *state, const struct snapshot *s,
                               const struct core *core, const char *key)
{
  int64_t now_ms = snapshot_about(s).now.wall_ms;
  uint64_t waits_hash = hash_waits(s, core);
  struct episodes *e = find_episodes(state, hash_text(HASH_SEED, key));
  unsigned count = 0;

  if (e->seen_tick == 0 || e->waits_hash != waits_hash) { /* the same waits are the same time */
    memmove(&e->begun_ms[1], &e->begun_ms[0], sizeof(e->begun_ms) - sizeof(e->begun_ms[0]));
    e->begun_ms[0] = now_ms;
  }
  e->seen_tick = state->tick;
  e->waits_hash = waits_hash;
  while (count < EPISODE_TIMES && e->begun_ms[count] != 0 &&
         now_ms - e->begun_ms[count] < limits.recurs_within_ms)
    count++;
  return count;
}

/* --- the finding --- */

static int64_t *core_members(const struct core *core, size_t *ret_count)
{
  uint32_t n =
      core->member_count < limits.inhibited_members ? core->member_count : limits.inhibited_members;
  int64_t *pairs = calloc(n, 2 * sizeof(*pairs));

  for (uint32_t i = 0; pairs && i < n; i++) {
    pairs[2 * i] = core->members[i].target_key;
    pairs[2 * i + 1] = core->members[i].actor;
  }
  *ret_count = pairs ? n : 0;
  return pairs;
}

static void tell_core(struct deadlock_state *state, const struct snapshot *s,
                      const struct core *core, struct finding_sink *sink)
{
  bool timed = core->verdict == VERDICT_TIMED;
  struct phrase key = {0}, sentence = {0};
  size_t member_count = 0;
  unsigned episodes = 1;

  if (core->certainty < CERTAINTY_CONFIRMED || !core_key(core, &key))
    return;
  if (timed)
    episodes = count_episodes(state, s, core, key.text);
  bool recurs = timed && episodes >= limits.recurs_count;
  core_sentence(s, core, episodes, &sentence);
  core_detail(s, core, episodes, state->detail);
  int64_t *members = core_members(core, &member_count);
  finding_add(
      sink,
      &(struct finding){
          .key = key.text,
          .summary = sentence.text,
          .detail = state->detail,
          .target = core->members[0].target,
          .target_key = core->members[0].target_key,
          .actor = VALUE_UNKNOWN,
          .severity = timed && !recurs ? SEVERITY_WARNING : SEVERITY_CRITICAL,
          .certainty = core->certainty,
          .for_ns = timed || core->certainty == CERTAINTY_PROVEN ? 0 : DEADLOCK_CONFIRMED_FOR_NS,
          .keep_ns = timed ? limits.timed_keep_ns : DEADLOCK_KEEP_NS,
          .members = members,
          .member_count = member_count,
      });
  free(members);
}

static void deadlock_step(void *context, const struct snapshot *s, struct finding_sink *sink)
{
  struct deadlock_state *state = context;
  struct core_list list = {0};

  state->tick++;
  if (detect_core_collect(s, &list) != 0)
    return; /* without memory: the next tick tries again */
  for (uint32_t i = 0; i < list.count; i++)
    tell_core(state, s, &list.cores[i], sink);
  detect_core_done(&list);
  detect_stuck_step(s, state->detail, sink);
}

const struct detector detect_deadlock = {
    .name = "deadlock",
    .help = "Actors that wait for each other in a circle (calls, locks, joins, full mailboxes, "
            "threads of a pool): none of them will ever run again. Found in the wait-for graph; "
            "told when two reads prove that all waits of the circle held at once, and then at "
            "once if nobody else can end any of them, else after 2 s. A circle that a timeout "
            "will break is a warning at once, and critical when it is there for the third time "
            "within ten minutes. A wait that nobody is left to end (its holder died, nobody "
            "fulfils the promise) is a warning of its own, stuck/. It cannot see waits for actors "
            "that no source names, and circles through systems that it does not watch.",
    .history_ns = 1200000000,
    .state_new = deadlock_new,
    .state_free = free,
    .step = deadlock_step,
};
