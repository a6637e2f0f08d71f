/*
 * golden_test.c - every screen of the scenes against the text that was looked at and found good
 * (*.txt beside this). IMPASSE_GOLDEN_UPDATE=1 rewrites the files; then look at what `git diff`
 * says.
 *
 * Not here: the terminal (tests/golden/terminal_test.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/scene.h"
#include "tui/keys.h"
#include "tui/screen.h"

#define GOLDEN "tests/golden/"

struct shot {
  const char *scene, *pane;
  unsigned rows, columns;
  bool ascii;
  const char *keys; /* pressed before */
};

/* As a source words it, with what a message of a target could hold. */
static const char mailbox[] =
    "8211 messages; the first 200 by shape:\n"
    "  {'$gen_call',_,{get,_}}  x 198, oldest first seen 12 s ago\n"
    "  {\x1b[31mevil,_}  x 2, which is a line too long for a screen and goes on where there is "
    "room for it\n";

static const struct shot shots[] = {
    {"deadlock", "overview", 24, 80, false, ""},
    {"deadlock", "overview", 10, 40, false, ""},
    {"deadlock", "overview", 40, 120, false, ""},
    {"deadlock", "overview", 24, 80, true, ""},
    {"deadlock", "overview", 10, 40, true, ""},
    {"deadlock", "mailboxes", 24, 80, false, ""},
    {"deadlock", "mailboxes", 10, 40, true, ""},
    {"deadlock", "waits", 24, 80, false, ""},
    {"deadlock", "waits", 10, 40, true, ""},
    {"deadlock", "waits", 24, 80, false, "t"},
    {"deadlock", "tables", 24, 80, false, ""},
    {"deadlock", "targets", 24, 80, false, ""},
    {"deadlock", "alerts", 24, 80, false, ""},
    {"deadlock", "alerts", 10, 40, true, ""},
    {"deadlock", "mailboxes", 24, 80, false, "jj\r"}, /* the detail of the third */
    {"deadlock", "mailboxes", 24, 80, false, "/bill"},
    {"deadlock", "mailboxes", 24, 80, false, "\\web\r"},
    {"deadlock", "mailboxes", 24, 80, false, "jjm"}, /* its messages: asked for */
    {"deadlock", "mailboxes", 24, 80, false, "jj\rm"},
    {"deadlock", "mailboxes", 10, 40, true, "jj\rmj"},
    {"deadlock", "mailboxes", 24, 80, false, "jj\rs"},
    {"deadlock", "help", 24, 80, false, ""},
    {"deadlock", "help", 40, 120, false, ""},
    {"deadlock", "help", 10, 40, true, ""},
    {"threads", "overview", 24, 80, false, ""},
    {"threads", "mailboxes", 24, 80, false, ""},
    {"threads", "targets", 24, 80, false, ""},
    {"threads", "waits", 24, 80, false, ""},
    {"leak", "overview", 24, 80, false, ""},
    {"leak", "overview", 10, 40, true, ""},
    {"leak", "alerts", 24, 80, false, ""},
    {"leak", "targets", 24, 80, false, ""},
    {"hostile", "overview", 24, 80, false, ""},
    {"hostile", "overview", 24, 80, true, ""},
    {"hostile", "mailboxes", 24, 80, false, ""},
    {"hostile", "mailboxes", 10, 40, false, ""},
    {"hostile", "alerts", 24, 80, false, ""},
    {"hostile", "waits", 24, 80, false, ""},
    {"empty", "overview", 24, 80, false, ""},
    {"empty", "overview", 10, 40, true, ""},
    {"empty", "waits", 24, 80, false, ""},
    {"empty", "alerts", 10, 40, false, ""},
    {"many", "overview", 24, 80, false, ""},
    {"many", "mailboxes", 24, 80, false, "G"},
    {"many", "waits", 24, 80, false, "j"},
};

/* What the source says when it is asked by such keys; else it has not answered yet. */
static const struct reply {
  const char *keys;
  int error;
  const char *text;
} replies[] = {
    {"jj\rm", 0, mailbox},
    {"jj\rmj", 0, mailbox},
    {"jj\rs", -1, "probes need root, or the capabilities CAP_BPF and CAP_PERFMON"},
};

static struct snapshot *make(const char *name)
{
  for (unsigned i = 0; scenes[i].name; i++)
    if (strcmp(scenes[i].name, name) == 0)
      return scenes[i].make();
  fail_msg("no scene %s", name);
  return NULL;
}

