/* calibrate.c - see calibrate.h: takes the sample, asks the invariants, moves fields. */
#include "probe/beam/attach/calibrate.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/attach/calibrate_inner.h"
#include "probe/beam/attach/scan.h"
#include "probe/beam/proc.h"
#include "probe/beam/term.h"

enum {
  WORD = 8,
  CODE_INDICES = 3,
  RANGES_BYTES = 32,
  CODE_MOST = 1 << 16, /* modules */
  SLOTS_CHUNK = 4096,
  SLACK = 128,     /* bytes behind a struct process in which a moved field may be */
  MOVE_MOST = 256, /* bytes that a field is looked for on either side */
  MOVE_STEP = 8,
  PROCESS_INVARIANTS_MOST = 64,
  ATTEMPTS = 3, /* a node that is changing fast may need more than one sample */
};

/* ---- the sample --------------------------------------------------------------------------------------------------- */

/* Of the three ranges of code, the fullest: each but the one in force is that one before or after a change. */
static int load_code(struct calibrate *c)
{
  uint64_t heads[CODE_INDICES][RANGES_BYTES / WORD];
  size_t best = 0;
  int error = beam_memory_read(c->node->memory, c->node->code_ranges, heads, sizeof heads);
  if (error)
    return error;
  for (size_t i = 1; i < CODE_INDICES; i++)
    if (heads[i][1] > heads[best][1])
      best = i;
  uint64_t count = heads[best][1] < CODE_MOST ? heads[best][1] : CODE_MOST;
  c->code = calloc(count + 1, 2 * sizeof *c->code);
  if (!c->code)
    return -ENOMEM;
  if (beam_memory_read(c->node->memory, heads[best][0], c->code, count * 2 * WORD) == 0)
    c->code_count = count;
  return 0;
}

/* Reads one process, with some bytes behind it where they are there. */
static bool load_process(struct calibrate *c, uint64_t address)
{
  size_t size = (size_t)c->node->layout.sz_process;
  unsigned char *bytes = c->bytes + c->process_count * CALIBRATE_PROCESS_BYTES;
  ssize_t got = c->node->memory->read(c->node->memory, address, bytes, size + SLACK);
  if (got < (ssize_t)size || !beam_is_pid(beam_u64(bytes, c->node->layout.p_id)))
    return false;
  c->processes[c->process_count++] = (struct calibrate_process){address, (uint32_t)got, bytes};
  return true;
}

