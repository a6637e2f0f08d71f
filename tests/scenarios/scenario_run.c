/*
 * scenario_run.c - plays one text scenario through the model with an injected clock and checks what
 * is found.
 *
 *     scenario_run FILE [-v]
 *
 * The statements are the rows of `statements`; README.md explains them. Everything is checked in
 * every snapshot, and every alert that fires must have been expected.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tick.h"
#include "tests/scenarios/world.h"

#define START_NS (5000 * 1000 * WORLD_MS) /* the process is old enough not to be starting */
#define START_WALL_MS 1700000000000ll
#define TARGET_START_TICKS 100000

enum { WORDS_MAX = 64, WORLDS_MAX = 8 };

struct line {
  int number;
  int word_count;
  char *words[WORDS_MAX];
};

struct event {
  int64_t at_ms;
  struct line line;
  struct world *world; /* that it happens in */
};

enum expect_kind { EXPECT_ALERT, EXPECT_NOTHING, EXPECT_VERDICT };

struct expect {
  enum expect_kind kind;
  int line;
  const char *rule, *summary, *waiter, *holder;
  char *members; /* sorted names, joined with blanks */
  uint8_t severity, state, certainty, verdict;
  int64_t after_ms, by_ms, count, met_ms;
};

struct scenario {
  const char *file;
  struct world *worlds[WORLDS_MAX];
  size_t world_count;
  struct world *world; /* the process that statements are about */
  struct tick_state *state;
  struct event *events;
  size_t event_count, next_event;
  struct expect *expects;
  size_t expect_count;
  struct line *lines;
  size_t line_count;
  int64_t every_ms, parts_ms, rounds_ms, read_ms, until_ms;
  bool verbose, failed;
};

/* --- words --- */

