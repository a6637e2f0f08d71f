/* sweep_sort.c - see sweep_sort.h. */
#include "probe/beam/sweep_sort.h"

#include <stdbool.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

static bool is_sorted(const struct sweep_sort_item *items, size_t count)
{
  for (size_t i = 1; i < count; i++)
    if (items[i - 1].key > items[i].key)
      return false;
  return true;
}

static void sort_digit(const struct sweep_sort_item *from, struct sweep_sort_item *to, size_t count,
                       unsigned shift)
{
  uint32_t place[DIGITS] = {0}, sum = 0;
  for (size_t i = 0; i < count; i++)
    place[from[i].key >> shift & (DIGITS - 1)]++;
  for (size_t i = 0; i < DIGITS; i++) {
    uint32_t here = place[i];
    place[i] = sum;
    sum += here;
  }
  for (size_t i = 0; i < count; i++)
    to[place[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
}

void sweep_sort_items(struct sweep_sort_item *items, struct sweep_sort_item *scratch, size_t count)
{
  struct sweep_sort_item *from = items, *to = scratch;
  uint64_t differ = 0;
  if (is_sorted(items, count))
    return;
  for (size_t i = 1; i < count; i++)
    differ |= items[i].key ^ items[0].key;
  for (unsigned shift = 0; shift < 64 && differ >> shift != 0;) {
    if (!(differ >> shift & 1)) { /* a digit begins at a bit that differs */
      shift++;
      continue;
    }
    sort_digit(from, to, count, shift);
    struct sweep_sort_item *done = from;
    from = to;
    to = done;
    shift += DIGIT_BITS;
  }
  if (from != items)
    memcpy(items, from, count * sizeof *items);
}
