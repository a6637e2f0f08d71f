/*
 * screen.c - what a frame of the dashboard costs: from a new snapshot to all of its cells, for the
 * panes that look at many rows; and a keystroke in between. The baseline is one pass over the same
 * number of mailbox depths. Not here: the terminal, whose bytes are the same however many rows
 * there are.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/golden/scene.h"
#include "tui/keys.h"
#include "tui/screen.h"

#define ROUNDS 5

static double now_ms(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* others may be busy here */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double baseline_ms(const struct snapshot *snapshot)
{
  const int64_t *depths = snapshot_ints(snapshot, RELATION_ACTORS, ACTORS_DEPTH);
  double best = 1e9;

  for (unsigned round = 0; round < ROUNDS; round++) {
    double begin = now_ms(), took;
    volatile int64_t sum = 0;

    for (uint32_t i = 0; i < snapshot_rows(snapshot, RELATION_ACTORS); i++)
      sum += depths[i];
    took = now_ms() - begin;
    best = took < best ? took : best;
  }
  return best;
}

static double draw_ms(struct screen *screen, struct canvas *canvas)
{
  double begin = now_ms();

  screen_draw(screen, canvas, scene_clock(), false);
  return now_ms() - begin;
}

/* Two equal snapshots in turn, so that each frame is a new one. */
static int measure(const char *pane, uint32_t actors, struct snapshot *const snapshots[2])
{
  struct tui_options options = {.pane = pane};
  struct canvas *canvas = canvas_new(50, 160, false);
  struct screen *screen = NULL;
  double first = 0, frame = 1e9, key, base = baseline_ms(snapshots[0]);

  if (!canvas || screen_new(&options, &screen)) {
    canvas_free(canvas);
    return EXIT_FAILURE;
  }
  for (unsigned round = 0; round < ROUNDS; round++) {
    double begin = now_ms(), took;

    screen_show(screen, snapshots[round % 2]);
    (void)draw_ms(screen, canvas);
    took = now_ms() - begin;
    frame = took < frame ? took : frame;
    if (round == 0)
      first = took;
  }
  (void)screen_input(screen, INPUT_PAGE_DOWN);
  key = draw_ms(screen, canvas);
  printf(
      "screen %-9s %7u actors: first frame %.2f ms, frame %.2f ms (%.0f x a pass over the depths), "
      "page down %.2f ms\n",
      pane, actors, first, frame, frame / base, key);
  screen_free(screen);
  canvas_free(canvas);
  return EXIT_SUCCESS;
}

int main(void)
{
  static const char *const measured[] = {"overview", "mailboxes", "waits"};
  int status = EXIT_SUCCESS;

  (void)setlocale(LC_CTYPE, "C.UTF-8");
  for (uint32_t actors = 1000; actors <= 1000000 && status == EXIT_SUCCESS;
       actors *= actors == 1000 ? 100 : 10) {
    struct snapshot *snapshots[2] = {scene_many(actors), scene_many(actors)};

    if (!snapshots[0] || !snapshots[1])
      status = EXIT_FAILURE;
    for (size_t i = 0; i < sizeof measured / sizeof *measured && status == EXIT_SUCCESS; i++)
      status = measure(measured[i], actors, snapshots);
    snapshot_unref(snapshots[0]);
    snapshot_unref(snapshots[1]);
  }
  return status;
}
