/*
 * screen_test.c - what keys do, and that no size and no key breaks any pane on any scene.
 * Not here: how the screens look (golden_test.c).
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
#include "tui/pane.h"
#include "tui/screen.h"

struct stage {
  struct screen *screen;
  struct canvas *canvas;
  struct snapshot *snapshot;
  struct tick_clock now;
};

static struct stage stage(struct snapshot *snapshot, const char *pane, unsigned rows,
                          unsigned columns)
{
  struct stage s = {
      .snapshot = snapshot, .canvas = canvas_new(rows, columns, false), .now = scene_clock()};
  struct tui_options options = {.pane = pane};

  assert_non_null(snapshot);
  assert_non_null(s.canvas);
  assert_int_equal(screen_new(&options, &s.screen), 0);
  screen_show(s.screen, snapshot);
  screen_draw(s.screen, s.canvas, s.now, false);
  return s;
}

static void stage_done(struct stage *s)
{
  screen_free(s->screen);
  canvas_free(s->canvas);
  snapshot_unref(s->snapshot);
}

static void press(struct stage *s, const char *typed)
{
  for (; *typed; typed++)
    assert_int_equal(screen_input(s->screen, (unsigned char)*typed), SCREEN_CONTINUE);
  screen_draw(s->screen, s->canvas, s->now, false);
}

static const char *line(const struct stage *s, unsigned row)
{
  static char text[4096];

  (void)canvas_row_text(s->canvas, row, text, sizeof text);
  return text;
}

static bool shows(const struct stage *s, const char *text)
{
  for (unsigned row = 0; row < s->canvas->rows; row++)
    if (strstr(line(s, row), text))
      return true;
  return false;
}

static void assert_sound(const struct canvas *canvas)
{
  for (size_t i = 0; i < (size_t)canvas->rows * canvas->columns; i++) {
    const struct cell *cell = &canvas->cells[i];

    assert_true(cell->code >= ' ' && cell->code != 0x7f &&
                !(cell->code >= 0x80 && cell->code < 0xa0));
    assert_true(cell->style < STYLE_COUNT);
    assert_true(cell->width <= 2);
    if (cell->width == 2)
      assert_true(i % canvas->columns + 1 < canvas->columns && cell[1].width == 0);
  }
}

static void every_size_is_drawn_without_harm(void **state)
{
  (void)state;
  for (unsigned scene = 0; scenes[scene].name; scene++) {
    struct snapshot *snapshot = scenes[scene].make();

    for (unsigned pane = 0; panes[pane]; pane++) {
      struct stage s = stage(snapshot_ref(snapshot), panes[pane]->name, 1, 1);

      for (unsigned rows = 1; rows <= 60; rows = rows < 12 ? rows + 1 : rows * 2) {
        for (unsigned columns = 1; columns <= 400;
             columns = columns < 44 ? columns + 3 : columns * 2) {
          struct canvas *canvas = canvas_new(rows, columns, columns % 2);

          assert_non_null(canvas);
          screen_draw(s.screen, canvas, s.now, false);
          assert_sound(canvas);
          canvas_free(canvas);
        }
      }
      stage_done(&s);
    }
    snapshot_unref(snapshot);
  }
}

static void no_sequence_of_keys_does_harm(void **state)
{
  static const uint32_t others[] = {
      INPUT_UP,        INPUT_DOWN,  INPUT_LEFT,   INPUT_RIGHT,     INPUT_PAGE_UP,
      INPUT_PAGE_DOWN, INPUT_HOME,  INPUT_END,    INPUT_BACKSPACE, INPUT_BACKTAB,
      INPUT_ESCAPE,    INPUT_ENTER, INPUT_F1 + 2, INPUT_F1 + 3,    INPUT_F1 + 4,
      INPUT_F1 + 5,    0x10ffff,    0xe9,         0x6ce8};
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);
  unsigned seed = 3;

  (void)state;
  for (unsigned i = 0; i < 20000; i++) {
    uint32_t input;

    seed = seed * 1103515245u + 12345u;
    input = (seed >> 16) % 3 ? others[(seed >> 18) % (sizeof others / sizeof *others)]
                             : ' ' + (seed >> 18) % 95;
    (void)screen_input(s.screen, input);
    if (i % 97 == 0)
      (void)screen_click(s.screen, seed >> 16 & 31, seed >> 21 & 127);
    if (i % 7 == 0) {
      screen_draw(s.screen, s.canvas, s.now, false);
      assert_sound(s.canvas);
    }
  }
  stage_done(&s);
}

static void number_keys_tab_and_escape_change_the_pane(void **state)
{
  struct stage s =
      stage(scene_deadlock(), NULL, 10, 80); /* small enough for the title to name the pane */

  (void)state;
  press(&s, "3");
  assert_non_null(strstr(line(&s, 0), "Waits"));
  press(&s, "\t");
  assert_non_null(strstr(line(&s, 0), "Tables"));
  press(&s, "?");
  assert_non_null(strstr(line(&s, 0), "Help"));
  press(&s, "?");
  assert_non_null(strstr(line(&s, 0), "Tables"));
  press(&s, "\x1b\x1b\x1b\x1b");
  assert_non_null(strstr(line(&s, 0), "impasse"));
  assert_int_equal(screen_input(s.screen, 'q'), SCREEN_QUIT);
  assert_int_equal(screen_input(s.screen, INPUT_CONTROL('C')), SCREEN_QUIT);
  assert_int_equal(screen_input(s.screen, INPUT_CONTROL('Z')), SCREEN_SUSPEND);
  assert_int_equal(screen_input(s.screen, INPUT_CONTROL('L')), SCREEN_REDRAW);
  stage_done(&s);
}

