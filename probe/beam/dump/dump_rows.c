/* dump_rows.c - see dump_rows.h. */
#include "probe/beam/dump/dump_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum { FIRST_SLOTS = 1024, PROCS_MOST = 1 << 27 }; /* +P takes no more */

int dump_rows_init(struct dump_rows *rows)
{
  *rows = (struct dump_rows){.sweep = sweep_new(TARGET_KEY(1, 0), SOURCE_TAG_BEAM, SWEEP_FULL)};
  rows->slots = calloc(FIRST_SLOTS, sizeof *rows->slots);
  rows->slot_count = FIRST_SLOTS;
  if (rows->sweep && rows->slots)
    return 0;
  dump_rows_done(rows);
  return -ENOMEM;
}

void dump_rows_done(struct dump_rows *rows)
{
  sweep_free(rows->sweep);
  free(rows->procs);
  free(rows->slots);
  free(rows->monitors);
  free(rows->peers);
  free(rows->named);
  *rows = (struct dump_rows){0};
}

/* --- by pid --- */

static size_t slot_of(const struct dump_rows *rows, uint64_t key)
{
  size_t slot = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 24) & (rows->slot_count - 1);

  while (rows->slots[slot] && rows->procs[rows->slots[slot] - 1].key != key)
    slot = (slot + 1) & (rows->slot_count - 1);
  return slot;
}

static int grow_slots(struct dump_rows *rows)
{
  size_t count = rows->slot_count * 2;
  uint32_t *slots = calloc(count, sizeof *slots);

  if (!slots)
    return -ENOMEM;
  free(rows->slots);
  rows->slots = slots;
  rows->slot_count = count;
  for (size_t i = 0; i < rows->sweep->actor_count; i++)
    rows->slots[slot_of(rows, rows->procs[i].key)] = (uint32_t)i + 1;
  return 0;
}

size_t dump_rows_find(const struct dump_rows *rows, uint64_t key)
{
  uint32_t found = rows->slots[slot_of(rows, key)];

  return found ? found - 1 : DUMP_NOBODY;
}

/* Makes room for one more of `size` bytes. */
static int make_room(void **list, size_t count, size_t *room, size_t size)
{
  if (count < *room)
    return 0;
  size_t more = *room ? *room * 2 : 256;
  void *larger = reallocarray(*list, more, size);
  if (!larger)
    return -ENOMEM;
  *list = larger;
  *room = more;
  return 0;
}

int dump_rows_add(struct dump_rows *rows, struct beam_pid pid, size_t *ret_index)
{
  size_t index = rows->sweep->actor_count;
  uint64_t key = beam_pid_key(pid);
  void *procs = rows->procs;
  int error;

  if (dump_rows_find(rows, key) != DUMP_NOBODY)
    return -EEXIST;
  if (index >= PROCS_MOST)
    return -EFBIG;
  error = make_room(&procs, index, &rows->proc_room, sizeof *rows->procs);
  rows->procs = procs;
  if (error == 0 && (index + 1) * 2 > rows->slot_count)
    error = grow_slots(rows);
  if (error < 0)
    return error;
  struct sweep_actor *actor = sweep_add_actor(rows->sweep);
  if (!actor)
    return -ENOMEM;
  actor->key = key;
  actor->kind = ACTOR_KIND_PROCESS;
  actor->depth_is = DEPTH_EXACT;
  actor->work_unit = WORK_REDUCTIONS;
  rows->procs[index] = (struct dump_proc){.key = key, .monitor_first = rows->monitor_count};
  rows->slots[slot_of(rows, key)] = (uint32_t)index + 1;
  *ret_index = index;
  return 0;
}

/* --- by name --- */

static const char *name_of(const struct dump_rows *rows, uint32_t index)
{
  return sweep_text(rows->sweep, rows->sweep->actors[index].name);
}

static int compare_named(const void *a, const void *b, void *context)
{
  return strcmp(name_of(context, *(const uint32_t *)a), name_of(context, *(const uint32_t *)b));
}

static int sort_names(struct dump_rows *rows)
{
  rows->named = calloc(rows->sweep->actor_count + 1, sizeof *rows->named);
  if (!rows->named)
    return -ENOMEM;
  for (uint32_t i = 0; i < rows->sweep->actor_count; i++)
    if (rows->sweep->actors[i].flags & SWEEP_ACTOR_REGISTERED)
      rows->named[rows->named_count++] = i;
  if (rows->named_count)
    qsort_r(rows->named, rows->named_count, sizeof *rows->named, compare_named, rows);
  rows->names_sorted = true;
  return 0;
}

size_t dump_rows_find_name(struct dump_rows *rows, const char *name)
{
  size_t low = 0, high;

  if (!rows->names_sorted && sort_names(rows) < 0)
    return DUMP_NOBODY;
  high = rows->named_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(name_of(rows, rows->named[middle]), name);
    if (order == 0)
      return rows->named[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return DUMP_NOBODY;
}

/* --- monitors, other nodes --- */

int dump_rows_add_monitor(struct dump_rows *rows, const struct dump_monitor *monitor)
{
  void *monitors = rows->monitors;
  int error = make_room(&monitors, rows->monitor_count, &rows->monitor_room, sizeof *monitor);

  rows->monitors = monitors;
  if (error == 0)
    rows->monitors[rows->monitor_count++] = *monitor;
  return error;
}

int dump_rows_add_peer(struct dump_rows *rows, uint64_t channel, uint32_t name)
{
  void *peers = rows->peers;
  int error = make_room(&peers, rows->peer_count, &rows->peer_room, sizeof *rows->peers);

  rows->peers = peers;
  if (error == 0)
    rows->peers[rows->peer_count++] = (struct dump_peer){channel, name};
  return error;
}

uint32_t dump_rows_peer(const struct dump_rows *rows, uint64_t channel)
{
  for (size_t i = 0; i < rows->peer_count; i++)
    if (rows->peers[i].channel == channel)
      return rows->peers[i].name;
  return 0;
}

/* --- at the end --- */

static void name_actor(struct dump_rows *rows, size_t index)
{
  struct sweep_actor *actor = &rows->sweep->actors[index];
  struct beam_pid pid = beam_pid_of_key(actor->key);
  const char *spawned = sweep_text(rows->sweep, rows->procs[index].spawned);
  char words[2 * DUMP_ATOM_BYTES];

  if (actor->name)
    return;
  words[0] = '\0'; /* the text may move while it is added to */
  if (spawned)
    (void)strncat(words, spawned, sizeof words - 1);
  actor->name = sweep_add_format(rows->sweep, "%s%s<0.%u.%u>", words, spawned ? " " : "",
                                 pid.number, pid.serial);
}

static void drop_equal_tables(struct sweep *sweep)
{
  size_t kept = 0;

  for (size_t i = 0; i < sweep->table_count; i++)
    if (kept == 0 || sweep->tables[kept - 1].key != sweep->tables[i].key)
      sweep->tables[kept++] = sweep->tables[i];
  sweep->table_count = kept;
}

void dump_rows_finish(struct dump_rows *rows)
{
  for (size_t i = 0; i < rows->sweep->actor_count; i++)
    name_actor(rows, i);
  sweep_sort(rows->sweep);
  drop_equal_tables(rows->sweep);
}
