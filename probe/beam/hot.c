/* hot.c - see hot.h. */
#include "probe/beam/hot.h"

#include <errno.h>
#include <stdlib.h>

#include "model/sweep.h"

enum { ROOM = HOT_MOST * 2, HEATS = 256, HEAT_DEPTHS = 64, HEAT_NAMED = 2, HEAT_BLOCKED = 200 };

int hot_init(struct hot *hot)
{
  *hot = (struct hot){.entries = reallocarray(NULL, ROOM, sizeof *hot->entries)};
  return hot->entries ? 0 : -ENOMEM;
}

void hot_done(struct hot *hot)
{
  free(hot->entries);
  hot->entries = NULL;
}

/* Blocked before deep, deeper before less deep, of those the growing first; named ones before a
 * message or two. */
uint8_t hot_heat(int64_t depth, int64_t depth_before, bool blocked, bool named)
{
  unsigned heat = named ? HEAT_NAMED : 0;
  if (depth > 0) {
    unsigned bits = 64 - (unsigned)__builtin_clzll((uint64_t)depth);
    bool grows = depth_before != VALUE_UNKNOWN && depth > depth_before;
    unsigned deep = 2 * (bits < HEAT_DEPTHS ? bits : HEAT_DEPTHS) - 1 + grows;
    heat = heat > deep ? heat : deep;
  }
  if (blocked)
    heat = heat < HEATS - 1 - HEAT_BLOCKED ? HEAT_BLOCKED + heat : HEATS - 1;
  return (uint8_t)heat;
}

void hot_begin(struct hot *hot)
{
  hot->count = 0;
  hot->floor = 0;
}

/* Keeps the hottest HOT_MOST; of those that are just as hot as the last that fits, the first. */
static void prune(struct hot *hot)
{
  size_t counts[HEATS] = {0}, sum = 0, kept = 0;
  unsigned least = HEATS;
  for (size_t i = 0; i < hot->count; i++)
    counts[hot->entries[i].heat]++;
  while (least > 0 && sum + counts[least - 1] <= HOT_MOST)
    sum += counts[--least];
  size_t room = HOT_MOST - sum; /* for those of heat least - 1 */
  for (size_t i = 0; i < hot->count; i++) {
    bool marginal = hot->entries[i].heat + 1u == least && room > 0;
    room -= marginal;
    if (marginal || hot->entries[i].heat >= least)
      hot->entries[kept++] = hot->entries[i];
  }
  hot->count = kept;
  if (least > 0)
    hot->floor = (uint8_t)(least - 1);
}

void hot_offer(struct hot *hot, const struct beam_proc *proc, uint8_t heat)
{
  if (heat <= hot->floor)
    return;
  if (hot->count == ROOM)
    prune(hot);
  hot->entries[hot->count++] = (struct hot_entry){{proc->address, proc->slot}, proc->word, heat};
}

static int compare_addresses(const void *left, const void *right)
{
  uint64_t a = ((const struct hot_entry *)left)->place.address;
  uint64_t b = ((const struct hot_entry *)right)->place.address;
  return (a > b) - (a < b);
}

void hot_end(struct hot *hot)
{
  if (hot->count > HOT_MOST)
    prune(hot);
  qsort(hot->entries, hot->count, sizeof *hot->entries, compare_addresses);
  size_t kept = 0;
  for (size_t i = 0; i < hot->count; i++)
    if (kept == 0 || compare_addresses(&hot->entries[kept - 1], &hot->entries[i]) != 0)
      hot->entries[kept++] = hot->entries[i];
  hot->count = kept;
}
