/* canvas_test.c - clipping, double width, marks, pens; nothing is drawn outside of an area. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/canvas.h"

#define WIDE "\xe6\xb3\xa8"

static const char *row_text(const struct canvas *canvas, unsigned row)
{
  static char text[1024];

  assert_true(canvas_row_text(canvas, row, text, sizeof text) < sizeof text);
  return text;
}

static struct canvas *new_canvas(unsigned rows, unsigned columns)
{
  struct canvas *canvas = canvas_new(rows, columns, false);

  assert_non_null(canvas);
  return canvas;
}

/* A double-width cell is followed by its right half, and a right half follows one. */
static void assert_sound(const struct canvas *canvas)
{
  for (unsigned i = 0; i < canvas->rows * canvas->columns; i++) {
    const struct cell *cell = &canvas->cells[i];

    assert_int_equal(cell->zero, 0);
    if (cell->width == 2) {
      assert_true(i % canvas->columns + 1 < canvas->columns);
      assert_int_equal(cell[1].width, 0);
    } else if (cell->width == 0) {
      assert_true(i % canvas->columns > 0);
      assert_int_equal(cell[-1].width, 2);
    }
  }
}

static void text_is_cut_with_an_ellipsis(void **state)
{
  struct canvas *canvas = new_canvas(2, 10);
  struct canvas_area area = canvas_whole(canvas);

  (void)state;
  assert_int_equal(canvas_text(area, 0, 0, 10, STYLE_NORMAL, "0123456789"), 10);
  assert_string_equal(row_text(canvas, 0), "0123456789");
  assert_int_equal(canvas_text(area, 1, 2, 5, STYLE_NORMAL, "0123456789"), 5);
  assert_string_equal(row_text(canvas, 1), "  0123\u2026");
  assert_int_equal(canvas_text(area, 2, 0, 5, STYLE_NORMAL, "below"), 0);
  assert_int_equal(canvas_text(area, 0, 10, 5, STYLE_NORMAL, "beside"), 0);
  canvas_free(canvas);
}

static void double_width_is_never_halved(void **state)
{
  struct canvas *canvas = new_canvas(4, 5);
  struct canvas_area area = canvas_whole(canvas);

  (void)state;
  assert_int_equal(canvas_text(area, 0, 0, 5, STYLE_NORMAL, WIDE WIDE WIDE), 5);
  assert_string_equal(row_text(canvas, 0), WIDE WIDE "\u2026");
  assert_int_equal(canvas_text(area, 1, 0, 4, STYLE_NORMAL, WIDE WIDE WIDE), 3);
  assert_string_equal(row_text(canvas, 1), WIDE "\u2026");
  (void)canvas_text(area, 2, 0, 5, STYLE_NORMAL, WIDE WIDE);
  (void)canvas_text(area, 2, 1, 1, STYLE_NORMAL, "x"); /* on the right half of the first */
  assert_string_equal(row_text(canvas, 2), " x" WIDE);
  (void)canvas_text(area, 3, 0, 5, STYLE_NORMAL, WIDE WIDE);
  (void)canvas_text(area, 3, 1, 2, STYLE_NORMAL, WIDE); /* on halves of both */
  assert_string_equal(row_text(canvas, 3), " " WIDE);
  assert_sound(canvas);
  canvas_free(canvas);
}

static void marks_stay_with_their_base(void **state)
{
  struct canvas *canvas = new_canvas(3, 6);
  struct canvas_area area = canvas_whole(canvas);

  (void)state;
  assert_int_equal(canvas_text(area, 0, 0, 6, STYLE_NORMAL, "e\xcc\x81x"), 2);
  assert_string_equal(row_text(canvas, 0), "e\xcc\x81x");
  assert_int_equal(canvas_text(area, 1, 0, 6, STYLE_NORMAL, "e\xcc\x81\xcc\x82\xcc\x83\xcc\x84"),
                   1);
  assert_string_equal(row_text(canvas, 1), "e\xcc\x81\xcc\x82"); /* two at most */
  (void)canvas_text(area, 2, 0, 6, STYLE_NORMAL, "ab");
  (void)canvas_text(area, 2, 2, 4, STYLE_NORMAL, "\xcc\x81z"); /* must not change the b */
  assert_string_equal(row_text(canvas, 2), "ab\xef\xbf\xbdz");
  canvas_free(canvas);
}

