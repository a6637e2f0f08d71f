/* feed_calls_test.c - questions are answered in their order, whoever knows first; nothing comes
 * after the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "collector/feed_calls.h"

struct world {
  uv_loop_t loop;
  struct feed_calls *calls;
  char log[512]; /* what callbacks said, in their order */
};

static void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct world *w, const char *format, ...)
{
  size_t length = strlen(w->log);
  va_list arguments;

  va_start(arguments, format);
  (void)vsnprintf(w->log + length, sizeof(w->log) - length, format, arguments);
  va_end(arguments);
}

static void on_answer(void *context, int error, const char *text)
{
  note(context, "[%d %s]", error, text ? text : "-");
}

static void on_snapshot(void *context, int error, const char *text, const struct snapshot *snapshot)
{
  if (snapshot)
    note(context, "[tick %llu]", (unsigned long long)snapshot_about(snapshot).tick);
  else
    note(context, "[%d %s]", error, text ? text : "-");
}

static void on_each(void *context, int error, const char *text, const struct snapshot *snapshot)
{
  if (snapshot)
    note(context, "{tick %llu}", (unsigned long long)snapshot_about(snapshot).tick);
  else
    note(context, "{%d %s}", error, text);
}

static void world_init(struct world *w)
{
  memset(w, 0, sizeof(*w));
  assert_int_equal(uv_loop_init(&w->loop), 0);
  assert_int_equal(feed_calls_new(&w->loop, &w->calls), 0);
}

/* Lets the loop do all that is there to be done. */
static void turn(struct world *w)
{
  (void)uv_run(&w->loop, UV_RUN_NOWAIT);
  (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void world_done(struct world *w)
{
  (void)uv_run(&w->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&w->loop), 0);
}

static struct snapshot *snapshot_of(uint64_t tick)
{
  struct snapshot_builder *b =
      snapshot_builder_new((struct tick_clock){.mono_ns = tick}, tick, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

static void publish(struct world *w, uint64_t tick)
{
  struct snapshot *snapshot = snapshot_of(tick);

  feed_calls_publish(w->calls, snapshot);
  snapshot_unref(snapshot);
}

static void answers_come_in_the_order_of_the_questions(void **state)
{
  struct world w;
  struct feed_call *first, *second, *third;

  (void)state;
  world_init(&w);
  first = feed_calls_add_answer(w.calls, on_answer, &w);
  second = feed_calls_add_answer(w.calls, on_answer, &w);
  third = feed_calls_add_snapshot(w.calls, on_snapshot, &w);
  feed_call_snapshot(third, -ENOENT, "three", NULL);
  feed_call_answer(second, 0, "two");
  turn(&w);
  assert_string_equal(w.log, "");
  feed_call_answer(first, -EIO, "one");
  turn(&w);
  assert_string_equal(w.log, "[-5 one][0 two][-2 three]");
  feed_calls_close(w.calls);
  world_done(&w);
}

static void *answer_run(void *call)
{
  feed_call_answer(call, 0, "from afar");
  return NULL;
}

static void another_thread_may_answer(void **state)
{
  struct world w;
  pthread_t thread;

  (void)state;
  world_init(&w);
  assert_int_equal(
      pthread_create(&thread, NULL, answer_run, feed_calls_add_answer(w.calls, on_answer, &w)), 0);
  while (w.log[0] == '\0')
    (void)uv_run(&w.loop, UV_RUN_ONCE); /* a lost answer ends in the time limit of the test */
  assert_string_equal(w.log, "[0 from afar]");
  assert_int_equal(pthread_join(thread, NULL), 0);
  feed_calls_close(w.calls);
  world_done(&w);
}

static void the_newest_is_waited_for_and_then_at_hand(void **state)
{
  struct world w;

  (void)state;
  world_init(&w);
  feed_calls_ask_newest(w.calls, on_snapshot, &w);
  turn(&w);
  assert_string_equal(w.log, "");
  publish(&w, 1);
  publish(&w, 2);
  turn(&w);
  assert_string_equal(w.log, "[tick 1]");
  feed_calls_ask_newest(w.calls, on_snapshot, &w);
  turn(&w);
  assert_string_equal(w.log, "[tick 1][tick 2]");
  feed_calls_close(w.calls);
  world_done(&w);
}

static void a_subscriber_sees_the_newest_and_trouble(void **state)
{
  struct world w;

  (void)state;
  world_init(&w);
  publish(&w, 1);
  feed_calls_subscribe(w.calls, on_each, &w);
  turn(&w);
  publish(&w, 2);
  publish(&w, 3); /* overwrites 2 before the loop saw it */
  turn(&w);
  feed_calls_fail(w.calls, -ECONNRESET, "gone");
  feed_calls_ask_newest(w.calls, on_snapshot, &w);
  turn(&w);
  publish(&w, 4);
  turn(&w);
  assert_string_equal(w.log, "{tick 1}{tick 3}{-104 gone}[-104 gone]{tick 4}");
  feed_calls_close(w.calls);
  world_done(&w);
}

static void nothing_comes_after_the_end(void **state)
{
  struct world w;
  struct feed_call *open, *done;

  (void)state;
  world_init(&w);
  feed_calls_subscribe(w.calls, on_each, &w);
  open = feed_calls_add_answer(w.calls, on_answer, &w);
  done = feed_calls_add_answer(w.calls, on_answer, &w);
  feed_calls_ask_newest(w.calls, on_snapshot, &w);
  feed_call_answer(done, 0, "two");
  feed_calls_close(w.calls);
  world_done(&w);
  feed_call_answer(open, 0, "too late"); /* frees what is left */
  assert_string_equal(w.log, "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_come_in_the_order_of_the_questions),
      cmocka_unit_test(another_thread_may_answer),
      cmocka_unit_test(the_newest_is_waited_for_and_then_at_hand),
      cmocka_unit_test(a_subscriber_sees_the_newest_and_trouble),
      cmocka_unit_test(nothing_comes_after_the_end),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
