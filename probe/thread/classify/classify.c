/*
 * classify.c - takes the system call of a blocked thread apart and asks the rows of the table which
 * lock of which C library it is. What no row knows is a wait for nobody in particular: condition
 * variables, semaphores, barriers, std::atomic::wait, and whatever parks threads of its own (Rust, Go,
 * Java, CPython, absl, folly).
 */
#include "probe/thread/classify/classify.h"

#include "probe/thread/classify/futex.h"

/* The rows, asked in this order; the first that knows the words decides. No two know the same bytes:
 * the libraries differ in the flags of the call, in the alignment of the word and in what is behind it. */
static const struct {
  uint32_t command;
  futex_row_fn *row;
} rows[] = {
    {FUTEX_LOCK_PI, musl_inherit},     {FUTEX_LOCK_PI, glibc_inherit},
    {FUTEX_LOCK_PI2, glibc_inherit},   {FUTEX_WAIT, glibc_mutex},
    {FUTEX_WAIT_BITSET, glibc_mutex},  {FUTEX_WAIT, glibc_robust},
    {FUTEX_WAIT_BITSET, glibc_robust}, {FUTEX_WAIT_BITSET, glibc_rwlock},
    {FUTEX_WAIT_BITSET, glibc_join},   {FUTEX_WAIT, glibc_join},
    {FUTEX_WAIT, musl_mutex},          {FUTEX_WAIT, musl_join},
};

void futex_owner(const struct futex *futex, uint32_t owner, bool settled,
                 struct classify_verdict *verdict)
{
  if (!futex_is_tid(owner) || (!verdict->process_shared && !futex->lives(futex->context, owner)))
    return;
  verdict->owner = owner;
  verdict->proves = settled && !futex->timed && verdict->kind != CLASSIFY_INHERIT;
}

static void classify_futex(const struct thread_state *thread, classify_lives_fn *lives,
                           const void *context, struct classify_verdict *verdict)
{
  uint32_t operation = (uint32_t)thread->arguments[1];
  struct futex futex = {
      .bytes = thread->lock,
      .address = thread->arguments[0],
      .command = operation & (uint32_t)FUTEX_CMD_MASK,
      .value = (uint32_t)thread->arguments[2],
      .is_private = operation & FUTEX_PRIVATE_FLAG,
      .realtime = operation & FUTEX_CLOCK_REALTIME,
      .timed = thread->arguments[3] != 0,
      .lives = lives,
      .context = context,
  };
  verdict->kind = CLASSIFY_IDLE;
  verdict->lock = futex.address;
  verdict->timed = futex.timed;
  verdict->process_shared = !futex.is_private;
  if (!thread->lock_read) {
    verdict->kind = CLASSIFY_NONE; /* it may be a lock, it may be none */
    return;
  }
  futex.word = futex_u32(&futex, 0);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].command == futex.command && rows[i].row(&futex, verdict))
      break;
  }
  if (verdict->kind == CLASSIFY_IDLE)
    verdict->process_shared = false; /* nobody's wait needs no owner to be looked for */
}

void classify(const struct thread_state *thread, classify_lives_fn *lives, const void *context,
              struct classify_verdict *ret_verdict)
{
  *ret_verdict = (struct classify_verdict){.kind = CLASSIFY_NONE};
  if (thread->activity != THREAD_CALLS)
    return;
  ret_verdict->kind = CLASSIFY_IDLE;
  ret_verdict->function = classify_call_name(thread->call);
  if (thread->call == PROCESSOR_CALL_FUTEX)
    classify_futex(thread, lives, context, ret_verdict);
  else if (thread->call == PROCESSOR_CALL_FUTEX_WAITV) /* any one of several words: nobody's */
    ret_verdict->timed = thread->arguments[3] != 0;
  else if (thread->call == PROCESSOR_CALL_FUTEX_WAIT) /* no C library locks with it yet */
    ret_verdict->timed = thread->arguments[4] != 0;
}
