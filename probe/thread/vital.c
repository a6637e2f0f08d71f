/* vital.c - see vital.h. */
#include "probe/thread/vital.h"

#include <stdlib.h>
#include <string.h>

enum { STAT_BYTES = 4096, FIELD_STATE = 3, FIELD_STACK = 28 }; /* proc(5) counts from 1 */

/* The name of a process may hold anything: the fields begin behind the last ")". */
static const char *field(const char *stat, int number)
{
  const char *at = strrchr(stat, ')');
  for (int n = FIELD_STATE; at && n <= number; n++)
    at = strchr(at + 1, ' ');
  return at ? at + 1 : NULL;
}

struct vital vital_read(const struct reach_target *target)
{
  struct vital vital = {0};
  char *stat = NULL;
  if (reach_file(target, "stat", STAT_BYTES, &stat, NULL) != 0)
    return vital;
  const char *state = field(stat, FIELD_STATE), *stack = field(stat, FIELD_STACK);
  vital.stopped = state && (*state == 'T' || *state == 't');
  vital.image = stack ? strtoull(stack, NULL, 10) : 0;
  free(stat);
  return vital;
}
