/* writer_thread_test.c - every tick that is given to the recorder's thread is recorded or told as
 * missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/writer_thread.h"

static struct snapshot *snapshot_of(uint64_t tick)
{
  const struct tick_clock now = {.mono_ns = tick * 1000000,
                                 .wall_ms = INT64_C(1700000000000) + (int64_t)tick};
  struct snapshot_builder *b = snapshot_builder_new(now, tick, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_TARGETS, 1), 0);
  snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_TARGET_KEY)[0] = 7;
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

struct world {
  char dir[64];
  atomic_llong missing;
  atomic_int states;
};

static void on_gap(void *context, const char *reason, int64_t since_ms, int64_t until_ms,
                   int64_t count)
{
  struct world *w = context;

  (void)reason;
  if (since_ms <= until_ms)
    atomic_fetch_add(&w->missing, count);
}

static void on_state(void *context, int error, const char *text)
{
  (void)error;
  (void)text;
  atomic_fetch_add(&((struct world *)context)->states, 1);
}

static struct writer_thread *start(struct world *w, int wanted)
{
  const struct writer_thread_setup setup = {
      .dir = w->dir, .gap = on_gap, .state = on_state, .context = w};
  struct writer_thread *thread = NULL;
  struct writer_error words = {""};

  assert_int_equal(writer_thread_start(&setup, &thread, &words), wanted);
  assert_int_equal(wanted < 0, words.text[0] != '\0');
  return thread;
}

static void world_init(struct world *w)
{
  memset(w, 0, sizeof(*w));
  strcpy(w->dir, "/tmp/impasse-writer-XXXXXX");
  assert_non_null(mkdtemp(w->dir));
}

static void world_done(struct world *w)
{
  DIR *dir = opendir(w->dir);

  assert_non_null(dir);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (entry->d_name[0] != '.')
      assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
  (void)closedir(dir); /* only read */
  assert_int_equal(rmdir(w->dir), 0);
}

static void what_is_put_is_recorded_before_the_end(void **state)
{
  struct world w;
  struct writer_thread *thread;
  struct writer_stats stats;

  (void)state;
  world_init(&w);
  thread = start(&w, 0);
  for (uint64_t tick = 1; tick <= 10; tick++) { /* fewer than the queue holds */
    struct snapshot *snapshot = snapshot_of(tick);

    writer_thread_put(thread, snapshot);
    snapshot_unref(snapshot);
  }
  stats = writer_thread_stop(thread);
  assert_int_equal(stats.ticks, 10);
  assert_int_equal(w.missing, 0);
  assert_int_equal(w.states, 0);
  world_done(&w);
}

static void what_does_not_fit_is_counted(void **state)
{
  enum { TICKS = 2000 };
  struct world w;
  struct writer_thread *thread;
  struct writer_stats stats;

  (void)state;
  world_init(&w);
  thread = start(&w, 0);
  for (uint64_t tick = 1; tick <= TICKS; tick++) { /* faster than a disk */
    struct snapshot *snapshot = snapshot_of(tick);

    writer_thread_put(thread, snapshot);
    snapshot_unref(snapshot);
  }
  stats = writer_thread_stop(thread);
  assert_true(stats.ticks < TICKS);
  assert_int_equal(stats.ticks + (uint64_t)w.missing, TICKS);
  world_done(&w);
}

static void a_second_recorder_in_the_same_folder_is_refused(void **state)
{
  struct world w;
  struct writer_thread *thread;

  (void)state;
  world_init(&w);
  thread = start(&w, 0);
  (void)start(&w, -EBUSY);
  (void)writer_thread_stop(thread);
  thread = start(&w, 0);
  (void)writer_thread_stop(thread);
  world_done(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_put_is_recorded_before_the_end),
      cmocka_unit_test(what_does_not_fit_is_counted),
      cmocka_unit_test(a_second_recorder_in_the_same_folder_is_refused),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
