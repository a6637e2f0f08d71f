/* print.c - the overview as text for pipes, files and `./run` off a terminal. Not here: any
 * terminal. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tui/screen.h"

#define ROWS_DEFAULT 24u
#define COLUMNS_DEFAULT 80u

static int print_canvas(FILE *file, const struct canvas *canvas)
{
  size_t size = (size_t)canvas->columns * 16 + 1; /* a cell is 12 bytes of UTF-8 at most */
  char *line = malloc(size);
  unsigned empty = 0;

  if (!line)
    return -ENOMEM;
  for (unsigned row = 0; row < canvas->rows; row++) {
    if (!canvas_row_text(canvas, row, line, size)) {
      empty++;
      continue;
    }
    for (; empty; empty--)
      (void)fputc('\n', file); /* ferror below tells of both */
    (void)fprintf(file, "%s\n", line);
  }
  free(line);
  return fflush(file) || ferror(file) ? -EIO : 0;
}

int tui_print(FILE *file, const struct snapshot *snapshot, const struct tui_options *options,
              struct tick_clock now, unsigned rows, unsigned columns)
{
  struct screen *screen = NULL;
  struct canvas *canvas = NULL;
  bool ascii = options->ascii;
  int error;

  (void)setlocale(LC_CTYPE, ""); /* without such a locale: "C", and so ASCII */
  if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
    ascii = true;
  error = screen_new(options, &screen);
  if (error)
    goto out;
  canvas = canvas_new(rows ? rows : ROWS_DEFAULT, columns ? columns : COLUMNS_DEFAULT, ascii);
  if (!canvas) {
    error = -ENOMEM;
    goto out;
  }
  screen_show(screen, snapshot);
  screen_draw(screen, canvas, now, true);
  error = print_canvas(file, canvas);
out:
  canvas_free(canvas);
  screen_free(screen);
  return error;
}
