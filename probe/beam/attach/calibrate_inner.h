/*
 * calibrate_inner.h - what the files of the calibration share: the sample of processes, and the tables of invariants.
 * Inside calibrate*.c only.
 */
#ifndef IMPASSE_PROBE_BEAM_CALIBRATE_INNER_H
#define IMPASSE_PROBE_BEAM_CALIBRATE_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

enum {
  CALIBRATE_SAMPLE = 512,         /* processes */
  CALIBRATE_PROCESS_BYTES = 1024, /* at most, of each */
  CALIBRATE_FIELDS = 8,           /* that move together */
};

enum calibrate_answer { CALIBRATE_SILENT, CALIBRATE_HOLDS, CALIBRATE_FAILS };

struct calibrate_process {
  uint64_t address;
  uint32_t length;            /* bytes that were read */
  const unsigned char *bytes; /* of struct process */
};

struct calibrate {
  struct beam_node *node;
  uint64_t *code; /* {begin, end} of all loaded modules, ascending */
  size_t code_count;
  struct calibrate_process processes[CALIBRATE_SAMPLE];
  size_t process_count;
  unsigned char *bytes; /* of the processes */
};

/* An invariant of a process: asked of each of the sample that does not run. */
struct calibrate_process_invariant {
  const char *name, *words; /* "refused: WORDS (invariant NAME)" */
  enum calibrate_answer (*check)(const struct calibrate *calibrate,
                                 const struct calibrate_process *process);
  uint32_t at_least;       /* processes of which it must hold; fewer means that it is too early */
  uint32_t share_permille; /* of those that it says something about, so many must hold */
  size_t fields[CALIBRATE_FIELDS]; /* offsetof in struct beam_layout; 0 ends: `major` is none */
};

extern const struct calibrate_process_invariant CALIBRATE_PROCESS_INVARIANTS[];
extern const size_t CALIBRATE_PROCESS_INVARIANT_COUNT;

/* Fields (offsetof in struct beam_layout) of which the second is the word behind the first in every
 * version that there is a layout of: of those that prove themselves, they prove the others. */
struct calibrate_neighbours {
  size_t first, second;
};

extern const struct calibrate_neighbours CALIBRATE_NEIGHBOURS[];
extern const size_t CALIBRATE_NEIGHBOUR_COUNT;

/* An invariant of the node as a whole. */
struct calibrate_node_invariant {
  const char *name, *words;
  enum calibrate_answer (*check)(const struct calibrate *calibrate);
  bool required; /* silence means that it is too early */
};

extern const struct calibrate_node_invariant CALIBRATE_NODE_INVARIANTS[];
extern const size_t CALIBRATE_NODE_INVARIANT_COUNT;

#endif
