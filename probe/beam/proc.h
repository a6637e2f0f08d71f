/*
 * proc.h - struct process of a node, decoded: what one sweep takes from each. (The name `process` is
 * taken by probe/process, which tells what a Linux process has.)
 */
#ifndef IMPASSE_PROBE_BEAM_PROC_H
#define IMPASSE_PROBE_BEAM_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/beam/node.h"

/* Bits of a process's state (ERTS_PSFLG_* in erl_process.h), the same in OTP 24 to 29; the low six are
 * three priorities. */
enum beam_state_bits {
  BEAM_STATE_FREE = 1 << 10,
  BEAM_STATE_EXITING = 1 << 11,
  BEAM_STATE_ACTIVE = 1 << 13,
  BEAM_STATE_IN_RUN_QUEUE = 1 << 14,
  BEAM_STATE_RUNNING = 1 << 15,
  BEAM_STATE_SUSPENDED = 1 << 16,
  BEAM_STATE_GC = 1 << 17,
  BEAM_STATE_SYS_TASKS = 1 << 18,
  BEAM_STATE_SIGNALS_IN_QUEUE = 1 << 19,
  BEAM_STATE_ACTIVE_SYS = 1 << 20,
  BEAM_STATE_RUNNING_SYS = 1 << 21,
  BEAM_STATE_OFF_HEAP_MESSAGES = 1 << 24,
  BEAM_STATE_SIGNALS = 1 << 25,
  BEAM_STATE_DIRTY_RUNNING = 1 << 29,
  BEAM_STATE_DIRTY_RUNNING_SYS = 1 << 30,
};

struct beam_proc {
  uint64_t address; /* of its struct process */
  uint64_t word;    /* its pid as a term */
  uint64_t key;     /* of its row */
  uint32_t slot;
  uint32_t state; /* bits */
  uint64_t stop;  /* top of its stack (it grows downwards from heap_end) */
  uint64_t heap, heap_top, heap_end;
  uint64_t monitors;    /* root of the tree of monitors that it made; 0 none */
  uint64_t timer;       /* common.timer; 0 = it waits for ever */
  uint64_t instruction; /* p->i */
};

#endif
