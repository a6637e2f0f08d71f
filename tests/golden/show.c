/*
 * show.c - the screen on a real terminal with a scene instead of a collector, for terminal_test.c
 * and for looking.
 *
 *    golden_show SCENE [PANE [crash|print]]     crash: aborts at the first key
 *
 * Not here: anything that impasse needs.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/golden/scene.h"
#include "tui/tui.h"

static struct snapshot *make(const char *name)
{
  for (unsigned i = 0; scenes[i].name; i++)
    if (strcmp(scenes[i].name, name) == 0)
      return scenes[i].make();
  return NULL;
}

/* Runs the screen as the collector's loop does. */
static int run(struct tui *tui, const struct snapshot *snapshot, bool crash)
{
  struct pollfd in = {.fd = tui_fd(tui), .events = POLLIN};
  struct tick_clock now = scene_clock();

  tui_show(tui, snapshot, now);
  for (;;) {
    int ready = poll(&in, 1, 1000);

    if (ready < 0 && errno != EINTR)
      return EXIT_FAILURE;
    if (ready > 0 && crash)
      abort();
    if (ready > 0 && tui_input(tui, now) == TUI_QUIT)
      return tui_signal(tui) ? 128 + tui_signal(tui) : 0;
    if (ready == 0)
      tui_tick(tui, now);
  }
}

int main(int argc, char **argv)
{
  struct tui_options options = {.pane = argc > 2 ? argv[2] : NULL, .history_ms = 60000};
  struct snapshot *snapshot = argc > 1 ? make(argv[1]) : NULL;
  const char *mode = argc > 3 ? argv[3] : "";
  struct tui *tui = NULL;
  int status, error;

  if (!snapshot) {
    (void)fprintf(stderr, "usage: %s SCENE [PANE [crash|print]]\n", argv[0]);
    return 2;
  }
  if (strcmp(mode, "print") == 0) {
    error = tui_print(stdout, snapshot, &options, scene_clock(), 0, 0);
    snapshot_unref(snapshot);
    return error ? 2 : 0;
  }
  error = tui_open(&options, &tui);
  if (error) {
    (void)fprintf(stderr, "no screen: %s\n", strerror(-error));
    snapshot_unref(snapshot);
    return 2;
  }
  status = run(tui, snapshot, strcmp(mode, "crash") == 0);
  tui_close(tui);
  snapshot_unref(snapshot);
  return status;
}
