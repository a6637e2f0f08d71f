/*
 * reader_wait.h - wait lines become waits of the sweep: references are followed to whoever can end
 * the wait, and those who are gone are left out.
 */
#ifndef IMPASSE_PROBE_HOOK_READER_WAIT_H
#define IMPASSE_PROBE_HOOK_READER_WAIT_H

#include "probe/hook/reader_scan.h"

/* Notes the open waits of a blocked actor. */
void reader_wait_note(struct reader_scan *scan, const struct reader_slot *slot);

/* Once all slots are read and the holds are ordered: makes the waits of the sweep. */
void reader_wait_finish(struct reader_scan *scan);

#endif
