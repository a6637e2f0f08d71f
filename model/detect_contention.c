/* detect_contention.c - the escape hatch: a shared table or lock that everybody waits for. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/detect_actor.h"
#include "model/hash.h"
#include "model/jsontext.h"
#include "model/sweep.h"

#define SECOND_NS 1000000000ull
/* Behind the name, in the object of a wait for a lock that many hold. */
#define HELD_BY ", held by "

enum { NAMED_MOST = 4, CONTESTS_MAX = 32, WAITERS_MAX = 16 };

/* All that can be tuned. */
static const struct {
  int64_t warning_permille; /* of the time somebody waits for it */
  int64_t critical_permille;
  int64_t waiters;   /* or so many wait at the instant, if nobody got it since the last sweep */
  int64_t recent_ms; /* for so long one that waited is named */
  uint64_t for_ns, keep_ns;
} limits = {.warning_permille = 300,
            .critical_permille = 800,
            .waiters = 2,
            .recent_ms = 10 * 1000,
            .for_ns = 5 * SECOND_NS,
            .keep_ns = 5 * SECOND_NS};

static int64_t table_int(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_TABLES, column, row);
}

/* One actor that waits long for a lock is a wait, not a contest. Unknown figures do not speak
 * against one. */
static bool several_want_it(const struct snapshot *s, uint32_t row)
{
  int64_t readers = table_int(s, TABLES_READ_WAITERS, row),
          writers = table_int(s, TABLES_WRITE_WAITERS, row);
  double contended = snapshot_real(s, RELATION_TABLES, TABLES_CONTENDED_PER_S, row);

  if (readers == VALUE_UNKNOWN || writers == VALUE_UNKNOWN)
    return true;
  return !(contended == 0) || readers + writers >= limits.waiters;
}

/* "rwlock ledger, held by 3 readers" is of the table "ledger" of kind rwlock. */
static bool is_object_of(const char *object, const char *kind, const char *name)
{
  size_t bytes = strlen(name);

  if (kind && strncmp(object, kind, strlen(kind)) == 0 && object[strlen(kind)] == ' ')
    object += strlen(kind) + 1;
  if (strncmp(object, name, bytes) != 0)
    return false;
  return !object[bytes] || strncmp(object + bytes, HELD_BY, strlen(HELD_BY)) == 0;
}

static bool waits_for_table(const struct snapshot *s, uint32_t wait, uint32_t row)
{
  const char *object = snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, wait),
             *name = snapshot_text(s, RELATION_TABLES, TABLES_NAME, row),
             *kind = snapshot_value(s, RELATION_TABLES, TABLES_KIND, row).text;

  if (!object || !name ||
      snapshot_int(s, RELATION_WAITS, WAITS_TARGET_KEY, wait) !=
          table_int(s, TABLES_TARGET_KEY, row))
    return false;
  return is_object_of(object, kind, name);
}

/* --- who waits --- */

/* Waits for a table are short: at the instant of a tick there may be none. So those of the last ticks are remembered, of
 * the tables that are fought over. */
struct waiter {
  int64_t actor;
  int64_t seen_ms;
  char name[PHRASE_NAME_BYTES + 4];
};

struct contest {
  int64_t target_key, seen_ms;
  uint64_t name_hash;
  uint32_t count;
  struct waiter waiters[WAITERS_MAX];
};

struct contention_state {
  uint32_t count;
  struct contest contests[CONTESTS_MAX];
};

static void *contention_new(void)
{
  return calloc(1, sizeof(struct contention_state));
}

/* That of the row; a new one takes the place of the one not seen for longest. */
static struct contest *contest_of(struct contention_state *state, const struct snapshot *s,
                                  uint32_t row, int64_t now_ms)
{
  const char *name = snapshot_text(s, RELATION_TABLES, TABLES_NAME, row);
  int64_t target_key = table_int(s, TABLES_TARGET_KEY, row);
  uint64_t hash = hash_text(HASH_SEED, name ? name : "");
  struct contest *oldest = state->contests;

  for (uint32_t i = 0; i < state->count; i++) {
    struct contest *c = &state->contests[i];

    if (c->target_key == target_key && c->name_hash == hash) {
      c->seen_ms = now_ms;
      return c;
    }
    if (c->seen_ms < oldest->seen_ms)
      oldest = c;
  }
  if (state->count < CONTESTS_MAX)
    oldest = &state->contests[state->count++];
  *oldest = (struct contest){.target_key = target_key, .name_hash = hash, .seen_ms = now_ms};
  return oldest;
}

