/*
 * wait.c - see wait.h. A block of candidates at a time: each step below is one batch of reads for all of the block.
 *
 *    stacks          which function waits, which values live in its frame
 *    references      which of those are references of this node
 *    monitors        which of those the process monitors somebody by
 *    links           of those that wait for one that they start: no reference, but a pid in the frame
 *    receive markers where the function is not known: does its receive wait for nothing else?
 *    claims          what is true of what was seen
 *
 * A reference in the frame does not yet say that the process waits for nothing else: a server that monitors its clients
 * has such references, too, and takes whatever comes. It is a call when the function is one that is known to take nothing
 * else (wait_words.c), or when the reference has a receive marker: the compiler has one made only for a receive all of
 * whose clauses match that reference, the emulator makes it only where messages were waiting. All others are waits that
 * something else may end as well (needs any, open): free in the graph.
 *
 * Not here: rows (wait_rows.c), what proves a circle (proof.c).
 */
#include "probe/beam/wait/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/beam/term.h"
#include "probe/beam/wait/proof.h"
#include "probe/beam/wait/proof_unread.h"
#include "probe/beam/wait/remote.h"
#include "probe/beam/wait/wait_memory.h"
#include "probe/beam/wait/wait_rows.h"
#include "probe/beam/wait/wait_stack.h"
#include "probe/beam/wait/wait_words.h"
#include "probe/clock.h"

enum {
  BLOCK = 16384,      /* candidates */
  KNOWN_CALLS = 1024, /* cache of places where processes wait; a power of two */
  ROUSED_MOST = 1000, /* about to run; further ones count as not blocked */
  MARKERS = 8,        /* references of a block of receive markers; they stand at its begin */
  KEYS_MOST = 32,     /* of a map of references */
  OBJECT_BYTES = 3 * 256,
  UNREADABLE_STATES = BEAM_STATE_FREE | BEAM_STATE_EXITING | BEAM_STATE_RUNNING | BEAM_STATE_GC |
                      BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
                      BEAM_STATE_DIRTY_RUNNING_SYS,
};

/* A place where processes wait: the function and its callers, by address. */
struct call {
  uint64_t instruction, returns[BEAM_WAIT_STACK_RETURNS];
  bool known;     /* filled */
  unsigned flags; /* enum beam_wait_words_flags; 0: not a function that is known */
  uint32_t object;
};

struct beam_waits {
  const struct beam_node *node;
  struct beam_atoms *atoms;
  struct beam_code *code;
  struct beam_wait_memory *memory;
  struct beam_proof *proof;
  unsigned roused_left; /* processes about to run that are still looked at in this reading */
  struct call calls[KNOWN_CALLS]; /* of the sweep under way: its texts are the sweep's */
};

struct beam_waits *beam_waits_new(const struct beam_node *node, struct beam_atoms *atoms,
                                  struct beam_code *code)
{
  struct beam_waits *waits = calloc(1, sizeof *waits);
  if (!waits)
    return NULL;
  waits->node = node;
  waits->atoms = atoms;
  waits->code = code;
  waits->memory = beam_wait_memory_new();
  waits->proof = beam_proof_new(node);
  if (!waits->memory || !waits->proof) {
    beam_waits_free(waits);
    return NULL;
  }
  return waits;
}

void beam_waits_free(struct beam_waits *waits)
{
  if (!waits)
    return;
  beam_wait_memory_free(waits->memory);
  beam_proof_free(waits->proof);
  free(waits);
}

/* ---- the function that waits ---- */

static uint32_t object_of_function(struct beam_waits *waits, const struct beam_mfa *mfa,
                                   struct sweep *sweep)
{
  char module[OBJECT_BYTES / 3], function[OBJECT_BYTES / 3];
  (void)beam_atom_copy(waits->atoms, mfa->module, module, sizeof module);
  (void)beam_atom_copy(waits->atoms, mfa->function, function, sizeof function);
  return sweep_add_format(sweep, "%s:%s/%u", module, function, mfa->arity);
}

