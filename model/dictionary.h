/*
 * dictionary.h - the one dictionary of relations and columns.
 *
 * Snapshots, SQL (live tables and history views), the columns and filters of the screen, JSON keys
 * and the manual page impasse-sql(5) are all generated from the rows of dictionary.def. A new
 * column is one row there; a source or the model fills it, and everything else shows it without an
 * edit.
 *
 * Not here: values (snapshot.h) and how they are computed (tick.c).
 */
#ifndef IMPASSE_MODEL_DICTIONARY_H
#define IMPASSE_MODEL_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raised when a column changes its meaning; adding one does not raise it. Stored in every
 * recording. */
#define DICTIONARY_VERSION 1

enum relation {
#define RELATION(id, name, help) RELATION_##id,
#include "model/dictionary.def"
  RELATION_COUNT
};

enum column_type {
  COLUMN_INT,  /* int64_t, unknown = VALUE_UNKNOWN */
  COLUMN_REAL, /* double, unknown = NaN */
  COLUMN_TEXT, /* UTF-8 or arbitrary untrusted bytes without NUL, unknown = NULL */
  COLUMN_ENUM, /* uint8_t index into column.values, unknown = ENUM_UNKNOWN; shown as its word */
};

#define VALUE_UNKNOWN INT64_MIN
#define ENUM_UNKNOWN UINT8_MAX

enum column_flags {
  /* part of the row's identity; rows are sorted by the key columns in their order */
  COLUMN_KEY = 1 << 0,
  /* does not change while the key lives (names, kinds): recorded once per key */
  COLUMN_IDENTITY = 1 << 1,
  /* milliseconds that grow with the clock alone: recorded as the instant since when */
  COLUMN_AGE = 1 << 2,
  /* not among the default columns of a table on the screen or of `show` */
  COLUMN_HIDDEN = 1 << 3,
};

struct column {
  const char *name;
  enum column_type type;
  unsigned flags;            /* enum column_flags */
  const char *unit;          /* "" where there is none; else the suffix of the name, spelled out */
  const char *const *values; /* COLUMN_ENUM: NULL-terminated words; else NULL */
  const char *help;          /* what it means, what it hides, what it costs */
};

struct relation_info {
  const char *name;
  const char *help;
  const struct column *columns;
  unsigned column_count;
};

/* Column numbers: ACTORS_DEPTH, WAITS_HOLDER ...; ACTORS_COLUMN_COUNT is how many there are. */
#define COLUMNS_BEGIN(rel)                                                                         \
  enum rel##_column                                                                                \
  {
#define COLUMN(rel, id, name, type, flags, unit, values, help) rel##_##id,
#define COLUMNS_END(rel)                                                                           \
  rel##_COLUMN_COUNT                                                                               \
  }                                                                                                \
  ;
#include "model/dictionary.def"

/* The words of the enumerated columns. The order is stored in snapshots: append only. */
enum target_state { TARGET_RUNNING, TARGET_STOPPED, TARGET_UNREADABLE, TARGET_GONE };
enum actor_kind {
  ACTOR_KIND_ACTOR,     /* of a hooked program */
  ACTOR_KIND_PROCESS,   /* Erlang */
  ACTOR_KIND_GOROUTINE, /* Go */
  ACTOR_KIND_THREAD,    /* OS thread */
  ACTOR_KIND_QUEUE,     /* a queue without an owner */
  ACTOR_KIND_POOL,      /* a pool of worker threads; its mailbox is its run queue */
  ACTOR_KIND_SERVICE,   /* one name behind which several actors answer */
  ACTOR_KIND_PROMISE,   /* answered by a fulfiller that may be set later */
};
enum actor_state {
  ACTOR_RUNNING,   /* on a processor or in a system call of its own */
  ACTOR_RUNNABLE,  /* could run, has no thread */
  ACTOR_RECEIVE,   /* waits for the next message: nobody in particular holds it up */
  ACTOR_BLOCKED,   /* in a wait of the relation `waits` */
  ACTOR_SUSPENDED, /* stopped by its runtime or debugger */
  ACTOR_EXITING,
};
enum depth_is { DEPTH_EXACT, DEPTH_AT_LEAST };
enum depth_unit { DEPTH_MESSAGES, DEPTH_BYTES, DEPTH_CONNECTIONS };
enum work_unit { WORK_MESSAGES, WORK_REDUCTIONS, WORK_SWITCHES, WORK_RUNS };
enum wait_via {
  VIA_CALL,    /* synchronous call: the holder must answer */
  VIA_LOCK,    /* lock or table, for writing or without modes */
  VIA_RDLOCK,  /* lock or table, for reading */
  VIA_JOIN,    /* end of a thread or actor */
  VIA_ROOM,    /* room in a full mailbox */
  VIA_CHANNEL, /* channel or queue */
  VIA_POOL,    /* a thread of the pool */
  VIA_PROMISE, /* a future */
  VIA_OTHER,
};
enum wait_timeout { TIMEOUT_NONE, TIMEOUT_SOME, TIMEOUT_UNKNOWN };
enum wait_needs { NEEDS_ALL, NEEDS_ANY };
enum wait_verdict {
  VERDICT_FREE,     /* somebody who can still act may end it */
  VERDICT_DEADLOCK, /* member of a deadlocked core */
  VERDICT_TIMED,    /* member of a core that only a timeout will break */
  VERDICT_VICTIM,   /* behind a core or a stuck wait, not in one */
  VERDICT_STUCK,    /* no holder is left and the list is complete: nobody will ever end it */
};
enum certainty { CERTAINTY_SUSPECTED, CERTAINTY_CONFIRMED, CERTAINTY_PROVEN };
enum table_kind { TABLE_TABLE, TABLE_MUTEX, TABLE_RWLOCK, TABLE_ETS };
enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
enum alert_state { ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };

/* The table of all relations, indexed by enum relation. Constant; any thread. */
const struct relation_info *relation_info(enum relation relation);

/* Looks a relation up by name. Returns -ENOENT where there is none. */
int relation_by_name(const char *name, enum relation *ret_relation);

/* Number of the column called `name`, or -ENOENT. */
int relation_column(enum relation relation, const char *name);

/* Number of the word `word` in an enumerated column's list, or ENUM_UNKNOWN. */
uint8_t column_value_by_word(const struct column *column, const char *word);

#endif