static void contest_add(struct contest *c, int64_t actor, const char *name, int64_t now_ms)
{
  struct waiter *oldest = c->waiters;
  struct phrase phrase = {0};

  for (uint32_t i = 0; i < c->count; i++) {
    if (c->waiters[i].actor == actor) {
      c->waiters[i].seen_ms = now_ms;
      return;
    }
    if (c->waiters[i].seen_ms < oldest->seen_ms)
      oldest = &c->waiters[i];
  }
  if (c->count < WAITERS_MAX)
    oldest = &c->waiters[c->count++];
  phrase_name(&phrase, name);
  *oldest = (struct waiter){.actor = actor, .seen_ms = now_ms};
  memcpy(oldest->name, phrase.text, sizeof(oldest->name) - 1); /* all of it: names are cut */
}

static void contest_look(struct contest *c, const struct snapshot *s, uint32_t row, int64_t now_ms)
{
  for (uint32_t wait = 0; wait < snapshot_rows(s, RELATION_WAITS); wait++)
    if (waits_for_table(s, wait, row))
      contest_add(c, snapshot_int(s, RELATION_WAITS, WAITS_WAITER, wait),
                  snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, wait), now_ms);
}

/* A few by name, and how many more: "fighter_1, fighter_2 +6". */
static void contest_name(const struct contest *c, int64_t now_ms, struct phrase *phrase)
{
  uint32_t named = 0;

  for (uint32_t i = 0; i < c->count; i++)
    if (now_ms - c->waiters[i].seen_ms <= limits.recent_ms && named++ < NAMED_MOST)
      phrase_add(phrase, "%s%s", named > 1 ? ", " : "", c->waiters[i].name);
  if (named > NAMED_MOST)
    phrase_add(phrase, " +%u", named - NAMED_MOST);
}

/* --- what is said --- */

static void tell(const struct snapshot *s, uint32_t row, const struct contest *contest,
                 struct finding_sink *sink)
{
  int64_t permille = table_int(s, TABLES_WAIT_PERMILLE, row);
  const char *target = snapshot_text(s, RELATION_TABLES, TABLES_TARGET, row);
  const char *name = snapshot_text(s, RELATION_TABLES, TABLES_NAME, row);
  const char *owner = snapshot_text(s, RELATION_TABLES, TABLES_OWNER_NAME, row);
  double contended = snapshot_real(s, RELATION_TABLES, TABLES_CONTENDED_PER_S, row);
  struct phrase key = {0}, sentence = {0}, waiters = {0};
  char detail[2048];
  struct jsontext json;

  phrase_key(&key, "contention", target);
  phrase_name(&key, name);
  phrase_add(&sentence, "somebody waits for %s ",
             snapshot_value(s, RELATION_TABLES, TABLES_KIND, row).text ?: "table");
  phrase_name(&sentence, name);
  phrase_add(&sentence, " for %lld %% of the time", (long long)permille / 10);
  if (contended > 0) {
    phrase_add(&sentence, ", ");
    phrase_rate(&sentence, contended);
    phrase_add(&sentence, " have to wait");
  }
  if (owner && !(contended > 0)) {
    phrase_add(&sentence, "; ");
    phrase_name(&sentence, owner);
    phrase_add(&sentence, " has it");
  }
  contest_name(contest, snapshot_about(s).now.wall_ms, &waiters);
  if (waiters.text[0])
    phrase_add(&sentence, ": %s", waiters.text);
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "wait_permille", permille);
  jsontext_int(&json, "held_permille", table_int(s, TABLES_HELD_PERMILLE, row));
  jsontext_real(&json, "contended_per_s", contended);
  jsontext_int(&json, "max_wait_us", table_int(s, TABLES_MAX_WAIT_US, row));
  jsontext_int(&json, "read_waiters", table_int(s, TABLES_READ_WAITERS, row));
  jsontext_int(&json, "write_waiters", table_int(s, TABLES_WRITE_WAITERS, row));
  if (waiters.text[0])
    jsontext_text(&json, "waiters", waiters.text);
  jsontext_text(&json, "owner", owner);
  jsontext_end(&json);
  finding_add(sink, &(struct finding){
                        .key = key.text,
                        .summary = sentence.text,
                        .detail = detail,
                        .target = target,
                        .target_key = table_int(s, TABLES_TARGET_KEY, row),
                        .actor = VALUE_UNKNOWN,
                        .severity = permille >= limits.critical_permille ? SEVERITY_CRITICAL
                                                                         : SEVERITY_WARNING,
                        .certainty = CERTAINTY_CONFIRMED,
                        .for_ns = limits.for_ns,
                        .keep_ns = limits.keep_ns,
                    });
}