static void fail(struct scenario *sc, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fail(struct scenario *sc, int line, const char *format, ...)
{
  va_list list;

  fprintf(stderr, "%s:%d: ", sc->file, line);
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
  sc->failed = true;
}

static void wrong(struct scenario *sc, const struct line *line, const char *what)
{
  fail(sc, line->number, "%s", what);
  exit(1);
}

static void *must(void *memory)
{
  if (!memory)
    abort();
  return memory;
}

/* Splits at blanks; "..." is one word; # begins a comment. */
static struct line split(struct scenario *sc, char *text, int number)
{
  struct line line = {.number = number};

  for (char *at = text; *at;) {
    while (isspace((unsigned char)*at))
      at++;
    if (*at == '\0' || *at == '#')
      break;
    if (line.word_count == WORDS_MAX)
      wrong(sc, &line, "too many words");
    bool quoted = *at == '"';
    char *end = quoted ? strchr(at + 1, '"') : at + strcspn(at, " \t\n");
    if (!end)
      wrong(sc, &line, "a quotation mark is missing");
    line.words[line.word_count++] = must(strndup(at + quoted, (size_t)(end - at) - quoted));
    at = end + quoted;
  }
  return line;
}

static int64_t number(struct scenario *sc, const struct line *line, const char *word)
{
  char *end = NULL;
  long long n = word ? strtoll(word, &end, 10) : 0;

  if (!word || end == word || *end != '\0')
    wrong(sc, line, "a number is missing");
  return n;
}

static const char *word(struct scenario *sc, const struct line *line, int i)
{
  if (i >= line->word_count)
    wrong(sc, line, "a word is missing");
  return line->words[i];
}

/* The number behind the word `name`, or `otherwise` where it is not there. */
static int64_t option(struct scenario *sc, const struct line *line, const char *name,
                      int64_t otherwise)
{
  for (int i = 1; i < line->word_count; i++)
    if (strcmp(line->words[i], name) == 0)
      return number(sc, line, i + 1 < line->word_count ? line->words[i + 1] : NULL);
  return otherwise;
}

static const char *text_option(struct scenario *sc, const struct line *line, const char *name)
{
  for (int i = 1; i < line->word_count; i++)
    if (strcmp(line->words[i], name) == 0)
      return word(sc, line, i + 1);
  return NULL;
}

static bool has(const struct line *line, const char *name)
{
  for (int i = 1; i < line->word_count; i++)
    if (strcmp(line->words[i], name) == 0)
      return true;
  return false;
}

static uint8_t enum_word(struct scenario *sc, const struct line *line, enum relation relation,
                         unsigned column, const char *name)
{
  uint8_t value = column_value_by_word(&relation_info(relation)->columns[column], name);

  if (value == ENUM_UNKNOWN) {
    fail(sc, line->number, "%s is no %s", name, relation_info(relation)->columns[column].name);
    exit(1);
  }
  return value;
}

static size_t find_actor(struct scenario *sc, const struct line *line, const char *name)
{
  for (size_t i = 0; i < sc->world->actor_count; i++)
    if (strcmp(sc->world->actors[i].name, name) == 0)
      return i;
  fail(sc, line->number, "there is no actor %s", name);
  exit(1);
}

static struct world_actor *actor_of(struct scenario *sc, const struct line *line)
{
  return &sc->world->actors[find_actor(sc, line, word(sc, line, 1))];
}

/* --- statements --- */

static void do_every(struct scenario *sc, const struct line *line)
{
  sc->every_ms = number(sc, line, word(sc, line, 1));
}

static void do_parts(struct scenario *sc, const struct line *line)
{
  sc->parts_ms = number(sc, line, word(sc, line, 1));
}

static void do_hot(struct scenario *sc, const struct line *line)
{
  actor_of(sc, line)->hot = true;
}

static void do_rounds(struct scenario *sc, const struct line *line)
{
  sc->rounds_ms = number(sc, line, word(sc, line, 1));
}

static void do_read(struct scenario *sc, const struct line *line)
{
  sc->read_ms = number(sc, line, word(sc, line, 1));
}

static void do_until(struct scenario *sc, const struct line *line)
{
  sc->until_ms = number(sc, line, word(sc, line, 1));
}

static void do_young(struct scenario *sc, const struct line *line)
{
  (void)line;
  sc->world->target_key = TARGET_KEY(START_NS / (10 * WORLD_MS), 4242);
}

/* process NAME PID [peer PEER] [creation N] [network N] [uid N]: a further one, or one that is
 * there already; what follows is about it. */
static void do_process(struct scenario *sc, const struct line *line)
{
  uint64_t key = TARGET_KEY(TARGET_START_TICKS, number(sc, line, word(sc, line, 2)));
  const char *peer = text_option(sc, line, "peer");
  struct world *world;

  for (size_t i = 0; i < sc->world_count; i++)
    if (sc->worlds[i]->target_key == key) {
      sc->world = sc->worlds[i];
      return;
    }
  if (sc->world_count == WORLDS_MAX)
    wrong(sc, line, "too many processes");
  world = sc->world = sc->worlds[sc->world_count++] = world_new(key, sc->world->now_ns);
  free(world->name);
  world->name = must(strdup(line->words[1]));
  world->peer = peer ? must(strdup(peer)) : NULL;
  world->creation = (uint32_t)option(sc, line, "creation", 0);
  world->network = (uint64_t)option(sc, line, "network", 0);
  world->uid = option(sc, line, "uid", 1000);
}

static size_t add_actor(struct scenario *sc, const struct line *line, const char *name)
{
  const char *kind = text_option(sc, line, "kind");
  const char *pool = text_option(sc, line, "pool");
  const char *thread = text_option(sc, line, "thread"), *unit = text_option(sc, line, "unit");
  size_t i = world_add_actor(sc->world, name, SOURCE_TAG_HOOK,
                             kind ? enum_word(sc, line, RELATION_ACTORS, ACTORS_KIND, kind)
                                  : ACTOR_KIND_ACTOR);
  struct world_actor *a = &sc->world->actors[i];

  a->capacity = option(sc, line, "capacity", VALUE_UNKNOWN);
  if (pool)
    a->pool = sc->world->actors[find_actor(sc, line, pool)].key;
  if (thread)
    a->tid = sc->world->actors[find_actor(sc, line, thread)].tid;
  if (has(line, "registered"))
    a->flags |= SWEEP_ACTOR_REGISTERED;
  a->at_least = has(line, "at_least");
  if (unit)
    a->unit = enum_word(sc, line, RELATION_ACTORS, ACTORS_DEPTH_UNIT, unit);
  return i;
}

static void do_actor(struct scenario *sc, const struct line *line)
{
  (void)add_actor(sc, line, word(sc, line, 1));
}

static void do_actors(struct scenario *sc, const struct line *line)
{
  int64_t count = number(sc, line, word(sc, line, 2));

  for (int64_t n = 1; n <= count; n++) {
    char name[512];

    snprintf(name, sizeof(name), "%s%lld", line->words[1], (long long)n);
    (void)add_actor(sc, line, name);
  }
}

static void add_thread(struct scenario *sc, const char *name)
{
  size_t i = world_add_actor(sc->world, name, SOURCE_TAG_THREAD, ACTOR_KIND_THREAD);

  sc->world->actors[i].tid = 5000 + (uint32_t)i;
}

static void do_thread(struct scenario *sc, const struct line *line)
{
  add_thread(sc, word(sc, line, 1));
}

static void do_threads(struct scenario *sc, const struct line *line)
{
  int64_t count = number(sc, line, word(sc, line, 2));

  for (int64_t n = 1; n <= count; n++) {
    char name[512];

    snprintf(name, sizeof(name), "%s%lld", line->words[1], (long long)n);
    add_thread(sc, name);
  }
}

/* A pool's own row, its worker threads being tids that `on` hands to actors. */
static void do_pool(struct scenario *sc, const struct line *line)
{
  size_t i = world_add_actor(sc->world, word(sc, line, 1), SOURCE_TAG_HOOK, ACTOR_KIND_POOL);

  sc->world->actors[i].capacity = number(sc, line, word(sc, line, 2));
  sc->world->actors[i].flags |= SWEEP_ACTOR_POOL_SIZE;
}

/* on NAME TID, on NAME THREAD, on NAME - */
static void do_on(struct scenario *sc, const struct line *line)
{
  const char *thread = word(sc, line, 2);
  struct world_actor *a = actor_of(sc, line);

  if (strcmp(thread, "-") == 0)
    a->tid = 0;
  else if (isdigit((unsigned char)*thread))
    a->tid = (uint32_t)number(sc, line, thread);
  else
    a->tid = sc->world->actors[find_actor(sc, line, thread)].tid;
}

static size_t list_holders(struct scenario *sc, const struct line *line, const char *list,
                           uint64_t *keys)
{
  size_t count = 0;
  char *copy = must(strdup(list)), *rest = NULL;

  for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    if (strcmp(name, "-") != 0 && strcmp(name, "?") != 0 && !strchr(name, '@') && count < WORDS_MAX)
      keys[count++] = sc->world->actors[find_actor(sc, line, name)].key;
  free(copy);
  return count;
}

/* The process that says that it is this peer: for keys of its actors. */
static struct world *find_world(struct scenario *sc, const struct line *line, const char *peer,
                                uint32_t creation)
{
  for (size_t i = 0; i < sc->world_count; i++)
    if (sc->worlds[i]->peer && strcmp(sc->worlds[i]->peer, peer) == 0 &&
        sc->worlds[i]->creation == creation)
      return sc->worlds[i];
  fail(sc, line->number, "there is no process %s of creation %u", peer, creation);
  exit(1);
}

/* NAME@PEER[/CREATION]: whoever has the name there; =NAME@PEER/CREATION: that actor, by its key. */
static void add_peer_holder(struct scenario *sc, const struct line *line, char *text,
                            struct world_wait *w)
{
  char *peer = strchr(text, '@'), *slash = strchr(text, '/');
  uint32_t creation = slash ? (uint32_t)number(sc, line, slash + 1) : 0;

  if (slash)
    *slash = '\0';
  *peer++ = '\0';
  if (*text == '=') {
    struct world *own = sc->world;

    sc->world = find_world(sc, line, peer, creation);
    world_wait_for_peer(w, peer, creation, sc->world->actors[find_actor(sc, line, text + 1)].key,
                        "<0.1.0>");
    sc->world = own;
  } else {
    world_wait_for_peer(w, peer, creation, 0, text);
  }
}

static void add_peer_holders(struct scenario *sc, const struct line *line, const char *list,
                             struct world_wait *w)
{
  char *copy = must(strdup(list)), *rest = NULL;

  for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    if (strchr(name, '@'))
      add_peer_holder(sc, line, name, w);
  free(copy);
}

/* What follows the holders in a wait: VIA [any] [open] [exclusive] [timeout MS] [object NAME]
 * [beside]. */
static void describe_wait(struct scenario *sc, const struct line *line, int via, bool unknown,
                          struct world_wait *w)
{
  const char *object = text_option(sc, line, "object"), *timeout = text_option(sc, line, "timeout");

  w->via = enum_word(sc, line, RELATION_WAITS, WAITS_VIA, word(sc, line, via));
  w->needs = has(line, "any") ? NEEDS_ANY : NEEDS_ALL;
  w->open = unknown || has(line, "open");
  w->exclusive = has(line, "exclusive");
  if (timeout && strcmp(timeout, "unknown") == 0) {
    w->timeout = TIMEOUT_UNKNOWN;
  } else if (timeout) {
    w->timeout = TIMEOUT_SOME;
    w->timeout_ns = number(sc, line, timeout) * (int64_t)WORLD_MS;
  }
  if (has(line, "beside") && w->rank > 0)
    w->rank--;
  if (object)
    w->object = must(strdup(object));
}

static void do_wait(struct scenario *sc, const struct line *line)
{
  uint64_t keys[WORDS_MAX];
  size_t count = list_holders(sc, line, word(sc, line, 2), keys);
  struct world_wait *w = world_wait(sc->world, find_actor(sc, line, line->words[1]), keys, count);

  add_peer_holders(sc, line, line->words[2], w);
  describe_wait(sc, line, 3, strchr(line->words[2], '?') != NULL, w);
}

static size_t find_numbered(struct scenario *sc, const struct line *line, const char *name,
                            int64_t n)
{
  char numbered[512];

  snprintf(numbered, sizeof(numbered), "%s%lld", name, (long long)n);
  return find_actor(sc, line, numbered);
}

/* ring NAME COUNT VIA ...: each waits for the next, the last for the first. */
static void do_ring(struct scenario *sc, const struct line *line)
{
  int64_t count = number(sc, line, word(sc, line, 2));
  size_t first = find_numbered(sc, line, line->words[1], 1);

  for (size_t i = 0; i < (size_t)count; i++) {
    uint64_t next = sc->world->actors[first + (i + 1) % (size_t)count].key;

    describe_wait(sc, line, 3, false, world_wait(sc->world, first + i, &next, 1));
  }
}

/* herd NAME COUNT HOLDER VIA ...: all wait for the same one. */
static void do_herd(struct scenario *sc, const struct line *line)
{
  int64_t count = number(sc, line, word(sc, line, 2));
  uint64_t holder = sc->world->actors[find_actor(sc, line, word(sc, line, 3))].key;
  size_t first = find_numbered(sc, line, line->words[1], 1);

  for (size_t i = 0; i < (size_t)count; i++)
    describe_wait(sc, line, 4, false, world_wait(sc->world, first + i, &holder, 1));
}

static void do_end(struct scenario *sc, const struct line *line)
{
  world_end_wait(sc->world, find_actor(sc, line, word(sc, line, 1)));
}

/* disband NAME COUNT: the innermost wait of each ends. */
static void do_disband(struct scenario *sc, const struct line *line)
{
  int64_t count = number(sc, line, word(sc, line, 2));
  size_t first = find_numbered(sc, line, line->words[1], 1);

  for (size_t i = 0; i < (size_t)count; i++)
    world_end_wait(sc->world, first + i);
}

/* The innermost wait ends and one just like it begins. */
static void do_again(struct scenario *sc, const struct line *line)
{
  size_t i = find_actor(sc, line, word(sc, line, 1));
  struct world_actor *a = &sc->world->actors[i];

  if (a->wait_count == 0)
    wrong(sc, line, "it waits for nothing");
  a->waits[a->wait_count - 1].id.lo = ++sc->world->wait_number;
  a->waits[a->wait_count - 1].since_ns = sc->world->now_ns;
}

/* The call goes on, but somebody else has to answer it. */
static void do_forward(struct scenario *sc, const struct line *line)
{
  struct world_actor *a = actor_of(sc, line);

  if (a->wait_count == 0)
    wrong(sc, line, "it waits for nothing");
  struct world_wait *w = &a->waits[a->wait_count - 1];
  uint64_t keys[WORDS_MAX];
  size_t count = list_holders(sc, line, word(sc, line, 2), keys);
  w->holders = must(realloc(w->holders, (count + 1) * sizeof(*keys)));
  memcpy(w->holders, keys, count * sizeof(*keys));
  w->holder_count = count;
}

static void do_state(struct scenario *sc, const struct line *line)
{
  actor_of(sc, line)->state = enum_word(sc, line, RELATION_ACTORS, ACTORS_STATE, word(sc, line, 2));
}

static void do_states(struct scenario *sc, const struct line *line)
{
  int64_t count = number(sc, line, word(sc, line, 2));
  size_t first = find_numbered(sc, line, line->words[1], 1);

  for (size_t i = 0; i < (size_t)count; i++)
    sc->world->actors[first + i].state =
        enum_word(sc, line, RELATION_ACTORS, ACTORS_STATE, word(sc, line, 3));
}

static void do_function(struct scenario *sc, const struct line *line)
{
  struct world_actor *a = actor_of(sc, line);

  free(a->function);
  a->function = must(strdup(word(sc, line, 2)));
}

static void do_die(struct scenario *sc, const struct line *line)
{
  world_die(sc->world, find_actor(sc, line, word(sc, line, 1)));
}

static void do_reborn(struct scenario *sc, const struct line *line)
{
  world_reborn(sc->world, find_actor(sc, line, word(sc, line, 1)));
}

/* flow NAME IN OUT [work N] [memory N]: per second, from now on. */
static void do_flow(struct scenario *sc, const struct line *line)
{
  struct world_actor *a = actor_of(sc, line);

  world_settle(sc->world, a);
  a->put_per_s = number(sc, line, word(sc, line, 2));
  a->take_per_s = number(sc, line, word(sc, line, 3));
  a->work_per_s = option(sc, line, "work", a->take_per_s);
  if (has(line, "memory")) {
    if (a->memory_bytes == VALUE_UNKNOWN)
      a->memory_bytes = 10 << 20;
    a->memory_per_s = option(sc, line, "memory", 0);
  }
}

static void do_put(struct scenario *sc, const struct line *line)
{
  struct world_actor *a = actor_of(sc, line);

  world_settle(sc->world, a);
  a->put_base += number(sc, line, word(sc, line, 2));
}

static void do_drain(struct scenario *sc, const struct line *line)
{
  struct world_actor *a = actor_of(sc, line);

  world_settle(sc->world, a);
  a->take_base = a->put_base;
}

static void do_rename(struct scenario *sc, const struct line *line)
{
  struct world_actor *a = actor_of(sc, line);

  free(a->name);
  a->name = must(strdup(word(sc, line, 2)));
}

/* table NAME [of_threads] [owner ACTOR] [wait PERMILLE] [contended PER_S] [waiters N], again to change it. */
static void do_table(struct scenario *sc, const struct line *line)
{
  const char *owner = text_option(sc, line, "owner");
  struct world_table *t = NULL;

  for (size_t i = 0; i < sc->world->table_count; i++)
    if (strcmp(sc->world->tables[i].name, word(sc, line, 1)) == 0)
      t = &sc->world->tables[i];
  if (!t)
    t = world_add_table(sc->world, word(sc, line, 1),
                        has(line, "of_threads") ? SOURCE_TAG_THREAD : SOURCE_TAG_HOOK);
  world_table_settle(sc->world, t);
  t->wait_permille = option(sc, line, "wait", t->wait_permille);
  t->contended_per_s = option(sc, line, "contended", t->contended_per_s);
  t->waiters = option(sc, line, "waiters", t->waiters);
  if (owner)
    t->owner = sc->world->actors[find_actor(sc, line, owner)].key;
}

/* target STATE [crashed] [torn] [reason TEXT] [lost N] [interval MS] [rss BYTES] [rss_per_s N] [limit
 * BYTES] */
static void do_target(struct scenario *sc, const struct line *line)
{
  struct world *w = sc->world;
  const char *reason = text_option(sc, line, "reason");
  int64_t interval = option(sc, line, "interval", 0);

  w->state = enum_word(sc, line, RELATION_TARGETS, TARGETS_STATE, word(sc, line, 1));
  w->crashed = has(line, "crashed");
  w->torn = has(line, "torn");
  w->reason = reason ? reason : w->reason;
  w->lost = option(sc, line, "lost", w->lost);
  w->rss_bytes = option(sc, line, "rss", w->rss_bytes);
  if (has(line, "rss_per_s")) {
    w->rss_since_ns = w->now_ns;
    w->rss_per_s = option(sc, line, "rss_per_s", 0);
  }
  w->limit_bytes = option(sc, line, "limit", w->limit_bytes);
  if (interval > 0) {
    w->interval_ns = interval * (int64_t)WORLD_MS;
    sc->every_ms = interval;
  }
}

static int word_order(const void *left, const void *right)
{
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Sorts words that are separated by `separator` and joins them with blanks. */
static char *sorted(const char *list, const char *separator)
{
  char *copy = must(strdup(list)), *joined = must(calloc(1, strlen(list) + 2)), *rest = NULL;
  char **words = must(calloc(strlen(list) + 1, sizeof(*words)));
  size_t count = 0;

  for (char *w = strtok_r(copy, separator, &rest); w; w = strtok_r(NULL, separator, &rest))
    words[count++] = w;
  qsort(words, count, sizeof(*words), word_order);
  for (size_t i = 0; i < count; i++) {
    strcat(joined, i ? " " : "");
    strcat(joined, words[i]);
  }
  free(words);
  free(copy);
  return joined;
}

static void do_expect(struct scenario *sc, const struct line *line)
{
  struct expect e = {.line = line->number,
                     .certainty = ENUM_UNKNOWN,
                     .after_ms = option(sc, line, "after", 0),
                     .by_ms = option(sc, line, "by", INT64_MAX),
                     .count = option(sc, line, "count", VALUE_UNKNOWN),
                     .summary = text_option(sc, line, "summary"),
                     .met_ms = -1};
  const char *certainty = text_option(sc, line, "certainty"),
             *members = text_option(sc, line, "members");

  if (certainty)
    e.certainty = enum_word(sc, line, RELATION_ALERTS, ALERTS_CERTAINTY, certainty);
  if (strcmp(word(sc, line, 1), "nothing") == 0) {
    e.kind = EXPECT_NOTHING;
  } else if (strcmp(line->words[1], "verdict") == 0) {
    e.kind = EXPECT_VERDICT;
    e.waiter = word(sc, line, 2);
    e.verdict = enum_word(sc, line, RELATION_WAITS, WAITS_VERDICT, word(sc, line, 3));
    e.holder = text_option(sc, line, "holder");
  } else {
    e.kind = EXPECT_ALERT;
    e.rule = line->words[1];
    e.severity = enum_word(sc, line, RELATION_ALERTS, ALERTS_SEVERITY, word(sc, line, 2));
    e.state = enum_word(sc, line, RELATION_ALERTS, ALERTS_STATE, word(sc, line, 3));
    e.members = members ? sorted(members, ",") : NULL;
  }
  sc->expects = must(realloc(sc->expects, (sc->expect_count + 1) * sizeof(*sc->expects)));
  sc->expects[sc->expect_count++] = e;
}

static void do_at(struct scenario *sc, const struct line *line);
static void do_from(struct scenario *sc, const struct line *line);

static const struct statement {
  const char *name;
  void (*run)(struct scenario *sc, const struct line *line);
} statements[] = {
    {"every", do_every},   {"rounds", do_rounds},     {"read", do_read},
    {"until", do_until},   {"young", do_young},       {"actor", do_actor},
    {"actors", do_actors}, {"thread", do_thread},     {"pool", do_pool},
    {"on", do_on},         {"wait", do_wait},         {"ring", do_ring},
    {"herd", do_herd},     {"end", do_end},           {"disband", do_disband},
    {"again", do_again},   {"forward", do_forward},   {"state", do_state},
    {"die", do_die},       {"reborn", do_reborn},     {"flow", do_flow},
    {"put", do_put},       {"drain", do_drain},       {"rename", do_rename},
    {"table", do_table},   {"target", do_target},     {"expect", do_expect},
    {"at", do_at},         {"from", do_from},         {"parts", do_parts},
    {"hot", do_hot},       {"process", do_process},   {"threads", do_threads},
    {"states", do_states}, {"function", do_function},
};

static void run_statement(struct scenario *sc, const struct line *line)
{
  for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
    if (strcmp(statements[i].name, line->words[0]) == 0) {
      statements[i].run(sc, line);
      return;
    }
  fail(sc, line->number, "there is no statement %s", line->words[0]);
  exit(1);
}

static void add_event(struct scenario *sc, const struct line *line, int skip, int64_t at_ms)
{
  struct event e = {
      at_ms, {.number = line->number, .word_count = line->word_count - skip}, sc->world};

  if (line->word_count <= skip)
    wrong(sc, line, "a statement is missing");
  memcpy(e.line.words, line->words + skip, (size_t)e.line.word_count * sizeof(e.line.words[0]));
  sc->events = must(realloc(sc->events, (sc->event_count + 1) * sizeof(*sc->events)));
  sc->events[sc->event_count++] = e;
}

/* at MS STATEMENT */
static void do_at(struct scenario *sc, const struct line *line)
{
  add_event(sc, line, 2, number(sc, line, word(sc, line, 1)));
}

/* from MS every MS times N STATEMENT */
static void do_from(struct scenario *sc, const struct line *line)
{
  int64_t from = number(sc, line, word(sc, line, 1)), every = option(sc, line, "every", 0);
  int64_t times = option(sc, line, "times", 0);

  for (int64_t n = 0; n < times; n++)
    add_event(sc, line, 6, from + n * every);
}

/* Stable by time: what stands first happens first. */
static void sort_events(struct scenario *sc)
{
  for (size_t i = 1; i < sc->event_count; i++) {
    struct event e = sc->events[i];
    size_t k = i;

    for (; k > 0 && sc->events[k - 1].at_ms > e.at_ms; k--)
      sc->events[k] = sc->events[k - 1];
    sc->events[k] = e;
  }
}

/* --- checks --- */

static char *members_of(const json_t *detail)
{
  const json_t *list = json_object_get(detail, "members"), *name = NULL;
  char *joined = must(calloc(1, 1)), *result = NULL;
  size_t i = 0;

  json_array_foreach(list, i, name)
  {
    const char *text = json_string_value(name) ? json_string_value(name) : "?";

    joined = must(realloc(joined, strlen(joined) + strlen(text) + 2));
    strcat(strcat(joined, text), ",");
  }
  result = sorted(joined, ",");
  free(joined);
  return result;
}

/* Is this row of `alerts` the one that is meant, whatever its state and its certainty? */
static bool same_alert(const struct snapshot *s, uint32_t row, const struct expect *e,
                       const json_t *detail)
{
  const char *summary = snapshot_text(s, RELATION_ALERTS, ALERTS_SUMMARY, row);
  bool same = e->kind == EXPECT_ALERT &&
              strcmp(snapshot_text(s, RELATION_ALERTS, ALERTS_RULE, row), e->rule) == 0 &&
              snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, row) == e->severity;

  if (same && e->summary)
    same = summary && strstr(summary, e->summary);
  if (same && e->count != VALUE_UNKNOWN)
    same = json_integer_value(json_object_get(detail, "member_count")) == e->count;
  if (same && e->members) {
    char *members = members_of(detail);

    same = strcmp(members, e->members) == 0;
    free(members);
  }
  return same;
}

static void check_alert(struct scenario *sc, const struct snapshot *s, uint32_t row, int64_t ms)
{
  const char *text = snapshot_text(s, RELATION_ALERTS, ALERTS_DETAIL, row);
  const char *key = snapshot_text(s, RELATION_ALERTS, ALERTS_KEY, row);
  uint8_t state = snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row);
  uint8_t certainty = snapshot_enum(s, RELATION_ALERTS, ALERTS_CERTAINTY, row);
  json_t *detail = text ? json_loads(text, 0, NULL) : NULL;
  bool expected = false;

  if (!json_is_object(detail))
    fail(sc, 0, "at %lld ms the detail of %s is no JSON object: %s", (long long)ms, key,
         text ? text : "(none)");
  for (size_t i = 0; i < sc->expect_count; i++) {
    struct expect *e = &sc->expects[i];

    if (!same_alert(s, row, e, detail) || e->state != state)
      continue;
    expected = true;
    if (ms < e->after_ms)
      fail(sc, e->line, "%s is %s at %lld ms already", key,
           snapshot_value(s, RELATION_ALERTS, ALERTS_STATE, row).text, (long long)ms);
    if (e->met_ms < 0 && (e->certainty == ENUM_UNKNOWN || e->certainty == certainty))
      e->met_ms = ms;
  }
  if (state == ALERT_FIRING && !expected)
    fail(sc, 0, "at %lld ms fires what nobody expected: %s (%s): %s", (long long)ms, key,
         snapshot_value(s, RELATION_ALERTS, ALERTS_SEVERITY, row).text,
         snapshot_text(s, RELATION_ALERTS, ALERTS_SUMMARY, row));
  json_decref(detail);
}

