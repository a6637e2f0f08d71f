/*
 * bare_rows.h - rows of `targets` for processes that nothing reads: what the kernel says of them, and the reason. They go
 * when the process does, or when a source reads it after all.
 *
 * Not here: which processes get one (sampler.c).
 */
#ifndef IMPASSE_COLLECTOR_BARE_ROWS_H
#define IMPASSE_COLLECTOR_BARE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/model_thread.h"
#include "probe/reach/reach.h"
#include "probe/source.h"

enum { BARE_ROWS_MAX = 64 };

/* Of one thread. */
struct bare_rows {
  struct model_thread *model; /* gets them as sweeps */
  struct bare_row {
    uint64_t key; /* of the process */
    uint8_t tag;  /* of the source that would read it, or SOURCE_TAG_NONE */
  } list[BARE_ROWS_MAX];
  size_t count;
};

/* A row, as long as there are not too many of them; `source` is the one that would read the process, NULL none. Returns
 * how many sweeps that makes. */
size_t bare_rows_tell(struct bare_rows *rows, const struct reach_target *target,
                      const struct source *source, const char *reason);

/* A source reads it now: what was said when none did is taken back; a source's own word is replaced by its sweeps. */
void bare_rows_drop(struct bare_rows *rows, uint64_t target_key, uint8_t tag);

/* Those that have gone are told as well: no worker would see it. */
void bare_rows_see_to(struct bare_rows *rows);

/* Is this very process there? True, too, where nobody tells: the broker is gone, or held up. */
bool bare_rows_alive(uint64_t target_key);

#endif
