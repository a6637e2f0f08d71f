/* memo.c - see memo.h. */
#include "probe/thread/stack/memo.h"

#include <stdlib.h>
#include <string.h>

static void entry_done(struct memo_entry *entry)
{
  free(entry->frames);
  free(entry->call_site);
  *entry = (struct memo_entry){0};
}

void memo_forget(struct memo *memo)
{
  for (size_t i = 0; memo->entries && i < MEMO_ROOM; i++)
    entry_done(&memo->entries[i]);
}

void memo_done(struct memo *memo)
{
  memo_forget(memo);
  free(memo->entries);
  memo->entries = NULL;
}

static struct memo_entry *place(const struct memo *memo, pid_t tid)
{
  return &memo->entries[(unsigned)tid % MEMO_ROOM];
}

struct memo_entry *memo_find(const struct memo *memo, const struct thread_state *thread)
{
  struct memo_entry *entry;

  if (!memo->entries)
    return NULL;
  entry = place(memo, thread->tid);
  return entry->tid == thread->tid && entry->sp == thread->sp && entry->pc == thread->pc &&
                 entry->run_count == thread->run_count
             ? entry
             : NULL;
}

struct memo_entry *memo_keep(struct memo *memo, const struct thread_state *thread,
                             const struct stack_frame *frames, size_t count)
{
  struct memo_entry *entry;

  if (!memo->entries && !(memo->entries = calloc(MEMO_ROOM, sizeof *memo->entries)))
    return NULL;
  entry = place(memo, thread->tid);
  entry_done(entry);
  entry->frames = calloc(count, sizeof *frames);
  if (!entry->frames)
    return NULL;
  memcpy(entry->frames, frames, count * sizeof *frames);
  entry->count = count;
  entry->tid = thread->tid;
  entry->sp = thread->sp;
  entry->pc = thread->pc;
  entry->run_count = thread->run_count;
  return entry;
}