static void check_verdict(const struct snapshot *s, uint32_t row, struct expect *e, int64_t ms)
{
  const char *waiter = snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, row),
             *holder = snapshot_text(s, RELATION_WAITS, WAITS_HOLDER_NAME, row);

  if (e->holder && (!holder || strcmp(holder, e->holder) != 0))
    return;
  if (e->kind == EXPECT_VERDICT && e->met_ms < 0 && ms >= e->after_ms && waiter &&
      strcmp(waiter, e->waiter) == 0 &&
      snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, row) == e->verdict &&
      (e->certainty == ENUM_UNKNOWN ||
       snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, row) == e->certainty))
    e->met_ms = ms;
}

static void print_snapshot(const struct snapshot *s, int64_t ms)
{
  static const struct {
    enum relation relation;
    unsigned columns[9];
  } shown[] = {
      {RELATION_WAITS,
       {WAITS_WAITER_NAME, WAITS_HOLDER_NAME, WAITS_VIA, WAITS_VERDICT, WAITS_CERTAINTY,
        WAITS_CORE}},
      {RELATION_ALERTS,
       {ALERTS_KEY, ALERTS_SEVERITY, ALERTS_STATE, ALERTS_CERTAINTY, ALERTS_SUMMARY}},
  };

  printf("%lld ms\n", (long long)ms);
  for (size_t k = 0; k < 2; k++)
    for (uint32_t row = 0; row < snapshot_rows(s, shown[k].relation) && row < 40; row++) {
      for (size_t c = 0; c < 9 && (c == 0 || shown[k].columns[c] != 0); c++) {
        struct value v = snapshot_value(s, shown[k].relation, shown[k].columns[c], row);

        if (v.type == COLUMN_INT)
          printf("  %lld", v.known ? (long long)v.integer : -1);
        else
          printf("  %s", v.text ? v.text : "-");
      }
      printf("\n");
    }
}

