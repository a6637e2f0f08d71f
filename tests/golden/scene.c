/* scene.c - made-up snapshots with a story each. Not here: what is drawn of them. */
#include "tests/golden/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/sweep.h"

#define SHOP (int64_t) TARGET(1001)
#define NODE (int64_t) TARGET(2002)
#define OWN (int64_t) TARGET(3003)
#define TARGET(pid) (1000ll << 22 | (pid))
#define U VALUE_UNKNOWN

struct tick_clock scene_clock(void)
{
  return (struct tick_clock){.mono_ns = 5000ull * 1000000000, .wall_ms = SCENE_NOW_S * 1000};
}

struct target_row {
  int64_t key;
  const char *name, *runtime, *reason;
  uint8_t state;
  int64_t actors, blocked, cpu, rss, cost;
};

struct actor_row {
  int64_t target, actor;
  const char *target_name, *name;
  uint8_t state;
  int64_t depth, trend;
  double growth, in, out;
  const char *waits_for;
  int64_t blocked_ms, behind;
};

struct wait_row {
  int64_t target, waiter, wait, holder_target, holder;
  const char *target_name, *waiter_name, *holder_name, *object;
  uint8_t via;
  int64_t blocked_ms;
  uint8_t timeout;
  int64_t timeout_ms;
  uint8_t verdict, certainty;
  int64_t core;
};

struct table_row {
  int64_t target, table;
  const char *target_name, *name;
  uint8_t kind;
  int64_t owner;
  const char *owner_name;
  int64_t readers, writers, wait, max_us;
  double contended;
};

struct alert_row {
  const char *key;
  int64_t ago_s;
  const char *target_name;
  int64_t target, actor;
  const char *rule;
  uint8_t severity, state, certainty;
  int64_t ended_ago_s;
  const char *summary, *detail;
};

struct story {
  const struct target_row *targets;
  const struct actor_row *actors;
  const struct wait_row *waits;
  const struct table_row *tables;
  const struct alert_row *alerts;
  uint32_t target_count, actor_count, wait_count, table_count, alert_count;
};

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

static void set_int(struct snapshot_builder *b, enum relation relation, unsigned column,
                    uint32_t row, int64_t value)
{
  snapshot_builder_ints(b, relation, column)[row] = value;
}

static void set_real(struct snapshot_builder *b, enum relation relation, unsigned column,
                     uint32_t row, double value)
{
  snapshot_builder_reals(b, relation, column)[row] = value;
}

static void set_text(struct snapshot_builder *b, enum relation relation, unsigned column,
                     uint32_t row, const char *value)
{
  snapshot_builder_texts(b, relation, column)[row] = snapshot_builder_text(b, value);
}

static void set_enum(struct snapshot_builder *b, enum relation relation, unsigned column,
                     uint32_t row, uint8_t value)
{
  snapshot_builder_enums(b, relation, column)[row] = value;
}

static void add_target(struct snapshot_builder *b, uint32_t i, const struct target_row *r)
{
  set_int(b, RELATION_TARGETS, TARGETS_TARGET_KEY, i, r->key);
  set_int(b, RELATION_TARGETS, TARGETS_PID, i, r->key & 0x3fffff);
  set_text(b, RELATION_TARGETS, TARGETS_TARGET, i, r->name);
  set_text(b, RELATION_TARGETS, TARGETS_RUNTIME, i, r->runtime);
  set_text(b, RELATION_TARGETS, TARGETS_REASON, i, r->reason);
  set_enum(b, RELATION_TARGETS, TARGETS_STATE, i, r->state);
  set_int(b, RELATION_TARGETS, TARGETS_ACTORS, i, r->actors);
  set_int(b, RELATION_TARGETS, TARGETS_BLOCKED, i, r->blocked);
  set_int(b, RELATION_TARGETS, TARGETS_CPU_PERMILLE, i, r->cpu);
  set_int(b, RELATION_TARGETS, TARGETS_RSS_BYTES, i, r->rss);
  set_int(b, RELATION_TARGETS, TARGETS_COST_PERMILLE, i, r->cost);
  set_int(b, RELATION_TARGETS, TARGETS_SWEEP_US, i, 850);
  set_int(b, RELATION_TARGETS, TARGETS_INTERVAL_MS, i, 1000);
  set_int(b, RELATION_TARGETS, TARGETS_LOST, i, 0);
}

