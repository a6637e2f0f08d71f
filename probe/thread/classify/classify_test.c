/*
 * classify_test.c - recorded threads of real programs (classify_rows.def) are told for what they are; and
 * bytes that nearly are a lock, or a lock that is just changing hands, accuse nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/processor/processor.h"
#include "probe/thread/classify/classify.h"
#include "probe/thread/classify/futex.h"

static const struct row {
  const char *library, *name;
  uint64_t address, operation, value;
  int timed, first, last;
  const char *kind;
  int owner;
  const char *flags, *bytes;
} rows[] = {
#define ROW(...) {__VA_ARGS__},
#include "probe/thread/classify/classify_rows.def"
#undef ROW
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const char *const kind_words[] = {
    [CLASSIFY_NONE] = "none",
    [CLASSIFY_IDLE] = "idle",
    [CLASSIFY_MUTEX] = "mutex",
    [CLASSIFY_ROBUST] = "robust",
    [CLASSIFY_INHERIT] = "inherit",
    [CLASSIFY_RWLOCK_WRITER] = "rwlock_writer",
    [CLASSIFY_RWLOCK_READERS] = "rwlock_readers",
    [CLASSIFY_JOIN] = "join",
};

static struct thread_state state_of(const struct row *row)
{
  struct thread_state state = {
      .activity = THREAD_CALLS,
      .call = PROCESSOR_CALL_FUTEX,
      .arguments = {row->address, row->operation, row->value, row->timed ? 0x7ffc1000 : 0},
      .lock_read = true,
  };
  for (size_t i = 0; i < THREAD_LOCK_BYTES; i++) {
    unsigned byte;
    assert_int_equal(sscanf(row->bytes + 2 * i, "%2x", &byte), 1);
    state.lock[i] = (uint8_t)byte;
  }
  return state;
}

static const struct row *row_of(const char *library, const char *name)
{
  for (size_t i = 0; i < ROWS; i++) {
    if (strcmp(rows[i].library, library) == 0 && strcmp(rows[i].name, name) == 0)
      return &rows[i];
  }
  fail_msg("no row %s of %s", name, library);
  return NULL;
}

/* The threads of the row's process; who ended is not among them. */
static bool lives_in_row(const void *context, uint32_t tid)
{
  const struct row *row = context;
  bool ended = strchr(row->flags, 'l') && tid == (uint32_t)row->owner;
  return tid >= (uint32_t)row->first && tid <= (uint32_t)row->last && !ended;
}

static bool everybody_lives(const void *context, uint32_t tid)
{
  (void)context;
  (void)tid;
  return true;
}

static bool nobody_lives(const void *context, uint32_t tid)
{
  (void)context;
  (void)tid;
  return false;
}

static struct classify_verdict verdict_of(const struct thread_state *state,
                                          classify_lives_fn *lives, const void *context)
{
  struct classify_verdict verdict;
  memset(&verdict, 0xa5, sizeof verdict);
  classify(state, lives, context, &verdict);
  return verdict;
}

static void put(struct thread_state *state, int offset, uint32_t value)
{
  memcpy(state->lock + THREAD_WORD + offset, &value, sizeof value);
}

static uint32_t get(const struct thread_state *state, int offset)
{
  uint32_t value;
  memcpy(&value, state->lock + THREAD_WORD + offset, sizeof value);
  return value;
}

/* ---- what was recorded ---- */

static void recorded_threads_are_told_for_what_they_are(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < ROWS; i++) {
    const struct row *row = &rows[i];
    struct thread_state state = state_of(row);
    struct classify_verdict verdict = verdict_of(&state, lives_in_row, row);
    uint32_t owner = verdict.late_owner ? verdict.late_owner : verdict.owner;
    bool proves = row->owner && !strpbrk(row->flags, "tl") && strcmp(row->kind, "inherit") != 0;
    if (strcmp(row->kind, kind_words[verdict.kind]) != 0 || owner != (uint32_t)row->owner ||
        verdict.timed != !!strchr(row->flags, 't') ||
        verdict.for_reading != !!strchr(row->flags, 'r') ||
        verdict.process_shared != !!strchr(row->flags, 's') ||
        !!verdict.late_owner != !!strchr(row->flags, 'l') ||
        verdict.between != !!strchr(row->flags, 'b') || verdict.proves != proves)
      fail_msg("%s, %s: wanted %s of %d (%s), got %s of %u, late %u, proves %d", row->library,
               row->name, row->kind, row->owner, row->flags, kind_words[verdict.kind],
               verdict.owner, verdict.late_owner, verdict.proves);
    assert_string_equal(verdict.function, "futex");
  }
}

