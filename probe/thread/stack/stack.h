/*
 * stack.h - names for addresses of a target, and the stacks of its blocked threads, unwound from
 * outside with elfutils: nothing is stopped, nothing is attached.
 *
 * Everything that is read here is the target's own and may be hostile: ELF files are opened beneath its
 * root through reach.h, regular files only, and memory for them is bounded; debug information is never
 * fetched from a network.
 *
 * Threads: one struct stack is used by one thread at a time.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_STACK_H
#define IMPASSE_PROBE_THREAD_STACK_STACK_H

#include "probe/reach/reach.h"
#include "probe/thread/thread.h"

struct stack; /* of one target: its mappings, their symbols, a cache of frames */

enum { STACK_FRAMES_MOST = 64, STACK_TEXT_BYTES = 160 };

struct stack_frame {
  uint64_t pc;
  bool guessed; /* found by looking at the stack, not by the rules of the code: may be wrong */
};

int stack_open(const struct reach_target *target, struct stack **ret_stack);
void stack_close(struct stack *stack); /* NULL is fine */

/* To be called before a sweep uses the others: mappings may have changed. Cheap where nothing did. */
void stack_refresh(struct stack *stack);

/* A variable at the address, as "name" or "name+0x28"; false: none, it is on a heap or a stack. */
bool stack_data_name(struct stack *stack, uint64_t address, char ret_text[STACK_TEXT_BYTES]);

/* The function around a code address, as "name+0x12 (libfoo.so)"; of what has no symbol "libfoo.so+0x1234". */
void stack_code_name(struct stack *stack, uint64_t pc, char ret_text[STACK_TEXT_BYTES]);

/* The frames of a blocked thread, innermost first, at most `room`; returns how many, or -errno. Cached
 * by (tid, sp, pc, run count). */
int stack_unwind(struct stack *stack, const struct thread_state *thread,
                 struct stack_frame *ret_frames, size_t room);

/* The function of the program that asked to wait: the first frame outside of the C and C++ libraries
 * and their kin. Name only, without offset. False: not found. Cached as above. */
bool stack_call_site(struct stack *stack, const struct thread_state *thread,
                     char ret_text[STACK_TEXT_BYTES]);

/* The stacks of threads for people, one frame a line, malloc'ed:
 *
 *    thread 4711 worker
 *    #0  pthread_mutex_lock+0x112 (libc.so.6)
 *    #1  ? transfer+0x3a (prog)                 guessed
 *
 * Stops at STACK_TEXT_MOST bytes, and says how many threads are missing then. 0 or -ENOMEM. */
#define STACK_TEXT_MOST (256 * 1024)
int stack_text(struct stack *stack, const struct thread_state *const *threads, size_t count,
               char **ret_text);

#endif