/* Keys of actors are small numbers here; of others their source is in the top byte, as in life, and
 * the unit of their depth in the next. */
#define THREAD(n) ((int64_t)ACTOR_KEY(SOURCE_TAG_THREAD, n))
#define QUEUE(n, unit) ((int64_t)ACTOR_KEY(SOURCE_TAG_QUEUE, (uint64_t)(unit) << 48 | (n)))

static uint8_t kind_of(int64_t actor)
{
  return actor >> 56 == SOURCE_TAG_THREAD  ? ACTOR_KIND_THREAD
         : actor >> 56 == SOURCE_TAG_QUEUE ? ACTOR_KIND_QUEUE
                                           : ACTOR_KIND_ACTOR;
}

static void add_actor(struct snapshot_builder *b, uint32_t i, const struct actor_row *r)
{
  set_int(b, RELATION_ACTORS, ACTORS_TARGET_KEY, i, r->target);
  set_int(b, RELATION_ACTORS, ACTORS_ACTOR, i, r->actor);
  set_text(b, RELATION_ACTORS, ACTORS_TARGET, i, r->target_name);
  set_text(b, RELATION_ACTORS, ACTORS_NAME, i, r->name);
  set_enum(b, RELATION_ACTORS, ACTORS_KIND, i, kind_of(r->actor));
  if (r->actor >> 56 == SOURCE_TAG_QUEUE)
    set_enum(b, RELATION_ACTORS, ACTORS_DEPTH_UNIT, i, (uint8_t)(r->actor >> 48));
  set_enum(b, RELATION_ACTORS, ACTORS_STATE, i, r->state);
  set_int(b, RELATION_ACTORS, ACTORS_DEPTH, i, r->depth);
  set_int(b, RELATION_ACTORS, ACTORS_DEPTH_TREND, i, r->trend);
  set_real(b, RELATION_ACTORS, ACTORS_GROWTH_PER_S, i, r->growth);
  set_real(b, RELATION_ACTORS, ACTORS_IN_PER_S, i, r->in);
  set_real(b, RELATION_ACTORS, ACTORS_OUT_PER_S, i, r->out);
  set_text(b, RELATION_ACTORS, ACTORS_WAITS_FOR, i, r->waits_for);
  set_int(b, RELATION_ACTORS, ACTORS_BLOCKED_MS, i, r->blocked_ms);
  set_int(b, RELATION_ACTORS, ACTORS_BEHIND, i, r->behind);
}

static void add_wait(struct snapshot_builder *b, uint32_t i, const struct wait_row *r)
{
  set_int(b, RELATION_WAITS, WAITS_TARGET_KEY, i, r->target);
  set_int(b, RELATION_WAITS, WAITS_WAITER, i, r->waiter);
  set_int(b, RELATION_WAITS, WAITS_WAIT, i, r->wait);
  set_int(b, RELATION_WAITS, WAITS_HOLDER_TARGET_KEY, i, r->holder_target);
  set_int(b, RELATION_WAITS, WAITS_HOLDER, i, r->holder);
  set_text(b, RELATION_WAITS, WAITS_TARGET, i, r->target_name);
  set_text(b, RELATION_WAITS, WAITS_WAITER_NAME, i, r->waiter_name);
  set_text(b, RELATION_WAITS, WAITS_HOLDER_NAME, i, r->holder_name);
  set_text(b, RELATION_WAITS, WAITS_OBJECT, i, r->object);
  set_enum(b, RELATION_WAITS, WAITS_VIA, i, r->via);
  set_int(b, RELATION_WAITS, WAITS_BLOCKED_MS, i, r->blocked_ms);
  set_enum(b, RELATION_WAITS, WAITS_TIMEOUT, i, r->timeout);
  set_int(b, RELATION_WAITS, WAITS_TIMEOUT_MS, i, r->timeout_ms);
  set_enum(b, RELATION_WAITS, WAITS_VERDICT, i, r->verdict);
  set_enum(b, RELATION_WAITS, WAITS_CERTAINTY, i, r->certainty);
  set_int(b, RELATION_WAITS, WAITS_CORE, i, r->core);
}

