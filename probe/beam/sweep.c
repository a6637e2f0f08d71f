/* sweep.c - see sweep.h. */
#include "probe/beam/sweep.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "probe/beam/hot.h"
#include "probe/beam/sweep_sort.h"
#include "probe/beam/sweep_text.h"
#include "probe/beam/term.h"
#include "probe/beam/wait/wait.h"

enum {
  /* of a node; a hostile one could claim 2^27, and each row costs us twenty times what it costs there */
  PROCESSES_MOST = 1 << 22,
  CHUNK_SLOTS = 32768, /* of the slot table, read at once */
  PAGE_SLOTS = 512,
  SUSPECTS_MOST = 4096,
  AHEAD = 12, /* rows that are fetched before they are needed */
  HUGE_PAGE = 2 << 20,
  PARTED_MOST = 4096, /* mailboxes in several parts that are summed in one sweep */
};
#define ADDRESS_MOST (UINT64_C(1) << 47)

/* A process that a part or round looks for. */
struct wanted {
  struct beam_proc_place place;
  uint64_t word;
};

/* A row before it has its place: rows come by address and go out by key, and moving what is a line
 * of the cache costs half of moving a whole row. */
struct staged {
  uint64_t key, parent, head;
  int64_t depth, memory_bytes, work_count;
  uint32_t name, function;
  uint8_t state, depth_is, flags;
};
static_assert(sizeof(struct staged) <= 64, "a line of the cache");

/* A row whose name is still to be found. */
struct later {
  uint32_t row, slot;
};

struct array { /* grows, and is kept from sweep to sweep */
  void *items;
  size_t count, room;
};

struct beam_sweep {
  const struct beam_node *node;
  struct beam_names *names;
  struct hot hot;
  int64_t lost_count;
  struct array places;     /* struct beam_proc_place, as they are read */
  struct array words;      /* uint64_t: of a part or round, the pids that are looked for there */
  struct array items;      /* struct sweep_sort_item */
  struct array scratch;    /* the same */
  struct array staged;     /* struct staged */
  struct array later;      /* struct later */
  struct array candidates; /* struct beam_proc */
  struct array blocked;    /* struct wanted */
  struct beam_proc_place suspects[SUSPECTS_MOST];
  size_t suspect_count;
  /* of the rows that are being made */
  struct sweep *sweep;
  size_t parted;
  uint32_t function; /* of the last row; does who waits there start another process? */
  bool function_starts;
  bool no_memory;
};

static int array_reserve(struct array *array, size_t room, size_t size)
{
  if (room <= array->room)
    return 0;
  void *larger = reallocarray(array->items, room, size);
  if (!larger)
    return -ENOMEM;
  array->items = larger;
  array->room = room;
  return 0;
}

static void *array_add(struct array *array, size_t size)
{
  if (array->count == array->room &&
      array_reserve(array, array->room ? array->room * 2 : 256, size) != 0)
    return NULL;
  return (char *)array->items + array->count++ * size;
}

struct beam_sweep *beam_sweep_new(const struct beam_node *node, struct beam_names *names)
{
  struct beam_sweep *state = calloc(1, sizeof *state);
  if (!state)
    return NULL;
  state->node = node;
  state->names = names;
  if (hot_init(&state->hot) != 0) {
    free(state);
    return NULL;
  }
  return state;
}

void beam_sweep_free(struct beam_sweep *state)
{
  if (!state)
    return;
  hot_done(&state->hot);
  free(state->places.items);
  free(state->words.items);
  free(state->items.items);
  free(state->scratch.items);
  free(state->staged.items);
  free(state->later.items);
  free(state->candidates.items);
  free(state->blocked.items);
  free(state);
}

/* ---- places ---- */

static int take_slots(struct beam_sweep *state, const uint64_t *addresses, uint32_t first,
                      uint32_t count)
{
  int error =
      array_reserve(&state->items, state->items.count + count, sizeof(struct sweep_sort_item));
  if (error)
    return error;
  struct sweep_sort_item *items = state->items.items;
  for (uint32_t i = 0; i < count; i++) {
    if (addresses[i] == 0 || addresses[i] >= ADDRESS_MOST || addresses[i] % 8 != 0)
      continue;
    if (state->items.count < PROCESSES_MOST)
      items[state->items.count++] = (struct sweep_sort_item){addresses[i], first + i};
    else
      state->lost_count++;
  }
  return 0;
}

