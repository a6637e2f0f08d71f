/*
 * names_dict.h - what the dictionaries of processes tell of where they come from: `$initial_call`
 * and `$ancestors`, which proc_lib puts there, and `$process_label` (OTP 27, proc_lib:set_label).
 *
 * Many dictionaries are read in waves: each wave is one batch of small reads, and what they show
 * makes the next one. Dictionaries are hash tables of tuples {Key, Value} and of lists of such
 * tuples.
 */
#ifndef IMPASSE_PROBE_BEAM_NAMES_DICT_H
#define IMPASSE_PROBE_BEAM_NAMES_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/atom.h"
#include "probe/beam/code.h"
#include "probe/beam/node.h"

struct names_dict_entry {
  uint64_t dictionary;     /* given: its address */
  struct beam_mfa initial; /* module 0: it says none */
  uint64_t ancestor;       /* the first one, a pid or an atom; 0 none */
  uint64_t label;          /* a term; 0 none */
  bool torn;               /* something was not there, or not what it should be: it was changing */
};

/* The keys as terms, as far as they were met; zero at first. Atoms never change. */
struct names_dict_keys {
  uint64_t initial_call, ancestors, label;
};

/* Fills in what can be found. 0, -ENOMEM, -ESRCH, -EPERM. */
int names_dict_read(const struct beam_node *node, struct beam_atoms *atoms,
                    struct names_dict_keys *keys, struct names_dict_entry *entries, size_t count);

#endif