static void who_waits_for_nobody_accuses_nobody_whoever_lives(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < ROWS; i++) {
    struct thread_state state = state_of(&rows[i]);
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    bool nobody = verdict.owner == 0 && verdict.late_owner == 0 && !verdict.proves;
    if (strcmp(rows[i].kind, "idle") == 0 && (verdict.kind != CLASSIFY_IDLE || !nobody))
      fail_msg("%s, %s: got %s of %u", rows[i].library, rows[i].name, kind_words[verdict.kind],
               verdict.owner);
  }
}

static void an_owner_that_is_no_thread_of_the_target_is_none(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < ROWS; i++) {
    struct thread_state state = state_of(&rows[i]);
    struct classify_verdict verdict = verdict_of(&state, nobody_lives, NULL);
    if (!verdict.process_shared && (verdict.owner || verdict.proves))
      fail_msg("%s, %s: got %s of %u", rows[i].library, rows[i].name, kind_words[verdict.kind],
               verdict.owner);
  }
}

static void the_lock_is_where_its_object_begins(void **unused)
{
  (void)unused;
  const struct row *row = row_of("musl 1.2.3", "mutex_recursive");
  struct thread_state state = state_of(row);
  assert_int_equal(verdict_of(&state, lives_in_row, row).lock, row->address - PROCESSOR_MUSL_WORD);

  uint64_t lock = 0;
  for (size_t i = 0; i < ROWS; i++) { /* the waiters of one rwlock sleep on different words of it */
    if (strcmp(rows[i].library, "glibc 2.36") != 0 || strcmp(rows[i].name, "rwlock_writer") != 0)
      continue;
    state = state_of(&rows[i]);
    struct classify_verdict verdict = verdict_of(&state, lives_in_row, &rows[i]);
    assert_true(verdict.lock < rows[i].address);
    assert_true(!lock || lock == verdict.lock);
    lock = verdict.lock;
  }
  assert_true(lock);
}

static void a_wait_for_readers_tells_how_many(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.41", "rwlock_readers");
  struct thread_state state = state_of(row);
  assert_int_equal(verdict_of(&state, lives_in_row, row).readers, 1);
}

/* ---- nearly a lock ---- */

