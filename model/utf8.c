/* utf8.c - see utf8.h. */
#include "model/utf8.h"

#include <string.h>

/* Lead bytes by their pattern, and the smallest code point that may be written with that many
 * bytes. */
static const struct {
  unsigned char mask, lead;
  uint32_t smallest;
} forms[] = {
    {0x80, 0x00, 0x0},
    {0xe0, 0xc0, 0x80},
    {0xf0, 0xe0, 0x800},
    {0xf8, 0xf0, 0x10000},
};

size_t utf8_decode(const char *bytes, size_t left, uint32_t *ret_code)
{
  const unsigned char *b = (const unsigned char *)bytes;

  for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]) && form < left; form++) {
    if ((b[0] & forms[form].mask) != forms[form].lead)
      continue;
    uint32_t code = b[0] & (unsigned char)~forms[form].mask;
    for (size_t i = 1; i <= form; i++) {
      if ((b[i] & 0xc0) != 0x80)
        return 0;
      code = code << 6 | (b[i] & 0x3f);
    }
    if (code < forms[form].smallest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      return 0;
    *ret_code = code;
    return form + 1;
  }
  return 0;
}

size_t utf8_prefix(const char *text, size_t room)
{
  size_t length = strnlen(text, room + 1);

  if (length <= room)
    return length;
  length = room;
  for (size_t back = 0; back < 4 && length > 0; back++, length--)
    if (((unsigned char)text[length] & 0xc0) != 0x80)
      return length;
  return room; /* not UTF-8 at all: any place is as good */
}
