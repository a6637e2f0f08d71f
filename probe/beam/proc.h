/*
 * proc.h - struct process of a node, decoded: what one sweep takes from each; and reading many of
 * them at once. (The name `process` is taken by probe/process, which tells what a Linux process
 * has.)
 *
 * Not here: names (names.h), rows (sweep.h), waits (wait.h).
 */
#ifndef IMPASSE_PROBE_BEAM_PROC_H
#define IMPASSE_PROBE_BEAM_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

/* Bits of a process's state (ERTS_PSFLG_* in erl_process.h), the same in OTP 24 to 29; the low six
 * are three priorities. */
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

/* What rows need besides. Words of the target, nothing bounded but where it is said. */
struct beam_proc_facts {
  struct beam_proc proc;
  int64_t depth;        /* messages; VALUE_UNKNOWN for what cannot be one */
  bool depth_more;      /* beam_proc_depth() knows better: signals or parallel in-queues */
  uint64_t buffers;     /* the parallel in-queues, 0 none */
  uint64_t signals[2];  /* links to the first non-message signal: sorted part, in-queue */
  uint64_t head;        /* first message of the sorted part, 0 none */
  bool searched;        /* all of the sorted part was looked at by the present receive */
  int64_t memory_bytes; /* its struct, heaps and message fragments */
  int64_t reductions;   /* when it was scheduled out last */
  uint64_t registered;  /* RegProc; 0 none */
  uint64_t dictionary;  /* 0 none */
  uint64_t parent;      /* a term */
  uint64_t current;     /* address of an MFA, or 0 */
  uint64_t initial[3];  /* module, function, arity */
};

/* Where a process was found. */
struct beam_proc_place {
  uint64_t address;
  uint32_t slot;
};

enum beam_proc_read {
  BEAM_PROC_READ,
  BEAM_PROC_FREE,  /* it has just ended */
  BEAM_PROC_OTHER, /* not the process of that slot, or not readable */
};

/* Decodes the bytes of a struct process (layout.sz_process of them). Pure. */
enum beam_proc_read beam_proc_decode(const struct beam_node *node, const char *bytes,
                                     struct beam_proc_place place,
                                     struct beam_proc_facts *ret_facts);

/* Reads the processes at `places`, neighbours in one piece, and tells `each` of them in their
 * order; ascending addresses read fastest. `facts` is NULL unless `how` is BEAM_PROC_READ. 0,
 * -ENOMEM, -ESRCH, -EPERM. */
typedef void beam_proc_each_fn(void *context, size_t index, enum beam_proc_read how,
                               const struct beam_proc_facts *facts);
int beam_proc_each(const struct beam_node *node, const struct beam_proc_place *places, size_t count,
                   beam_proc_each_fn *each, void *context);

/* The length of a mailbox of which depth_more was said; false when it is only a lower bound. */
bool beam_proc_depth(const struct beam_node *node, const struct beam_proc_facts *facts,
                     int64_t *ret_depth);

#endif
