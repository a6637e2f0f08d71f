/*
 * unwind.h - from the registers of a blocked thread to its frames. Follows the rules that the compiler left
 * (.eh_frame); where they need the frame pointer, which /proc does not tell, looks for the frame on the stack
 * and marks what it finds as guessed. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_UNWIND_H
#define IMPASSE_PROBE_THREAD_STACK_UNWIND_H

#include "probe/thread/stack/image.h"
#include "probe/thread/stack/stack.h"
#include "probe/thread/stack/window.h"

/* What the unwinder asks of whoever knows the address space. */
struct unwind_space {
  const struct reach_target *target;
  struct window *window;
  void *context;
  /* The image that holds the code, or NULL. */
  const struct image *(*image)(void *context, uint64_t pc);
  /* May code lie there? */
  bool (*executable)(void *context, uint64_t address);
};

/* Gives at most `room` frames, at least the first; returns how many. */
size_t unwind(const struct unwind_space *space, uint64_t sp, uint64_t pc, uint64_t frame,
              struct stack_frame *ret_frames, size_t room);

#endif
