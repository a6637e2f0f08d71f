/*
 * monitor.h - the monitors that a process made, looked up by reference: red-black trees in the node's memory, walked for
 * many processes at once, one level of all trees with one batch of reads.
 *
 *    p->common.u.alive.monitors --> node { parent right left other | offset key_offset flags }
 *                                     \-- + key_offset --> reference --> its numbers, in the same allocation
 *
 * A walk does not trust the tree: it is bounded in depth, and what it finds has the numbers that were asked for.
 * (Layout and order: erts/emulator/beam/erl_monitor_link.[hc], OTP 24 to 29.)
 *
 * Not here: which references a process waits for (wait.c), who an external pid is (remote.h).
 */
#ifndef IMPASSE_PROBE_BEAM_MONITOR_H
#define IMPASSE_PROBE_BEAM_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

/* The numbers of a reference made by this node: unique for as long as it runs. */
struct beam_reference {
  uint32_t number[3];
};

enum { BEAM_REFERENCE_BYTES = 24 }; /* header, marker and numbers, as they lie on a heap */

/* The numbers behind a boxed term, out of those bytes. False: something else than a reference of this node, or one to
 * a resource of the emulator (which monitors never have). Pure. */
bool beam_reference_of_bytes(const void *bytes, struct beam_reference *ret_reference);

static inline bool beam_reference_same(struct beam_reference a, struct beam_reference b)
{
  return a.number[0] == b.number[0] && a.number[1] == b.number[1] && a.number[2] == b.number[2];
}

struct beam_monitor_lookup {
  uint64_t root; /* in: of the tree, 0 for an empty one */
  struct beam_reference reference;
  bool found;       /* out */
  bool unreadable;  /* out: a node of the tree could not be read, so not found says nothing */
  uint64_t address; /* out: of the monitor's node */
  uint64_t
      other; /* out, a term: pid, boxed external pid, port, or atom (a node's name, or a kind of monitor) */
  uint64_t
      name; /* out: registered name on that node, an atom, where `other` is a node's name; 0 none */
  uint64_t connection; /* out: to that node, an ErtsMonLnkDist; 0 none */
};

/* Is a process linked to that of this pid word, of the same node? `root`: of its links. */
bool beam_link_has(const struct beam_node *node, uint64_t root, uint64_t pid_word);

/* Fills the out fields of all. Reads at most 64 levels of each tree. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_monitor_find(const struct beam_node *node, struct beam_monitor_lookup *lookups,
                      size_t count);

#endif