static void add_table(struct snapshot_builder *b, uint32_t i, const struct table_row *r)
{
  set_int(b, RELATION_TABLES, TABLES_TARGET_KEY, i, r->target);
  set_int(b, RELATION_TABLES, TABLES_TABLE_KEY, i, r->table);
  set_text(b, RELATION_TABLES, TABLES_TARGET, i, r->target_name);
  set_text(b, RELATION_TABLES, TABLES_NAME, i, r->name);
  set_enum(b, RELATION_TABLES, TABLES_KIND, i, r->kind);
  set_int(b, RELATION_TABLES, TABLES_OWNER, i, r->owner);
  set_text(b, RELATION_TABLES, TABLES_OWNER_NAME, i, r->owner_name);
  set_int(b, RELATION_TABLES, TABLES_READ_WAITERS, i, r->readers);
  set_int(b, RELATION_TABLES, TABLES_WRITE_WAITERS, i, r->writers);
  set_int(b, RELATION_TABLES, TABLES_WAIT_PERMILLE, i, r->wait);
  set_int(b, RELATION_TABLES, TABLES_MAX_WAIT_US, i, r->max_us);
  set_real(b, RELATION_TABLES, TABLES_CONTENDED_PER_S, i, r->contended);
}

static void add_alert(struct snapshot_builder *b, uint32_t i, const struct alert_row *r)
{
  set_text(b, RELATION_ALERTS, ALERTS_KEY, i, r->key);
  set_int(b, RELATION_ALERTS, ALERTS_SINCE, i, SCENE_NOW_S - r->ago_s);
  set_text(b, RELATION_ALERTS, ALERTS_TARGET, i, r->target_name);
  set_int(b, RELATION_ALERTS, ALERTS_TARGET_KEY, i, r->target);
  set_int(b, RELATION_ALERTS, ALERTS_ACTOR, i, r->actor);
  set_text(b, RELATION_ALERTS, ALERTS_RULE, i, r->rule);
  set_enum(b, RELATION_ALERTS, ALERTS_SEVERITY, i, r->severity);
  set_enum(b, RELATION_ALERTS, ALERTS_STATE, i, r->state);
  set_enum(b, RELATION_ALERTS, ALERTS_CERTAINTY, i, r->certainty);
  set_int(b, RELATION_ALERTS, ALERTS_UNTIL, i,
          r->ended_ago_s == U ? U : SCENE_NOW_S - r->ended_ago_s);
  set_text(b, RELATION_ALERTS, ALERTS_SUMMARY, i, r->summary);
  set_text(b, RELATION_ALERTS, ALERTS_DETAIL, i, r->detail);
}

static struct snapshot_builder *builder(void)
{
  return snapshot_builder_new(scene_clock(), SCENE_TICK, "web1",
                              "00000000-0000-0000-0000-000000000000");
}

static struct snapshot *tell(const struct story *story)
{
  struct snapshot_builder *b = builder();
  struct snapshot *snapshot = NULL;

  if (!b)
    return NULL;
  if (snapshot_builder_relation(b, RELATION_TARGETS, story->target_count) ||
      snapshot_builder_relation(b, RELATION_ACTORS, story->actor_count) ||
      snapshot_builder_relation(b, RELATION_WAITS, story->wait_count) ||
      snapshot_builder_relation(b, RELATION_TABLES, story->table_count) ||
      snapshot_builder_relation(b, RELATION_ALERTS, story->alert_count)) {
    snapshot_builder_free(b);
    return NULL;
  }
  for (uint32_t i = 0; i < story->target_count; i++)
    add_target(b, i, &story->targets[i]);
  for (uint32_t i = 0; i < story->actor_count; i++)
    add_actor(b, i, &story->actors[i]);
  for (uint32_t i = 0; i < story->wait_count; i++)
    add_wait(b, i, &story->waits[i]);
  for (uint32_t i = 0; i < story->table_count; i++)
    add_table(b, i, &story->tables[i]);
  for (uint32_t i = 0; i < story->alert_count; i++)
    add_alert(b, i, &story->alerts[i]);
  return snapshot_builder_finish(b, &snapshot) ? NULL : snapshot;
}

struct snapshot *scene_empty(void)
{
  return tell(&(struct story){0});
}

#define OWN_TARGET                                                                                 \
  {                                                                                                \
    OWN, "impasse:3003", "impasse", NULL, TARGET_RUNNING, U, U, 3, 12900000, U                     \
  }