/* People know a call by the function that they call; the one that waits is often an inner one. */
static void describe(struct beam_waits *waits, struct call *call, uint8_t return_count,
                     struct sweep *sweep)
{
  const struct beam_wait_words *row = NULL;
  struct beam_mfa mfa, caller;
  if (beam_code_function(waits->code, call->instruction, &mfa) != 0)
    return;
  row = beam_wait_words_find(waits->atoms, &mfa);
  call->flags = row ? row->flags : 0;
  for (uint8_t i = 0; row && row->flags & BEAM_WAIT_INNER && i < return_count; i++) {
    /* a return address may be the first byte after its function */
    if (beam_code_function(waits->code, call->returns[i] - 1, &caller) != 0)
      break;
    const struct beam_wait_words *outer = beam_wait_words_find(waits->atoms, &caller);
    if (!outer)
      break;
    row = outer;
  }
  call->object = row ? sweep_add_text(sweep, row->words, strlen(row->words))
                     : object_of_function(waits, &mfa, sweep);
}

static const struct call *call_of(struct beam_waits *waits, const struct beam_proc *proc,
                                  const struct beam_wait_stack *stack, struct sweep *sweep)
{
  uint64_t hash = (proc->instruction * 31 + stack->returns[0]) * 31 + stack->returns[1];
  struct call *call = &waits->calls[(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) % KNOWN_CALLS];
  if (call->known && call->instruction == proc->instruction &&
      memcmp(call->returns, stack->returns, sizeof call->returns) == 0)
    return call;
  *call = (struct call){.instruction = proc->instruction, .known = true};
  memcpy(call->returns, stack->returns, sizeof call->returns);
  describe(waits, call, stack->return_count, sweep);
  return call;
}

/* ---- a block of candidates ---- */

struct candidate {
  unsigned flags; /* of its call */
  uint32_t object;
  uint32_t first, count;               /* of its references, then of its monitors */
  bool incomplete;                     /* it may wait for more than was found */
  bool marked;                         /* its references have receive markers */
  const struct beam_wait_known *known; /* it has not moved since the last reading */
};

/* Waits that may be part of a circle that can be proven, beside their rows. */
struct links {
  struct beam_proof_link *link;
  size_t *wait; /* its row in the sweep */
  size_t count, room;
};

struct block {
  struct beam_waits *waits;
  struct links *links;
  const struct beam_proc *procs;
  size_t count;
  const struct beam_waits_world *world;
  struct sweep *sweep;
  struct beam_wait_stack *stacks;
  struct candidate *candidates;
  struct beam_wait_reference *references;
  struct beam_monitor_lookup *monitors; /* beside the references */
  size_t reference_count, reference_room;
  struct beam_wait_claim *claims;
  size_t claim_count;
};

static int add_reference(struct block *block, size_t candidate, uint64_t word)
{
  const struct candidate *of = &block->candidates[candidate];
  for (size_t i = of->first; i < block->reference_count; i++)
    if (block->references[i].word == word)
      return 0;
  if (block->reference_count == block->reference_room) {
    size_t room = block->reference_room ? block->reference_room * 2 : 2 * BLOCK;
    void *larger = realloc(block->references, room * sizeof *block->references);
    if (!larger)
      return -ENOMEM;
    block->references = larger;
    block->reference_room = room;
  }
  block->references[block->reference_count++] =
      (struct beam_wait_reference){.candidate = (uint32_t)candidate, .word = word};
  return 0;
}

static int add_map(struct block *block, size_t candidate, uint64_t word)
{
  uint64_t keys[KEYS_MOST];
  int count = beam_wait_map_keys(block->waits->node, word, keys, KEYS_MOST);
  int error = 0;
  if (count == -EFBIG)
    block->candidates[candidate].incomplete = true;
  for (int i = 0; !error && i < count; i++)
    error = add_reference(block, candidate, keys[i]);
  return error;
}

