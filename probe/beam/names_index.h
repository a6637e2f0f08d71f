/* names_index.h - which slot of the process table has a registered name. Used by names.c alone. */
#ifndef IMPASSE_PROBE_BEAM_NAMES_INDEX_H
#define IMPASSE_PROBE_BEAM_NAMES_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names_index_entry {
  uint64_t atom; /* 0 empty: no atom is */
  uint32_t slot;
};

/* Open addressing; at most half full. Zeroed it is empty. */
struct names_index {
  struct names_index_entry *entries;
  size_t count, room; /* room is a power of two, or 0 */
};

void names_index_clear(struct names_index *index);
void names_index_done(struct names_index *index);

/* Puts or replaces; without memory the name is not found. */
void names_index_put(struct names_index *index, uint64_t atom, uint32_t slot);
bool names_index_get(const struct names_index *index, uint64_t atom, uint32_t *ret_slot);

#endif
