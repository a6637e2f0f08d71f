/*
 * classify_fuzz.c - the classifier on arbitrary threads: it keeps to the bytes of the lock, and a verdict accuses
 * nobody that it must not.
 */
#include "tests/fuzz/fuzz.h"

#include <linux/futex.h>
#include <string.h>

#include "probe/processor/processor.h"
#include "probe/thread/classify/classify.h"

/* What an input consists of: few bytes, so that mutations meet. */
struct input {
  uint8_t activity, lock_read, call, operation[2], timed, lives[2], address;
  uint8_t value[4], lock[THREAD_LOCK_BYTES];
};

struct living {
  uint32_t first, count;
};

static bool lives(const void *context, uint32_t tid)
{
  const struct living *living = context;
  return tid - living->first < living->count;
}

static void check(const struct thread_state *state, const struct living *living)
{
  struct classify_verdict verdict;
  memset(&verdict, 0xa5, sizeof verdict);
  classify(state, lives, living, &verdict);
  FUZZ_CHECK(verdict.kind <= CLASSIFY_JOIN);
  if (state->activity != THREAD_CALLS)
    FUZZ_CHECK(verdict.kind == CLASSIFY_NONE && !verdict.function);
  if (state->activity != THREAD_CALLS || state->call != PROCESSOR_CALL_FUTEX || !state->lock_read)
    FUZZ_CHECK(verdict.kind <= CLASSIFY_IDLE && !verdict.owner && !verdict.late_owner);
  if (verdict.kind <= CLASSIFY_IDLE || verdict.kind == CLASSIFY_RWLOCK_READERS)
    FUZZ_CHECK(!verdict.owner && !verdict.late_owner && !verdict.proves);
  if (verdict.owner)
    FUZZ_CHECK(verdict.process_shared || lives(living, verdict.owner));
  if (verdict.late_owner)
    FUZZ_CHECK(!verdict.owner && !verdict.process_shared && !lives(living, verdict.late_owner));
  if (verdict.proves)
    FUZZ_CHECK(verdict.owner && !verdict.timed && verdict.kind != CLASSIFY_INHERIT);
  if (verdict.readers)
    FUZZ_CHECK(verdict.kind == CLASSIFY_RWLOCK_READERS);
  if (verdict.between)
    FUZZ_CHECK(verdict.kind == CLASSIFY_IDLE && verdict.lock);
  if (verdict.for_reading)
    FUZZ_CHECK(verdict.kind == CLASSIFY_RWLOCK_WRITER || verdict.kind == CLASSIFY_RWLOCK_READERS);
  if (verdict.kind > CLASSIFY_IDLE) {
    uint64_t address = state->arguments[0];
    FUZZ_CHECK(verdict.lock <= address && address - verdict.lock < THREAD_WORD);
  }
}

static struct thread_state state_of(const struct input *input)
{
  static const int64_t calls[] = {PROCESSOR_CALL_FUTEX, PROCESSOR_CALL_FUTEX,
                                  PROCESSOR_CALL_FUTEX_WAITV, PROCESSOR_CALL_FUTEX_WAIT};
  struct thread_state state = {0};
  uint32_t value;
  uint16_t operation;
  memcpy(&value, input->value, sizeof value);
  memcpy(&operation, input->operation, sizeof operation);
  state.activity = input->activity % (THREAD_SLEEPS + 1);
  state.lock_read = input->lock_read & 1;
  state.call = input->call & 0x80 ? (int64_t)input->call << 32 : calls[input->call & 3];
  state.arguments[0] = 0x7f0000001000 + input->address;
  state.arguments[1] = operation;
  state.arguments[2] = value;
  state.arguments[3] = input->timed & 1;
  state.arguments[4] = input->timed & 2;
  memcpy(state.lock, input->lock, sizeof state.lock);
  return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct input input = {0};
  uint16_t first;
  if (size)
    memcpy(&input, bytes, size < sizeof input ? size : sizeof input);
  memcpy(&first, input.lives, sizeof first);
  struct thread_state state = state_of(&input);
  static const uint32_t counts[] = {16, UINT32_MAX, 0}; /* some, everybody, nobody */
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    check(&state, &(struct living){.first = first, .count = counts[i]});
  return 0;
}