/* Slots of a part of the table that cannot be read (it was swapped out): those that were known
 * there are lost until it can. */
static void lose_slots(struct beam_sweep *state, uint32_t first, uint32_t count)
{
  for (uint32_t slot = first; slot < first + count; slot++)
    state->lost_count += beam_names_at(state->names, slot) != NULL;
}

/* All at once, or page by page where some of it is not there. */
static int read_chunk(struct beam_sweep *state, uint64_t *addresses, uint32_t first, uint32_t count,
                      uint32_t step)
{
  int error = 0;
  for (uint32_t done = 0; done < count && !error; done += step) {
    uint32_t some = count - done < step ? count - done : step;
    uint64_t from = state->node->processes.slots + (uint64_t)(first + done) * sizeof *addresses;
    error = beam_memory_read(state->node->memory, from, addresses, some * sizeof *addresses);
    if (!error) {
      error = take_slots(state, addresses, first + done, some);
    } else if (error == -EFAULT && step > PAGE_SLOTS) {
      error = read_chunk(state, addresses, first + done, some, PAGE_SLOTS);
    } else if (error == -EFAULT) {
      lose_slots(state, first + done, some);
      error = 0;
    }
  }
  return error;
}

static int read_slots(struct beam_sweep *state)
{
  uint64_t *addresses = reallocarray(NULL, CHUNK_SLOTS, sizeof *addresses);
  int error = addresses ? 0 : -ENOMEM;
  state->items.count = 0;
  if (!error)
    error = read_chunk(state, addresses, 0, state->node->processes.most, CHUNK_SLOTS);
  free(addresses);
  return error;
}

/* All processes, by address. */
static int find_places(struct beam_sweep *state)
{
  int error = read_slots(state);
  size_t count = state->items.count;
  if (!error)
    error = array_reserve(&state->scratch, count, sizeof(struct sweep_sort_item));
  if (!error)
    error = array_reserve(&state->places, count, sizeof(struct beam_proc_place));
  if (error)
    return error;
  const struct sweep_sort_item *items = state->items.items;
  sweep_sort_items(state->items.items, state->scratch.items, count);
  struct beam_proc_place *places = state->places.items;
  for (size_t i = 0; i < count; i++)
    places[i] = (struct beam_proc_place){items[i].key, items[i].index};
  state->places.count = count;
  return 0;
}

static int want_place(struct beam_sweep *state, struct beam_proc_place place, uint64_t word)
{
  struct beam_proc_place *to = array_add(&state->places, sizeof *to);
  uint64_t *expected = to ? array_add(&state->words, sizeof *expected) : NULL;
  if (!expected)
    return -ENOMEM;
  *to = place;
  *expected = word;
  return 0;
}

/* Those of the hot list, or those that were blocked. */
static int find_wanted(struct beam_sweep *state, bool hot)
{
  const struct wanted *blocked = state->blocked.items;
  int error = 0;
  state->places.count = state->words.count = 0;
  for (size_t i = 0; hot && i < state->hot.count && !error; i++)
    error = want_place(state, state->hot.entries[i].place, state->hot.entries[i].word);
  for (size_t i = 0; !hot && i < state->blocked.count && !error; i++)
    error = want_place(state, blocked[i].place, blocked[i].word);
  return error;
}

/* ---- rows ---- */

