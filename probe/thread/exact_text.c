/* exact_text.c - what was counted of waits for locks, as text: locks by the time that they cost, each with
 * how long its waits were. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/clock.h"
#include "probe/thread/exact.h"

enum { LINES_MOST = 40, BAR_MOST = 40 };

static const char *const kind_words[] = {
    [CLASSIFY_MUTEX] = "mutex",           [CLASSIFY_ROBUST] = "mutex",
    [CLASSIFY_INHERIT] = "mutex",         [CLASSIFY_RWLOCK_WRITER] = "rwlock",
    [CLASSIFY_RWLOCK_READERS] = "rwlock",
};

/* By time, the locks first. */
static int by_cost(const void *a, const void *b)
{
  const struct exact_word *left = *(const struct exact_word *const *)a;
  const struct exact_word *right = *(const struct exact_word *const *)b;
  if (!left->lock != !right->lock)
    return left->lock ? -1 : 1;
  return (left->times.total_ns < right->times.total_ns) -
         (left->times.total_ns > right->times.total_ns);
}

/* "512 ns", "4 us": the begin of a bucket, which is a power of two. */
static void write_bucket(FILE *text, size_t bucket)
{
  static const char *const units[] = {"ns", "us", "ms", "s"};
  double value = (double)(UINT64_C(1) << bucket);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
    value /= 1000;
    unit++;
  }
  (void)fprintf(text, "    from %5.*f %-2s", value < 10 && unit > 0 ? 1 : 0, value, units[unit]);
}

static void write_histogram(FILE *text, const uint64_t *histogram)
{
  size_t first = CONTENTION_BUCKETS, last = 0;
  uint64_t most = 0;
  for (size_t i = 0; i < CONTENTION_BUCKETS; i++) {
    if (!histogram[i])
      continue;
    first = first < i ? first : i;
    last = i;
    most = histogram[i] > most ? histogram[i] : most;
  }
  for (size_t i = first; i < CONTENTION_BUCKETS && i <= last; i++) {
    write_bucket(text, i);
    (void)fprintf(text, " %8" PRIu64 " ", histogram[i]);
    for (uint64_t n = 0; n < (histogram[i] * BAR_MOST + most - 1) / most; n++)
      (void)fputc('#', text);
    (void)fputc('\n', text);
  }
}

static void write_name(FILE *text, const struct exact_word *word, const struct session *session)
{
  const struct lock *lock = locks_find(&session->locks, word->lock);
  char name[STACK_TEXT_BYTES];
  (void)fprintf(text, "%s ", kind_words[word->kind]);
  if (lock && lock->name)
    (void)fprintf(text, "%s", lock->name);
  else if (session->stack && stack_data_name(session->stack, word->lock, name))
    (void)fprintf(text, "%s", name);
  else
    (void)fprintf(text, "0x%" PRIx64, word->lock);
  if (word->lock != word->times.word) /* a rwlock has several */
    (void)fprintf(text, ", word at +%" PRIu64, word->times.word - word->lock);
}

static void write_lock(FILE *text, const struct exact_word *word, const struct session *session,
                       uint64_t passed_ns)
{
  const struct contention_lock *times = &word->times;
  uint64_t some_ns = times->some_ns < passed_ns ? times->some_ns : passed_ns;
  write_name(text, word, session);
  (void)fprintf(text,
                "  %" PRIu64 " waits, %.3f ms in all, the longest %.3f ms; somebody waited %.1f %% "
                "of the time\n",
                times->count, (double)times->total_ns / 1e6, (double)times->max_ns / 1e6,
                passed_ns ? 100.0 * (double)some_ns / (double)passed_ns : 0.0);
  write_histogram(text, times->histogram);
}

static void write_others(FILE *text, const struct exact_word *const *others, size_t count)
{
  uint64_t waits = 0, total_ns = 0;
  for (size_t i = 0; i < count; i++) {
    waits += others[i]->times.count;
    total_ns += others[i]->times.total_ns;
  }
  if (count > 0)
    (void)fprintf(text,
                  "%zu other futex word%s (condition variables, semaphores, parked threads, locks "
                  "never seen held)  %" PRIu64 " waits, %.3f ms in all\n",
                  count, count == 1 ? "" : "s", waits, (double)total_ns / 1e6);
}

static void write_all(FILE *text, const struct exact *exact, const struct session *session,
                      const struct exact_word *const *list)
{
  uint64_t passed_ns = clock_mono_ns() - exact->opened_ns;
  size_t locks = 0;
  while (locks < exact->count && list[locks]->lock)
    locks++;
  (void)fprintf(text, "waits for locks, counted for %.1f s: %zu lock word%s\n",
                (double)passed_ns / 1e9, locks, locks == 1 ? "" : "s");
  for (size_t i = 0; i < locks && i < LINES_MOST; i++)
    write_lock(text, list[i], session, passed_ns);
  if (locks > LINES_MOST)
    (void)fprintf(text, "%zu more\n", locks - LINES_MOST);
  write_others(text, list + locks, exact->count - locks);
  if (exact->lost)
    (void)fprintf(text, "%" PRIu64 " waits lost for want of room\n", exact->lost);
}

int exact_text(const struct exact *exact, const struct session *session, char **ret_text)
{
  const struct exact_word **list = calloc(exact->count + 1, sizeof(const struct exact_word *));
  size_t length;
  FILE *text = list ? open_memstream(ret_text, &length) : NULL;
  if (!text) {
    free(list);
    return -ENOMEM;
  }
  for (size_t i = 0; i < exact->count; i++)
    list[i] = &exact->words[i];
  qsort(list, exact->count, sizeof(const struct exact_word *), by_cost);
  write_all(text, exact, session, list);
  free(list);
  return fclose(text) == 0 ? 0 : -ENOMEM;
}
