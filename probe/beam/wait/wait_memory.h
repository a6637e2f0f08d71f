/*
 * wait_memory.h - the waits that the last readings saw, by process: what need not be read again. Between two readings a
 * process that is still blocked has not moved; then its monitor alone tells that it still waits, because a reference is
 * never used twice, and the functions that are remembered here give up their monitor before they return.
 */
#ifndef IMPASSE_PROBE_BEAM_WAIT_MEMORY_H
#define IMPASSE_PROBE_BEAM_WAIT_MEMORY_H

#include "probe/beam/proc.h"
#include "probe/beam/wait/monitor.h"
#include "probe/beam/wait/wait_stack.h"

struct beam_wait_known {
  uint64_t key;      /* of the process */
  uint64_t position; /* see beam_wait_position */
  uint64_t instruction;
  uint64_t returns[BEAM_WAIT_STACK_RETURNS];
  struct beam_reference reference;
  uint8_t return_count;
};

/* A number that changes when a process has run: where its stack, heap and instruction are, mixed. Pure. */
uint64_t beam_wait_position(const struct beam_proc *proc);

struct beam_wait_memory;

struct beam_wait_memory *beam_wait_memory_new(void); /* NULL without memory */
void beam_wait_memory_free(struct beam_wait_memory *memory);

/* What was last seen of this process, or NULL. Valid until the end of the reading. */
const struct beam_wait_known *beam_wait_memory_find(const struct beam_wait_memory *memory,
                                                    uint64_t key);

/* To be found after this reading; each process once. -ENOMEM. */
int beam_wait_memory_add(struct beam_wait_memory *memory, const struct beam_wait_known *known);

/* The end of a reading of all processes: forgets what was found, and what was added is found from now on. -ENOMEM: then
 * nothing is. */
int beam_wait_memory_turn(struct beam_wait_memory *memory);

/* The end of a reading of some of them: what was added is found from now on, beside or in place of what was. What is
 * wrong by now is not recalled, as its position or its monitor has changed. -ENOMEM: then nothing is found. */
int beam_wait_memory_join(struct beam_wait_memory *memory);

#endif