/* The boxes of a candidate's first frame; those of maps where it is known to wait for what they hold. */
static int gather(struct block *block, size_t index)
{
  const struct beam_wait_stack *stack = &block->stacks[index];
  struct candidate *candidate = &block->candidates[index];
  bool maps = candidate->flags & (BEAM_WAIT_ANY_OF_MAP | BEAM_WAIT_ALL_OF_MAP);
  int error = 0;
  candidate->first = (uint32_t)block->reference_count;
  for (uint8_t i = 0; !error && i < stack->first_frame; i++)
    if (beam_is_boxed(stack->word[i]))
      error = maps ? add_map(block, index, stack->word[i])
                   : add_reference(block, index, stack->word[i]);
  return error;
}

/* A process that has not moved since the last reading: what that saw is there without reading it. */
static bool recall(struct block *block, size_t index)
{
  const struct beam_wait_known *known =
      beam_wait_memory_find(block->waits->memory, block->procs[index].key);
  if (!known || known->position != beam_wait_position(&block->procs[index]))
    return false;
  struct beam_wait_stack *stack = &block->stacks[index];
  memcpy(stack->returns, known->returns, sizeof stack->returns);
  stack->return_count = known->return_count;
  block->candidates[index].known = known;
  return true;
}

static int read_stacks(struct block *block)
{
  uint32_t *which = calloc(block->count + 1, sizeof *which);
  size_t count = 0;
  if (!which)
    return -ENOMEM;
  for (size_t i = 0; i < block->count; i++)
    if (!(block->procs[i].state & UNREADABLE_STATES) && !recall(block, i))
      which[count++] = (uint32_t)i;
  int error = beam_wait_stack_read(block->waits->node, block->procs, which, count, block->stacks);
  free(which);
  return error;
}

static int gather_all(struct block *block)
{
  int error = 0;
  for (size_t i = 0; !error && i < block->count; i++) {
    struct candidate *candidate = &block->candidates[i];
    candidate->first = (uint32_t)block->reference_count;
    if (!candidate->known && block->stacks[i].count == 0)
      continue;
    const struct call *call =
        call_of(block->waits, &block->procs[i], &block->stacks[i], block->sweep);
    candidate->flags = call->flags;
    candidate->object = call->object;
    if (!candidate->known) {
      error = gather(block, i);
    } else if ((error = add_reference(block, i, 0)) == 0) {
      struct beam_wait_reference *reference = &block->references[block->reference_count - 1];
      reference->is = true;
      reference->reference = candidate->known->reference;
    }
  }
  return error;
}

/* Keeps the references that are some, and that the process monitors somebody by. */
static int keep_monitors(struct block *block)
{
  size_t kept = 0;
  int error =
      beam_wait_references_read(block->waits->node, block->references, block->reference_count);
  if (error)
    return error;
  for (size_t i = 0; i < block->reference_count; i++)
    if (block->references[i].is)
      block->references[kept++] = block->references[i];
  block->monitors = calloc(kept + 1, sizeof *block->monitors);
  if (!block->monitors)
    return -ENOMEM;
  for (size_t i = 0; i < kept; i++) {
    block->monitors[i].root = block->procs[block->references[i].candidate].monitors;
    block->monitors[i].reference = block->references[i].reference;
  }
  error = beam_monitor_find(block->waits->node, block->monitors, kept);
  block->reference_count = 0;
  for (size_t i = 0; !error && i < kept; i++) {
    struct candidate *candidate = &block->candidates[block->references[i].candidate];
    candidate->incomplete |= block->monitors[i].unreadable;
    if (!block->monitors[i].found)
      continue;
    if (candidate->count++ == 0)
      candidate->first = (uint32_t)block->reference_count;
    block->references[block->reference_count] = block->references[i];
    block->monitors[block->reference_count++] = block->monitors[i];
  }
  return error;
}

/* ---- receive markers ---- */

struct marking {
  uint32_t candidate;
  uint64_t address; /* of the block of markers */
  uint64_t word[MARKERS];
};

static bool needs_markers(const struct candidate *candidate)
{
  bool maps = candidate->flags & (BEAM_WAIT_ANY_OF_MAP | BEAM_WAIT_ALL_OF_MAP);
  return candidate->count > 0 && !maps &&
         (!(candidate->flags & BEAM_WAIT_CALL) || candidate->count > 1);
}