/* One word of a recorded lock is changed to what it cannot be there: nobody is accused. */
static const struct {
  const char *library, *name;
  int offset;
  uint32_t value;
} spoilt[] = {
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_OWNER, FUTEX_TID_MOST + 1},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_COUNT, 1},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_NUSERS, 0},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_NUSERS, UINT32_MAX},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_KIND, 128},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_KIND, 16},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_KIND, 32},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_KIND, 4},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_KIND, 0x7f12},
    {"glibc 2.36", "mutex_recursive", PROCESSOR_MUTEX_SPINS, 7},
    {"glibc 2.36", "mutex_recursive", PROCESSOR_MUTEX_COUNT, 0},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_PREV, 1},
    {"glibc 2.36", "mutex_normal", PROCESSOR_MUTEX_NEXT + 4, 1},
    {"glibc 2.36", "mutex_normal", 0, 3},
    {"glibc 2.36", "mutex_shared", PROCESSOR_MUTEX_KIND, 0},
    {"glibc 2.36", "mutex_protect", 0, (11u << 19) + 2},
    {"glibc 2.36", "mutex_robust", PROCESSOR_MUTEX_KIND, 0},
    {"glibc 2.36", "mutex_robust_recursive", PROCESSOR_MUTEX_KIND, 128 | 1},
    {"glibc 2.36", "mutex_robust", PROCESSOR_MUTEX_OWNER, 77},
    {"glibc 2.36", "mutex_robust", 0, FUTEX_WAITERS},
    {"glibc 2.36", "mutex_robust", 0, FUTEX_WAITERS | FUTEX_OWNER_DIED | 77},
    {"glibc 2.36", "mutex_inherit", 0, FUTEX_WAITERS},
    {"glibc 2.36", "join", PROCESSOR_JOIN_ROBUST, 0},
    {"glibc 2.36", "join", 0, 0},
    {"glibc 2.36", "join", 0, 77},
    {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_TYPE - PROCESSOR_MUSL_WORD, 3},
    {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_TYPE - PROCESSOR_MUSL_WORD, 129},
    {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_TYPE - PROCESSOR_MUSL_WORD, 0x1000},
    {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_WAITERS - PROCESSOR_MUSL_WORD, 0},
    {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_PAD - PROCESSOR_MUSL_WORD, 1},
    {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_PREV - PROCESSOR_MUSL_WORD, 1},
    {"musl 1.2.3", "mutex_errorcheck", PROCESSOR_MUSL_COUNT - PROCESSOR_MUSL_WORD, 1},
    {"musl 1.2.3", "mutex_recursive", 0, FUTEX_WAITERS | FUTEX_OWNER_DIED},
    {"musl 1.2.3", "join", PROCESSOR_MUSL_JOIN_MAP, 1},
    {"musl 1.2.3", "join", PROCESSOR_MUSL_JOIN_MAP + 8, 1},
    {"musl 1.2.3", "join", PROCESSOR_MUSL_JOIN_MAP + 20, 0},
    {"musl 1.2.3", "join", PROCESSOR_MUSL_JOIN_TID, 0},
};

static void a_lock_with_one_word_wrong_accuses_nobody(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
    const struct row *row = row_of(spoilt[i].library, spoilt[i].name);
    struct thread_state state = state_of(row);
    assert_int_not_equal(verdict_of(&state, everybody_lives, NULL).owner, 0);
    put(&state, spoilt[i].offset, spoilt[i].value);
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    if (verdict.owner || verdict.late_owner || verdict.proves)
      fail_msg("%s, %s with %u at %d: got %s of %u", row->library, row->name, spoilt[i].value,
               spoilt[i].offset, kind_words[verdict.kind], verdict.owner);
  }
}

/* All but what may change while it is held: two futex words, counts of readers and writers. */
static void a_rwlock_with_one_word_wrong_accuses_nobody(void **unused)
{
  static const int offsets[] = {PROCESSOR_RWLOCK_WRPHASE_WORD, PROCESSOR_RWLOCK_WRITERS_WORD,
                                PROCESSOR_RWLOCK_PAD,          PROCESSOR_RWLOCK_PAD + 4,
                                PROCESSOR_RWLOCK_SHARED,       PROCESSOR_RWLOCK_REST,
                                PROCESSOR_RWLOCK_REST + 12,    PROCESSOR_RWLOCK_FLAGS};
  (void)unused;
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    const struct row *row = row_of("glibc 2.36", "rwlock_writer");
    struct thread_state state = state_of(row);
    int base = (int)(int64_t)(verdict_of(&state, lives_in_row, row).lock - row->address);
    put(&state, base + offsets[i], 0x7f12);
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    if (verdict.kind != CLASSIFY_IDLE || verdict.owner)
      fail_msg("wrong at %d: got %s of %u", offsets[i], kind_words[verdict.kind], verdict.owner);
  }
}

