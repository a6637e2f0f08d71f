/*
 * reader_name.h - names of slots as text of a sweep. Classes are looked up once a sweep.
 * Not here: making them harmless for a terminal; whoever shows them does.
 */
#ifndef IMPASSE_PROBE_HOOK_READER_NAME_H
#define IMPASSE_PROBE_HOOK_READER_NAME_H

#include "probe/hook/reader_scan.h"

/* The text of name class `id` (0 = none), or 0. */
uint32_t reader_name_class(struct reader_scan *scan, uint32_t id);

/* "class/17", "class", the text, or "#slot.opening" where it has none. *ret_named: it means
 * somebody, not just a number. */
uint32_t reader_name_slot(struct reader_scan *scan, const struct reader_slot *slot,
                          bool *ret_named);

#endif