static void check(struct scenario *sc, const struct snapshot *s)
{
  int64_t ms = (int64_t)((snapshot_about(s).now.mono_ns - START_NS) / WORLD_MS);

  if (sc->verbose)
    print_snapshot(s, ms);
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ALERTS); row++)
    check_alert(sc, s, row, ms);
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_WAITS); row++)
    for (size_t i = 0; i < sc->expect_count; i++)
      check_verdict(s, row, &sc->expects[i], ms);
}

static void check_met(struct scenario *sc)
{
  if (sc->expect_count == 0)
    fail(sc, 0, "nothing is expected, not even nothing");
  for (size_t i = 0; i < sc->expect_count; i++) {
    const struct expect *e = &sc->expects[i];

    if (e->kind == EXPECT_NOTHING)
      continue;
    if (e->met_ms < 0)
      fail(sc, e->line, "was not met");
    else if (e->met_ms > e->by_ms)
      fail(sc, e->line, "was met at %lld ms only", (long long)e->met_ms);
  }
}

/* --- time --- */

static void move_clocks(struct scenario *sc, uint64_t to_ns)
{
  for (size_t i = 0; i < sc->world_count; i++)
    if (to_ns > sc->worlds[i]->now_ns)
      sc->worlds[i]->now_ns = to_ns;
}

