/*
 * exact_text.h - what the kernel counted, as text: processes by their names, terms by their shapes,
 * in the manner of shape.h as far as a slot (bpf/burst_key.h) tells it.
 */
#ifndef IMPASSE_PROBE_BEAM_EXACT_TEXT_H
#define IMPASSE_PROBE_BEAM_EXACT_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "bpf/burst.h"
#include "probe/beam/atom.h"
#include "probe/beam/mailbox/print_text.h"

enum { EXACT_LINES_MOST = 30 };

/* "rabbit_reader <0.88.0>": registered name and pid, the pid alone where it has none or has ended. */
void exact_text_who(const struct beam_node *node, struct beam_atoms *atoms, uint64_t pid_word,
                    struct print_text *text);

/* "{'$gen_cast',{log,_}}" */
void exact_text_shape(struct beam_atoms *atoms, const struct burst_key *key,
                      struct print_text *text);

/* One line for each sender (where there are any) and shape, those that read the same together, the
 * most frequent first, with counts in units of `noun` and shares of them all. 0 or -ENOMEM. */
int exact_text_counts(const struct beam_node *node, struct beam_atoms *atoms,
                      const struct burst_counts *counts, const char *noun, FILE *text);

/* Ends the line of totals: what it cost, and whether it is a sample. */
void exact_text_cost(const struct burst_counts *counts, unsigned hit_ns, const char *hit,
                     FILE *text);

#endif
