/* alert_detail.c - see alert_detail.h. */
#include "collector/alert_detail.h"

#include <jansson.h>
#include <stddef.h>

char *alert_detail(const char *detail)
{
  json_t *parsed = detail ? json_loads(detail, JSON_REJECT_DUPLICATES, NULL) : NULL;
  char *line = json_is_object(parsed) ? json_dumps(parsed, JSON_COMPACT) : NULL;

  json_decref(parsed);
  return line;
}
