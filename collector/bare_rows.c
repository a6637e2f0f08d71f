/* bare_rows.c - see bare_rows.h. */
#include "collector/bare_rows.h"

#include <errno.h>
#include <string.h>

#include "collector/clock.h"
#include "collector/sources.h"
#include "probe/process/process.h"

static const struct source *source_of_tag(uint8_t tag)
{
  for (const struct source *const *source = sources; *source; source++)
    if ((*source)->tag == tag)
      return *source;
  return NULL;
}

static struct sweep *make(uint64_t target_key, const struct source *source, uint8_t state,
                          const char *reason)
{
  enum source_tag tag = source ? source->tag : SOURCE_TAG_NONE;
  struct sweep *sweep = sweep_new(target_key, tag, SWEEP_FAILED);

  if (!sweep)
    return NULL;
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.state = state;
  sweep->target.reason = sweep_add_text(sweep, reason, strlen(reason));
  if (source)
    sweep->target.runtime = sweep_add_text(sweep, source->name, strlen(source->name));
  return sweep;
}

/* Its place, where there is a row already, else `count`. */
static size_t find(const struct bare_rows *rows, uint64_t target_key, uint8_t tag)
{
  size_t i = 0;

  while (i < rows->count && (rows->list[i].key != target_key || rows->list[i].tag != tag))
    i++;
  return i;
}

size_t bare_rows_tell(struct bare_rows *rows, const struct reach_target *target,
                      const struct source *source, const char *reason)
{
  uint64_t key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  uint8_t tag = (uint8_t)(source ? source->tag : SOURCE_TAG_NONE);
  size_t place = find(rows, key, tag);
  struct sweep *sweep;

  if (place == BARE_ROWS_MAX)
    return 0;
  sweep = make(key, source, TARGET_UNREADABLE, reason);
  if (!sweep)
    return 0;
  (void)process_fill(target, sweep); /* what it cannot read stays unknown */
  model_thread_post(rows->model, sweep);
  rows->list[place] = (struct bare_row){key, tag};
  rows->count += place == rows->count;
  return 1;
}

void bare_rows_drop(struct bare_rows *rows, uint64_t target_key, uint8_t tag)
{
  size_t place = find(rows, target_key, tag);
  struct sweep *sweep;

  if (place == rows->count)
    return;
  rows->list[place] = rows->list[--rows->count];
  if (tag != SOURCE_TAG_NONE)
    return;
  sweep = make(target_key, NULL, ENUM_UNKNOWN, "");
  if (sweep)
    model_thread_post(rows->model, sweep);
}

bool bare_rows_alive(uint64_t target_key)
{
  struct reach_target *target = NULL;
  int error = reach_open(TARGET_KEY_PID(target_key), &target);
  bool alive =
      error == -ECONNRESET || error == -ETIMEDOUT ||
      (error == 0 && TARGET_KEY(reach_start_ticks(target), reach_pid(target)) == target_key);

  reach_close(target);
  return alive;
}

void bare_rows_see_to(struct bare_rows *rows)
{
  for (size_t i = 0; i < rows->count; i++) {
    struct bare_row row = rows->list[i];
    struct sweep *sweep;

    if (bare_rows_alive(row.key))
      continue;
    sweep = make(row.key, source_of_tag(row.tag), TARGET_GONE, "exited");
    if (sweep)
      model_thread_post(rows->model, sweep);
    rows->list[i--] = rows->list[--rows->count];
  }
}
