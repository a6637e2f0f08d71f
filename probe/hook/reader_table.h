/*
 * reader_table.h - tables of a hooked program: their rows, and who holds them.
 */
#ifndef IMPASSE_PROBE_HOOK_READER_TABLE_H
#define IMPASSE_PROBE_HOOK_READER_TABLE_H

#include "probe/hook/reader_scan.h"

/* Adds the row of the table in `slot`, which is slot `index` of `region`. */
void reader_table_add(struct reader_scan *scan, const struct reader_region *region, uint32_t index,
                      const struct reader_slot *slot);

/* Notes the tables that the actor in `slot` holds. */
void reader_table_note_holds(struct reader_scan *scan, const struct reader_slot *slot);

/* Once all holds are noted: orders them, and fills in the owners of the table rows. */
void reader_table_finish(struct reader_scan *scan);

/* Who holds the table now. */
struct reader_holders {
  const struct reader_hold *holds; /* of this table, as far as they were seen */
  size_t count;
  uint32_t holding;     /* how many the table itself counts */
  uint32_t unlisted;    /* of them, that no actor owns up to */
  bool held_throughout; /* it was held without a break since before the scan began */
};
struct reader_holders reader_table_holders(const struct reader_scan *scan,
                                           const struct reader_region *region, uint32_t index,
                                           uint64_t table);

#endif
