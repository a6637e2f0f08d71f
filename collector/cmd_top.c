/* cmd_top.c - `impasse top`: the screen; where there can be none, the same as one text. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "collector/clock.h"
#include "collector/command.h"
#include "collector/feeds.h"
#include "collector/loop.h"
#include "collector/rows.h"
#include "collector/snapshot_filter.h"
#include "collector/take.h"
#include "tui/tui.h"

#define REPAINT_MS 500

struct top {
  const struct options *options;
  uv_loop_t loop;
  uv_poll_t terminal;
  uv_timer_t clock;
  struct feed *feed;
  struct tui *tui;
};

static void on_answer(void *context, int error, const char *text)
{
  tui_answer(((struct top *)context)->tui, error, text ? text : strerror(-error), clock_now());
}

static void on_terminal(uv_poll_t *poll, int status, int events)
{
  struct top *top = poll->data;
  struct tui_question question;

  (void)events;
  if (status < 0 || tui_input(top->tui, clock_now()) == TUI_QUIT)
    uv_stop(&top->loop);
  else if (tui_take_question(top->tui, &question))
    top->feed->ops->ask(top->feed, question.target_key, question.actor, question.question,
                        on_answer, top);
}

static void on_clock(uv_timer_t *timer)
{
  tui_tick(((struct top *)timer->data)->tui, clock_now());
}

static void on_snapshot(void *context, int error, const char *text, const struct snapshot *snapshot)
{
  struct top *top = context;
  struct snapshot *wanted;

  if (error == 0)
    error = snapshot_filter(snapshot, top->options, &wanted);
  if (error < 0) {
    tui_say(top->tui, text ? text : strerror(-error));
    return;
  }
  tui_show(top->tui, wanted, clock_now());
  snapshot_unref(wanted);
}

static struct tui_options screen_options(const struct options *options, struct feed *feed)
{
  const char *maker = feed ? feed->ops->about(feed).maker : NULL;

  return (struct tui_options){
      .no_color = options->no_color,
      .feed = maker && strcmp(maker, "own sweeps") == 0 ? NULL : maker,
      .interval_ms = options->interval_ns == OPTION_UNSET
                         ? 0
                         : options->interval_ns / (int64_t)CLOCK_NS_PER_MS,
  };
}

static void start(struct top *top)
{
  (void)uv_poll_init(&top->loop, &top->terminal, tui_fd(top->tui)); /* epoll can be polled */
  top->terminal.data = top;
  (void)uv_poll_start(&top->terminal, UV_READABLE, on_terminal);
  (void)uv_timer_init(&top->loop, &top->clock); /* cannot fail */
  top->clock.data = top;
  (void)uv_timer_start(&top->clock, on_clock, REPAINT_MS, REPAINT_MS);
  if (feeds_speak_of_past(top->options))
    top->feed->ops->snapshot(
        top->feed, top->options->at_ms == OPTION_UNSET ? FEED_NEWEST : top->options->at_ms,
        on_snapshot, top);
  else
    top->feed->ops->subscribe(top->feed, on_snapshot, top);
}

/* Ends as the signal would have ended us, so that whoever started us can tell. */
static int leave(int ended_by)
{
  if (ended_by != 0) {
    (void)signal(ended_by, SIG_DFL);
    (void)raise(ended_by);
  }
  return EXIT_FINE;
}

static int run_screen(const struct options *options, struct complaint *complaint)
{
  struct top top = {.options = options};
  struct tui_options screen;
  int ended_by = 0, error = loop_begin(&top.loop);

  if (error < 0)
    return complaint_set(complaint, EXIT_TROUBLE, "cannot make an event loop: %s",
                         uv_strerror(error));
  error = feeds_open(&top.loop, options, SAMPLER_INTERVAL_NS, true, &top.feed, complaint);
  if (error == 0) {
    screen = screen_options(options, top.feed);
    error = tui_open(&screen, &top.tui);
    if (error < 0)
      (void)complaint_set(complaint, error, "cannot use this terminal: %s", strerror(-error));
  }
  if (error == 0) {
    start(&top);
    (void)uv_run(&top.loop, UV_RUN_DEFAULT); /* says only whether handles are left */
    ended_by = tui_signal(top.tui);
  }
  tui_close(top.tui);
  feed_close(top.feed);
  loop_end(&top.loop);
  return error < 0 ? EXIT_TROUBLE : leave(ended_by);
}

/* Without a terminal for a screen: what the screen would show once rates are known. */
static int print_once(const struct options *options, struct complaint *complaint)
{
  struct tui_options screen = screen_options(options, NULL);
  struct rows rows;
  int code = EXIT_TROUBLE, error;

  if (rows_open(&rows, options, false, complaint) == 0 && rows.snapshot) {
    error = tui_print(stdout, rows.snapshot, &screen, snapshot_about(rows.snapshot).now, 0, 0);
    code = error == -ENOMEM ? complaint_set(complaint, EXIT_TROUBLE, "out of memory") : EXIT_FINE;
  }
  rows_close(&rows);
  return code;
}

static int top(const struct options *options, struct complaint *complaint)
{
  if (options->arg_count > 0)
    return complaint_set(complaint, EXIT_TROUBLE,
                         "top takes no arguments; for one process: --target %s", options->args[0]);
  if (tui_is_possible())
    return run_screen(options, complaint);
  return print_once(options, complaint);
}

const struct command cmd_top = {
    .name = "top",
    .args = "",
    .help = "Show the screen: mailboxes, waits, tables, alerts",
    .manual = "F1 or h there lists the keys, q ends it.\n"
              "\n"
              "Of now: from a running `impasse record` where one answers, else by its own\n"
              "sweeps. With --at or --db the state of that instant of a recording. Where\n"
              "standard output is no terminal, or one that cannot place its cursor\n"
              "(TERM=dumb), the same is printed once.\n",
    .options = OPTION_BIT(TARGET) | OPTION_BIT(DB) | OPTION_BIT(AT) | OPTION_BIT(INTERVAL) |
               OPTION_BIT(NO_COLOR) | OPTION_BIT(EXACT),
    .trouble_code = EXIT_TROUBLE,
    .run = top,
};