static void nothing_is_drawn_outside_of_an_area(void **state)
{
  struct canvas *canvas = new_canvas(5, 12);
  struct canvas_area area = canvas_part(canvas_whole(canvas), 1, 3, 2, 4);

  (void)state;
  for (unsigned row = 0; row < 6; row++) {
    for (unsigned column = 0; column < 12; column++) {
      struct canvas_pen pen = canvas_pen(area, row, column);

      (void)canvas_text(area, row, column, 100, STYLE_NORMAL, WIDE "long text " WIDE);
      canvas_restyle(area, row, column, 100, STYLE_CRITICAL);
      pen_right(&pen, 9, STYLE_CRITICAL, WIDE "right");
      pen_left(&pen, 9, STYLE_CRITICAL, "left" WIDE);
      pen_at_end(&pen, STYLE_CRITICAL, WIDE);
      pen_skip(&pen, 3);
      pen_text(&pen, STYLE_CRITICAL, "more");
    }
  }
  assert_sound(canvas);
  for (unsigned row = 0; row < canvas->rows; row++) {
    for (unsigned column = 0; column < canvas->columns; column++) {
      const struct cell *cell = &canvas->cells[row * canvas->columns + column];

      if (row >= 1 && row < 3 && column >= 3 && column < 7)
        continue;
      assert_int_equal(cell->code, ' ');
      assert_int_equal(cell->style, STYLE_NORMAL);
    }
  }
  canvas_free(canvas);
}

static void random_drawing_leaves_a_sound_canvas(void **state)
{
  static const char *const texts[] = {"a",    WIDE,      "e\xcc\x81", "\xcc\x81", "ab" WIDE "cd",
                                      "\xff", "\x1b[1m", ""};
  struct canvas *canvas = new_canvas(3, 9);
  unsigned seed = 1;

  (void)state;
  for (unsigned i = 0; i < 20000; i++) {
    unsigned row = (seed = seed * 1103515245u + 12345u) >> 16;
    unsigned column = (seed = seed * 1103515245u + 12345u) >> 16;
    unsigned room = (seed = seed * 1103515245u + 12345u) >> 16;

    (void)canvas_text(canvas_whole(canvas), row % 4, column % 10, room % 11, STYLE_NORMAL,
                      texts[(row ^ room) % 8]);
    assert_sound(canvas);
  }
  canvas_free(canvas);
}

static void pens_align(void **state)
{
  struct canvas *canvas = new_canvas(2, 20);
  struct canvas_pen pen = canvas_pen(canvas_whole(canvas), 0, 0);

  (void)state;
  pen_at_end(&pen, STYLE_NORMAL, "end");
  assert_int_equal(pen_room(&pen), 16); /* a blank before it */
  pen_left(&pen, 4, STYLE_NORMAL, "ab");
  pen_right(&pen, 4, STYLE_NORMAL, "cd");
  pen_format(&pen, STYLE_NORMAL, " %d", 12345678);
  assert_string_equal(row_text(canvas, 0), "ab    cd 123456\u2026 end");
  canvas_free(canvas);
}

static void no_size_is_too_small(void **state)
{
  (void)state;
  for (unsigned rows = 0; rows < 3; rows++) {
    for (unsigned columns = 0; columns < 3; columns++) {
      struct canvas *canvas = new_canvas(rows, columns);
      struct canvas_pen pen = canvas_pen(canvas_whole(canvas), 0, 0);

      pen_text(&pen, STYLE_NORMAL, WIDE "x");
      pen_right(&pen, 5, STYLE_NORMAL, "x");
      assert_sound(canvas);
      canvas_free(canvas);
    }
  }
}

static void a_row_that_does_not_fit_is_cut_between_characters(void **state)
{
  struct canvas *canvas = new_canvas(1, 4);
  char text[5];

  (void)state;
  (void)canvas_text(canvas_whole(canvas), 0, 0, 4, STYLE_NORMAL, WIDE WIDE);
  assert_int_equal(canvas_row_text(canvas, 0, text, sizeof text), 6);
  assert_string_equal(text, WIDE);
  assert_int_equal(canvas_row_text(canvas, 0, NULL, 0), 6);
  canvas_free(canvas);
}

static int set_up(void **state)
{
  (void)state;
  return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_cut_with_an_ellipsis),
      cmocka_unit_test(double_width_is_never_halved),
      cmocka_unit_test(marks_stay_with_their_base),
      cmocka_unit_test(nothing_is_drawn_outside_of_an_area),
      cmocka_unit_test(random_drawing_leaves_a_sound_canvas),
      cmocka_unit_test(pens_align),
      cmocka_unit_test(no_size_is_too_small),
      cmocka_unit_test(a_row_that_does_not_fit_is_cut_between_characters),
  };

  return cmocka_run_group_tests(tests, set_up, NULL);
}
