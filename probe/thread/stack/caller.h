/*
 * caller.h - tells whether an address follows a call, and of what: how a return address on a stack is known
 * from a number that happens to lie there. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_CALLER_H
#define IMPASSE_PROBE_THREAD_STACK_CALLER_H

#include "probe/reach/reach.h"

enum caller_kind {
  CALLER_NONE,     /* no call stands before it */
  CALLER_INDIRECT, /* a call of what a register or memory said */
  CALLER_DIRECT, /* a call of one function: *ret_callee, behind the PLT where it goes through one */
};

enum caller_kind caller_judge(const struct reach_target *target, uint64_t address,
                              uint64_t *ret_callee);

/* Does the code there, so many bytes of it, jump to `to`? What is called may go on elsewhere: a call at its end is
 * compiled to a jump, which leaves no return address. */
bool caller_jumps(const struct reach_target *target, uint64_t code, size_t length, uint64_t to);

#endif
