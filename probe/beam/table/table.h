/*
 * table.h - the ETS tables of a node: what they are, and how much they are fought over.
 *
 * beam_tables_read lists them (names, kinds, sizes); a sampler thread of its own looks at their lock
 * words up to 100 times a second and keeps what it saw until the next sweep collects it. One sampler
 * a node on a host: whoever comes second reads tables without contention and says so.
 */
#ifndef IMPASSE_PROBE_BEAM_TABLE_H
#define IMPASSE_PROBE_BEAM_TABLE_H

#include "model/sweep.h"
#include "probe/beam/atom.h"
#include "probe/beam/node.h"

struct beam_tables;

/* Starts the sampler. `target` is opened again for its thread. -ENOMEM, -errno. */
int beam_tables_new(const struct beam_node *node, struct beam_atoms *atoms,
                    const struct reach_target *target, struct beam_tables **ret_tables);
void beam_tables_free(struct beam_tables *tables); /* ends and joins the sampler; NULL is fine */

/* From now on waits for tables are what `exact` (lent) measures, and not what is sampled; NULL ends that.
 * Their sums begin again either way. 0 or -ENOMEM. */
struct beam_exact;
int beam_tables_exact(struct beam_tables *tables, struct beam_exact *exact);

/* Adds a row for each table, and for each process that waits for one at this instant a wait
 * (via lock or rdlock, object the table, holder unknown: the lock names none). A full sweep only. */
int beam_tables_read(struct beam_tables *tables, struct sweep *sweep);

#endif
