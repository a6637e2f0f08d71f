/*
 * node.h - what is known of a node once it is attached: which OTP it is, where its tables are, and
 * the layout of its structures. Filled by attach.c, constant afterwards; every walker takes it.
 */
#ifndef IMPASSE_PROBE_BEAM_NODE_H
#define IMPASSE_PROBE_BEAM_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/beam/layout.h"
#include "probe/beam/memory.h"
#include "probe/beam/term.h"

enum {
  BEAM_SCHEDULERS_MOST = 1024,
  BEAM_VERSION_BYTES = 24,
};

/* How the addresses were found. */
enum beam_found_by { BEAM_BY_SYMBOLS, BEAM_BY_SCAN };

struct beam_ptab { /* of processes: struct ErtsPTab in erts/emulator/beam/erl_ptab.h */
  uint64_t address;
  uint64_t slots; /* address of the array of pointers to struct process */
  uint32_t most;  /* entries of it, a power of two */
  uint64_t pix_mask, pix_cl_mask, pix_cli_mask;
  uint32_t pix_cl_shift, pix_cli_shift;
};

struct beam_node {
  struct beam_memory *memory;    /* lent */
  int otp;                       /* 25 */
  char erts[BEAM_VERSION_BYTES]; /* "13.1.5" */
  enum beam_found_by found_by;
  bool calibrated;           /* no layout of this very version: derived from the nearest */
  struct beam_layout layout; /* a copy: calibration corrects it */

  uint64_t base; /* load address of the executable */
  struct beam_ptab processes;
  uint64_t atom_table;        /* IndexTable of atoms */
  uint64_t code_ranges;       /* three {modules, n, allocated, mid} */
  uint64_t active_code_index; /* address of the word that says which of them; 0 unknown: try all */
  uint64_t schedulers;        /* array of aligned ErtsSchedulerData */
  uint64_t scheduler_stride;  /* measured */
  uint32_t scheduler_count;
  uint64_t dirty_cpu_schedulers, dirty_io_schedulers; /* arrays as above; 0 unknown */
  uint32_t dirty_cpu_count, dirty_io_count;
  int32_t ets_list_offset;              /* in ErtsSchedulerData, measured; -1 unknown */
  uint64_t this_node;                   /* ErlNode of the node itself; 0 unknown */
  uint64_t dist_table;                  /* Hash of connections to other nodes; 0 unknown */
  uint64_t db_hash, db_tree, db_catree; /* method tables of ETS kinds; 0 unknown */
  uint64_t persistent_terms;            /* address of the pointer to their table; 0 unknown */
};

/* Number of the slot that a pid's word belongs to. Pure. */
uint32_t beam_node_slot(const struct beam_node *node, uint64_t pid_word);

/* The numbers with which a pid of this node is printed: from 26 on they take the node's own masks, so
 * beam_pid_of_word alone does not do. Pure. */
struct beam_pid beam_node_pid(const struct beam_node *node, uint64_t pid_word);

#endif
