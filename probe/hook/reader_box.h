/*
 * reader_box.h - mailboxes: their counters, depths that the program keeps itself, several
 * of one owner.
 */
#ifndef IMPASSE_PROBE_HOOK_READER_BOX_H
#define IMPASSE_PROBE_HOOK_READER_BOX_H

#include "probe/hook/reader_scan.h"

/* Fills in the mailbox columns of an actor's row, the last that was added. */
void reader_box_fill(struct reader_scan *scan, const struct reader_slot *slot,
                     struct sweep_actor *row);

/* Notes a further mailbox of an owner. */
void reader_box_note(struct reader_scan *scan, const struct reader_slot *slot);

/* Once all slots are read: reads adopted counters, adds further mailboxes to their owners' rows. */
void reader_box_finish(struct reader_scan *scan);

#endif
