/*
 * dump_snapshot.h - the snapshot of an Erlang crash dump: the node as it was when it ended, through the same model and
 * the same detectors as one that lives. Not for reading the dump (probe/beam/dump/dump.h).
 */
#ifndef IMPASSE_COLLECTOR_DUMP_SNAPSHOT_H
#define IMPASSE_COLLECTOR_DUMP_SNAPSHOT_H

#include "collector/options.h"
#include "model/snapshot.h"

/* Reads the file at `path`, "-" for standard input; a long one tells how far it is, on a terminal. 0, or -errno with the
 * complaint. */
int dump_snapshot(const char *path, struct snapshot **ret_snapshot, struct complaint *complaint);

#endif
