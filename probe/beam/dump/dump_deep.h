/*
 * dump_deep.h - the dictionary, stack and heap of one process in a crash dump: what it is called, and whom it waits for.
 *
 *    =proc_dictionary:<0.83.0>     pointers to its entries
 *    =proc_stack:<0.83.0>
 *    y0:N                          first frame, of the function that waits: pointers in it may be references
 *    y3:H7F8354131F98
 *    0x..:SReturn addr 0x55821AAC (gen_server:call/3 + 140)
 *    y0:A8:infinity                frame of the caller: its timeout
 *    =proc_heap:<0.83.0>
 *    7F8354131F98:E24:g1o...       the reference, which is a monitor's: that one is waited for
 *
 * Heap lines come in any order but parents before children, and each object once, so what is wanted is a short list of
 * addresses.
 */
#ifndef IMPASSE_PROBE_BEAM_DUMP_DEEP_H
#define IMPASSE_PROBE_BEAM_DUMP_DEEP_H

#include "probe/beam/dump/dump_rows.h"

enum { DUMP_WANTED_MOST = 128, DUMP_CLAIMS_MOST = 32 };

enum dump_role {
  DUMP_ROLE_REFERENCE,    /* hangs from the first frame; may be a reference or a map of them */
  DUMP_ROLE_KEYS,         /* the keys of such a map */
  DUMP_ROLE_ENTRY,        /* {Key, Value} of the dictionary */
  DUMP_ROLE_INITIAL_CALL, /* {Module, Function, Arity} */
};

struct dump_deep {
  size_t index; /* of the process; DUMP_NOBODY */
  struct {
    uint64_t address;
    enum dump_role role;
  } wanted[DUMP_WANTED_MOST];
  size_t wanted_count;

  /* stack */
  unsigned returns;
  const struct beam_wait_words *words; /* what people know the call by */
  uint8_t timeout;                     /* enum wait_timeout */
  bool caller_known;           /* the frame that is read is one of a function of wait_words.h, */
  const struct caller *caller; /* which says itself whether it has a timeout; or NULL */
  unsigned values;             /* of that frame, so far */
  uint8_t first;               /* enum wait_timeout: what the first of them that may be one says */

  /* heap */
  struct {
    size_t monitor; /* index in rows->monitors */
    unsigned seen;  /* objects on its heap that are this reference */
  } claims[DUMP_CLAIMS_MOST];
  size_t claim_count;
  bool more; /* it may wait for more than what was found */
};

/* Begins with a process, or with nobody. */
void dump_deep_begin(struct dump_deep *deep, const struct dump_rows *rows, size_t index);

/* Lines of the three sections. False when no further line of this section can matter. */
bool dump_deep_dictionary(struct dump_deep *deep, const struct dump_rows *rows,
                          struct dump_line line);
bool dump_deep_stack(struct dump_deep *deep, const struct dump_rows *rows, struct dump_line line);
bool dump_deep_heap(struct dump_deep *deep, struct dump_rows *rows, struct dump_line line);

/* All of it was read: adds the wait that came out. 0, -ENOMEM. */
int dump_deep_end(struct dump_deep *deep, struct dump_rows *rows);

#endif
