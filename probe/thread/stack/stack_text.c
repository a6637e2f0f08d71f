/* stack_text.c - stacks of threads as text for people, as pstack(1) prints them. Not here: finding the frames. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/thread/stack/demangle.h"
#include "probe/thread/stack/stack.h"

/* Why a thread has no frames, in words. */
static const char *why_none(const struct thread_state *thread)
{
  switch (thread->activity) {
  case THREAD_RUNS:
    return "runs: only a thread that is blocked stands still to be read";
  case THREAD_CALLS:
  case THREAD_SLEEPS:
    return "blocked outside of a system call: where it stands is not told";
  default:
    return "could not be read";
  }
}

static bool write_frames(struct stack *stack, const struct thread_state *thread, FILE *out)
{
  struct stack_frame frames[STACK_FRAMES_MOST];
  int count = stack_unwind(stack, thread, frames, STACK_FRAMES_MOST);
  char name[STACK_TEXT_BYTES];
  bool guessed = false;

  if (count < 0) {
    (void)fprintf(out, "  %s\n", why_none(thread));
    return false;
  }
  for (int i = 0; i < count; i++) {
    stack_code_name(stack, frames[i].pc, name);
    (void)fprintf(out, "#%-2d %s%s\n", i, frames[i].guessed ? "? " : "", name);
    guessed |= frames[i].guessed;
  }
  if (count == STACK_FRAMES_MOST)
    (void)fputs("... and perhaps more\n", out);
  return guessed;
}

static void write_thread(struct stack *stack, const struct thread_state *thread, FILE *out,
                         bool *guessed)
{
  char comm[THREAD_COMM_BYTES + 1];

  demangle(thread->comm, comm, sizeof comm);
  (void)fprintf(out, "thread %d %s\n", (int)thread->tid, comm);
  *guessed |= write_frames(stack, thread, out);
}

int stack_text(struct stack *stack, const struct thread_state *const *threads, size_t count,
               char **ret_text)
{
  char *text = NULL;
  size_t length = 0;
  bool guessed = false;
  FILE *out = open_memstream(&text, &length);

  if (!out)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    if (ftello(out) > STACK_TEXT_MOST) {
      (void)fprintf(out, "... and %zu more threads\n", count - i);
      break;
    }
    write_thread(stack, threads[i], out, &guessed);
  }
  if (guessed)
    (void)fputs("? found by looking at the stack: may be wrong\n", out);
  if (fclose(out) != 0) {
    free(text);
    return -ENOMEM;
  }
  *ret_text = text;
  return 0;
}