/* Leaves a candidate the references that have markers, if any of them has one. */
static void keep_marked(struct block *block, const struct marking *marking)
{
  struct candidate *candidate = &block->candidates[marking->candidate];
  uint32_t kept = 0;
  for (uint32_t i = candidate->first; i < candidate->first + candidate->count; i++) {
    bool marked = false;
    for (int k = 0; k < MARKERS; k++)
      marked |= marking->word[k] == block->references[i].word;
    if (marked) {
      block->references[candidate->first + kept] = block->references[i];
      block->monitors[candidate->first + kept++] = block->monitors[i];
    }
  }
  candidate->marked = kept > 0;
  if (kept > 0)
    candidate->count = kept;
}

static int read_markings(struct block *block, struct marking *markings, size_t count,
                         struct reach_piece *pieces)
{
  const struct beam_node *node = block->waits->node;
  const struct beam_layout *layout = &node->layout;
  uint64_t offset = (uint64_t)layout->p_sigqs + (uint64_t)layout->q_rmb;
  for (size_t i = 0; i < count; i++)
    pieces[i] = (struct reach_piece){block->procs[markings[i].candidate].address + offset,
                                     &markings[i].address, sizeof(uint64_t), false};
  int error = beam_memory_pieces(node->memory, pieces, count);
  for (size_t i = 0; !error && i < count; i++)
    pieces[i] = (struct reach_piece){
        markings[i].address, markings[i].word,
        pieces[i].read && markings[i].address != 0 ? sizeof markings[i].word : 0, false};
  return error ? error : beam_memory_pieces(node->memory, pieces, count);
}

static int use_markers(struct block *block)
{
  size_t count = 0;
  struct marking *markings = calloc(block->count + 1, sizeof *markings);
  struct reach_piece *pieces = calloc(block->count + 1, sizeof *pieces);
  int error = markings && pieces ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < block->count; i++)
    if (needs_markers(&block->candidates[i]))
      markings[count++].candidate = (uint32_t)i;
  if (!error && count > 0)
    error = read_markings(block, markings, count, pieces);
  for (size_t i = 0; !error && i < count; i++) {
    if (!pieces[i].read)
      memset(markings[i].word, 0, sizeof markings[i].word);
    keep_marked(block, &markings[i]);
  }
  free(markings);
  free(pieces);
  return error;
}

/* ---- links ---- */

/* The one process that its frame names and that it is linked to; 0 none, or several. */
static uint64_t linked_in_frame(const struct block *block, size_t index)
{
  const struct beam_node *node = block->waits->node;
  const struct beam_proc *proc = &block->procs[index];
  const struct beam_wait_stack *stack = &block->stacks[index];
  uint64_t root, found = 0;
  if (beam_memory_word(node->memory, proc->address + (uint64_t)node->layout.p_links, &root) != 0)
    return 0;
  for (uint8_t i = 0; i < stack->first_frame; i++) {
    uint64_t word = stack->word[i];
    if (!beam_is_pid(word) || word == proc->word || word == found ||
        !beam_link_has(node, root, word))
      continue;
    if (found)
      return 0;
    found = word;
  }
  return found;
}

/* Who waits for a process that it is linked to has no reference: what names the wait is that process's pid, which is
 * no more used once it has ended. */
static int use_links(struct block *block)
{
  for (size_t i = 0; i < block->count; i++) {
    struct candidate *candidate = &block->candidates[i];
    uint64_t word = candidate->flags & BEAM_WAIT_LINK ? linked_in_frame(block, i) : 0;
    if (word == 0)
      continue;
    size_t room = block->reference_count + 1;
    void *larger = reallocarray(block->monitors, room, sizeof *block->monitors);
    if (!larger)
      return -ENOMEM;
    block->monitors = larger;
    candidate->first = (uint32_t)block->reference_count;
    candidate->count = 1;
    block->monitors[candidate->first] = (struct beam_monitor_lookup){
        .reference = {{(uint32_t)word, (uint32_t)(word >> 32), 0}}, .found = true, .other = word};
    int error = add_reference(block, i, word); /* so that it has a place beside it */
    if (error)
      return error;
  }
  return 0;
}

/* ---- claims ---- */