/* The first processes in the order of their slots: the system's own are always among them. */
static int load_sample(struct calibrate *c)
{
  const struct beam_ptab *table = &c->node->processes;
  uint64_t slots[SLOTS_CHUNK];
  c->process_count = 0;
  for (uint32_t from = 0; from < table->most; from += SLOTS_CHUNK) {
    uint32_t count = table->most - from < SLOTS_CHUNK ? table->most - from : SLOTS_CHUNK;
    int error = beam_memory_read(c->node->memory, table->slots + (uint64_t)from * WORD, slots,
                                 count * sizeof *slots);
    if (error)
      return error;
    for (uint32_t i = 0; i < count; i++) {
      if (c->process_count == CALIBRATE_SAMPLE)
        return 0;
      if (scan_is_pointer(slots[i], WORD))
        (void)load_process(c, slots[i]); /* it may have gone: others are there */
    }
  }
  return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

/* Fields of one that runs, collects garbage or exits change while they are read. */
static bool is_at_rest(const struct calibrate *c, const struct calibrate_process *p)
{
  const uint32_t moving = BEAM_STATE_FREE | BEAM_STATE_EXITING | BEAM_STATE_RUNNING |
                          BEAM_STATE_GC | BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
                          BEAM_STATE_DIRTY_RUNNING_SYS;
  int32_t offset = c->node->layout.p_state;
  return offset >= 0 && (uint32_t)offset + 4 <= p->length && !(beam_u32(p->bytes, offset) & moving);
}

/* Is the process still as it was when the sample was taken? Otherwise it proves nothing. */
static bool is_unchanged(const struct calibrate *c, const struct calibrate_process *p)
{
  unsigned char now[CALIBRATE_PROCESS_BYTES];
  size_t size = (size_t)c->node->layout.sz_process;
  return beam_memory_read(c->node->memory, p->address, now, size) == 0 &&
         memcmp(now, p->bytes, size) == 0;
}

/* What hangs on a process that rests may be changed by others while it is read, so who fails is asked once more. */
static bool fails_again(const struct calibrate *c,
                        const struct calibrate_process_invariant *invariant,
                        const struct calibrate_process *p)
{
  return invariant->check(c, p) == CALIBRATE_FAILS && is_unchanged(c, p);
}

enum verdict { FITS, FITS_NOT, TOO_EARLY };

/* *ret_holds: of how many processes it holds. */
static enum verdict ask(const struct calibrate *c, const struct calibrate_process_invariant *ask_it,
                        uint64_t *ret_holds)
{
  uint64_t holds = 0, fails = 0;
  uint64_t tolerated = (1000 - ask_it->share_permille) * c->process_count / 1000;
  bool of_state = ask_it->fields[0] == offsetof(struct beam_layout, p_state);
  for (size_t i = 0; i < c->process_count && fails <= tolerated; i++) {
    const struct calibrate_process *p = &c->processes[i];
    if (!of_state && !is_at_rest(c, p))
      continue;
    enum calibrate_answer answer = ask_it->check(c, p);
    holds += answer == CALIBRATE_HOLDS;
    fails += answer == CALIBRATE_FAILS && fails_again(c, ask_it, p);
  }
  *ret_holds = holds;
  if (holds * 1000 < (holds + fails) * ask_it->share_permille)
    return FITS_NOT;
  return holds < ask_it->at_least ? TOO_EARLY : FITS;
}

/* ---- moving fields ------------------------------------------------------------------------------------------------ */

/* All fields of struct process, by what their names begin with; where each is in the layout. */
static const struct field {
  const char *name;
  size_t at;
} FIELDS[] = {
#define FIELD(name, expression, help) {#name, offsetof(struct beam_layout, name)},
#include "probe/beam/layout_fields.def"
#undef FIELD
};

static int32_t *offset_at(struct beam_layout *layout, size_t at)
{
  return (int32_t *)(void *)((char *)layout + at);
}

static bool is_of_process(const struct field *field)
{
  return strncmp(field->name, "p_", 2) == 0;
}

/* Do fields that always stand together stand together? */
static bool neighbours_agree(struct beam_layout *layout)
{
  for (size_t i = 0; i < CALIBRATE_NEIGHBOUR_COUNT; i++)
    if (*offset_at(layout, CALIBRATE_NEIGHBOURS[i].second) !=
        *offset_at(layout, CALIBRATE_NEIGHBOURS[i].first) + WORD)
      return false;
  return true;
}

static void move(struct beam_layout *layout, const struct calibrate_process_invariant *invariant,
                 int32_t distance)
{
  for (size_t i = 0; i < CALIBRATE_FIELDS && invariant->fields[i]; i++)
    if (*offset_at(layout, invariant->fields[i]) >= 0)
      *offset_at(layout, invariant->fields[i]) += distance;
}

/* Looks for the fields of an invariant that does not hold, nearest places first. */
static bool find_moved(struct calibrate *c, const struct calibrate_process_invariant *invariant)
{
  struct beam_layout *layout = &c->node->layout;
  uint64_t holds;
  if (!invariant->fields[0])
    return false;
  for (int32_t distance = MOVE_STEP; distance <= MOVE_MOST; distance += MOVE_STEP)
    for (int sign = 1; sign >= -1; sign -= 2) {
      move(layout, invariant, sign * distance);
      if (ask(c, invariant, &holds) == FITS && holds > 0)
        return true;
      move(layout, invariant, -sign * distance);
    }
  return false;
}

/* Which invariants held of a process at all, by their numbers: only those prove their fields. */
struct proof {
  struct beam_layout before, after;
  bool held[PROCESS_INVARIANTS_MOST], moved;
};

static bool is_proven(const struct proof *proof, size_t at)
{
  for (size_t i = 0; i < CALIBRATE_PROCESS_INVARIANT_COUNT; i++)
    for (size_t j = 0; j < CALIBRATE_FIELDS && CALIBRATE_PROCESS_INVARIANTS[i].fields[j]; j++)
      if (CALIBRATE_PROCESS_INVARIANTS[i].fields[j] == at)
        return proof->held[i];
  return at == offsetof(struct beam_layout, p_id);
}

/* By how much the nearest proven field on one side of `offset` has moved; 0 where there is none. */
static int32_t neighbour_moved(struct proof *proof, int32_t offset, bool above)
{
  int64_t nearest = INT64_MAX;
  int32_t moved = 0;
  for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
    int32_t place = *offset_at(&proof->before, FIELDS[i].at);
    int64_t distance = above ? (int64_t)place - offset : (int64_t)offset - place;
    if (!is_of_process(&FIELDS[i]) || place < 0 || !is_proven(proof, FIELDS[i].at) ||
        distance <= 0 || distance >= nearest)
      continue;
    nearest = distance;
    moved = *offset_at(&proof->after, FIELDS[i].at) - place;
  }
  return moved;
}

/* Fields that every reader can do without. */
static bool is_optional(const struct field *field)
{
  static const size_t optional[] = {
      offsetof(struct beam_layout, p_fcalls), offsetof(struct beam_layout, p_flags),
      offsetof(struct beam_layout, p_rcount), offsetof(struct beam_layout, p_biftimers),
      offsetof(struct beam_layout, p_dirtystate)};
  for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
    if (optional[i] == field->at)
      return true;
  return false;
}

