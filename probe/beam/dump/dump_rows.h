/*
 * dump_rows.h - what is kept of a crash dump while it is read: the rows of its sweep, who is who by pid and by
 * registered name, and the monitors of processes that may be in a call. Not for parsing.
 */
#ifndef IMPASSE_PROBE_BEAM_DUMP_ROWS_H
#define IMPASSE_PROBE_BEAM_DUMP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/sweep.h"
#include "probe/beam/dump/dump_text.h"
#include "probe/beam/wait/wait_words.h"

#define DUMP_NOBODY SIZE_MAX

/* Whom a process monitors. */
struct dump_monitor {
  struct dump_reference reference;
  struct dump_pid pid; /* when name is 0 */
  uint32_t name, node; /* texts: {name, node} */
};

/* Beside a row of sweep->actors. */
struct dump_proc {
  uint64_t key;
  size_t monitor_first;
  size_t monitor_count;
  const struct beam_wait_words *words; /* of the function where it may wait for an answer; NULL */
  bool waiting;                        /* nothing has come for it: its wait is not over */
  uint32_t spawned; /* text: the function it began with; 0 when that says nothing */
};

/* Another node, by the number that pids of it begin with. */
struct dump_peer {
  uint64_t channel;
  uint32_t name; /* text */
};

struct dump_rows {
  struct sweep *sweep;
  struct dump_proc *procs;
  size_t proc_room;
  uint32_t *slots; /* index of a proc + 1, by hash of its key */
  size_t slot_count;
  struct dump_monitor *monitors;
  size_t monitor_count, monitor_room;
  struct dump_peer *peers;
  size_t peer_count, peer_room;
  uint32_t *named; /* indices of procs with registered names, by name */
  size_t named_count;
  bool names_sorted;
};

int dump_rows_init(struct dump_rows *rows); /* 0, -ENOMEM */
void dump_rows_done(
    struct dump_rows *rows); /* frees the sweep, too, unless it was taken out (NULL) */

/* A row for the process of this pid. -EEXIST there is one, -EFBIG, -ENOMEM. */
int dump_rows_add(struct dump_rows *rows, struct beam_pid pid, size_t *ret_index);
size_t dump_rows_find(const struct dump_rows *rows, uint64_t key); /* DUMP_NOBODY */
size_t dump_rows_find_name(struct dump_rows *rows, const char *name);

int dump_rows_add_monitor(struct dump_rows *rows, const struct dump_monitor *monitor);
int dump_rows_add_peer(struct dump_rows *rows, uint64_t channel, uint32_t name);
uint32_t dump_rows_peer(const struct dump_rows *rows, uint64_t channel); /* text; 0 unknown */

/* Names of processes that have none, order, no row twice. */
void dump_rows_finish(struct dump_rows *rows);

#endif