/* --- what is not told --- */

static bool is_of_threads(const struct snapshot *s, uint32_t row)
{
  return table_int(s, TABLES_TABLE_KEY, row) >> 56 == SOURCE_TAG_THREAD;
}

/* Contended, in permille; 0 where it is not, or not known. */
static int64_t fought_permille(const struct snapshot *s, uint32_t row)
{
  int64_t permille = table_int(s, TABLES_WAIT_PERMILLE, row);

  return permille == VALUE_UNKNOWN || permille < limits.warning_permille || !several_want_it(s, row)
             ? 0
             : permille;
}

/* Called by its address, alone or behind the function that waits for it: no symbol is its name. */
static bool is_nameless(const char *name)
{
  return strncmp(name, "0x", 2) == 0 || strstr(name, "@0x");
}

/* A lock without a name of its own, in a program that tells by itself that one of its tables is fought
 * over: most likely what that table is made of. */
static bool is_inner_lock(const struct snapshot *s, uint32_t row)
{
  const char *name = snapshot_text(s, RELATION_TABLES, TABLES_NAME, row);
  uint32_t first = 0, count = 0;

  if (!is_of_threads(s, row) || !name || !is_nameless(name))
    return false;
  snapshot_range_of_target(s, RELATION_TABLES, table_int(s, TABLES_TARGET_KEY, row), &first,
                           &count);
  for (uint32_t other = first; other < first + count; other++)
    if (!is_of_threads(s, other) && fought_permille(s, other))
      return true;
  return false;
}

/* Nobody got it since the last sweep, and its owner is told of as a bottleneck, or waits for work. */
static bool is_kept(const struct snapshot *s, uint32_t row, int64_t target_key, int64_t owner)
{
  double contended_per_s = snapshot_real(s, RELATION_TABLES, TABLES_CONTENDED_PER_S, row);
  uint32_t actor;

  if (contended_per_s > 0 || snapshot_find_actor(s, target_key, owner, &actor) != 0)
    return false;
  return detect_actor_awaits_work(s, actor) || detect_actor_is_bottleneck(s, actor);
}

static bool is_no_contest(const struct snapshot *s, uint32_t row)
{
  int64_t target_key = table_int(s, TABLES_TARGET_KEY, row),
          owner = table_int(s, TABLES_OWNER, row);

  if (is_inner_lock(s, row))
    return true;
  if (owner == VALUE_UNKNOWN)
    return false;
  /* a lock that a deadlocked actor holds is not fought over, it is lost */
  return detect_actor_locked_up(s, target_key, owner) || is_kept(s, row, target_key, owner);
}

static void contention_step(void *state, const struct snapshot *s, struct finding_sink *sink)
{
  int64_t now_ms = snapshot_about(s).now.wall_ms;
  uint32_t rows = snapshot_rows(s, RELATION_TABLES);

  for (uint32_t row = 0; row < rows; row++) {
    if (!fought_permille(s, row) || is_no_contest(s, row))
      continue;
    struct contest *contest = contest_of(state, s, row, now_ms);
    contest_look(contest, s, row, now_ms);
    tell(s, row, contest, sink);
  }
}

const struct detector detect_contention = {
    .name = "contention",
    .help =
        "For five seconds somebody waited for a shared table or lock during 30 % of the time "
        "(a warning; critical from 80 %). Found from the time that the source sums up while "
        "anybody waits. It cannot see spinning, and says nothing of a lock that one actor "
        "keeps while a single other one waits, that a thread keeps while it waits for work (leader "
        "and followers), or whose owner is told as a bottleneck, nor of locks without a name in a "
        "program whose own tables are fought over. Who waited in the last ten seconds is named as "
        "far "
        "as it was seen waiting.",
    .history_ns = 7 * SECOND_NS,
    .state_new = contention_new,
    .state_free = free,
    .step = contention_step,
};
