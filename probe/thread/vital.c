/* vital.c - see vital.h. */
#include "probe/thread/vital.h"

#include <stdlib.h>
#include <string.h>

enum { STAT_BYTES = 4096, FIELD_STATE = 3 }; /* proc(5) counts from 1 */

/* Where code, stack, data, heap, arguments and environment begin: all of them stay until an exec. */
static const int image_fields[] = {26, 27, 28, 45, 46, 47, 48, 49, 50, 51};

/* The name of a process may hold anything: the fields begin behind the last ")". */
static const char *field(const char *stat, int number)
{
  const char *at = strrchr(stat, ')');
  for (int n = FIELD_STATE; at && n <= number; n++)
    at = strchr(at + 1, ' ');
  return at ? at + 1 : NULL;
}

/* One number of them; 0 where the kernel does not tell them, or there is nothing any more. */
static uint64_t image_of(const char *stat)
{
  uint64_t image = 0, sum = 0;
  for (size_t i = 0; i < sizeof image_fields / sizeof image_fields[0]; i++) {
    const char *text = field(stat, image_fields[i]);
    uint64_t address = text ? strtoull(text, NULL, 10) : 0;
    sum |= address > 1 ? address : 0; /* 1: not for us */
    image = (image ^ address) * 0x9e3779b97f4a7c15u;
    image ^= image >> 32;
  }
  return sum ? image : 0;
}

struct vital vital_read(const struct reach_target *target)
{
  struct vital vital = {0};
  char *stat = NULL;
  if (reach_file(target, "stat", STAT_BYTES, &stat, NULL) != 0)
    return vital;
  const char *state = field(stat, FIELD_STATE);
  vital.stopped = state && (*state == 'T' || *state == 't');
  vital.image = image_of(stat);
  free(stat);
  return vital;
}