/* A process that is about to run has got something. Where that is not the answer it goes on waiting: so does one in a
 * flood of other messages. */
static bool answered(struct block *block, const struct beam_proc *proc,
                     const struct candidate *candidate)
{
  const uint32_t roused = BEAM_STATE_ACTIVE | BEAM_STATE_IN_RUN_QUEUE | BEAM_STATE_SIGNALS_IN_QUEUE;
  if (!(proc->state & roused))
    return false;
  if (candidate->flags & BEAM_WAIT_LINK)
    return true; /* its answer has no reference to look for */
  if (block->waits->roused_left == 0)
    return true;
  block->waits->roused_left--;
  for (uint32_t i = 0; i < candidate->count; i++)
    if (beam_proof_answered(block->waits->node, proc,
                            block->monitors[candidate->first + i].reference))
      return true;
  return false;
}

static void claim(struct block *block, size_t index)
{
  const struct candidate *candidate = &block->candidates[index];
  bool any = candidate->flags & BEAM_WAIT_ANY_OF_MAP, all = candidate->flags & BEAM_WAIT_ALL_OF_MAP;
  if (candidate->count == 0 || answered(block, &block->procs[index], candidate))
    return;
  /* of several references in one frame it cannot be told which one is waited for */
  bool unclear =
      !any && !all &&
      (candidate->count > 1 || !(candidate->marked || candidate->flags & BEAM_WAIT_CALL));
  block->claims[block->claim_count++] = (struct beam_wait_claim){
      .waiter = &block->procs[index],
      .first = candidate->first,
      .count = candidate->count,
      .object = candidate->object,
      .needs = any || unclear ? NEEDS_ANY : NEEDS_ALL,
      .open = unclear || candidate->incomplete,
      .join = candidate->flags & BEAM_WAIT_JOIN,
      .timer_message = candidate->flags & BEAM_WAIT_TIMER_MESSAGE,
  };
}

/* What may be recalled: a call in a function that is known to give up its monitor before it returns. */
static int remember(struct block *block, size_t index)
{
  const struct candidate *candidate = &block->candidates[index];
  const struct beam_wait_stack *stack = &block->stacks[index];
  bool maps = candidate->flags & (BEAM_WAIT_ANY_OF_MAP | BEAM_WAIT_ALL_OF_MAP);
  if (candidate->known && block->sweep->kind != SWEEP_FULL)
    return 0; /* it is, and stays so */
  if (candidate->count != 1 || maps || !(candidate->flags & BEAM_WAIT_CALL) ||
      candidate->flags & BEAM_WAIT_LINK)
    return 0;
  struct beam_wait_known known = {.key = block->procs[index].key,
                                  .position = beam_wait_position(&block->procs[index]),
                                  .instruction = block->procs[index].instruction,
                                  .reference = block->references[candidate->first].reference,
                                  .return_count = stack->return_count};
  memcpy(known.returns, stack->returns, sizeof known.returns);
  return beam_wait_memory_add(block->waits->memory, &known);
}

/* ---- circles ---- */

static int add_link(struct links *links, const struct beam_proof_link *link, size_t wait)
{
  if (links->count == links->room) {
    size_t room = links->room ? links->room * 2 : 64;
    void *larger_link = realloc(links->link, room * sizeof *links->link);
    links->link = larger_link ? larger_link : links->link;
    void *larger_wait = realloc(links->wait, room * sizeof *links->wait);
    links->wait = larger_wait ? larger_wait : links->wait;
    if (!larger_link || !larger_wait)
      return -ENOMEM;
    links->room = room;
  }
  links->link[links->count] = *link;
  links->wait[links->count++] = wait;
  return 0;
}

/* Of the rows that the claims have become, from `first` on: those for whom one process of this node is all they wait
 * for, for ever, in a function that tells its reference to nobody else. */