/* The same bytes under another call: what sleeps so is of somebody else. */
static void the_call_must_be_that_of_the_library(void **unused)
{
  static const struct {
    const char *library, *name;
    uint32_t operation;
    bool timed;
  } calls[] = {
      {"glibc 2.36", "mutex_normal", FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "mutex_normal", FUTEX_WAIT | FUTEX_PRIVATE_FLAG, true},
      {"glibc 2.36", "mutex_normal", FUTEX_WAIT, false},
      {"glibc 2.36", "mutex_normal", FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "mutex_robust", FUTEX_WAIT | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "mutex_robust", FUTEX_WAIT_BITSET, false},
      {"glibc 2.36", "rwlock_writer", FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "rwlock_writer", FUTEX_WAIT | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "join", FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "join", FUTEX_WAIT | FUTEX_PRIVATE_FLAG, false},
      {"glibc 2.36", "join", FUTEX_WAIT_BITSET, false},
      {"musl 1.2.3", "mutex_recursive", FUTEX_WAIT, false},
      {"musl 1.2.3", "mutex_recursive", FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, false},
      {"musl 1.2.3", "join", FUTEX_WAIT, false},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    struct thread_state state = state_of(row_of(calls[i].library, calls[i].name));
    state.arguments[1] = calls[i].operation;
    state.arguments[3] = calls[i].timed;
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    if (verdict.kind != CLASSIFY_IDLE || verdict.owner)
      fail_msg("%s by %u: got %s of %u", calls[i].name, calls[i].operation,
               kind_words[verdict.kind], verdict.owner);
  }
}

static void an_older_glibc_joins_by_another_call(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "join");
  struct thread_state state = state_of(row);
  state.arguments[1] = FUTEX_WAIT;
  struct classify_verdict verdict = verdict_of(&state, lives_in_row, row);
  assert_int_equal(verdict.kind, CLASSIFY_JOIN);
  assert_int_equal(verdict.owner, row->owner);
}

static void a_lock_lies_where_the_compiler_puts_it(void **unused)
{
  static const struct {
    const char *library, *name;
  } locks[] = {{"glibc 2.36", "mutex_normal"},  {"glibc 2.36", "mutex_robust"},
               {"glibc 2.36", "rwlock_writer"}, {"glibc 2.36", "join"},
               {"musl 1.2.3", "join"},          {"musl 1.2.3", "mutex_recursive"}};
  (void)unused;
  for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
    struct thread_state state = state_of(row_of(locks[i].library, locks[i].name));
    state.arguments[0] += 4;
    assert_int_equal(verdict_of(&state, everybody_lives, NULL).owner, 0);
  }
}

/* Whoever owns such a mutex has it in a list of its own. */
static void a_lock_in_no_list_has_no_owner(void **unused)
{
  static const struct {
    const char *library, *name;
    int prev, next;
  } locks[] = {
      {"glibc 2.36", "mutex_robust", PROCESSOR_MUTEX_PREV, PROCESSOR_MUTEX_NEXT},
      {"musl 1.2.3", "mutex_recursive", PROCESSOR_MUSL_PREV - PROCESSOR_MUSL_WORD,
       PROCESSOR_MUSL_NEXT - PROCESSOR_MUSL_WORD},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
    struct thread_state state = state_of(row_of(locks[i].library, locks[i].name));
    memset(state.lock + THREAD_WORD + locks[i].prev, 0, 8);
    memset(state.lock + THREAD_WORD + locks[i].next, 0, 8);
    assert_int_equal(verdict_of(&state, everybody_lives, NULL).owner, 0);
  }
}

/* The stack of a thread of musl lies in its map, on whole pages. */
static void a_thread_without_a_stack_is_not_joined(void **unused)
{
  const int map = PROCESSOR_MUSL_JOIN_MAP, stack = PROCESSOR_MUSL_JOIN_MAP + 16;
  const struct row *row = row_of("musl 1.2.3", "join");
  struct thread_state state = state_of(row);
  (void)unused;
  put(&state, map, get(&state, map) + 8);
  assert_int_equal(verdict_of(&state, everybody_lives, NULL).owner, 0);

  state = state_of(row);
  memcpy(state.lock + THREAD_WORD + stack, state.lock + THREAD_WORD + map, 8);
  memset(state.lock + THREAD_WORD + stack + 8, 0, 8);
  assert_int_equal(verdict_of(&state, everybody_lives, NULL).owner, 0);
}

/* ---- while it changes hands ---- */