static bool move_unproven(struct proof *proof)
{
  for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
    int32_t place = *offset_at(&proof->before, FIELDS[i].at);
    if (!is_of_process(&FIELDS[i]) || place < 0 || is_proven(proof, FIELDS[i].at))
      continue;
    int32_t below = neighbour_moved(proof, place, false);
    bool agree = below == neighbour_moved(proof, place, true);
    if (!agree && !is_optional(&FIELDS[i]))
      return false;
    *offset_at(&proof->after, FIELDS[i].at) = agree ? place + below : BEAM_LAYOUT_ABSENT;
  }
  return true;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static int fail(struct calibrate_failure *failure, enum verdict verdict, const char *invariant,
                const char *words)
{
  *failure = (struct calibrate_failure){invariant, words};
  return verdict == TOO_EARLY ? -EAGAIN : -EPROTO;
}

/* Those invariants that prove where their fields are: they are sought where they do not hold. */
static int find_fields(struct calibrate *c, struct proof *proof, struct calibrate_failure *failure)
{
  for (size_t i = 0; i < CALIBRATE_PROCESS_INVARIANT_COUNT; i++) {
    const struct calibrate_process_invariant *invariant = &CALIBRATE_PROCESS_INVARIANTS[i];
    uint64_t holds;
    if (!invariant->fields[0])
      continue;
    enum verdict verdict = ask(c, invariant, &holds);
    bool found = verdict == FITS_NOT && find_moved(c, invariant);
    if (verdict != FITS && !found)
      return fail(failure, verdict, invariant->name, invariant->words);
    proof->held[i] = found || holds > 0;
    proof->moved |= found;
  }
  return 0;
}

/* The others, once all fields are where they belong. */
static int check_processes(const struct calibrate *c, struct calibrate_failure *failure)
{
  for (size_t i = 0; i < CALIBRATE_PROCESS_INVARIANT_COUNT; i++) {
    const struct calibrate_process_invariant *invariant = &CALIBRATE_PROCESS_INVARIANTS[i];
    uint64_t holds;
    if (invariant->fields[0])
      continue;
    enum verdict verdict = ask(c, invariant, &holds);
    if (verdict != FITS)
      return fail(failure, verdict, invariant->name, invariant->words);
  }
  return 0;
}

static int calibrate_processes(struct calibrate *c, struct calibrate_failure *failure)
{
  struct proof proof = {.before = c->node->layout};
  if (!neighbours_agree(&c->node->layout))
    return fail(failure, FITS_NOT, "neighbours", "fields that stand together everywhere do not");
  int error = find_fields(c, &proof, failure);
  if (error)
    return error;
  if (proof.moved) {
    proof.after = c->node->layout;
    if (!move_unproven(&proof))
      return fail(failure, FITS_NOT, "neighbours",
                  "fields of a process moved, and those between them may be anywhere");
    c->node->layout = proof.after;
    c->node->calibrated = true;
  }
  return check_processes(c, failure);
}

static int check_node(const struct calibrate *c, struct calibrate_failure *failure)
{
  for (size_t i = 0; i < CALIBRATE_NODE_INVARIANT_COUNT; i++) {
    const struct calibrate_node_invariant *invariant = &CALIBRATE_NODE_INVARIANTS[i];
    enum calibrate_answer answer = invariant->check(c);
    if (answer == CALIBRATE_FAILS || (answer == CALIBRATE_SILENT && invariant->required))
      return fail(failure, answer == CALIBRATE_FAILS ? FITS_NOT : TOO_EARLY, invariant->name,
                  invariant->words);
  }
  return 0;
}

static int try_once(struct beam_node *node, struct calibrate_failure *failure)
{
  struct calibrate c = {.node = node};
  int error = -ENOMEM;
  c.bytes = malloc((size_t)CALIBRATE_SAMPLE * CALIBRATE_PROCESS_BYTES);
  if (!c.bytes)
    goto out;
  error = load_code(&c);
  if (!error)
    error = load_sample(&c);
  if (!error)
    error = calibrate_processes(&c, failure);
  if (!error)
    error = check_node(&c, failure);
out:
  free(c.bytes);
  free(c.code);
  return error;
}

int calibrate_node(struct beam_node *node, struct calibrate_failure *ret_failure)
{
  const struct beam_node before = *node;
  int error = -EPROTO;
  assert(CALIBRATE_PROCESS_INVARIANT_COUNT <= PROCESS_INVARIANTS_MOST);
  if (node->layout.sz_process <= 0 || node->layout.sz_process + SLACK > CALIBRATE_PROCESS_BYTES)
    return fail(ret_failure, FITS_NOT, "size", "a process is larger than any that is known");
  for (int i = 0; error == -EPROTO && i < ATTEMPTS; i++) {
    *node = before;
    error = try_once(node, ret_failure);
  }
  return error;
}