struct snapshot *scene_deadlock(void)
{
  static const struct target_row targets[] = {
      {SHOP, "shop:1001", "hook", NULL, TARGET_RUNNING, 1204, 1011, 310, 48200000, 2},
      {NODE, "rabbit@web1", "beam", NULL, TARGET_RUNNING, 5120, 2, 1420, 912000000, 6},
      OWN_TARGET,
  };
  static const struct actor_row actors[] = {
      {SHOP, 1, "shop:1001", "orders", ACTOR_BLOCKED, 412, 0x0001234567899999, 0.4, 0.4, 0,
       "billing", 12300, 3},
      {SHOP, 2, "shop:1001", "billing", ACTOR_BLOCKED, 7, 0x0000000000011233, 0, 0, 0, "orders",
       12300, 3},
      {SHOP, 3, "shop:1001", "web#1", ACTOR_BLOCKED, 1, 0x11, 0, 0, 0, "orders", 9100, 1},
      {SHOP, 4, "shop:1001", "web#1.1", ACTOR_BLOCKED, 0, 0, 0, 0, 0, "web#1", 4000, 0},
      {SHOP, 5, "shop:1001", "stock", ACTOR_BLOCKED, 2, 0x1212121212121212, 0, 3, 3, "prices", 2100,
       1},
      {SHOP, 6, "shop:1001", "prices", ACTOR_BLOCKED, 2, 0x2121212121212121, 0, 3, 3, "stock", 2050,
       1},
      {SHOP, 7, "shop:1001", "db_owner", ACTOR_RUNNING, 1003, 0x0123456789abbbbb, 12, 850, 838,
       NULL, U, 1003},
      {SHOP, 8, "shop:1001", "caller#1", ACTOR_BLOCKED, 0, 0, 0, 1, 1, "db_owner", 1180, 0},
      {SHOP, 9, "shop:1001", "caller#2", ACTOR_BLOCKED, 0, 0, 0, 1, 1, "db_owner", 1160, 0},
      {SHOP, 10, "shop:1001", "caller#3", ACTOR_BLOCKED, 0, 0, 0, 1, 1, "db_owner", 1150, 0},
      {SHOP, 11, "shop:1001", "caller#4", ACTOR_BLOCKED, 0, 0, 0, 1, 1, "db_owner", 900, 0},
      {SHOP, 12, "shop:1001", "caller#5", ACTOR_BLOCKED, 0, 0, 0, 1, 1, "db_owner", 850, 0},
      {NODE, 21, "rabbit@web1", "rabbit_reader", ACTOR_RECEIVE, 91234,
       (int64_t)0x789abcdefffffff0 | 15, 1240, 9200, 7960, NULL, U, 0},
      {NODE, 22, "rabbit@web1", "logger", ACTOR_BLOCKED, 14, 0x1111222233334444, 0.1, 20, 20,
       "disk", 300, 0},
  };
  static const struct wait_row waits[] = {
      {SHOP, 1, 100, SHOP, 2, "shop:1001", "orders", "billing", NULL, VIA_CALL, 12300, TIMEOUT_NONE,
       U, VERDICT_DEADLOCK, CERTAINTY_PROVEN, 0},
      {SHOP, 2, 101, SHOP, 1, "shop:1001", "billing", "orders", NULL, VIA_CALL, 12300, TIMEOUT_NONE,
       U, VERDICT_DEADLOCK, CERTAINTY_PROVEN, 0},
      {SHOP, 3, 102, SHOP, 1, "shop:1001", "web#1", "orders", NULL, VIA_CALL, 9100, TIMEOUT_SOME,
       30000, VERDICT_VICTIM, CERTAINTY_PROVEN, U},
      {SHOP, 4, 103, SHOP, 3, "shop:1001", "web#1.1", "web#1", NULL, VIA_CALL, 4000,
       TIMEOUT_UNKNOWN, U, VERDICT_VICTIM, CERTAINTY_PROVEN, U},
      {SHOP, 5, 104, SHOP, 6, "shop:1001", "stock", "prices", NULL, VIA_CALL, 2100, TIMEOUT_SOME,
       5000, VERDICT_TIMED, CERTAINTY_CONFIRMED, 1},
      {SHOP, 6, 105, SHOP, 5, "shop:1001", "prices", "stock", NULL, VIA_CALL, 2050, TIMEOUT_SOME,
       5000, VERDICT_TIMED, CERTAINTY_CONFIRMED, 1},
      {SHOP, 8, 106, SHOP, 7, "shop:1001", "caller#1", "db_owner", "query", VIA_CALL, 1180,
       TIMEOUT_SOME, 5000, VERDICT_FREE, ENUM_UNKNOWN, U},
      {SHOP, 9, 107, SHOP, 7, "shop:1001", "caller#2", "db_owner", "query", VIA_CALL, 1160,
       TIMEOUT_SOME, 5000, VERDICT_FREE, ENUM_UNKNOWN, U},
      {SHOP, 10, 108, SHOP, 7, "shop:1001", "caller#3", "db_owner", "query", VIA_CALL, 1150,
       TIMEOUT_SOME, 5000, VERDICT_FREE, ENUM_UNKNOWN, U},
      {SHOP, 11, 109, SHOP, 7, "shop:1001", "caller#4", "db_owner", "query", VIA_CALL, 900,
       TIMEOUT_SOME, 5000, VERDICT_FREE, ENUM_UNKNOWN, U},
      {SHOP, 12, 110, SHOP, 7, "shop:1001", "caller#5", "db_owner", "query", VIA_CALL, 850,
       TIMEOUT_SOME, 5000, VERDICT_FREE, ENUM_UNKNOWN, U},
      {NODE, 22, 111, U, U, "rabbit@web1", "logger", NULL, "disk", VIA_OTHER, 300, TIMEOUT_NONE, U,
       VERDICT_FREE, ENUM_UNKNOWN, U},
  };
  static const struct table_row tables[] = {
      {SHOP, 1, "shop:1001", "session_cache", TABLE_RWLOCK, 7, "db_owner", 4, 11, 873, 41200, 930},
      {SHOP, 2, "shop:1001", "stats", TABLE_MUTEX, U, NULL, 0, 0, 12, 800, 3},
  };
  static const struct alert_row alerts[] = {
      {"bottleneck/shop/db_owner", 260, "shop:1001", SHOP, 7, "bottleneck", SEVERITY_WARNING,
       ALERT_FIRING, CERTAINTY_CONFIRMED, U,
       "1003 actors wait behind db_owner, which takes 838/s of 850/s",
       "{\"behind\":1003,\"in_per_s\":850,\"out_per_s\":838}"},
      {"contention/shop/session_cache", 70, "shop:1001", SHOP, U, "contention", SEVERITY_WARNING,
       ALERT_PENDING, CERTAINTY_CONFIRMED, U, "somebody waits for session_cache 87 % of the time",
       "{\"wait_permille\":873}"},
      {"deadlock/shop/billing,orders", 12, "shop:1001", SHOP, U, "deadlock", SEVERITY_CRITICAL,
       ALERT_FIRING, CERTAINTY_PROVEN, U,
       "orders -> billing -> orders: no timeout will end it, 2 more are stuck behind",
       "{\"members\":[\"orders\",\"billing\"],\"victims\":2}"},
      {"deadlock/shop/prices,stock", 2, "shop:1001", SHOP, U, "deadlock", SEVERITY_WARNING,
       ALERT_FIRING, CERTAINTY_CONFIRMED, U,
       "stock -> prices -> stock: until a timeout of 5 s ends it",
       "{\"members\":[\"stock\",\"prices\"]}"},
      {"leak/rabbit@web1/rabbit_reader", 3900, "rabbit@web1", NODE, 21, "leak", SEVERITY_WARNING,
       ALERT_FIRING, CERTAINTY_CONFIRMED, U,
       "rabbit_reader grows by 1240/s; memory runs out in 2 h",
       "{\"growth_per_s\":1240.2,\"limit\":\"memory\"}"},
      {"unmatched/shop/audit", 900, "shop:1001", SHOP, U, "unmatched", SEVERITY_WARNING,
       ALERT_RESOLVED, CERTAINTY_CONFIRMED, 300, "audit takes none of its 3 messages", "{}"},
  };

