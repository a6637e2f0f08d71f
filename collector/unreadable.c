/* unreadable.c - see unreadable.h. */
#include "collector/unreadable.h"

#include <stdlib.h>
#include <string.h>

#include "store/harmless.h"

bool unreadable_is(const struct snapshot *s, const struct options *options, uint32_t row)
{
  return snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row) == TARGET_UNREADABLE &&
         options_want_target(options, snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row),
                             snapshot_int(s, RELATION_TARGETS, TARGETS_PID, row));
}

unsigned unreadable_write(const struct snapshot *s, const struct options *options,
                          char ret_text[UNREADABLE_BYTES])
{
  unsigned count = 0;
  size_t length;

  *ret_text = '\0';
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_TARGETS); row++) {
    const char *name = snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row),
               *reason = snapshot_text(s, RELATION_TARGETS, TARGETS_REASON, row);

    if (!unreadable_is(s, options, row) || count++ > 0)
      continue;
    (void)snprintf(ret_text, UNREADABLE_BYTES, "%.128s cannot be read: %.320s", name ? name : "?",
                   reason ? reason : "the reason is not known");
  }
  length = strlen(ret_text);
  if (count > 1)
    (void)snprintf(ret_text + length, UNREADABLE_BYTES - length, " (and %u more)", count - 1);
  return count;
}

void unreadable_tell(const struct snapshot *s, const struct options *options)
{
  char text[UNREADABLE_BYTES], *harmless;

  if (unreadable_write(s, options, text) == 0)
    return;
  harmless = harmless_text(text, strlen(text), harmless_locale_is_utf8(), NULL);
  (void)fprintf(stderr, "impasse: %s\n", harmless ? harmless : "a process cannot be read");
  free(harmless);
}
