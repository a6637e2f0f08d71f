/*
 * proof_hold.h - whether a process still holds a term that lies in its memory, or whether it is garbage that was not yet
 * overwritten: followed from where a collection of garbage would begin (stack, saved registers, dictionary, mailbox).
 *
 * Not here: whose memory a term lies in (proof_third.h).
 */
#ifndef IMPASSE_PROBE_BEAM_PROOF_HOLD_H
#define IMPASSE_PROBE_BEAM_PROOF_HOLD_H

#include "probe/beam/proc.h"

enum { BEAM_PROOF_HOLD_BYTES = 32 << 20 }; /* of one process's memory */

/* Can the process reach the box at this address? 1 yes, or it runs, and has what it has in registers; 0 no; -EFBIG it has
 * more memory than is looked through, -EFAULT, -ENOMEM. What is not a term is taken for one where that cannot be told, so
 * 0 is sure and 1 nearly. */
int beam_proof_holds(const struct beam_node *node, const struct beam_proc *proc, uint64_t address);

/* The fields of a process that tell its memory beside heap and stack. False: unreadable. */
struct beam_proof_old {
  uint64_t heap, top; /* old generation, in use; 0 none */
  uint64_t fragments; /* the first of its heap fragments; 0 none */
};
bool beam_proof_old_read(const struct beam_node *node, const struct beam_proc *proc,
                         struct beam_proof_old *ret_old);

/* A heap fragment: where its words are and which is next. False: unreadable, or none. */
struct beam_proof_fragment {
  uint64_t begin, end, next;
};
bool beam_proof_fragment_read(const struct beam_node *node, uint64_t address,
                              struct beam_proof_fragment *ret_fragment);
enum { BEAM_PROOF_FRAGMENTS = 256 }; /* of one process */

#endif
