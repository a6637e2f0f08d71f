/* reader_name.c - formats names. A million of them are formatted in each sweep, so numbers are
 * written by hand. */
#include "probe/hook/reader_name.h"

#include <string.h>

enum {
  DIGITS_MOST = 20, /* of a uint64_t */
  CLASS_READY = 2,  /* impasse_class.state */
};

/* Writes the decimal digits of `number` and returns how many. */
static size_t write_number(uint64_t number, char *ret_digits)
{
  char digits[DIGITS_MOST];
  size_t count = 0;
  do
    digits[DIGITS_MOST - ++count] = (char)('0' + number % 10);
  while (number /= 10);
  memcpy(ret_digits, digits + DIGITS_MOST - count, count);
  return count;
}

uint32_t reader_name_class(struct reader_scan *scan, uint32_t id)
{
  if (id == 0 || id > IMPASSE_CLASSES || scan->regions->count == 0)
    return 0;
  if (scan->classes[id - 1].looked_up)
    return scan->classes[id - 1].text;
  struct reader_region *region = scan->regions->chain[0];
  uint64_t offset =
      IMPASSE_CLASSES_OFFSET + (uint64_t)(id - 1) * sizeof(struct impasse_class_entry);
  struct impasse_class_entry line;
  reader_region_fetch(scan->target, region, offset, sizeof line);
  impasse_line_copy(region->first + offset, &line);
  scan->classes[id - 1].looked_up = true;
  if (line.state != CLASS_READY)
    return 0;
  size_t length = strnlen(line.text, sizeof line.text);
  scan->classes[id - 1].length = (uint8_t)length;
  scan->classes[id - 1].text = sweep_add_text(scan->sweep, line.text, length);
  return scan->classes[id - 1].text;
}

static uint32_t name_numbered(struct reader_scan *scan, const struct impasse_cold *cold)
{
  char name[IMPASSE_CLASS_TEXT_BYTES + 1 + DIGITS_MOST];
  uint32_t class_text = reader_name_class(scan, cold->class_id);
  if (!class_text || cold->number == UINT64_MAX)
    return class_text;
  size_t length = scan->classes[cold->class_id - 1].length;
  memcpy(name, sweep_text(scan->sweep, class_text), length);
  name[length++] = '/';
  length += write_number(cold->number, name + length);
  return sweep_add_text(scan->sweep, name, length);
}

static uint32_t name_text(struct reader_scan *scan, const struct reader_slot *slot)
{
  struct reader_region *region;
  uint32_t index;
  char text[IMPASSE_TEXT_BYTES];
  if (!reader_regions_locate(scan->regions, slot->number, &region, &index))
    return 0;
  impasse_line_copy(reader_line(region->first, IMPASSE_ARRAY_TEXT, index), text);
  return sweep_add_text(scan->sweep, text, strnlen(text, sizeof text));
}

/* The slot and how often it was opened: what a name is when there is none. */
static uint32_t name_number(struct reader_scan *scan, const struct reader_slot *slot)
{
  char name[2 + 2 * DIGITS_MOST] = "#";
  size_t length = 1;
  length += write_number(slot->number, name + length);
  name[length++] = '.';
  length += write_number((uint64_t)slot->hot.generation / 2 + 1, name + length);
  return sweep_add_text(scan->sweep, name, length);
}

uint32_t reader_name_slot(struct reader_scan *scan, const struct reader_slot *slot, bool *ret_named)
{
  uint32_t text = 0;
  if (slot->cold.name_kind == IMPASSE_NAME_TEXT)
    text = name_text(scan, slot);
  else if (slot->cold.name_kind == IMPASSE_NAME_NUMBERED)
    text = name_numbered(scan, &slot->cold);
  *ret_named = text != 0;
  return text ? text : name_number(scan, slot);
}
