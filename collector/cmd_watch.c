/* cmd_watch.c - `impasse watch`: alerts as they come, one JSON object a line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/alert_output.h"
#include "collector/alert_rules.h"
#include "collector/clock.h"
#include "collector/command.h"
#include "collector/take.h"

struct watching {
  struct alert_rules rules;
  struct alert_output *output;
  bool in_trouble; /* told once, until snapshots come again */
  int error;       /* of the output */
};

static bool wants(void *context, const struct snapshot *snapshot, uint32_t row)
{
  return alert_rules_match(context, snapshot, row) >= 0;
}

static enum take_verdict each(void *context, struct feed *feed, const struct snapshot *snapshot,
                              uint64_t history_ns)
{
  struct watching *w = context;

  (void)feed;
  (void)history_ns;
  w->in_trouble = false;
  if (w->error == 0)
    w->error = alert_output_show(w->output, snapshot);
  return w->error < 0 ? TAKE_DONE : TAKE_MORE;
}

static void trouble(void *context, int error, const char *text)
{
  struct watching *w = context;

  (void)error;
  if (!w->in_trouble && w->error == 0)
    w->error = alert_output_event(w->output, "trouble", clock_wall_ms(), text);
  w->in_trouble = true;
}

static int watch(const struct options *options, struct complaint *complaint)
{
  struct watching w = {0};
  const struct take take = {
      .options = options,
      .interval_ns = CLOCK_NS_PER_S,
      .patience_ns = options->duration_ns == OPTION_UNSET ? 0 : (uint64_t)options->duration_ns,
      .until_signal = true,
      .go_on = true,
      .each = each,
      .trouble = trouble,
      .context = &w,
  };
  int error;

  if (alert_rules_init(&w.rules, options, UINT64_MAX, complaint) < 0)
    return EXIT_TROUBLE;
  w.output = alert_output_new(stdout, wants, &w.rules);
  if (!w.output)
    return complaint_set(complaint, EXIT_TROUBLE, "out of memory");
  w.error = alert_output_event(w.output, "start", clock_wall_ms(), NULL);
  error = w.error == 0 ? take_run(&take, complaint) : 0;
  if (error == -ETIME)
    error = 0; /* --duration is over */
  if (error == 0 && w.error == 0)
    w.error = alert_output_event(w.output, "end", clock_wall_ms(), NULL);
  alert_output_free(w.output);
  if (w.error < 0 && w.error != -EPIPE) /* a reader that went away has seen enough */
    return complaint_set(complaint, EXIT_TROUBLE, "cannot write: %s", strerror(-w.error));
  return error < 0 ? EXIT_TROUBLE : EXIT_FINE;
}

const struct command cmd_watch = {
    .name = "watch",
    .args = "[DETECTOR...]",
    .help = "Print alerts as they come, one JSON object a line",
    .manual = "Each line has schema, seq (no number is left out), type (pending, firing,\n"
              "changed, resolved, gone; start, end and trouble for the stream itself), and the\n"
              "columns of the alert. Without a DETECTOR: all. Uses a running `impasse record`\n"
              "where one answers. Ends with --duration, on SIGINT, or when nobody reads.\n",
    .options = OPTION_BIT(TARGET) | OPTION_BIT(DURATION) | OPTION_BIT(INTERVAL) | OPTION_BIT(EXACT),
    .trouble_code = EXIT_TROUBLE,
    .run = watch,
};
