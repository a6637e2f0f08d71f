/* harmless.c - judging characters; see harmless.h. */
#include "store/harmless.h"

#include <langinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "model/utf8.h"

/* Characters that move the cursor, end the line or turn the direction of writing. */
static bool is_obeyed(uint32_t code)
{
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

char *harmless_text(const char *bytes, size_t length, bool utf8, unsigned *ret_width)
{
  char *text = malloc(length + 1), *out = text;
  unsigned width = 0;

  if (!text)
    return NULL;
  while (length) {
    uint32_t code = 0;
    size_t n = utf8_decode(bytes, length, &code);
    int columns = n == 1 ? 1 : n == 0 || !ret_width ? 0 : wcwidth((wchar_t)code);

    if (n == 0 || is_obeyed(code) || (n > 1 && (!utf8 || columns < 0))) {
      n = n ? n : 1;
      *out++ = '?';
      columns = 1;
    } else {
      memcpy(out, bytes, n);
      out += n;
    }
    width += (unsigned)columns;
    bytes += n;
    length -= n;
  }
  *out = '\0';
  if (ret_width)
    *ret_width = width;
  return text;
}

void harmless_message(char *text)
{
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
      *text = *text == '\n' || *text == '\t' ? ' ' : '?';
}

bool harmless_locale_is_utf8(void)
{
  return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
