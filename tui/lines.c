/* lines.c - a page of lines that scrolls. Not here: what stands in them. */
#include "tui/lines.h"

#include <string.h>

#include "tui/glyph.h"

#define SCROLL_MAX 1000000u
#define PAGE 10u

struct lines lines_begin(struct canvas_area area, uint32_t scroll)
{
  return (struct lines){.area = area, .scroll = scroll};
}

bool lines_next(struct lines *lines, struct canvas_pen *ret_pen)
{
  uint32_t line = lines->count++;

  if (line < lines->scroll || line - lines->scroll >= lines->area.rows)
    return false;
  *ret_pen = canvas_pen(lines->area, line - lines->scroll, 0);
  return true;
}

void lines_title(struct lines *lines, const char *title)
{
  struct canvas_pen pen;

  lines->count += lines->count > 0;
  if (lines_next(lines, &pen))
    pen_text(&pen, STYLE_TITLE, title);
}

/* Bytes of `text` that go into `columns` cells, broken at a blank where there is one. At least
 * one character. */
static size_t line_bytes(const char *text, unsigned columns, bool ascii)
{
  size_t bytes = 0, space = 0, used = 0;

  while (text[bytes]) {
    struct glyph glyph = glyph_next(text + bytes, ascii);

    if (used + glyph.width > columns)
      return space ? space : bytes ? bytes : glyph.bytes;
    if (text[bytes] == ' ')
      space = bytes;
    used += glyph.width;
    bytes += glyph.bytes;
  }
  return bytes;
}

void lines_fact(struct lines *lines, unsigned name_columns, const char *name, enum style style,
                const char *text)
{
  unsigned room =
      lines->area.columns > name_columns + 1 ? lines->area.columns - name_columns - 1 : 1;
  bool named = false;

  do {
    size_t bytes = line_bytes(text, room, lines->area.canvas->ascii);
    char part[4 * CANVAS_SIDE_MAX];
    struct canvas_pen pen;

    bytes = bytes < sizeof part ? bytes : sizeof part - 1;
    if (lines_next(lines, &pen)) {
      memcpy(part, text, bytes);
      part[bytes] = '\0';
      pen_left(&pen, name_columns, STYLE_DIM, named ? "" : name);
      pen_skip(&pen, 1);
      pen_text(&pen, style, part);
    }
    named = true;
    for (text += bytes; *text == ' ';)
      text++;
  } while (*text);
}

uint32_t lines_end(const struct lines *lines)
{
  uint32_t most = lines->count > lines->area.rows ? lines->count - lines->area.rows : 0;

  return lines->scroll < most ? lines->scroll : most;
}

bool lines_command(uint32_t *scroll, enum command command)
{
  switch (command) {
  case COMMAND_UP:
    *scroll -= *scroll > 0;
    return true;
  case COMMAND_DOWN:
    *scroll += 1;
    return true;
  case COMMAND_PAGE_UP:
    *scroll -= *scroll > PAGE ? PAGE : *scroll;
    return true;
  case COMMAND_PAGE_DOWN:
    *scroll += PAGE;
    return true;
  case COMMAND_HOME:
    *scroll = 0;
    return true;
  case COMMAND_END:
    *scroll = SCROLL_MAX;
    return true;
  default:
    return false;
  }
}
