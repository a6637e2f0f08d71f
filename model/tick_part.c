/*
 * tick_part.c - see tick_part.h. A part is small beside what it is laid over: known rows are found
 * and replaced where they stand; only where some are new do those behind them move, from the back,
 * so that each moves once.
 */
#include "model/tick_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/tick_rates.h"

/* Words are only added to a sweep's text up to here; later ones are unknown. */
#define TEXT_MAX (64u << 20)

uint32_t tick_part_word(struct sweep *sweep, uint32_t before, const struct sweep *part,
                        uint32_t word)
{
  const char *new_word = sweep_text(part, word), *old_word = sweep_text(sweep, before);

  if (!new_word)
    return 0;
  if (old_word && strcmp(old_word, new_word) == 0)
    return before;
  return sweep->text_bytes < TEXT_MAX ? sweep_add_text(sweep, new_word, strlen(new_word)) : 0;
}

static bool is_gone(const struct sweep_actor *actor)
{
  return actor->flags & SWEEP_ACTOR_GONE;
}

/* --- room --- */

static size_t count_new_actors(const struct tick_feed *feed, const struct sweep *part)
{
  size_t count = 0, at = 0;

  for (size_t i = 0; i < part->actor_count; i++) {
    size_t found = tick_feed_find(feed, part->actors[i].key, at);

    if (found != SIZE_MAX)
      at = found;
    else if (!is_gone(&part->actors[i]))
      count++;
  }
  return count;
}

static size_t count_new_tables(const struct sweep *sweep, const struct sweep *part)
{
  size_t count = 0, at = 0;

  for (size_t i = 0; i < part->table_count; i++) {
    while (at < sweep->table_count && sweep->tables[at].key < part->tables[i].key)
      at++;
    count += at == sweep->table_count || sweep->tables[at].key != part->tables[i].key;
  }
  return count;
}

static int widen(void **rows, size_t count, size_t size)
{
  void *bigger = reallocarray(*rows, count + 1, size);

  if (!bigger)
    return -ENOMEM;
  *rows = bigger;
  return 0;
}

static int reserve_actors(struct tick_feed *feed, size_t count)
{
  struct sweep *sweep = feed->sweep;

  if (widen((void **)&feed->actors, count, sizeof(*feed->actors)) < 0)
    return -ENOMEM;
  if (count <= sweep->actor_room)
    return 0;
  if (widen((void **)&sweep->actors, count, sizeof(*sweep->actors)) < 0)
    return -ENOMEM;
  sweep->actor_room = count;
  return 0;
}

static int reserve_tables(struct tick_feed *feed, size_t count)
{
  struct sweep *sweep = feed->sweep;

  if (widen((void **)&feed->tables, count, sizeof(*feed->tables)) < 0)
    return -ENOMEM;
  if (count <= sweep->table_room)
    return 0;
  if (widen((void **)&sweep->tables, count, sizeof(*sweep->tables)) < 0)
    return -ENOMEM;
  sweep->table_room = count;
  return 0;
}

int tick_part_reserve(struct tick_feed *feed, const struct sweep *part)
{
  size_t actors = count_new_actors(feed, part), tables = count_new_tables(feed->sweep, part);

  if (actors && reserve_actors(feed, feed->sweep->actor_count + actors) < 0)
    return -ENOMEM;
  return tables ? reserve_tables(feed, feed->sweep->table_count + tables) : 0;
}

/* --- names --- */

struct gain {
  const char *name;
  uint64_t actor;
};

struct gains {
  struct gain *list; /* by name */
  size_t count;
};

static const char *registered_name(const struct sweep *sweep, const struct sweep_actor *actor)
{
  bool registered = (actor->flags & SWEEP_ACTOR_REGISTERED) && !is_gone(actor);

  return registered ? sweep_text(sweep, actor->name) : NULL;
}

static int compare_gains(const void *a, const void *b)
{
  return strcmp(((const struct gain *)a)->name, ((const struct gain *)b)->name);
}

/* Tells what the rows of the part lost, and gives what they gained. */
static void compare_names(const struct tick_feed *feed, const struct sweep *part,
                          struct names *names, struct gains *gains)
{
  size_t at = 0;

  for (size_t i = 0; i < part->actor_count; i++) {
    const struct sweep_actor *is = &part->actors[i];
    size_t found = tick_feed_find(feed, is->key, at);
    const char *new_name = registered_name(part, is), *old_name = NULL;

    if (found != SIZE_MAX) {
      old_name = registered_name(feed->sweep, &feed->sweep->actors[found]);
      at = found;
    }
    if (old_name && new_name && strcmp(old_name, new_name) == 0)
      continue;
    if (old_name)
      names_lost(names, part->target_key, old_name, is->key);
    if (new_name)
      gains->list[gains->count++] = (struct gain){new_name, is->key};
  }
}

/* A name has one bearer: whoever had one that another has gained lost it, in the part or not. */
static void take_from_others(struct tick_feed *feed, const struct sweep *part, struct names *names,
                             const struct gains *gains)
{
  size_t next = 0;

  for (size_t i = 0; i < feed->sweep->actor_count; i++) {
    struct sweep_actor *actor = &feed->sweep->actors[i];
    struct gain wanted = {.name = registered_name(feed->sweep, actor)};

    if (!wanted.name)
      continue;
    while (next < part->actor_count && part->actors[next].key < actor->key)
      next++;
    if ((next < part->actor_count && part->actors[next].key == actor->key) ||
        !bsearch(&wanted, gains->list, gains->count, sizeof(*gains->list), compare_gains))
      continue;
    names_lost(names, part->target_key, wanted.name, actor->key);
    actor->flags &= (uint8_t)~SWEEP_ACTOR_REGISTERED;
  }
}