static void a_mutex_between_two_owners_is_perhaps_one(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "mutex_normal");
  struct thread_state state = state_of(row);
  put(&state, PROCESSOR_MUTEX_OWNER, 0);
  put(&state, PROCESSOR_MUTEX_NUSERS, 0);
  for (uint32_t word = 0; word <= 2; word++) {
    put(&state, 0, word);
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    assert_int_equal(verdict.kind, CLASSIFY_IDLE);
    assert_true(verdict.between);
    assert_int_equal(verdict.lock, row->address);
    assert_int_equal(verdict.owner, 0);
  }
}

static void a_newcomer_that_took_it_is_the_owner_but_proves_nothing_yet(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "mutex_normal");
  struct thread_state state = state_of(row);
  put(&state, 0, 1);
  struct classify_verdict verdict = verdict_of(&state, lives_in_row, row);
  assert_int_equal(verdict.kind, CLASSIFY_MUTEX);
  assert_int_equal(verdict.owner, row->owner);
  assert_false(verdict.proves);
}

static void a_rwlock_that_is_handed_over_has_no_holder(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "rwlock_writer");
  struct thread_state state = state_of(row);
  int base = (int)(int64_t)(verdict_of(&state, lives_in_row, row).lock - row->address);
  put(&state, base + PROCESSOR_RWLOCK_WRITER, 0);
  struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
  assert_int_equal(verdict.kind, CLASSIFY_RWLOCK_WRITER);
  assert_int_equal(verdict.owner, 0);
  assert_int_equal(verdict.readers, 0);
  assert_false(verdict.proves);
}

static void a_writer_that_has_no_lock_holds_none(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "rwlock_writer");
  struct thread_state state = state_of(row);
  int base = (int)(int64_t)(verdict_of(&state, lives_in_row, row).lock - row->address);
  put(&state, base, 2 << 3 | 1); /* a write phase that nobody is in */
  assert_int_equal(verdict_of(&state, lives_in_row, row).owner, 0);

  put(&state, base, 2 << 3 | 2); /* readers are in, and a writer is noted still */
  struct classify_verdict verdict = verdict_of(&state, lives_in_row, row);
  assert_int_equal(verdict.owner, 0);
  assert_int_equal(verdict.readers, 0);
}

static void an_owner_that_died_is_none_any_more(void **unused)
{
  static const struct {
    const char *library, *name;
  } locks[] = {{"glibc 2.36", "mutex_robust"},
               {"glibc 2.36", "mutex_inherit"},
               {"musl 1.2.3", "mutex_robust"},
               {"musl 1.2.3", "mutex_inherit"}};
  (void)unused;
  for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
    struct thread_state state = state_of(row_of(locks[i].library, locks[i].name));
    put(&state, 0, get(&state, 0) | FUTEX_OWNER_DIED);
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    assert_true(verdict.kind == CLASSIFY_ROBUST || verdict.kind == CLASSIFY_INHERIT);
    assert_int_equal(verdict.owner, 0);
  }
}

static void of_a_shared_lock_nobody_here_knows_who_lives(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "mutex_shared");
  struct thread_state state = state_of(row);
  struct classify_verdict verdict = verdict_of(&state, nobody_lives, NULL);
  assert_int_equal(verdict.owner, row->owner);
  assert_true(verdict.process_shared);
  assert_int_equal(verdict.late_owner, 0);
}

static void a_writer_that_ended_is_late(void **unused)
{
  (void)unused;
  const struct row *row = row_of("glibc 2.36", "rwlock_writer");
  struct thread_state state = state_of(row);
  struct classify_verdict verdict = verdict_of(&state, nobody_lives, NULL);
  assert_int_equal(verdict.kind, CLASSIFY_RWLOCK_WRITER);
  assert_int_equal(verdict.late_owner, row->owner);
  assert_int_equal(verdict.owner, 0);
}

/* ---- no lock at all ---- */

static void a_word_that_could_not_be_read_tells_nothing(void **unused)
{
  (void)unused;
  struct thread_state state = state_of(row_of("glibc 2.36", "mutex_normal"));
  state.lock_read = false;
  struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
  assert_int_equal(verdict.kind, CLASSIFY_NONE);
  assert_int_equal(verdict.owner, 0);
  assert_string_equal(verdict.function, "futex");
}

