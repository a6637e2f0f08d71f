/* take.c - see take.h. */
#include "collector/take.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "collector/clock.h"
#include "collector/feeds.h"
#include "collector/loop.h"
#include "collector/snapshot_filter.h"
#include "collector/wishes.h"
#include "model/maker.h"
#include "model/sweep.h"

/* Own sweeps of commands that answer once come this fast, so that two of them, and with them rates,
 * come soon. */
#define ONCE_INTERVAL_NS (500 * CLOCK_NS_PER_MS)
#define ONCE_PATIENCE_INTERVALS 10
/* On a machine that is very busy the first look at all processes takes seconds: longer than the model waits for it. */
#define ONCE_PATIENCE_NS (10 * CLOCK_NS_PER_S)
/* A target that was named and is not there yet is waited for so many times longer. */
#define ONCE_MISSING_FACTOR 4
enum { MISSING_BYTES = 512 };

struct taking {
  const struct take *take;
  uv_loop_t loop;
  uv_timer_t patience;
  uv_signal_t interrupt, terminate;
  struct feed *feed;
  uint64_t first_ns; /* of the first snapshot, CLOCK_MONOTONIC */
  int result;
  struct complaint *complaint;
};

/* --- what a snapshot tells of its maker --- */

/* A recorder's key holds when its process started; it began to watch within its first second. Our
 * own sweeps begin with the first snapshot, however long it took us to get there. */
static uint64_t history_of_maker_ns(const struct snapshot *snapshot)
{
  uint64_t now = clock_read_ns(CLOCK_BOOTTIME), started;
  uint32_t row;

  if (maker_find(snapshot, &row) < 0 ||
      snapshot_int(snapshot, RELATION_TARGETS, TARGETS_PID, row) == getpid())
    return 0;
  started = ((uint64_t)snapshot_int(snapshot, RELATION_TARGETS, TARGETS_TARGET_KEY, row) >> 22) *
            CLOCK_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
  return now > started + CLOCK_NS_PER_S ? now - started - CLOCK_NS_PER_S : 0;
}

bool take_has_target(const struct snapshot *snapshot, const struct options *options)
{
  for (uint32_t row = 0; row < snapshot_rows(snapshot, RELATION_TARGETS); row++) {
    uint8_t state = snapshot_enum(snapshot, RELATION_TARGETS, TARGETS_STATE, row);

    if (maker_is_row(snapshot, row))
      continue;
    if ((state == TARGET_RUNNING || state == TARGET_STOPPED) &&
        options_want_target(options, snapshot_text(snapshot, RELATION_TARGETS, TARGETS_TARGET, row),
                            snapshot_int(snapshot, RELATION_TARGETS, TARGETS_PID, row)))
      return true;
  }
  return false;
}

/* --- the loop --- */

static void end(struct taking *t, int result)
{
  t->result = result;
  uv_stop(&t->loop);
}

static void on_snapshot(void *context, int error, const char *text, const struct snapshot *snapshot)
{
  struct taking *t = context;
  uint64_t history, seen;

  if (error < 0) {
    if (t->take->go_on)
      t->take->trouble(t->take->context, error, text);
    else
      end(t,
          complaint_set(t->complaint, error, "%s: %s", t->feed->ops->about(t->feed).place, text));
    return;
  }
  seen = snapshot_about(snapshot).now.mono_ns;
  if (t->first_ns == 0)
    t->first_ns = seen;
  history = history_of_maker_ns(snapshot);
  if (seen - t->first_ns > history)
    history = seen - t->first_ns;
  if (t->take->each(t->take->context, t->feed, snapshot, history) == TAKE_DONE)
    end(t, 0);
}

static void on_patience(uv_timer_t *timer)
{
  end(timer->data, -ETIME);
}

static void on_signal(uv_signal_t *signal, int number)
{
  (void)number;
  end(signal->data, 0);
}

static int start(struct taking *t)
{
  int error =
      feeds_open(&t->loop, t->take->options, t->take->interval_ns, false, &t->feed, t->complaint);

  if (error < 0)
    return error;
  if (t->take->patience_ns != 0) {
    (void)uv_timer_init(&t->loop, &t->patience); /* these cannot fail on a fresh loop */
    t->patience.data = t;
    (void)uv_timer_start(&t->patience, on_patience, t->take->patience_ns / CLOCK_NS_PER_MS, 0);
  }
  if (t->take->until_signal) {
    (void)uv_signal_init(&t->loop, &t->interrupt);
    (void)uv_signal_init(&t->loop, &t->terminate);
    t->interrupt.data = t->terminate.data = t;
    (void)uv_signal_start(&t->interrupt, on_signal, SIGINT);
    (void)uv_signal_start(&t->terminate, on_signal, SIGTERM);
  }
  t->feed->ops->subscribe(t->feed, on_snapshot, t);
  return 0;
}

int take_run(const struct take *take, struct complaint *complaint)
{
  struct taking t = {.take = take, .complaint = complaint};
  int error = loop_begin(&t.loop);

  if (error < 0)
    return complaint_set(complaint, error, "cannot make an event loop: %s", uv_strerror(error));
  error = start(&t);
  if (error == 0) {
    (void)uv_run(&t.loop, UV_RUN_DEFAULT); /* says only whether handles are left */
    error = t.result;
  }
  feed_close(t.feed);
  loop_end(&t.loop);
  return error;
}

/* --- one snapshot --- */

struct one {
  const struct options *options;
  uint64_t enough_ns;
  struct snapshot *newest;
};

static enum take_verdict each_of_one(void *context, struct feed *feed,
                                     const struct snapshot *snapshot, uint64_t history_ns)
{
  struct one *one = context;
  const char *missing = snapshot_missing_target(snapshot, one->options);

  (void)feed;
  snapshot_unref(one->newest);
  one->newest = snapshot_ref(snapshot);
  if (missing && (history_ns < one->enough_ns * ONCE_MISSING_FACTOR || wishes_is_there(missing)))
    return TAKE_MORE;
  return history_ns >= one->enough_ns ? TAKE_DONE : TAKE_MORE;
}

int take_one(const struct options *options, struct snapshot **ret_snapshot,
             struct complaint *complaint)
{
  char words[MISSING_BYTES];
  uint64_t interval =
      options->interval_ns == OPTION_UNSET ? ONCE_INTERVAL_NS : (uint64_t)options->interval_ns;
  struct one one = {.options = options, .enough_ns = interval * 9 / 10};
  const struct take take = {.options = options,
                            .interval_ns = interval,
                            .patience_ns = ONCE_PATIENCE_NS + interval * ONCE_PATIENCE_INTERVALS,
                            .each = each_of_one,
                            .context = &one};
  int error = take_run(&take, complaint);

  if (error == -ETIME && one.newest)
    error = 0; /* late, but there is something */
  if (error == -ETIME)
    error = complaint_set(complaint, error, "nothing was read in time; try a longer --interval");
  if (error == 0 && snapshot_missing_target(one.newest, options)) {
    wishes_explain_missing(snapshot_missing_target(one.newest, options), words, sizeof(words));
    error = complaint_set(complaint, -ESRCH, "%s; see: impasse show targets", words);
  }
  if (error < 0) {
    snapshot_unref(one.newest);
    return error;
  }
  *ret_snapshot = one.newest;
  return 0;
}