static void tell_names(struct tick_feed *feed, const struct sweep *part, struct names *names)
{
  struct gains gains = {.list = malloc((part->actor_count + 1) * sizeof(*gains.list))};

  if (!gains.list)
    return; /* as in names.h: without memory nothing is kept */
  compare_names(feed, part, names, &gains);
  if (gains.count > 0) {
    qsort(gains.list, gains.count, sizeof(*gains.list), compare_gains);
    take_from_others(feed, part, names, &gains);
  }
  for (size_t i = 0; i < gains.count; i++)
    names_gained(names, part->target_key, gains.list[i].name, gains.list[i].actor);
  free(gains.list);
}

/* --- actors --- */

static struct sweep_actor adopt_actor(struct sweep *sweep, const struct sweep *part,
                                      const struct sweep_actor *row, const struct sweep_actor *was)
{
  struct sweep_actor adopted = *row;

  adopted.name = tick_part_word(sweep, was ? was->name : 0, part, row->name);
  adopted.function = tick_part_word(sweep, was ? was->function : 0, part, row->function);
  return adopted;
}

/* Returns how many of the part's rows are not known yet; rows that are gone are marked so. */
static size_t replace_actors(struct tick_feed *feed, const struct sweep *part, bool *ret_any_gone)
{
  struct sweep *sweep = feed->sweep;
  size_t fresh = 0, at = 0;

  for (size_t i = 0; i < part->actor_count; i++) {
    const struct sweep_actor *is = &part->actors[i];
    size_t found = tick_feed_find(feed, is->key, at);
    struct sweep_actor *was;

    if (found == SIZE_MAX) {
      fresh += !is_gone(is);
      continue;
    }
    at = found;
    was = &sweep->actors[at];
    if (is_gone(is)) {
      was->flags |= SWEEP_ACTOR_GONE;
      *ret_any_gone = true;
      continue;
    }
    feed->actors[at] = tick_rate_actor(was, &feed->actors[at], is, part);
    *was = adopt_actor(sweep, part, is, was);
  }
  return fresh;
}

static void remove_gone(struct tick_feed *feed)
{
  struct sweep *sweep = feed->sweep;
  size_t kept = 0;

  for (size_t i = 0; i < sweep->actor_count; i++) {
    if (is_gone(&sweep->actors[i]))
      continue;
    if (kept != i) {
      sweep->actors[kept] = sweep->actors[i];
      feed->actors[kept] = feed->actors[i];
    }
    kept++;
  }
  sweep->actor_count = kept;
}

static void insert_actors(struct tick_feed *feed, const struct sweep *part, size_t fresh)
{
  struct sweep *sweep = feed->sweep;
  size_t from = sweep->actor_count, next = part->actor_count, to = from + fresh;

  sweep->actor_count = to;
  while (to > from) {
    const struct sweep_actor *is = &part->actors[next - 1];

    if (is_gone(is) || (from > 0 && sweep->actors[from - 1].key == is->key)) {
      next--;
    } else if (from > 0 && sweep->actors[from - 1].key > is->key) {
      sweep->actors[--to] = sweep->actors[--from];
      feed->actors[to] = feed->actors[from];
    } else {
      sweep->actors[--to] = adopt_actor(sweep, part, is, NULL);
      feed->actors[to] = tick_rate_actor(NULL, NULL, is, part);
      next--;
    }
  }
}

/* --- tables --- */

static size_t replace_tables(struct tick_feed *feed, const struct sweep *part)
{
  struct sweep *sweep = feed->sweep;
  size_t fresh = 0, at = 0;

  for (size_t i = 0; i < part->table_count; i++) {
    const struct sweep_table *is = &part->tables[i];
    struct sweep_table *was = sweep->tables;
    uint32_t name;

    while (at < sweep->table_count && was[at].key < is->key)
      at++;
    if (at == sweep->table_count || was[at].key != is->key) {
      fresh++;
      continue;
    }
    name = tick_part_word(sweep, was[at].name, part, is->name);
    feed->tables[at] = tick_rate_table(&was[at], &feed->tables[at], is, part);
    was[at] = *is;
    was[at].name = name;
  }
  return fresh;
}

static void insert_tables(struct tick_feed *feed, const struct sweep *part, size_t fresh)
{
  struct sweep *sweep = feed->sweep;
  size_t from = sweep->table_count, next = part->table_count, to = from + fresh;

  sweep->table_count = to;
  while (to > from) {
    const struct sweep_table *is = &part->tables[next - 1];

    if (from > 0 && sweep->tables[from - 1].key == is->key) {
      next--;
    } else if (from > 0 && sweep->tables[from - 1].key > is->key) {
      sweep->tables[--to] = sweep->tables[--from];
      feed->tables[to] = feed->tables[from];
    } else {
      sweep->tables[--to] = *is;
      sweep->tables[to].name = tick_part_word(sweep, 0, part, is->name);
      feed->tables[to] = tick_rate_table(NULL, NULL, is, part);
      next--;
    }
  }
}

void tick_part_overlay(struct tick_feed *feed, const struct sweep *part, struct names *names)
{
  bool any_gone = false;
  size_t fresh;

  tell_names(feed, part, names);
  fresh = replace_actors(feed, part, &any_gone);
  if (any_gone)
    remove_gone(feed);
  insert_actors(feed, part, fresh);
  insert_tables(feed, part, replace_tables(feed, part));
}