static int add_links(struct block *block, size_t first)
{
  int error = 0;
  for (size_t i = 0; i < block->claim_count && !error; i++) {
    const struct beam_wait_claim *of = &block->claims[i];
    const struct candidate *candidate = &block->candidates[of->waiter - block->procs];
    const struct sweep_wait *row = &block->sweep->waits[first + i];
    if (!(candidate->flags & BEAM_WAIT_CALL) || row->timeout != TIMEOUT_NONE || row->open ||
        row->via != VIA_CALL || row->needs != NEEDS_ALL || row->holder_count != 1 ||
        of->count != 1 || block->sweep->holders[row->holder_first].peer != 0)
      continue;
    const struct beam_proof_link link = {.waiter = of->waiter,
                                         .holder = block->sweep->holders[row->holder_first].actor,
                                         .reference = block->monitors[of->first].reference,
                                         .monitor = block->monitors[of->first].address,
                                         .sure = candidate->flags & BEAM_WAIT_LINK};
    error = add_link(block->links, &link, first + i);
  }
  return error;
}

/* A node without a name talks to no other. */
static bool talks_to_nobody(const struct beam_waits *waits)
{
  static const char NO_NAME[] = "nonode@nohost";
  uint64_t name;
  uint32_t creation;
  size_t length;
  if (beam_remote_node(waits->node, waits->node->this_node, &name, &creation) != 0)
    return false;
  const char *text = beam_atom_text(waits->atoms, name, &length);
  return text && length == strlen(NO_NAME) && memcmp(text, NO_NAME, length) == 0;
}

static int judge_links(struct beam_waits *waits, struct links *links, struct sweep *sweep)
{
  uint64_t begin = clock_thread_ns();
  int error = beam_proof_judge(waits->proof, links->link, links->count, talks_to_nobody(waits));
  if (beam_proof_searches(waits->proof))
    sweep->passing_ns = clock_thread_ns() - begin;
  for (size_t i = 0; !error && i < links->count; i++) {
    struct sweep_wait *wait = &sweep->waits[links->wait[i]];
    wait->exclusive = links->link[i].exclusive;
    if (links->link[i].open) { /* somebody else may end it */
      wait->needs = NEEDS_ANY;
      wait->open = true;
    }
  }
  return error;
}

static void block_done(struct block *block)
{
  free(block->stacks);
  free(block->candidates);
  free(block->references);
  free(block->monitors);
  free(block->claims);
}

static int read_block(struct block *block)
{
  const struct beam_waits *waits = block->waits;
  int error = -ENOMEM;
  block->stacks = calloc(block->count, sizeof *block->stacks);
  block->candidates = calloc(block->count, sizeof *block->candidates);
  block->claims = calloc(block->count, sizeof *block->claims);
  if (!block->stacks || !block->candidates || !block->claims)
    goto out;
  size_t first = block->sweep->wait_count;
  error = read_stacks(block);
  if (!error)
    error = gather_all(block);
  if (!error)
    error = keep_monitors(block);
  if (!error)
    error = use_markers(block);
  if (!error)
    error = use_links(block);
  if (error)
    goto out;
  for (size_t i = 0; !error && i < block->count; i++) {
    claim(block, i);
    error = remember(block, i);
  }
  if (!error)
    error = beam_wait_rows_add(waits->node, waits->atoms, block->world, block->claims,
                               block->claim_count, block->monitors, block->sweep);
  if (!error)
    error = add_links(block, first);
out:
  block_done(block);
  return error;
}

int beam_waits_read(struct beam_waits *waits, const struct beam_proc *candidates, size_t count,
                    const struct beam_waits_world *world, struct sweep *sweep)
{
  struct links links = {0};
  int error = 0;
  waits->roused_left = ROUSED_MOST;
  memset(waits->calls, 0, sizeof waits->calls);
  for (size_t done = 0; !error && done < count; done += BLOCK) {
    struct block block = {.waits = waits,
                          .links = &links,
                          .procs = candidates + done,
                          .count = count - done < BLOCK ? count - done : BLOCK,
                          .world = world,
                          .sweep = sweep};
    error = read_block(&block);
  }
  if (!error)
    error = judge_links(waits, &links, sweep);
  free(links.link);
  free(links.wait);
  int kept = sweep->kind == SWEEP_FULL ? beam_wait_memory_turn(waits->memory)
                                       : beam_wait_memory_join(waits->memory);
  return error ? error : kept;
}
