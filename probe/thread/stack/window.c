/* window.c - see window.h. */
#include "probe/thread/stack/window.h"

#include <string.h>

void window_begin(struct window *window, const struct reach_target *target)
{
  window->target = target;
  window->length = 0;
  window->reads = 0;
}

static bool holds(const struct window *window, uint64_t address)
{
  return address >= window->start && window->length >= sizeof(uint64_t) &&
         address - window->start <= window->length - sizeof(uint64_t);
}

bool window_word(struct window *window, uint64_t address, uint64_t *ret_word)
{
  if (!holds(window, address)) {
    ssize_t length;

    if (window->reads++ >= WINDOW_READS_MOST)
      return false;
    length = reach_read(window->target, address, window->bytes, sizeof window->bytes);
    window->start = address;
    window->length = length > 0 ? (size_t)length : 0;
    if (!holds(window, address))
      return false;
  }
  memcpy(ret_word, window->bytes + (address - window->start), sizeof *ret_word);
  return true;
}
