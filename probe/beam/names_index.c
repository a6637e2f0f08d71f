/* names_index.c - see names_index.h. */
#include "probe/beam/names_index.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

void names_index_clear(struct names_index *index)
{
  if (index->entries)
    memset(index->entries, 0, index->room * sizeof *index->entries);
  index->count = 0;
}

void names_index_done(struct names_index *index)
{
  free(index->entries);
  *index = (struct names_index){0};
}

static struct names_index_entry *find(const struct names_index *index, uint64_t atom)
{
  size_t i = (size_t)(atom * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (index->room - 1);
  while (index->entries[i].atom != 0 && index->entries[i].atom != atom)
    i = (i + 1) & (index->room - 1);
  return &index->entries[i];
}

static bool enlarge(struct names_index *index)
{
  struct names_index larger = {.room = index->room ? index->room * 2 : FIRST_ROOM};
  larger.entries = calloc(larger.room, sizeof *larger.entries);
  if (!larger.entries)
    return false;
  for (size_t i = 0; i < index->room; i++)
    if (index->entries[i].atom)
      *find(&larger, index->entries[i].atom) = index->entries[i];
  larger.count = index->count;
  free(index->entries);
  *index = larger;
  return true;
}

void names_index_put(struct names_index *index, uint64_t atom, uint32_t slot)
{
  if (atom == 0 || (index->count * 2 >= index->room && !enlarge(index)))
    return;
  struct names_index_entry *entry = find(index, atom);
  index->count += entry->atom == 0;
  *entry = (struct names_index_entry){atom, slot};
}

bool names_index_get(const struct names_index *index, uint64_t atom, uint32_t *ret_slot)
{
  if (index->room == 0 || atom == 0)
    return false;
  const struct names_index_entry *entry = find(index, atom);
  if (entry->atom == 0)
    return false;
  *ret_slot = entry->slot;
  return true;
}
