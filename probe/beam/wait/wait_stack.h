/*
 * wait_stack.h - the top of the stack of waiting processes: the frame of the function that waits, the one that called
 * it, and the references in the first of them.
 *
 *    p->stop  | live values of the function that waits (tags 01, 10, 11)
 *             | return address (tag 00) into the one that called it
 *             | its live values
 *             | return address ...
 *
 * A receive keeps nothing in registers, so what it waits for stands in the first frame, or hangs from a term that does.
 */
#ifndef IMPASSE_PROBE_BEAM_WAIT_STACK_H
#define IMPASSE_PROBE_BEAM_WAIT_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "probe/beam/proc.h"
#include "probe/beam/wait/monitor.h"

enum { BEAM_WAIT_STACK_WORDS = 16, BEAM_WAIT_STACK_RETURNS = 2 };

struct beam_wait_stack {
  uint64_t word[BEAM_WAIT_STACK_WORDS];
  uint8_t count;       /* words that were read */
  uint8_t first_frame; /* words of the first frame, without its return address */
  uint8_t return_count;
  uint64_t returns[BEAM_WAIT_STACK_RETURNS]; /* return addresses, the innermost first */
};

/* Reads the stacks of procs[which[0 .. count)] into the same places of ret_stacks, in one batch; count = 0 in those that
 * could not be read. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_wait_stack_read(const struct beam_node *node, const struct beam_proc *procs,
                         const uint32_t *which, size_t count, struct beam_wait_stack *ret_stacks);

/* One reference that a process holds. */
struct beam_wait_reference {
  uint32_t candidate; /* index of the process */
  uint64_t word;      /* in: a boxed term */
  bool is; /* out: it is a reference of this node; in: it is known to be one, and its numbers are */
  struct beam_reference reference;
};

/* Tells which boxes are references, in one batch. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_wait_references_read(const struct beam_node *node, struct beam_wait_reference *references,
                              size_t count);

/* The boxed keys of a map that hangs from a frame: at most `room`. Returns how many, or -EFAULT when the term is no
 * map that could be read, -EFBIG when it has more keys than a flat map has (32) or `room`. */
int beam_wait_map_keys(const struct beam_node *node, uint64_t term, uint64_t *ret_keys,
                       size_t room);

#endif