/* As erlang:process_info(Pid, status) says it. */
static uint8_t state_of(uint32_t bits)
{
  static const struct {
    uint32_t bits;
    uint8_t state;
  } rows[] = {
      {BEAM_STATE_EXITING, ACTOR_EXITING},
      {BEAM_STATE_GC, ACTOR_RUNNING},
      {BEAM_STATE_RUNNING | BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
           BEAM_STATE_DIRTY_RUNNING_SYS,
       ACTOR_RUNNING},
      {BEAM_STATE_SUSPENDED, ACTOR_SUSPENDED},
      {BEAM_STATE_ACTIVE | BEAM_STATE_ACTIVE_SYS, ACTOR_RUNNABLE},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (bits & rows[i].bits)
      return rows[i].state;
  return ACTOR_RECEIVE;
}

/* Who waits for a process that it starts may have no monitor. Most rows have one of a few functions. */
static bool starts_another(struct beam_sweep *state, uint32_t function)
{
  size_t bytes;
  const char *texts = beam_names_texts(state->names, &bytes);
  if (function != state->function) {
    state->function = function;
    state->function_starts =
        function && function < bytes && strcmp(texts + function, BEAM_WAIT_STARTING) == 0;
  }
  return state->function_starts;
}

static bool may_be_blocked(struct beam_sweep *state, const struct beam_proc_facts *facts,
                           uint32_t function)
{
  const uint32_t busy = BEAM_STATE_EXITING | BEAM_STATE_GC | BEAM_STATE_RUNNING |
                        BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
                        BEAM_STATE_DIRTY_RUNNING_SYS;
  return !(facts->proc.state & busy) && (facts->proc.monitors || starts_another(state, function));
}

/* The length of the mailbox, where it is in several parts summed up as far as the bound allows. */
static void fill_depth(struct beam_sweep *state, const struct beam_proc_facts *facts,
                       struct staged *row)
{
  int64_t depth = facts->depth;
  bool whole = true;
  if (facts->depth_more) {
    whole = state->parted < PARTED_MOST && beam_proc_depth(state->node, facts, &depth);
    state->parted++;
  }
  if (depth < 0)
    return;
  row->depth = depth;
  row->depth_is = whole ? DEPTH_EXACT : DEPTH_AT_LEAST;
}

static void fill_name(struct staged *row, const struct beam_name *name)
{
  row->name = name->text;
  row->parent = name->parent;
  if (name->flags & BEAM_NAME_REGISTERED)
    row->flags = SWEEP_ACTOR_REGISTERED | SWEEP_ACTOR_NAMED;
}

static void name_row(struct beam_sweep *state, const struct beam_proc_facts *facts,
                     struct staged *row)
{
  bool later = false;
  struct beam_name *name = beam_names_note(state->names, facts, &later);
  struct later *note = later && name ? array_add(&state->later, sizeof *note) : NULL;
  if (!name || (later && !note)) {
    state->no_memory = true;
    return;
  }
  if (note)
    *note =
        (struct later){(uint32_t)(row - (struct staged *)state->staged.items), facts->proc.slot};
  else
    fill_name(row, name);
  int64_t before = name->depth == UINT32_MAX ? VALUE_UNKNOWN : (int64_t)name->depth;
  if (state->sweep->kind == SWEEP_FULL)
    hot_offer(&state->hot, &facts->proc,
              hot_heat(row->depth, before, false, facts->registered != 0));
  name->depth = row->depth >= 0 && row->depth < UINT32_MAX ? (uint32_t)row->depth : UINT32_MAX;
}

static struct staged *stage(struct beam_sweep *state, uint64_t key)
{
  struct staged *row = array_add(&state->staged, sizeof *row);
  if (row)
    *row = (struct staged){.key = key,
                           .depth = VALUE_UNKNOWN,
                           .memory_bytes = VALUE_UNKNOWN,
                           .work_count = VALUE_UNKNOWN,
                           .state = ENUM_UNKNOWN,
                           .depth_is = ENUM_UNKNOWN};
  else
    state->no_memory = true;
  return row;
}

static void add_row(struct beam_sweep *state, const struct beam_proc_facts *facts)
{
  struct staged *row = stage(state, facts->proc.key);
  bool drains;
  if (!row)
    return;
  row->state = state_of(facts->proc.state);
  row->memory_bytes = facts->memory_bytes;
  row->work_count = facts->reductions;
  row->function = beam_names_function(state->names, facts, &drains);
  fill_depth(state, facts, row);
  if (drains && row->depth_is == DEPTH_EXACT)
    row->depth_is = DEPTH_AT_LEAST;
  if (row->state == ACTOR_RECEIVE && facts->searched)
    row->head = facts->head;
  if (state->sweep->kind != SWEEP_ROUND) /* a round needs no names */
    name_row(state, facts, row);
  if (!may_be_blocked(state, facts, row->function))
    return;
  struct beam_proc *candidate = array_add(&state->candidates, sizeof *candidate);
  if (candidate)
    *candidate = facts->proc;
  else
    state->no_memory = true;
}

/* Of a full sweep. */
static void take_any(void *context, size_t index, enum beam_proc_read how,
                     const struct beam_proc_facts *facts)
{
  struct beam_sweep *state = context;
  const struct beam_proc_place *places = state->places.items;
  if (how == BEAM_PROC_READ)
    add_row(state, facts);
  else if (how == BEAM_PROC_OTHER && state->suspect_count < SUSPECTS_MOST)
    state->suspects[state->suspect_count++] = places[index];
  else if (how == BEAM_PROC_OTHER)
    state->lost_count++;
}

/* Of a part or round: the very process that was looked for, or it is gone. */
static void take_wanted(void *context, size_t index, enum beam_proc_read how,
                        const struct beam_proc_facts *facts)
{
  struct beam_sweep *state = context;
  uint64_t word = ((const uint64_t *)state->words.items)[index];
  if (how == BEAM_PROC_READ && facts->proc.word == word) {
    add_row(state, facts);
    return;
  }
  struct staged *row = stage(state, beam_pid_key(beam_node_pid(state->node, word)));
  if (row)
    row->flags = SWEEP_ACTOR_GONE;
}

/* ---- what was not what it should have been ---- */

/* A slot that has changed meanwhile explains it; one of the emulator's own placeholders, which lie
 * beside the table, does so, too. Else a process was there and could not be read. */
static bool is_explained(const struct beam_node *node, uint64_t before, uint64_t now)
{
  const uint64_t image = UINT64_C(64) << 20;
  return now != before || before - (node->processes.address - image) < 2 * image;
}

static int judge_suspects(struct beam_sweep *state)
{
  size_t count = state->suspect_count;
  struct reach_piece *pieces = count ? reallocarray(NULL, count, sizeof *pieces) : NULL;
  uint64_t *now = count ? calloc(count, sizeof *now) : NULL;
  int error = count && (!pieces || !now) ? -ENOMEM : 0;
  for (size_t i = 0; i < count && !error; i++)
    pieces[i] =
        (struct reach_piece){state->node->processes.slots + (uint64_t)state->suspects[i].slot * 8,
                             &now[i], sizeof now[i], false};
  if (count && !error)
    error = beam_memory_pieces(state->node->memory, pieces, count);
  for (size_t i = 0; i < count && !error; i++)
    state->lost_count += !is_explained(state->node, state->suspects[i].address, now[i]);
  free(pieces);
  free(now);
  return error;
}

/* ---- order ---- */

/* For a hundred megabytes of rows, page faults cost as much as writing them. */
static struct sweep_actor *new_rows(size_t count)
{
  const size_t huge = HUGE_PAGE;
  void *rows = NULL;
  size_t bytes = count * sizeof(struct sweep_actor);
  if (bytes < 2 * huge)
    return malloc(bytes);
  bytes = (bytes + huge - 1) / huge * huge;
  if (posix_memalign(&rows, huge, bytes) != 0)
    return NULL;
  (void)madvise(rows, bytes, MADV_HUGEPAGE); /* only faster */
  return rows;
}

static struct sweep_actor row_of(const struct staged *staged)
{
  return (struct sweep_actor){
      .key = staged->key,
      .parent = staged->parent,
      .depth = staged->depth,
      .put_count = VALUE_UNKNOWN,
      .take_count = VALUE_UNKNOWN,
      .dropped_count = VALUE_UNKNOWN,
      .capacity = VALUE_UNKNOWN,
      .memory_bytes = staged->memory_bytes,
      .work_count = staged->work_count,
      .head = staged->head,
      .name = staged->name,
      .function = staged->function,
      .kind = ACTOR_KIND_PROCESS,
      .state = staged->state,
      .depth_is = staged->depth_is,
      .work_unit = WORK_REDUCTIONS,
      .flags = staged->flags,
  };
}

static int sort_staged(struct beam_sweep *state)
{
  const struct staged *staged = state->staged.items;
  size_t count = state->staged.count;
  int error = array_reserve(&state->items, count, sizeof(struct sweep_sort_item));
  if (!error)
    error = array_reserve(&state->scratch, count, sizeof(struct sweep_sort_item));
  if (error)
    return error;
  struct sweep_sort_item *items = state->items.items;
  for (size_t i = 0; i < count; i++)
    items[i] = (struct sweep_sort_item){staged[i].key, (uint32_t)i};
  sweep_sort_items(items, state->scratch.items, count);
  return 0;
}

/* By key, each key once: of two records that claim to be the same process one is lost. */
static int make_rows(struct beam_sweep *state)
{
  struct sweep *sweep = state->sweep;
  size_t count = state->staged.count, made = 0;
  int error = sort_staged(state);
  struct sweep_actor *rows = error || count == 0 ? NULL : new_rows(count);
  if (error || count == 0)
    return error;
  if (!rows)
    return -ENOMEM;
  const struct sweep_sort_item *items = state->items.items;
  const struct staged *staged = state->staged.items;
  for (size_t i = 0; i < count; i++) {
    if (i + AHEAD < count)
      __builtin_prefetch(&staged[items[i + AHEAD].index]);
    if (made == 0 || rows[made - 1].key != items[i].key)
      rows[made++] = row_of(&staged[items[i].index]);
  }
  state->lost_count += (int64_t)(count - made);
  free(sweep->actors); /* there were none */
  sweep->actors = rows;
  sweep->actor_count = made;
  sweep->actor_room = count;
  return 0;
}

/* ---- the whole ---- */

static int find_names(struct beam_sweep *state)
{
  const struct later *later = state->later.items;
  struct staged *staged = state->staged.items;
  int error = beam_names_resolve(state->names);
  for (size_t i = 0; i < state->later.count && !error; i++) {
    const struct beam_name *name = beam_names_at(state->names, later[i].slot);
    if (name)
      fill_name(&staged[later[i].row], name);
  }
  return error;
}

static int begin(struct beam_sweep *state, struct sweep *sweep)
{
  state->sweep = sweep;
  state->staged.count = state->later.count = state->candidates.count = state->suspect_count =
      state->parted = 0;
  state->function = 0;
  state->function_starts = false;
  state->no_memory = false;
  if (sweep->kind == SWEEP_FULL)
    hot_begin(&state->hot);
  int error = beam_names_begin(state->names, sweep->kind == SWEEP_FULL);
  if (!error)
    error = sweep->kind == SWEEP_FULL ? find_places(state)
                                      : find_wanted(state, sweep->kind == SWEEP_PART);
  return error;
}

int beam_sweep_rows(struct beam_sweep *state, struct sweep *sweep)
{
  bool full = sweep->kind == SWEEP_FULL;
  int error = begin(state, sweep);
  if (!error)
    error = beam_proc_each(state->node, state->places.items, state->places.count,
                           full ? take_any : take_wanted, state);
  if (!error && state->no_memory)
    error = -ENOMEM;
  if (!error && full)
    error = judge_suspects(state);
  if (!error && sweep->kind != SWEEP_ROUND)
    error = find_names(state);
  if (!error)
    error = make_rows(state);
  if (!error)
    error = sweep_text_take(sweep, state->names);
  state->sweep = NULL;
  return error;
}

const struct beam_proc *beam_sweep_candidates(const struct beam_sweep *state, size_t *ret_count)
{
  *ret_count = state->candidates.count;
  return state->candidates.items;
}

/* Leaves out waits of whom there is no row, and marks the rows of the others. Both are sorted. */
static void mark_blocked(struct sweep *sweep)
{
  size_t row = 0, kept = 0;
  for (size_t i = 0; i < sweep->wait_count; i++) {
    const struct sweep_wait *wait = &sweep->waits[i];
    while (row < sweep->actor_count && sweep->actors[row].key < wait->waiter)
      row++;
    if (row == sweep->actor_count || sweep->actors[row].key != wait->waiter)
      continue;
    sweep->actors[row].state = ACTOR_BLOCKED;
    sweep->waits[kept++] = *wait;
  }
  sweep->wait_count = kept;
}

static int compare_rows(const void *key, const void *row)
{
  uint64_t a = *(const uint64_t *)key, b = ((const struct sweep_actor *)row)->key;
  return (a > b) - (a < b);
}

static bool is_blocked(const struct sweep *sweep, uint64_t key)
{
  const struct sweep_actor *row =
      sweep->actor_count
          ? bsearch(&key, sweep->actors, sweep->actor_count, sizeof *row, compare_rows)
          : NULL;
  return row && row->state == ACTOR_BLOCKED;
}

/* Nobody is to be read in rounds any more. */
static void forget_blocked(struct beam_sweep *state)
{
  const struct wanted *blocked = state->blocked.items;
  for (size_t i = 0; i < state->blocked.count; i++) {
    struct beam_name *name = beam_names_at(state->names, blocked[i].place.slot);
    if (name)
      name->flags &= ~(uint32_t)BEAM_NAME_MARK;
  }
  state->blocked.count = 0;
}

/* Once each. */
static int remember_blocked(struct beam_sweep *state, const struct beam_proc *proc)
{
  struct beam_name *name = beam_names_at(state->names, proc->slot);
  if (!name || name->word != proc->word || name->flags & BEAM_NAME_MARK)
    return 0;
  struct wanted *wanted = array_add(&state->blocked, sizeof *wanted);
  if (!wanted)
    return -ENOMEM;
  *wanted = (struct wanted){{proc->address, proc->slot}, proc->word};
  name->flags |= BEAM_NAME_MARK;
  return 0;
}

int beam_sweep_end(struct beam_sweep *state, struct sweep *sweep)
{
  const struct beam_proc *candidates = state->candidates.items;
  bool full = sweep->kind == SWEEP_FULL;
  int error = 0;
  sweep_sort(sweep);
  mark_blocked(sweep);
  if (sweep->kind == SWEEP_ROUND)
    return 0; /* the same ones again, until the next sweep */
  if (full)
    forget_blocked(state);
  for (size_t i = 0; i < state->candidates.count && sweep->wait_count > 0 && !error; i++) {
    if (!is_blocked(sweep, candidates[i].key))
      continue;
    error = remember_blocked(state, &candidates[i]);
    if (full)
      hot_offer(&state->hot, &candidates[i], hot_heat(VALUE_UNKNOWN, VALUE_UNKNOWN, true, false));
  }
  if (full)
    hot_end(&state->hot);
  return error;
}

int64_t beam_sweep_lost(const struct beam_sweep *state)
{
  return state->lost_count;
}

/* ---- one ---- */

static int read_one(const struct beam_sweep *state, uint32_t slot,
                    struct beam_proc_facts *ret_facts)
{
  const struct beam_node *node = state->node;
  struct beam_proc_place place = {.slot = slot};
  size_t size = (size_t)node->layout.sz_process;
  int error =
      beam_memory_word(node->memory, node->processes.slots + (uint64_t)slot * 8, &place.address);
  if (error)
    return error;
  char *bytes = malloc(size);
  if (!bytes)
    return -ENOMEM;
  error = beam_memory_read(node->memory, place.address, bytes, size);
  if (!error && beam_proc_decode(node, bytes, place, ret_facts) != BEAM_PROC_READ)
    error = -ESRCH;
  free(bytes);
  return error == -EFAULT ? -ESRCH : error;
}

int beam_sweep_find(const struct beam_sweep *state, uint64_t key, struct beam_proc_facts *ret_facts)
{
  const struct beam_node *node = state->node;
  for (uint32_t slot = 0; slot < node->processes.most; slot++) {
    const struct beam_name *name = beam_names_at(state->names, slot);
    if (!name || beam_pid_key(beam_node_pid(node, name->word)) != key)
      continue;
    int error = read_one(state, slot, ret_facts);
    return error ? error : ret_facts->proc.key == key ? 0 : -ESRCH;
  }
  return -ESRCH;
}
