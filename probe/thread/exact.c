/* exact.c - see exact.h. Not here: the answer's text (exact_text.c). */
#include "probe/thread/exact.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/clock.h"
#include "probe/processor/processor.h"

enum {
  LOOKS = 10, /* in the second that a question takes */
  LOOK_MS = 100,
  STAT_BYTES = 1 << 20,
  SWITCHES_PER_S_MOST = 300000, /* of one processor: 4.5 % of it at 150 ns each */
};

/* ---- life ---- */

int exact_open(struct session *session, struct exact **ret_exact, char reason[SOURCE_REASON_BYTES])
{
  struct exact *exact = calloc(1, sizeof *exact);
  if (!exact)
    return -ENOMEM;
  int error =
      contention_open(reach_pid(session->target), &exact->contention, reason, SOURCE_REASON_BYTES);
  if (error) {
    exact_close(exact);
    return error;
  }
  exact->opened_ns = clock_mono_ns();
  (void)snprintf(reason, SOURCE_REASON_BYTES,
                 "each context switch of this machine costs about 0.15 us more, each wait of a "
                 "thread in a futex 0.7 us; ends by itself above %d switches a second",
                 SWITCHES_PER_S_MOST);
  *ret_exact = exact;
  return 0;
}

void exact_close(struct exact *exact)
{
  if (!exact)
    return;
  contention_close(exact->contention);
  free(exact->words);
  free(exact);
}

/* ---- what the words are ---- */

/* The bytes around a word, or behind it only where a page before it is not mapped. */
static bool read_lock(const struct reach_target *target, struct thread_state *state)
{
  uint64_t word = state->arguments[0];
  ssize_t length = word < THREAD_WORD
                       ? -EFAULT
                       : reach_read(target, word - THREAD_WORD, state->lock, THREAD_LOCK_BYTES);
  if (length >= THREAD_WORD + (ssize_t)sizeof(uint32_t))
    return true;
  memset(state->lock, 0, sizeof state->lock);
  return reach_read(target, word, state->lock + THREAD_WORD, THREAD_LOCK_BYTES - THREAD_WORD) >=
         (ssize_t)sizeof(uint32_t);
}

/* As if a thread slept in the last call that waited there. */
static void tell(const struct session *session, struct exact_word *word)
{
  struct thread_state state = {
      .activity = THREAD_CALLS,
      .call = PROCESSOR_CALL_FUTEX,
      .arguments = {word->times.word, word->times.operation, word->times.value,
                    word->times.timeout},
  };
  struct classify_verdict verdict;
  state.lock_read = read_lock(session->target, &state);
  roster_classify(&session->roster, &state, &verdict);
  if (verdict.kind < CLASSIFY_MUTEX || verdict.kind == CLASSIFY_JOIN)
    return;
  word->lock = verdict.lock;
  word->kind = verdict.kind;
}

/* ---- takes ---- */

static uint64_t more(uint64_t now, uint64_t before)
{
  return now > before ? now - before : 0;
}

static void add_fresh(struct exact_word *word, const struct contention_lock *before)
{
  word->fresh.count += more(word->times.count, before->count);
  word->fresh.some_ns += more(word->times.some_ns, before->some_ns);
  word->fresh.max_ns = word->times.max_ns;
}

/* Both lists are by word; words stay as long as they are counted. */
static int merge(struct exact *exact, const struct session *session,
                 const struct contention_totals *totals)
{
  static const struct contention_lock NEVER = {0};
  struct exact_word *words = calloc(totals->lock_count + 1, sizeof *words);
  size_t old = 0;
  if (!words)
    return -ENOMEM;
  for (size_t i = 0; i < totals->lock_count; i++) {
    const struct contention_lock *times = &totals->locks[i];
    while (old < exact->count && exact->words[old].times.word < times->word)
      old++;
    bool known = old < exact->count && exact->words[old].times.word == times->word;
    if (known)
      words[i] = exact->words[old];
    words[i].times = *times;
    add_fresh(&words[i], known ? &exact->words[old].times : &NEVER);
    if (!words[i].lock && (words[i].fresh.count || words[i].fresh.some_ns))
      tell(session, &words[i]);
  }
  free(exact->words);
  exact->words = words;
  exact->count = totals->lock_count;
  return 0;
}

static int count_waits(struct exact *exact, const struct session *session)
{
  struct contention_totals totals;
  int error = contention_collect(exact->contention, &totals);
  if (error)
    return error;
  error = merge(exact, session, &totals);
  exact->lost = totals.lost;
  contention_totals_done(&totals);
  return error;
}

/* Context switches of the machine since it started; 0 unknown. */
static uint64_t count_switches(void)
{
  char *text = NULL, *line;
  size_t length;
  uint64_t count = 0;
  if (reach_machine_file("/proc/stat", STAT_BYTES, &text, &length) < 0)
    return 0;
  line = strstr(text, "\nctxt ");
  if (line)
    count = strtoull(line + strlen("\nctxt "), NULL, 10);
  free(text);
  return count;
}

static bool above_budget(struct exact *exact, uint64_t now_ns)
{
  uint64_t switches = count_switches(), passed_ns = now_ns - exact->taken_ns;
  uint64_t most = SWITCHES_PER_S_MOST * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
  bool above = exact->taken_ns && exact->switches && passed_ns >= CLOCK_NS_PER_S / 2 &&
               (double)(switches - exact->switches) * (double)CLOCK_NS_PER_S >
                   (double)most * (double)passed_ns;
  exact->switches = switches;
  exact->taken_ns = now_ns;
  return above;
}

int exact_take(struct exact *exact, struct session *session, uint64_t now_ns,
               char reason[SOURCE_REASON_BYTES])
{
  int error = count_waits(exact, session);
  if (error) {
    (void)snprintf(reason, SOURCE_REASON_BYTES, "exact waits could not be read: %s",
                   strerror(-error));
    return error;
  }
  for (size_t i = 0; i < exact->count; i++) {
    struct exact_word *word = &exact->words[i];
    if (!word->lock)
      continue; /* what it has goes to its lock when it is told for one */
    locks_told(&session->locks, word->lock, word->kind, &word->fresh, now_ns);
    word->fresh = (struct lock_times){0};
  }
  if (!above_budget(exact, now_ns))
    return 0;
  (void)snprintf(reason, SOURCE_REASON_BYTES,
                 "exact waits ended by themselves: the machine switches between threads more than "
                 "%d times a second on each processor",
                 SWITCHES_PER_S_MOST);
  return -EBUSY;
}

/* ---- the question ---- */

/* Counts for a second, which the target's end cuts short. Looked at several times: a word is told for a lock
 * only while somebody has it. */
static int look(struct session *session, char **ret_text)
{
  struct pollfd gone = {.fd = reach_pidfd(session->target), .events = POLLIN};
  char reason[SOURCE_REASON_BYTES] = "";
  struct exact *exact;
  int error = exact_open(session, &exact, reason);
  if (error) {
    *ret_text = error != -ENOMEM ? strdup(reason) : NULL;
    return error;
  }
  for (int i = 0; i < LOOKS && !error; i++) {
    bool ended = poll(&gone, 1, LOOK_MS) > 0; /* what was counted until then is told */
    error = count_waits(exact, session);
    if (ended)
      break;
  }
  if (!error)
    error = exact_text(exact, session, ret_text);
  exact_close(exact);
  return error;
}

int exact_answer(struct session *session, char **ret_text)
{
  if (!session->exact)
    return look(session, ret_text);
  int error = count_waits(session->exact, session);
  return error ? error : exact_text(session->exact, session, ret_text);
}