static void advance(void *context, uint64_t to_ns)
{
  struct scenario *sc = context;

  while (sc->next_event < sc->event_count) {
    const struct event *e = &sc->events[sc->next_event];
    uint64_t at_ns = START_NS + (uint64_t)e->at_ms * WORLD_MS;

    if (at_ns > to_ns)
      break;
    move_clocks(sc, at_ns);
    sc->next_event++;
    sc->world = e->world;
    run_statement(sc, &e->line);
  }
  move_clocks(sc, to_ns);
}

static struct tick_clock clock_of(const struct scenario *sc)
{
  return (struct tick_clock){sc->world->now_ns,
                             START_WALL_MS + (int64_t)((sc->world->now_ns - START_NS) / WORLD_MS)};
}

static void tick(struct scenario *sc, struct sweep *const *sweeps, size_t count)
{
  struct snapshot *snapshot = NULL;
  int error = tick_step(sc->state, sweeps, count, clock_of(sc), &snapshot);

  if (error != 0) {
    fail(sc, 0, "tick_step: %s", strerror(-error));
    return;
  }
  check(sc, snapshot);
  snapshot_unref(snapshot);
}

/* The sweeps of both sources of a process; those of threads only where there are some. */
static size_t read_world(struct scenario *sc, struct world *world, enum sweep_kind kind,
                         struct sweep *sweeps[2])
{
  bool threads = false;
  size_t count = 0;
  uint64_t read_ns = (uint64_t)sc->read_ms * WORLD_MS;
  struct world_reader reader = {advance, sc, world->actor_count ? read_ns / world->actor_count : 0};