  return tell(&(struct story){targets, actors, waits, tables, alerts, COUNT(targets), COUNT(actors),
                              COUNT(waits), COUNT(tables), COUNT(alerts)});
}

struct snapshot *scene_threads(void)
{
  static const struct target_row targets[] = {
      {SHOP, "shop:1001", "hook+thread", NULL, TARGET_RUNNING, 2, 2, 12, 48200000, 2},
      {NODE, "postgres:2002", "thread+queue", NULL, TARGET_RUNNING, 2, 0, 140, 912000000, 1},
      OWN_TARGET,
  };
  static const struct actor_row actors[] = {
      {SHOP, 1, "shop:1001", "teller", ACTOR_BLOCKED, 3, 0x11, 0, 0, 0, "clerk", 12300, 2},
      {SHOP, 2, "shop:1001", "clerk", ACTOR_BLOCKED, 0, 0, 0, 0, 0, "teller", 12300, 2},
      {SHOP, THREAD(3), "shop:1001", "shop/1001", ACTOR_RECEIVE, U, U, NAN, NAN, NAN, NULL, U, 0},
      {SHOP, THREAD(4), "shop:1001", "shop/1002", ACTOR_RECEIVE, U, U, NAN, NAN, NAN, NULL, U, 0},
      {SHOP, THREAD(5), "shop:1001", "shop/1003", ACTOR_BLOCKED, U, U, NAN, NAN, NAN, NULL, U, 0},
      {SHOP, THREAD(6), "shop:1001", "logger/1004", ACTOR_BLOCKED, U, U, NAN, NAN, NAN, "teller",
       800, 0},
      {NODE, THREAD(7), "postgres:2002", "postgres/2002", ACTOR_RECEIVE, U, U, NAN, NAN, NAN, NULL,
       U, 0},
      {NODE, QUEUE(9, DEPTH_BYTES), "postgres:2002", "tcp 10.0.0.1:5432 10.0.0.9:41222",
       ENUM_UNKNOWN, 212992, (int64_t)0xfffffffffffffff, 40, NAN, NAN, NULL, U, 0},
      {NODE, QUEUE(8, DEPTH_CONNECTIONS), "postgres:2002", "tcp 0.0.0.0:5432", ENUM_UNKNOWN, 17,
       0x5, 0, NAN, NAN, NULL, U, 0},
  };
  static const struct wait_row waits[] = {
      {SHOP, 1, 100, SHOP, 2, "shop:1001", "teller", "clerk", NULL, VIA_CALL, 12300, TIMEOUT_NONE,
       U, VERDICT_DEADLOCK, CERTAINTY_PROVEN, 0},
      {SHOP, 2, 101, SHOP, 1, "shop:1001", "clerk", "teller", "mutex vault_door", VIA_LOCK, 12300,
       TIMEOUT_NONE, U, VERDICT_DEADLOCK, CERTAINTY_PROVEN, 0},
      {SHOP, THREAD(6), 102, SHOP, 1, "shop:1001", "logger/1004", "teller", "mutex vault_door",
       VIA_LOCK, 800, TIMEOUT_NONE, U, VERDICT_VICTIM, CERTAINTY_PROVEN, U},
  };
  static const struct table_row tables[] = {
      {SHOP, 1, "shop:1001", "vault_door", TABLE_MUTEX, 1, "teller", 0, 2, 1000, U, 0},
  };
  static const struct alert_row alerts[] = {
      {"deadlock/shop:1001/clerk,teller", 12, "shop:1001", SHOP, U, "deadlock", SEVERITY_CRITICAL,
       ALERT_FIRING, CERTAINTY_PROVEN, U,
       "clerk -> teller -> clerk: mutex vault_door, call, no timeout; 1 more blocked behind",
       "{\"members\":[\"clerk\",\"teller\"],\"victims\":1}"},
  };

