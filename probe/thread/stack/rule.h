/*
 * rule.h - evaluates the expressions in which libdw gives the rules of a frame. They come from the target's
 * file: no branches, bounded depth, and what is not known makes the result unknown. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_RULE_H
#define IMPASSE_PROBE_THREAD_STACK_RULE_H

#include <elfutils/libdw.h>

#include "probe/thread/stack/registers.h"
#include "probe/thread/stack/window.h"

enum rule_result {
  RULE_VALUE,   /* the expression gives the value itself */
  RULE_ADDRESS, /* ... the address where it lies, as seen from a rule of a register */
  RULE_UNKNOWN, /* an operation or a register that we do not know, or memory that is not there */
};

/* What an expression works with. */
struct rule_state {
  const struct registers *registers;
  struct window *window;
  uint64_t cfa;
  bool cfa_known;
  bool wants_frame; /* set: the frame pointer register was asked for and is not known */
};

enum rule_result rule_evaluate(struct rule_state *state, const Dwarf_Op *operations, size_t count,
                               uint64_t *ret_value);

#endif
