/* glyph.c - UTF-8 in, harmless characters out; the table of ASCII fallbacks. Not here: layout. */
#include "tui/glyph.h"

#include <string.h>
#include <wchar.h>

#include "model/utf8.h"

/* Every character beyond ASCII that a pane may draw, with the one that stands for it where there
 * is no UTF-8. */
static const struct {
  uint32_t code;
  char ascii;
} fallbacks[] = {
    {0x00b7, '.'}, /* middle dot */
    {0x00d7, 'x'}, /* times */
    {0x2014, '-'}, /* em dash */
    {0x2026, '~'}, /* ellipsis */
    {0x2190, '<'}, /* arrows */
    {0x2191, '^'},  {0x2192, '>'}, {0x2193, 'v'},  {0x21bb, '@'}, {0x2500, '-'},
    {0x2502, '|'},  {0x250c, '+'}, {0x2510, '+'}, /* lines */
    {0x2514, '`'},  {0x2518, '+'}, {0x251c, '|'},  {0x2524, '|'}, {0x256d, '/'},
    {0x256e, '\\'}, {0x256f, '/'}, {0x2570, '\\'}, {0x2581, '_'}, {0x2582, '.'},
    {0x2583, ':'},  {0x2584, '-'}, /* bars, an eighth each */
    {0x2585, '='},  {0x2586, '+'}, {0x2587, '*'},  {0x2588, '#'}, {0x25b2, '^'},
    {0x25bc, 'v'},  {0x25b6, '>'}, {0x25cf, '*'},  {0x2713, '+'},
};

/* Ranges that are printable for wcwidth and yet hide, reorder or join. */
static const struct {
  uint32_t first, last;
} harmful[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},    {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},    {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x3164, 0x3164},    {0xd800, 0xdfff}, {0xe000, 0xf8ff}, {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
};

static bool is_harmful(uint32_t code)
{
  for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
    if (code >= harmful[i].first && code <= harmful[i].last)
      return true;
  return false;
}

static char ascii_for(uint32_t code)
{
  for (size_t i = 0; i < sizeof fallbacks / sizeof *fallbacks; i++)
    if (fallbacks[i].code == code)
      return fallbacks[i].ascii;
  return '?';
}

/* Stray bytes, overlong forms and surrogates are one replacement a byte. */
static uint32_t decode(const char *text, unsigned *ret_bytes)
{
  uint32_t code;
  size_t bytes = utf8_decode(text, strnlen(text, 4), &code);

  *ret_bytes = bytes ? (unsigned)bytes : 1;
  return bytes ? code : GLYPH_REPLACEMENT;
}

struct glyph glyph_next(const char *text, bool ascii)
{
  struct glyph glyph = {.width = 1};
  int width;

  glyph.code = decode(text, &glyph.bytes);
  if (glyph.code >= 0x20 && glyph.code < 0x7f)
    return glyph;
  if (ascii) {
    glyph.code = (unsigned char)ascii_for(glyph.code);
    return glyph;
  }
  width = is_harmful(glyph.code) ? -1 : wcwidth((wchar_t)glyph.code);
  if (width < 0 || width > 2)
    glyph.code = GLYPH_REPLACEMENT;
  else
    glyph.width = (unsigned)width;
  return glyph;
}

size_t glyph_text_width(const char *text, bool ascii)
{
  size_t width = 0;

  while (*text) {
    struct glyph glyph = glyph_next(text, ascii);

    /* a mark with nothing to sit on takes a cell of its own, see canvas.c */
    width += glyph.width || width ? glyph.width : 1;
    text += glyph.bytes;
  }
  return width;
}

unsigned glyph_encode(uint32_t code, char *ret_bytes)
{
  unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char lead[] = {0x00, 0xc0, 0xe0, 0xf0};

  for (unsigned i = more; i > 0; i--) {
    ret_bytes[i] = (char)(0x80 | (code & 0x3f));
    code >>= 6;
  }
  ret_bytes[0] = (char)(lead[more] | code);
  return more + 1;
}