/* ---- seeds: one of each lock ---- */

static void put(struct input *input, int offset, uint32_t value)
{
  memcpy(input->lock + THREAD_WORD + offset, &value, sizeof value);
}

static void put_call(struct input *input, uint16_t operation, uint32_t value, bool timed)
{
  memcpy(input->operation, &operation, sizeof operation);
  memcpy(input->value, &value, sizeof value);
  input->timed = timed;
}

static void seed_mutex(struct input *input)
{
  put_call(input, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, false);
  put(input, 0, 2);
  put(input, PROCESSOR_MUTEX_OWNER, 100);
  put(input, PROCESSOR_MUTEX_NUSERS, 1);
}

static void seed_robust(struct input *input)
{
  put_call(input, FUTEX_WAIT, FUTEX_WAITERS | 100, false);
  put(input, 0, FUTEX_WAITERS | 100);
  put(input, PROCESSOR_MUTEX_OWNER, 100);
  put(input, PROCESSOR_MUTEX_NUSERS, 1);
  put(input, PROCESSOR_MUTEX_KIND, 16 | 128);
  put(input, PROCESSOR_MUTEX_NEXT, 0x1000);
}

static void seed_inherit(struct input *input)
{
  put_call(input, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, false);
  put(input, 0, FUTEX_WAITERS | 100);
}

static void seed_rwlock(struct input *input)
{
  input->address = 8;
  put_call(input, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG, 3, false);
  put(input, 0, 3);
  put(input, PROCESSOR_RWLOCK_READERS - PROCESSOR_RWLOCK_WRPHASE_WORD, 8 | 3);
  put(input, PROCESSOR_RWLOCK_WRITER - PROCESSOR_RWLOCK_WRPHASE_WORD, 100);
}

static void seed_join(struct input *input)
{
  put_call(input, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 100, false);
  put(input, 0, 100);
  put(input, PROCESSOR_JOIN_ROBUST, (uint32_t)PROCESSOR_JOIN_ROBUST_VALUE);
  put(input, PROCESSOR_JOIN_ROBUST + 4, UINT32_MAX);
}

static void seed_musl_mutex(struct input *input)
{
  input->address = 4;
  put_call(input, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, FUTEX_WAITERS | 100, false);
  put(input, 0, FUTEX_WAITERS | 100);
  put(input, PROCESSOR_MUSL_TYPE - PROCESSOR_MUSL_WORD, 1);
  put(input, PROCESSOR_MUSL_WAITERS - PROCESSOR_MUSL_WORD, 1);
  put(input, PROCESSOR_MUSL_PREV - PROCESSOR_MUSL_WORD, 0x1000);
  put(input, PROCESSOR_MUSL_NEXT - PROCESSOR_MUSL_WORD, 0x1000);
}

static void seed_musl_join(struct input *input)
{
  put_call(input, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, false);
  put(input, 0, 2);
  put(input, PROCESSOR_MUSL_JOIN_TID, 100);
  put(input, PROCESSOR_MUSL_JOIN_MAP, 0x10000);
  put(input, PROCESSOR_MUSL_JOIN_MAP + 8, 0x3000);
  put(input, PROCESSOR_MUSL_JOIN_MAP + 16, 0x12f00);
  put(input, PROCESSOR_MUSL_JOIN_MAP + 24, 0x2000);
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  static void (*const seeds[])(struct input *) = {seed_mutex,    seed_robust, seed_inherit,
                                                  seed_rwlock,   seed_join,   seed_musl_mutex,
                                                  seed_musl_join};
  struct input input = {.activity = THREAD_CALLS, .lock_read = 1, .lives = {100, 0}};
  if (number >= sizeof seeds / sizeof *seeds || sizeof input > room)
    return 0;
  seeds[number](&input);
  struct thread_state state = state_of(&input);
  struct classify_verdict verdict;
  classify(&state, lives, &(struct living){.first = 100, .count = 1}, &verdict);
  FUZZ_CHECK(verdict.owner == 100); /* or it would be no seed of anything */
  memcpy(ret_bytes, &input, sizeof input);
  return sizeof input;
}
