/* names.c - see names.h. A sorted array of entries: there are few, and they change seldom. */
#include "model/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORGET_COUNT (NAMES_MAX / 8)

struct entry {
  uint64_t target;
  char *name;
  uint64_t from; /* who had it before the last change, 0 = not known */
  uint64_t to;   /* who has it, 0 = nobody now */
  int64_t changes;
  uint64_t age; /* when it was touched last, in touches */
};

struct names {
  struct entry *entries[NAMES_MAX]; /* by (target, name) */
  size_t count;
  uint64_t touches;
};

struct names *names_new(void)
{
  return calloc(1, sizeof(struct names));
}

static void entry_free(struct entry *entry)
{
  free(entry->name);
  free(entry);
}

void names_free(struct names *names)
{
  if (!names)
    return;
  for (size_t i = 0; i < names->count; i++)
    entry_free(names->entries[i]);
  free(names);
}

static int compare_key(uint64_t target, const char *name, const struct entry *entry)
{
  if (target != entry->target)
    return target < entry->target ? -1 : 1;
  return strcmp(name, entry->name);
}

static size_t place_of(const struct names *names, uint64_t target, const char *name)
{
  size_t low = 0, high = names->count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (compare_key(target, name, names->entries[middle]) > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct entry *find(const struct names *names, uint64_t target, const char *name)
{
  size_t i = place_of(names, target, name);

  return i < names->count && compare_key(target, name, names->entries[i]) == 0 ? names->entries[i]
                                                                               : NULL;
}

static void remove_at(struct names *names, size_t i)
{
  entry_free(names->entries[i]);
  names->count--;
  memmove(&names->entries[i], &names->entries[i + 1],
          (names->count - i) * sizeof(names->entries[0]));
}

/* Names that changed hands are worth more than names that were only lost, newer ones more than
 * older ones. */
static int compare_worth(const void *a, const void *b)
{
  const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
  bool x_changed = x->changes > 0, y_changed = y->changes > 0;

  if (x_changed != y_changed)
    return x_changed ? 1 : -1;
  return (x->age > y->age) - (x->age < y->age);
}

/* By the eighth, so that its cost is shared by many new names: a hundred thousand may be lost in
 * one sweep. */
static void forget_some(struct names *names)
{
  struct entry *by_worth[NAMES_MAX];
  size_t kept = 0;

  memcpy(by_worth, names->entries, names->count * sizeof(by_worth[0]));
  qsort(by_worth, names->count, sizeof(by_worth[0]), compare_worth);
  for (size_t i = 0; i < names->count; i++)
    if (compare_worth(&names->entries[i], &by_worth[FORGET_COUNT]) >= 0)
      names->entries[kept++] = names->entries[i];
  for (size_t i = 0; i < FORGET_COUNT; i++)
    entry_free(by_worth[i]);
  names->count = kept;
}

static struct entry *add(struct names *names, uint64_t target, const char *name)
{
  struct entry *entry = calloc(1, sizeof(*entry));
  size_t i;

  if (entry)
    entry->name = strdup(name);
  if (!entry || !entry->name) {
    free(entry);
    return NULL;
  }
  entry->target = target;
  if (names->count == NAMES_MAX)
    forget_some(names);
  i = place_of(names, target, name);
  memmove(&names->entries[i + 1], &names->entries[i],
          (names->count - i) * sizeof(names->entries[0]));
  names->entries[i] = entry;
  names->count++;
  return entry;
}

void names_lost(struct names *names, uint64_t target, const char *name, uint64_t actor)
{
  struct entry *entry = find(names, target, name);

  if (!entry) {
    entry = add(names, target, name);
    if (!entry)
      return;
    entry->to = actor;
  }
  /* `to` keeps naming the last bearer until there is a next one: only then it is a change */
  entry->age = ++names->touches;
}

void names_gained(struct names *names, uint64_t target, const char *name, uint64_t actor)
{
  struct entry *entry = find(names, target, name);

  if (!entry || entry->to == actor)
    return;
  entry->from = entry->to;
  entry->to = actor;
  entry->changes++;
  entry->age = ++names->touches;
}

void names_forget(struct names *names, uint64_t target)
{
  for (size_t i = names->count; i-- > 0;)
    if (names->entries[i]->target == target)
      remove_at(names, i);
}

int names_fill(const struct names *names, struct snapshot_builder *b, const char *host)
{
  const struct snapshot *view = snapshot_builder_view(b);
  uint32_t rows = 0, target;

  if (snapshot_builder_relation(b, RELATION_NAMES, (uint32_t)names->count) < 0)
    return -ENOMEM;
  for (size_t i = 0; i < names->count; i++) {
    const struct entry *e = names->entries[i];

    if (e->changes == 0)
      continue;
    snapshot_builder_ints(b, RELATION_NAMES, NAMES_TARGET_KEY)[rows] = (int64_t)e->target;
    snapshot_builder_texts(b, RELATION_NAMES, NAMES_NAME)[rows] = snapshot_builder_text(b, e->name);
    snapshot_builder_texts(b, RELATION_NAMES, NAMES_HOST)[rows] = snapshot_builder_intern(b, host);
    snapshot_builder_ints(b, RELATION_NAMES, NAMES_FROM_ACTOR)[rows] = (int64_t)e->from;
    snapshot_builder_ints(b, RELATION_NAMES, NAMES_TO_ACTOR)[rows] = (int64_t)e->to;
    snapshot_builder_ints(b, RELATION_NAMES, NAMES_CHANGES)[rows] = e->changes;
    if (snapshot_find_target(view, (int64_t)e->target, &target) == 0)
      snapshot_builder_texts(b, RELATION_NAMES, NAMES_TARGET)[rows] =
          snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[target];
    rows++;
  }
  snapshot_builder_trim(b, RELATION_NAMES, rows);
  return 0;
}