  return tell(&(struct story){targets, actors, waits, tables, alerts, COUNT(targets), COUNT(actors),
                              COUNT(waits), COUNT(tables), COUNT(alerts)});
}

struct snapshot *scene_leak(void)
{
  static const struct target_row targets[] = {
      {SHOP, "shop:1001", "hook", NULL, TARGET_RUNNING, 3, 0, 700, 812000000, 1},
      {NODE, "vault:2002", "hook", "another user's process: run as root or as its user",
       TARGET_UNREADABLE, U, U, U, U, U},
      OWN_TARGET,
  };
  static const struct actor_row actors[] = {
      {SHOP, 1, "shop:1001", "indexer", ACTOR_RUNNING, 48211, 0x3456789abcdeffff, 310.5, 1310,
       999.5, NULL, U, 0},
      {SHOP, 2, "shop:1001", "audit", ACTOR_RECEIVE, 3, 0x0000333333333333, 0, 0, 0, NULL, U, 0},
      {SHOP, 3, "shop:1001", "idle", ACTOR_RECEIVE, 0, 0, 0, 0, 0, NULL, U, 0},
  };
  static const struct alert_row alerts[] = {
      {"blind/vault", 4000, "vault:2002", NODE, U, "blind", SEVERITY_WARNING, ALERT_FIRING,
       CERTAINTY_PROVEN, U, "vault:2002 cannot be read: another user's process", "{}"},
      {"leak/shop/indexer", 95, "shop:1001", SHOP, 1, "leak", SEVERITY_CRITICAL, ALERT_FIRING,
       CERTAINTY_CONFIRMED, U, "indexer grows by 310/s, 48k messages; memory runs out in 12 min",
       "{\"growth_per_s\":310.5,\"depth\":48211}"},
      {"unmatched/shop/audit", 40, "shop:1001", SHOP, 2, "unmatched", SEVERITY_WARNING,
       ALERT_FIRING, CERTAINTY_CONFIRMED, U, "audit takes none of its 3 messages", "{\"depth\":3}"},
  };