  for (size_t i = 0; i < world->actor_count; i++)
    threads = threads || world->actors[i].tag == SOURCE_TAG_THREAD;
  sweeps[count++] = world_sweep(world, SOURCE_TAG_HOOK, kind, &reader);
  if (threads)
    sweeps[count++] = world_sweep(world, SOURCE_TAG_THREAD, kind, &reader);
  advance(sc, world->now_ns + 1000); /* a read takes time */
  return count;
}

/* One process after the other. */
static size_t read_all(struct scenario *sc, enum sweep_kind kind, struct sweep *sweeps[])
{
  size_t count = 0;

  for (size_t i = 0; i < sc->world_count; i++)
    count += read_world(sc, sc->worlds[i], kind, sweeps + count);
  return count;
}

static void sweep(struct scenario *sc, enum sweep_kind kind)
{
  struct sweep *sweeps[2 * WORLDS_MAX];
  size_t count = read_all(sc, kind, sweeps);

  tick(sc, sweeps, count);
}

static void wait_round(struct scenario *sc)
{
  struct sweep *sweeps[2 * WORLDS_MAX];
  size_t count = read_all(sc, SWEEP_ROUND, sweeps);
  bool changed = false;
  int error = tick_round(sc->state, sweeps, count, clock_of(sc), &changed);

  if (error != 0)
    fail(sc, 0, "tick_round: %s", strerror(-error));
  else if (changed)
    tick(sc, NULL, 0);
}

