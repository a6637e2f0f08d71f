/* dictionary.c - the tables behind dictionary.h, made from dictionary.def. Not here: any value. */
#include "model/dictionary.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char *const words_target_state[] = {"running", "stopped", "unreadable", "gone", NULL};
static const char *const words_actor_kind[] = {"actor", "process", "goroutine", "thread", "queue",
                                               "pool",  "service", "promise",   NULL};
static const char *const words_actor_state[] = {"running",   "runnable", "receive", "blocked",
                                                "suspended", "exiting",  NULL};
static const char *const words_depth_is[] = {"exact", "at_least", NULL};
static const char *const words_depth_unit[] = {"messages", "bytes", "connections", NULL};
static const char *const words_work_unit[] = {"messages", "reductions", "switches", "runs", NULL};
static const char *const words_wait_via[] = {"call",    "lock", "rdlock",  "join",  "room",
                                             "channel", "pool", "promise", "other", NULL};
static const char *const words_wait_timeout[] = {"none", "some", "unknown", NULL};
static const char *const words_wait_needs[] = {"all", "any", NULL};
static const char *const words_wait_verdict[] = {"free",   "deadlock", "timed",
                                                 "victim", "stuck",    NULL};
static const char *const words_certainty[] = {"suspected", "confirmed", "proven", NULL};
static const char *const words_table_kind[] = {"table", "mutex", "rwlock", "ets", NULL};
static const char *const words_severity[] = {"info", "warning", "critical", NULL};
static const char *const words_alert_state[] = {"pending", "firing", "resolved", NULL};

#define COLUMNS_BEGIN(rel) static const struct column columns_##rel[] = {
#define COLUMN(rel, id, name, type, flags, unit, values, help)                                     \
  {name, COLUMN_##type, flags, unit, values, help},
#define COLUMNS_END(rel)                                                                           \
  }                                                                                                \
  ;
#include "model/dictionary.def"

static const struct relation_info relations[RELATION_COUNT] = {
#define RELATION(id, name, help) {name, help, columns_##id, id##_COLUMN_COUNT},
#include "model/dictionary.def"
};

const struct relation_info *relation_info(enum relation relation)
{
  assert((unsigned)relation < RELATION_COUNT);
  return &relations[relation];
}

int relation_by_name(const char *name, enum relation *ret_relation)
{
  for (unsigned i = 0; i < RELATION_COUNT; i++) {
    if (strcmp(relations[i].name, name) == 0) {
      *ret_relation = (enum relation)i;
      return 0;
    }
  }
  return -ENOENT;
}

int relation_column(enum relation relation, const char *name)
{
  const struct relation_info *info = relation_info(relation);

  for (unsigned i = 0; i < info->column_count; i++)
    if (strcmp(info->columns[i].name, name) == 0)
      return (int)i;
  return -ENOENT;
}

uint8_t column_value_by_word(const struct column *column, const char *word)
{
  for (uint8_t i = 0; column->values && column->values[i]; i++)
    if (strcmp(column->values[i], word) == 0)
      return i;
  return ENUM_UNKNOWN;
}