/* The whole canvas as lines; freed by the caller. */
static char *canvas_lines(const struct canvas *canvas)
{
  char *text = NULL, line[4096];
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  assert_non_null(out);
  for (unsigned row = 0; row < canvas->rows; row++) {
    assert_true(canvas_row_text(canvas, row, line, sizeof line) < sizeof line);
    (void)fprintf(out, "%s\n", line);
  }
  assert_int_equal(fclose(out), 0);
  return text;
}

/* The source's side of a question. True where it has answered. */
static bool answer(const struct shot *shot, struct screen *screen, struct tick_clock now)
{
  struct tui_question question;

  if (!screen_take_question(screen, &question))
    return false;
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
    if (strcmp(replies[i].keys, shot->keys) == 0) {
      screen_answer(screen, replies[i].error, replies[i].text, now);
      return true;
    }
  return false;
}

static char *take(const struct shot *shot)
{
  struct tui_options options = {.pane = shot->pane, .history_ms = 60000};
  struct snapshot *snapshot = make(shot->scene);
  struct canvas *canvas = canvas_new(shot->rows, shot->columns, shot->ascii);
  struct tick_clock now = scene_clock();
  struct screen *screen;
  char *text;

  assert_non_null(snapshot);
  assert_non_null(canvas);
  assert_int_equal(screen_new(&options, &screen), 0);
  screen_show(screen, snapshot);
  now.mono_ns += 400000000;
  screen_draw(screen, canvas, now, false); /* keys work on what has been drawn */
  for (const char *key = shot->keys; *key; key++) {
    assert_int_equal(screen_input(screen, (unsigned char)*key), SCREEN_CONTINUE);
    if (answer(shot, screen, now))
      now.mono_ns += 600000000;
  }
  screen_draw(screen, canvas, now, false);
  text = canvas_lines(canvas);
  screen_free(screen);
  canvas_free(canvas);
  snapshot_unref(snapshot);
  return text;
}

static void shot_path(const struct shot *shot, char *path, size_t size)
{
  char pressed[32] = "";

  for (const char *key = shot->keys; *key; key++)
    if (strlen(pressed) + 4 < sizeof pressed)
      (void)sprintf(pressed + strlen(pressed),
                    (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') ? "%c" : "%02x",
                    *key);
  (void)snprintf(path, size, GOLDEN "%s-%s-%ux%u%s%s%s.txt", shot->scene, shot->pane, shot->columns,
                 shot->rows, shot->ascii ? "-ascii" : "", pressed[0] ? "-" : "", pressed);
}

static char *read_all(const char *path)
{
  char *text = NULL, buffer[4096];
  size_t size = 0, n;
  FILE *in = fopen(path, "r"), *out = open_memstream(&text, &size);

  assert_non_null(out);
  while (in && (n = fread(buffer, 1, sizeof buffer, in)) > 0)
    (void)fwrite(buffer, 1, n, out);
  if (in)
    (void)fclose(in);
  assert_int_equal(fclose(out), 0);
  return text;
}

/* Both texts line by line, where they differ. */
static void print_difference(const char *wanted, const char *got)
{
  for (unsigned line = 1; *wanted || *got; line++) {
    size_t w = strcspn(wanted, "\n"), g = strcspn(got, "\n");

    if (w != g || memcmp(wanted, got, w) != 0)
      print_error("%3u wanted |%.*s\n    got    |%.*s\n", line, (int)w, wanted, (int)g, got);
    wanted += w + (wanted[w] == '\n');
    got += g + (got[g] == '\n');
  }
}

static void screens_are_as_they_were_approved(void **state)
{
  const char *update = getenv("IMPASSE_GOLDEN_UPDATE");
  unsigned wrong = 0;

  (void)state;
  for (size_t i = 0; i < sizeof shots / sizeof *shots; i++) {
    char path[256], *got = take(&shots[i]), *wanted;

    shot_path(&shots[i], path, sizeof path);
    if (update && *update) {
      FILE *out = fopen(path, "w");

      assert_non_null(out);
      assert_true(fputs(got, out) >= 0);
      assert_int_equal(fclose(out), 0);
    }
    wanted = read_all(path);
    if (strcmp(got, wanted) != 0) {
      print_error("%s:\n", path);
      print_difference(wanted, got);
      wrong++;
    }
    free(wanted);
    free(got);
  }
  assert_int_equal(wrong, 0);
}

static int set_up(void **state)
{
  (void)state;
  if (setenv("TZ", "UTC", 1))
    return -1;
  return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(screens_are_as_they_were_approved)};

  return cmocka_run_group_tests(tests, set_up, NULL);
}