static void enter_opens_what_the_row_is_about(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);

  (void)state;
  press(&s, "2jj\r");
  assert_true(shows(&s, "orders  of shop:1001  blocked"));
  press(&s, "\x1b");
  press(&s, "6\r"); /* a deadlock: its ring */
  assert_true(shows(&s, "deadlock of 2 actors"));
  press(&s, "5\r"); /* a target: its actors */
  assert_true(shows(&s, "filter: shop:1001"));
  assert_false(shows(&s, "rabbit_reader"));
  press(&s, "\x1b");
  assert_true(shows(&s, "rabbit_reader"));
  stage_done(&s);
}

static void words_are_typed_in_the_prompt(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);

  (void)state;
  press(&s, "/"); /* from the overview: of the mailboxes */
  press(&s, "quill");
  assert_true(shows(&s, "Search: quill"));
  assert_true(shows(&s, "nothing more with that word"));
  press(&s, "\x1b");
  press(&s, "\\callq");
  assert_true(shows(&s, "nothing matches the filter"));
  assert_int_equal(screen_input(s.screen, INPUT_BACKSPACE), SCREEN_CONTINUE);
  press(&s, "\r");
  assert_true(shows(&s, "caller#5"));
  assert_false(shows(&s, "rabbit_reader"));
  press(&s, "\x1b");
  assert_true(shows(&s, "rabbit_reader"));
  stage_done(&s);
}

static void pause_keeps_the_display_and_takes_the_newest_afterwards(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);
  struct snapshot *newer = scene_leak();

  (void)state;
  press(&s, " ");
  screen_show(s.screen, newer);
  screen_draw(s.screen, s.canvas, s.now, false);
  assert_non_null(strstr(line(&s, 0), "PAUSED"));
  assert_true(shows(&s, "billing"));
  press(&s, " ");
  assert_null(strstr(line(&s, 0), "PAUSED"));
  assert_true(shows(&s, "indexer"));
  assert_false(shows(&s, "billing"));
  stage_done(&s);
  snapshot_unref(newer);
}

static void old_data_is_called_late(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);

  (void)state;
  s.now.mono_ns += 2900000000;
  press(&s, "");
  assert_null(strstr(line(&s, 0), "LATE"));
  s.now.mono_ns += 200000000;
  press(&s, "");
  assert_non_null(strstr(line(&s, 0), "LATE 3.1s old"));
  stage_done(&s);
}

static void a_growing_total_gets_bars_and_an_arrow(void **state)
{
  struct stage s = stage(scene_many(100), NULL, 24, 80);
  struct snapshot *more = scene_many(1000);

  (void)state;
  assert_false(shows(&s, "\u25b2"));
  screen_show(s.screen, more);
  press(&s, "");
  assert_true(shows(&s, "100 blocked \u2581\u2588 \u25b2"));
  stage_done(&s);
  snapshot_unref(more);
}

static void detectors_that_have_not_watched_for_long_are_not_called_quiet(void **state)
{
  struct stage s = stage(scene_empty(), NULL, 24, 200);

  (void)state;
  assert_non_null(strstr(line(&s, 1), "too early: "));
  assert_non_null(strstr(strstr(line(&s, 1), "too early: "), "leak"));
  stage_done(&s);
}

static void a_question_is_asked_once_and_answered_in_place(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);
  struct tui_question question;

  (void)state;
  press(&s, "m"); /* of the overview: no actor is selected there */
  assert_true(shows(&s, "asked of one actor"));
  assert_false(screen_take_question(s.screen, &question));
  press(&s, "2jjm");
  assert_true(shows(&s, "orders  of shop:1001"));
  assert_true(shows(&s, "asking ..."));
  assert_true(screen_take_question(s.screen, &question));
  assert_int_equal(question.question, FEED_MESSAGES);
  press(&s, "m"); /* while it is on its way */
  assert_false(screen_take_question(s.screen, &question));
  screen_answer(s.screen, 0, "a shape x 3\n", s.now);
  press(&s, "");
  assert_true(shows(&s, "a shape x 3"));
  press(&s, "\x1b");
  press(&s, "j\r"); /* of another actor it says nothing */
  assert_false(shows(&s, "a shape x 3"));
  stage_done(&s);
}