static void who_does_not_sleep_in_a_call_waits_for_nothing(void **unused)
{
  static const enum thread_activity others[] = {THREAD_UNKNOWN, THREAD_RUNS, THREAD_SLEEPS};
  (void)unused;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    struct thread_state state = state_of(row_of("glibc 2.36", "mutex_normal"));
    state.activity = others[i];
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    assert_int_equal(verdict.kind, CLASSIFY_NONE);
    assert_int_equal(verdict.owner, 0);
    assert_null(verdict.function);
  }
}

static void other_calls_are_told_by_their_names(void **unused)
{
  static const struct {
    int64_t call;
    uint64_t arguments[THREAD_ARGUMENTS];
    const char *name;
    bool timed;
  } calls[] = {
      {PROCESSOR_CALL_FUTEX_WAITV, {0x1000, 2, 0, 0x2000, 0, 0}, "futex_waitv", true},
      {PROCESSOR_CALL_FUTEX_WAITV, {0x1000, 2, 0, 0, 0, 0}, "futex_waitv", false},
      {PROCESSOR_CALL_FUTEX_WAIT, {0x1000, 2, 0, 0, 0x2000, 0}, "futex_wait", true},
      {PROCESSOR_CALL_FUTEX_WAIT, {0x1000, 2, 0, 0, 0, 0}, "futex_wait", false},
      {-1, {0}, NULL, false},
      {INT64_MAX, {0}, NULL, false},
      {INT64_MIN, {0}, NULL, false},
      {100000, {0}, NULL, false},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    struct thread_state state = {.activity = THREAD_CALLS, .call = calls[i].call};
    memcpy(state.arguments, calls[i].arguments, sizeof state.arguments);
    struct classify_verdict verdict = verdict_of(&state, everybody_lives, NULL);
    assert_int_equal(verdict.kind, CLASSIFY_IDLE);
    assert_int_equal(verdict.timed, calls[i].timed);
    assert_int_equal(verdict.owner, 0);
    if (calls[i].name)
      assert_string_equal(verdict.function, calls[i].name);
    else
      assert_null(verdict.function);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recorded_threads_are_told_for_what_they_are),
      cmocka_unit_test(who_waits_for_nobody_accuses_nobody_whoever_lives),
      cmocka_unit_test(an_owner_that_is_no_thread_of_the_target_is_none),
      cmocka_unit_test(the_lock_is_where_its_object_begins),
      cmocka_unit_test(a_wait_for_readers_tells_how_many),
      cmocka_unit_test(a_lock_with_one_word_wrong_accuses_nobody),
      cmocka_unit_test(a_rwlock_with_one_word_wrong_accuses_nobody),
      cmocka_unit_test(the_call_must_be_that_of_the_library),
      cmocka_unit_test(an_older_glibc_joins_by_another_call),
      cmocka_unit_test(a_lock_lies_where_the_compiler_puts_it),
      cmocka_unit_test(a_lock_in_no_list_has_no_owner),
      cmocka_unit_test(a_thread_without_a_stack_is_not_joined),
      cmocka_unit_test(a_mutex_between_two_owners_is_perhaps_one),
      cmocka_unit_test(a_newcomer_that_took_it_is_the_owner_but_proves_nothing_yet),
      cmocka_unit_test(a_rwlock_that_is_handed_over_has_no_holder),
      cmocka_unit_test(a_writer_that_has_no_lock_holds_none),
      cmocka_unit_test(an_owner_that_died_is_none_any_more),
      cmocka_unit_test(of_a_shared_lock_nobody_here_knows_who_lives),
      cmocka_unit_test(a_writer_that_ended_is_late),
      cmocka_unit_test(a_word_that_could_not_be_read_tells_nothing),
      cmocka_unit_test(who_does_not_sleep_in_a_call_waits_for_nothing),
      cmocka_unit_test(other_calls_are_told_by_their_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