  return tell(&(struct story){targets, actors, NULL, NULL, alerts, COUNT(targets), COUNT(actors), 0,
                              0, COUNT(alerts)});
}

struct snapshot *scene_hostile(void)
{
  static const struct target_row targets[] = {
      {SHOP, "\x1b]0;owned\x07:1001", "hook", NULL, TARGET_RUNNING, 8, 2, 10, 1000000, 1},
  };
  static const struct actor_row actors[] = {
      {SHOP, 1, "evil:1001", "\x1b[2J\x1b[1;1Hclear", ACTOR_BLOCKED, 90, 0x99, 0, 0, 0, "x", 1000,
       1},
      {SHOP, 2, "evil:1001", "line\nbreak\ttab\rreturn", ACTOR_BLOCKED, 80, 0x88, 0, 0, 0, "y",
       1000, 1},
      {SHOP, 3, "evil:1001", "bad \xff\xfe\xc0\xaf\xed\xa0\x80 utf8 \xe2\x82", ACTOR_RECEIVE, 70,
       0x77, 0, 0, 0, NULL, U, 0},
      {SHOP, 4, "evil:1001", "bidi \xe2\x80\xaegnp.exe \xe2\x81\xa6x\xe2\x81\xa9", ACTOR_RECEIVE,
       60, 0x66, 0, 0, 0, NULL, U, 0},
      {SHOP, 5, "evil:1001", "zero\xe2\x80\x8bwidth\xe2\x80\x8djoin\xef\xbb\xbf\xc2\xad",
       ACTOR_RECEIVE, 50, 0x55, 0, 0, 0, NULL, U, 0},
      {SHOP, 6, "evil:1001", "wide \xe6\xb3\xa8\xe6\x96\x87\xe5\x87\xa6\xe7\x90\x86 queue",
       ACTOR_RECEIVE, 40, 0x44, 0, 0, 0, NULL, U, 0},
      {SHOP, 7, "evil:1001", "\xcc\x81mark first e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81 zalgo",
       ACTOR_RECEIVE, 30, 0x33, 0, 0, 0, NULL, U, 0},
      {SHOP, 8, "evil:1001",
       "\xc2\x9b"
       "31mC1 \xc2\x85 next",
       ACTOR_RECEIVE, 20, 0x22, 0, 0, 0, NULL, U, 0},
      {SHOP, 9, "evil:1001",
       "a very long name that goes on and on and on and on and on and on and on and on and on and "
       "on and on to the end",
       ACTOR_RECEIVE, 10, 0x11, 0, 0, 0, NULL, U, 0},
  };
  static const struct wait_row waits[] = {
      {SHOP, 1, 1, SHOP, 2, "evil:1001", "\x1b[2J\x1b[1;1Hclear", "line\nbreak\ttab\rreturn",
       "\x1b[31mred", VIA_CALL, 1000, TIMEOUT_NONE, U, VERDICT_DEADLOCK, CERTAINTY_CONFIRMED, 0},
      {SHOP, 2, 2, SHOP, 1, "evil:1001", "line\nbreak\ttab\rreturn", "\x1b[2J\x1b[1;1Hclear", NULL,
       VIA_CALL, 1000, TIMEOUT_NONE, U, VERDICT_DEADLOCK, CERTAINTY_CONFIRMED, 0},
  };
  static const struct alert_row alerts[] = {
      {"deadlock/evil/\x1b", 5, "\x1b[31mevil", SHOP, U, "deadlock", SEVERITY_CRITICAL,
       ALERT_FIRING, CERTAINTY_CONFIRMED, U, "\x1b[2J\x1b[1;1Hclear \xe2\x86\x92 line\nbreak",
       "{\"members\":[\"\\u001b[2J\",\"\\u202e\"]} and more"},
  };