/* Which kind of read is next; a full sweep stands for whatever else is due at the same time. */
static enum sweep_kind next_read(const int64_t next_ms[], int64_t *ret_at_ms)
{
  static const enum sweep_kind order[] = {SWEEP_FULL, SWEEP_PART, SWEEP_ROUND};
  enum sweep_kind first = SWEEP_FULL;

  for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++)
    if (next_ms[order[i]] < next_ms[first])
      first = order[i];
  *ret_at_ms = next_ms[first];
  return first;
}

static void play(struct scenario *sc)
{
  int64_t next_ms[] = {[SWEEP_FULL] = 0,
                       [SWEEP_PART] = sc->parts_ms ? sc->parts_ms : INT64_MAX,
                       [SWEEP_ROUND] = sc->rounds_ms ? sc->rounds_ms : INT64_MAX};

  while (next_ms[SWEEP_FULL] <= sc->until_ms) {
    const int64_t every_ms[] = {
        [SWEEP_FULL] = sc->every_ms, [SWEEP_PART] = sc->parts_ms, [SWEEP_ROUND] = sc->rounds_ms};
    int64_t at, now;
    enum sweep_kind kind = next_read(next_ms, &at);

    advance(sc, START_NS + (uint64_t)at * WORLD_MS);
    if (kind == SWEEP_ROUND)
      wait_round(sc);
    else
      sweep(sc, kind);
    now = (int64_t)((sc->world->now_ns - START_NS) / WORLD_MS);
    for (size_t i = 0; i < 3; i++)
      while (every_ms[i] > 0 && (next_ms[i] <= at || next_ms[i] < now))
        next_ms[i] += every_ms[i];
  }
}

