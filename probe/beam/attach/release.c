/* release.c - see release.h. */
#include "probe/beam/attach/release.h"

#include <errno.h>
#include <string.h>

static const char GREETING[] = "Erlang/OTP ";
static const char VERSION[] = "%s [erts-";

enum {
  GREETING_LENGTH = sizeof GREETING - 1,
  VERSION_LENGTH = sizeof VERSION - 1,
  TEXT_BYTES = 64,
  OTP_MOST = 999,
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_of_version(char c)
{
  return is_digit(c) || c == '.' || c == '-' || (c >= 'a' && c <= 'z');
}

bool release_parse(const char *text, size_t length, struct release *ret_release)
{
  const char *c = text, *end = text + length;
  struct release release = {0};
  size_t n = 0;
  if (length < GREETING_LENGTH || memcmp(c, GREETING, GREETING_LENGTH) != 0)
    return false;
  for (c += GREETING_LENGTH; c < end && is_digit(*c) && release.otp <= OTP_MOST; c++)
    release.otp = release.otp * 10 + (*c - '0');
  if (release.otp == 0 || release.otp > OTP_MOST || (size_t)(end - c) < VERSION_LENGTH ||
      memcmp(c, VERSION, VERSION_LENGTH) != 0)
    return false;
  for (c += VERSION_LENGTH; c < end && is_of_version(*c) && n < sizeof release.erts - 1; c++)
    release.erts[n++] = *c;
  if (c == end || *c != ']' || n == 0)
    return false;
  *ret_release = release;
  return true;
}

bool release_is_possible(const struct elf_file *file)
{
  uint64_t address;
  return elf_file_symbol(file, "enif_alloc", &address) == 0;
}

static int try_text(const struct elf_file *file, uint64_t address, void *context)
{
  char text[TEXT_BYTES];
  if (elf_file_read(file, address, text, sizeof text) != 0)
    return 0;
  return release_parse(text, sizeof text, context);
}

int release_find(const struct elf_file *file, struct release *ret_release)
{
  int result = elf_file_search(file, GREETING, GREETING_LENGTH, try_text, ret_release);
  return result < 0 ? result : 0;
}
