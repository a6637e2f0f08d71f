/*
 * glyph.h - bytes to characters that are harmless on a terminal, and their width in cells.
 *
 * Names come from programs that nobody vetted. What could move the cursor, reorder the line, hide
 * itself or join its neighbours (control bytes, ESC, C1, bidi controls, zero-width and tag
 * characters, invalid UTF-8) becomes one visible replacement character, so that columns stay
 * aligned and two different names look different.
 *
 * Not here: where characters go (canvas.h).
 */
#ifndef IMPASSE_TUI_GLYPH_H
#define IMPASSE_TUI_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLYPH_REPLACEMENT 0xfffdu

struct glyph {
  uint32_t code;  /* Unicode, harmless; below 0x7f where `ascii` was asked for */
  unsigned bytes; /* read from the text, at least 1 */
  unsigned width; /* cells: 1, 2, or 0 for a mark that sits on the character before it */
};

/* The first character of a non-empty text. Widths are wcwidth's, so that ncurses and the
 * terminal agree: without `ascii` LC_CTYPE must be a UTF-8 locale. With it every character
 * becomes a printable ASCII one of width 1; our own lines, bars and arrows have their fallback
 * in glyph.c, everything else is '?'. */
struct glyph glyph_next(const char *text, bool ascii);

/* Cells that the whole text takes. */
size_t glyph_text_width(const char *text, bool ascii);

/* Writes a harmless code as UTF-8 (4 bytes at most, not terminated) and returns how many bytes. */
unsigned glyph_encode(uint32_t code, char *ret_bytes);

#endif
