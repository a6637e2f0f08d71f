/* maker.c - see maker.h. */
#include "model/maker.h"

#include <errno.h>
#include <string.h>

bool maker_is_row(const struct snapshot *snapshot, uint32_t row)
{
  const char *runtime = snapshot_text(snapshot, RELATION_TARGETS, TARGETS_RUNTIME, row);

  return runtime && strcmp(runtime, MAKER_RUNTIME) == 0;
}

int maker_find(const struct snapshot *snapshot, uint32_t *ret_row)
{
  for (uint32_t row = 0; row < snapshot_rows(snapshot, RELATION_TARGETS); row++) {
    if (maker_is_row(snapshot, row)) {
      *ret_row = row;
      return 0;
    }
  }
  return -ENOENT;
}