/* --- the program --- */

static void load(struct scenario *sc)
{
  FILE *file = fopen(sc->file, "r");
  char *text = NULL;
  size_t room = 0;

  if (!file) {
    fprintf(stderr, "%s: %s\n", sc->file, strerror(errno));
    exit(1);
  }
  for (int n = 1; getline(&text, &room, file) >= 0; n++) {
    struct line line = split(sc, text, n);

    if (line.word_count == 0)
      continue;
    sc->lines = must(realloc(sc->lines, (sc->line_count + 1) * sizeof(*sc->lines)));
    sc->lines[sc->line_count++] = line;
    run_statement(sc, &line);
  }
  free(text);
  fclose(file);
  sort_events(sc);
}

static void done(struct scenario *sc)
{
  for (size_t i = 0; i < sc->line_count; i++)
    for (int w = 0; w < sc->lines[i].word_count; w++)
      free(sc->lines[i].words[w]);
  for (size_t i = 0; i < sc->expect_count; i++)
    free(sc->expects[i].members);
  free(sc->lines);
  free(sc->events);
  free(sc->expects);
  tick_state_free(sc->state);
  for (size_t i = 0; i < sc->world_count; i++)
    world_free(sc->worlds[i]);
}

int main(int argc, char **argv)
{
  struct scenario sc = {.every_ms = 1000, .rounds_ms = 100, .until_ms = 10000};

  if (argc < 2) {
    fprintf(stderr, "usage: scenario_run FILE [-v]\n");
    return 2;
  }
  sc.file = argv[1];
  sc.verbose = argc > 2 && strcmp(argv[2], "-v") == 0;
  sc.world = sc.worlds[sc.world_count++] =
      world_new(TARGET_KEY(TARGET_START_TICKS, 4242), START_NS);
  sc.state = must(tick_state_new("host", "boot"));
  load(&sc);
  play(&sc);
  check_met(&sc);
  done(&sc);
  return sc.failed ? 1 : 0;
}