  return tell(&(struct story){targets, actors, waits, NULL, alerts, COUNT(targets), COUNT(actors),
                              COUNT(waits), 0, COUNT(alerts)});
}

static void name_number(char name[32], const char *word, uint32_t number)
{
  (void)snprintf(name, 32, "%s#%u", word, number);
}

struct snapshot *scene_many(uint32_t count)
{
  static const struct target_row target = {SHOP, "shop:1001", "hook", NULL, TARGET_RUNNING,
                                           0,    0,           99,     1,    1};
  struct snapshot_builder *b = builder();
  struct snapshot *snapshot = NULL;
  uint32_t waits = 0;

  if (!b)
    return NULL;
  if (snapshot_builder_relation(b, RELATION_TARGETS, 1) ||
      snapshot_builder_relation(b, RELATION_ACTORS, count) ||
      snapshot_builder_relation(b, RELATION_WAITS, count / 10)) {
    snapshot_builder_free(b);
    return NULL;
  }
  add_target(b, 0, &target);
  set_int(b, RELATION_TARGETS, TARGETS_ACTORS, 0, count);
  set_int(b, RELATION_TARGETS, TARGETS_BLOCKED, 0, count / 10);
  for (uint32_t i = 0; i < count; i++) {
    bool waiting = i % 10 == 9;
    char name[32];
    int64_t depth = (int64_t)i * 7919 % count;

    name_number(name, "worker", i);
    add_actor(b, i,
              &(struct actor_row){SHOP, i + 1, NULL, name, waiting ? ACTOR_BLOCKED : ACTOR_RECEIVE,
                                  depth, depth & 0xffff, 0, 1, 1, waiting ? "worker#0" : NULL,
                                  waiting ? (int64_t)i : U, i ? 0 : count / 10});
    if (waiting && waits < count / 10)
      add_wait(b, waits++,
               &(struct wait_row){SHOP, i + 1, i, SHOP, 1, NULL, name, "worker#0", NULL, VIA_CALL,
                                  i, TIMEOUT_NONE, U, VERDICT_FREE, ENUM_UNKNOWN, U});
  }
  return snapshot_builder_finish(b, &snapshot) ? NULL : snapshot;
}

struct snapshot *scene_chain(uint32_t count)
{
  struct snapshot_builder *b = builder();
  struct snapshot *snapshot = NULL;

  if (!b || snapshot_builder_relation(b, RELATION_WAITS, count)) {
    snapshot_builder_free(b);
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    char waiter[32], holder[32];

    name_number(waiter, "link", i + 1);
    name_number(holder, "link", i);
    add_wait(b, i,
             &(struct wait_row){SHOP, i + 2, 1, SHOP, i + 1, "shop:1001", waiter, holder, NULL,
                                VIA_CALL, count - i, TIMEOUT_NONE, U, VERDICT_FREE, ENUM_UNKNOWN,
                                U});
  }
  return snapshot_builder_finish(b, &snapshot) ? NULL : snapshot;
}

static struct snapshot *scene_many_10000(void)
{
  return scene_many(10000);
}

const struct scene scenes[] = {
    {"empty", scene_empty},
    {"deadlock", scene_deadlock},
    {"leak", scene_leak},
    {"threads", scene_threads},
    {"hostile", scene_hostile},
    {"many", scene_many_10000},
    {NULL, NULL},
};
