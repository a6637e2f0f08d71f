/*
 * torture.c - reads targets back to back through one source, faster than any clock would, and judges what it read as the
 * program does: a full sweep and ten wait rounds are what a watcher does in a second. In targets that are never stuck,
 * nothing may be confirmed. Used by torture.sh and the tests of the sources; not a test by itself.
 *
 *   torture SOURCE MINUTES PID...       for so long; prints what was read, suspected, confirmed and fired
 *
 * Ends with 0 where nothing was confirmed, 1 where something was, 2 where a target cannot be read. Alerts need two seconds
 * of a real clock, which pass no faster here; a confirmed core needs none, so it is the stricter question. Circles with an
 * Erlang process `asker` in them are real ones, which a helper ends (shape `deferred`): they may be confirmed, but never
 * fire.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/detect_core.h"
#include "model/tick.h"
#include "probe/clock.h"
#include "probe/reach/reach.h"
#include "probe/source.h"

extern const struct source source_beam, source_thread;
static const struct source *const sources[] = {&source_beam, &source_thread};

enum { TARGETS_MOST = 16, ROUNDS = 10, ALERTS_TOLD = 10 };

struct watched {
  const struct source *source;
  struct reach_target *target;
  void *session;
};

struct tally {
  unsigned long sweeps, rounds, failed, waits;
  unsigned long suspected, confirmed; /* cores, each time that they were seen */
  unsigned long deferred;             /* confirmed ones that a helper ends */
  unsigned long fired;                /* ticks with a deadlock alert that fires */
};

static struct tick_clock now(void)
{
  return (struct tick_clock){clock_mono_ns(),
                             (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS)};
}

static bool has_member(const struct core *core, const char *name)
{
  for (uint32_t i = 0; i < core->member_count; i++)
    if (core->members[i].name && strcmp(core->members[i].name, name) == 0)
      return true;
  return false;
}

static void count_core(const struct core *core, struct tally *tally)
{
  bool deferred = has_member(core, "asker");
  if (core->certainty == CERTAINTY_SUSPECTED) {
    tally->suspected++;
    return;
  }
  tally->deferred += deferred;
  tally->confirmed += !deferred;
  for (uint32_t i = 0; i < core->member_count && !deferred; i++)
    (void)printf("%s %s", i == 0 ? "confirmed:" : "",
                 core->members[i].name ? core->members[i].name : "?");
  (void)printf("%s", deferred ? "" : "\n");
}

static void count_cores(const struct snapshot *snapshot, struct tally *tally)
{
  struct core_list list;
  if (detect_core_collect(snapshot, &list) != 0)
    return;
  for (uint32_t i = 0; i < list.count; i++)
    count_core(&list.cores[i], tally);
  detect_core_done(&list);
}

static void count_alerts(const struct snapshot *snapshot, struct tally *tally)
{
  for (uint32_t row = 0; row < snapshot_rows(snapshot, RELATION_ALERTS); row++) {
    const char *rule = snapshot_text(snapshot, RELATION_ALERTS, ALERTS_RULE, row);
    const char *summary = snapshot_text(snapshot, RELATION_ALERTS, ALERTS_SUMMARY, row);
    if (!rule || strcmp(rule, "deadlock") != 0 ||
        snapshot_enum(snapshot, RELATION_ALERTS, ALERTS_STATE, row) != ALERT_FIRING)
      continue;
    if (tally->fired++ < ALERTS_TOLD)
      (void)printf("fired: %s\n", summary ? summary : "?");
  }
}

/* What a round saw becomes a snapshot at once, where it changed anything; a sweep always does. */
static int judge(struct tick_state *state, struct sweep *sweep, struct tally *tally)
{
  struct snapshot *snapshot = NULL;
  bool changed = true, is_round = sweep->kind == SWEEP_ROUND;
  int error;
  tally->waits += sweep->wait_count;
  tally->failed += sweep->kind == SWEEP_FAILED;
  if (is_round) {
    tally->rounds++;
    error = tick_round(state, &sweep, 1, now(), &changed);
    if (!error && changed)
      error = tick_step(state, NULL, 0, now(), &snapshot);
  } else {
    tally->sweeps++;
    error = tick_step(state, &sweep, 1, now(), &snapshot);
  }
  if (error || !snapshot)
    return error;
  count_cores(snapshot, tally);
  count_alerts(snapshot, tally);
  snapshot_unref(snapshot);
  return 0;
}

/* What a watcher does in a second. */
static int turn(struct tick_state *state, const struct watched *list, int count,
                struct tally *tally)
{
  for (int pass = 0; pass <= ROUNDS; pass++)
    for (int i = 0; i < count; i++) {
      struct sweep *sweep = NULL;
      int error = pass == 0 ? list[i].source->sweep(list[i].session, &sweep)
                            : list[i].source->round(list[i].session, &sweep);
      if (!error)
        error = judge(state, sweep, tally);
      if (error)
        return error;
    }
  return 0;
}

static int open_one(struct watched *one, pid_t pid)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int error = reach_open(pid, &one->target);
  if (!error)
    error = one->source->open(one->target, &one->session, reason);
  if (error)
    (void)fprintf(stderr, "torture: %d: %s\n", (int)pid, *reason ? reason : strerror(-error));
  return error;
}

static const struct source *source_called(const char *name)
{
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    if (strcmp(sources[i]->name, name) == 0)
      return sources[i];
  return NULL;
}

static void say(const struct tally *tally, double seconds)
{
  unsigned long reads = tally->sweeps + tally->rounds;
  (void)printf(
      "%lu sweeps and %lu rounds in %.0f s: %.2f hours of a watcher; %lu waits read, %lu failed\n",
      tally->sweeps, tally->rounds, seconds, (double)reads / (3600.0 * (1 + ROUNDS)), tally->waits,
      tally->failed);
  (void)printf("cores suspected %lu, confirmed %lu, deferred %lu; alerts fired %lu\n",
               tally->suspected, tally->confirmed, tally->deferred, tally->fired);
}

int main(int argc, char **argv)
{
  struct watched list[TARGETS_MOST] = {0};
  struct tally tally = {0};
  const struct source *source = argc > 3 ? source_called(argv[1]) : NULL;
  int count = argc - 3, error = 0;
  double minutes = argc > 3 ? strtod(argv[2], NULL) : 0;
  if (!source || minutes <= 0 || count > TARGETS_MOST) {
    (void)fprintf(stderr, "usage: torture beam|thread MINUTES PID...\n");
    return 2;
  }
  struct tick_state *state = tick_state_new("torture", "torture");
  if (!state)
    return 2;
  for (int i = 0; i < count && !error; i++) {
    list[i].source = source;
    error = open_one(&list[i], (pid_t)atoi(argv[i + 3]));
  }
  uint64_t begin = now().mono_ns, end = begin + (uint64_t)(minutes * 60e9);
  while (!error && now().mono_ns < end)
    error = turn(state, list, count, &tally);
  if (error)
    (void)fprintf(stderr, "torture: %s\n", strerror(-error));
  say(&tally, (double)(now().mono_ns - begin) / 1e9);
  tick_state_free(state);
  for (int i = 0; i < count && list[i].session; i++) {
    list[i].source->close(list[i].session);
    reach_close(list[i].target);
  }
  return error ? 2 : tally.confirmed || tally.fired || tally.failed ? 1 : 0;
}