static void the_answer_to_a_question_that_was_replaced_is_dropped(void **state)
{
  struct stage s = stage(scene_deadlock(), "mailboxes", 24, 80);
  struct tui_question first, second;

  (void)state;
  press(&s, "jjm");
  assert_true(screen_take_question(s.screen, &first));
  press(&s, "l");
  assert_true(screen_take_question(s.screen, &second));
  assert_int_equal(second.question, FEED_LOCKS);
  assert_int_equal(second.actor, 0); /* of the whole target */
  assert_true(first.actor != 0 && first.target_key == second.target_key);
  screen_answer(s.screen, 0, "messages", s.now);
  press(&s, "");
  assert_false(shows(&s, "messages"));
  assert_true(shows(&s, "asking ..."));
  screen_answer(s.screen, -1, "no rights", s.now);
  press(&s, "");
  assert_true(shows(&s, "no rights"));
  screen_answer(s.screen, 0, "nobody asked", s.now);
  press(&s, "");
  assert_false(shows(&s, "nobody asked"));
  stage_done(&s);
}

static void f9_kills_nothing(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);

  (void)state;
  assert_int_equal(screen_input(s.screen, INPUT_F1 + 8), SCREEN_CONTINUE);
  press(&s, "");
  assert_true(shows(&s, "impasse never kills"));
  press(&s, "x");
  assert_false(shows(&s, "impasse never kills"));
  stage_done(&s);
}

static void the_line_of_function_keys_can_be_clicked(void **state)
{
  struct stage s = stage(scene_deadlock(), NULL, 24, 80);

  (void)state;
  assert_int_equal(screen_click(s.screen, 23, 1), SCREEN_CONTINUE);
  press(&s, "");
  assert_true(shows(&s, "This help"));
  assert_int_equal(
      screen_click(s.screen, 23, (unsigned)(strstr(line(&s, 23), "F10") - line(&s, 23))),
      SCREEN_QUIT);
  stage_done(&s);
}

static void names_of_panes_are_known_and_others_are_not(void **state)
{
  struct tui_options options = {.pane = "nonsense"};
  struct screen *screen;

  (void)state;
  assert_int_equal(screen_new(&options, &screen), -2);
  for (unsigned i = 0; panes[i]; i++)
    assert_int_equal(pane_by_name(panes[i]->name), i);
}

static void print_is_text_without_escapes(void **state)
{
  struct tui_options options = {.no_color = true};
  struct snapshot *snapshot = scene_hostile();
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  (void)state;
  assert_int_equal(tui_print(out, snapshot, &options, scene_clock(), 0, 0), 0);
  assert_int_equal(fclose(out), 0);
  assert_non_null(strstr(text, "deadlock"));
  for (size_t i = 0; i < size; i++)
    assert_true(text[i] == '\n' || (unsigned char)text[i] >= ' ');
  free(text);
  out = fopen("/dev/full", "w");
  assert_non_null(out);
  assert_int_equal(tui_print(out, snapshot, &options, scene_clock(), 0, 0), -5);
  (void)fclose(out);
  snapshot_unref(snapshot);
}

static int set_up(void **state)
{
  (void)state;
  if (setenv("TZ", "UTC", 1) || setenv("LC_ALL", "C.UTF-8", 1))
    return -1;
  return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_size_is_drawn_without_harm),
      cmocka_unit_test(no_sequence_of_keys_does_harm),
      cmocka_unit_test(number_keys_tab_and_escape_change_the_pane),
      cmocka_unit_test(enter_opens_what_the_row_is_about),
      cmocka_unit_test(words_are_typed_in_the_prompt),
      cmocka_unit_test(pause_keeps_the_display_and_takes_the_newest_afterwards),
      cmocka_unit_test(old_data_is_called_late),
      cmocka_unit_test(a_growing_total_gets_bars_and_an_arrow),
      cmocka_unit_test(detectors_that_have_not_watched_for_long_are_not_called_quiet),
      cmocka_unit_test(a_question_is_asked_once_and_answered_in_place),
      cmocka_unit_test(the_answer_to_a_question_that_was_replaced_is_dropped),
      cmocka_unit_test(f9_kills_nothing),
      cmocka_unit_test(the_line_of_function_keys_can_be_clicked),
      cmocka_unit_test(names_of_panes_are_known_and_others_are_not),
      cmocka_unit_test(print_is_text_without_escapes),
  };

  return cmocka_run_group_tests(tests, set_up, NULL);
}
