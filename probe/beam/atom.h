/*
 * atom.h - texts of atoms, read once and kept: atoms never go away. Bounded by BEAM_ATOMS_MOST;
 * when it is full, it starts again from nothing. One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_ATOM_H
#define IMPASSE_PROBE_BEAM_ATOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

enum { BEAM_ATOMS_MOST = 65536, BEAM_ATOM_BYTES = 255 * 4 };

struct beam_atoms;

/* `node` must outlive it. NULL without memory. */
struct beam_atoms *beam_atoms_new(const struct beam_node *node);
void beam_atoms_free(struct beam_atoms *atoms);

/* The text of an atom (its term, not its index): UTF-8 or whatever bytes are there, without a NUL
 * at the end; valid until the next call. NULL: not an atom, or unreadable. */
const char *beam_atom_text(struct beam_atoms *atoms, uint64_t atom, size_t *ret_length);

/* The same with a NUL behind it, cut off at `room`; "?" where it cannot be read. Returns its
 * length. */
size_t beam_atom_copy(struct beam_atoms *atoms, uint64_t atom, char *ret_text, size_t room);

/* It can be read, and this is its text. */
bool beam_atom_is(struct beam_atoms *atoms, uint64_t atom, const char *wanted);

#endif
