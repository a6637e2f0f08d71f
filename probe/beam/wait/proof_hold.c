/* proof_hold.c - see proof_hold.h. A copy of the process's memory, a mark for each word of it, and a list of terms that
 * are to be followed: each is followed once, so the work is bounded by the copy. */
#include "probe/beam/wait/proof_hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  SEGMENTS = 3 + BEAM_PROOF_FRAGMENTS,
  REGISTERS_MOST = 256,
  BUCKETS_MOST = 1 << 16, /* of a dictionary */
  MESSAGES_MOST = 10000,
  ENVIRONMENT_MOST = 32, /* words behind a fun's head; not all of them need be its own */
  MAP_26 = 0x3c,         /* header of a map through OTP 26 */
  MAP_27 = 0x2c,
  MAP_ARRAY = 2,
  WORD = 8,
  RUNS = BEAM_STATE_RUNNING | BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
         BEAM_STATE_DIRTY_RUNNING_SYS | BEAM_STATE_GC,
};

struct segment {
  uint64_t begin, end;
  size_t offset; /* of its bytes in the copy */
};

struct trace {
  const struct beam_node *node;
  const struct beam_proc *proc;
  struct segment segment[SEGMENTS];
  size_t segment_count, bytes;
  unsigned char *copy;
  uint8_t *mark;     /* one a word */
  uint64_t *pending; /* room for each word once */
  size_t pending_count;
};

bool beam_proof_old_read(const struct beam_node *node, const struct beam_proc *proc,
                         struct beam_proof_old *ret_old)
{
  const struct beam_layout *layout = &node->layout;
  return beam_memory_word(node->memory, proc->address + (uint64_t)layout->p_oldheap,
                          &ret_old->heap) == 0 &&
         beam_memory_word(node->memory, proc->address + (uint64_t)layout->p_oldhtop,
                          &ret_old->top) == 0 &&
         beam_memory_word(node->memory, proc->address + (uint64_t)layout->p_mbuf,
                          &ret_old->fragments) == 0;
}

bool beam_proof_fragment_read(const struct beam_node *node, uint64_t address,
                              struct beam_proof_fragment *ret_fragment)
{
  const struct beam_layout *layout = &node->layout;
  uint64_t words, next;
  if (address == 0 || layout->hf_mem < 0 ||
      beam_memory_word(node->memory, address + (uint64_t)layout->hf_alloc, &words) != 0 ||
      beam_memory_word(node->memory, address + (uint64_t)layout->hf_next, &next) != 0 ||
      words >> 32 != 0)
    return false;
  uint64_t begin = address + (uint64_t)layout->hf_mem;
  *ret_fragment = (struct beam_proof_fragment){begin, begin + words * WORD, next};
  return true;
}

/* ---- the copy ---- */

static void add_segment(struct trace *trace, uint64_t begin, uint64_t end)
{
  if (end <= begin || begin % WORD != 0 || end % WORD != 0 || trace->segment_count == SEGMENTS)
    return;
  trace->segment[trace->segment_count++] = (struct segment){begin, end, trace->bytes};
  trace->bytes += end - begin < BEAM_PROOF_HOLD_BYTES ? end - begin : BEAM_PROOF_HOLD_BYTES + 1;
}

static int list_segments(struct trace *trace)
{
  const struct beam_proc *proc = trace->proc;
  struct beam_proof_old old;
  struct beam_proof_fragment fragment;
  if (!beam_proof_old_read(trace->node, proc, &old))
    return -EFAULT;
  add_segment(trace, proc->stop, proc->heap_end); /* the first: it is where it begins */
  add_segment(trace, proc->heap, proc->heap_top);
  if (old.heap != 0)
    add_segment(trace, old.heap, old.top);
  for (uint64_t at = old.fragments;
       beam_proof_fragment_read(trace->node, at, &fragment) && trace->segment_count < SEGMENTS;
       at = fragment.next)
    add_segment(trace, fragment.begin, fragment.end);
  return trace->bytes > BEAM_PROOF_HOLD_BYTES ? -EFBIG : 0;
}

static int copy_segments(struct trace *trace)
{
  int error = list_segments(trace);
  if (error)
    return error;
  size_t words = trace->bytes / WORD;
  trace->copy = malloc(trace->bytes + 1);
  trace->mark = calloc(words + 1, 1);
  trace->pending = calloc(words + 1, sizeof *trace->pending);
  if (!trace->copy || !trace->mark || !trace->pending)
    return -ENOMEM;
  for (size_t i = 0; i < trace->segment_count && !error; i++)
    error = beam_memory_read(trace->node->memory, trace->segment[i].begin,
                             trace->copy + trace->segment[i].offset,
                             trace->segment[i].end - trace->segment[i].begin);
  return error;
}

/* The place of an address in the copy, and how many words follow there; false: it is not the process's own. */
static bool find(const struct trace *trace, uint64_t address, size_t *ret_offset, size_t *ret_words)
{
  for (size_t i = 0; i < trace->segment_count; i++) {
    const struct segment *segment = &trace->segment[i];
    if (address < segment->begin || address >= segment->end || address % WORD != 0)
      continue;
    *ret_offset = segment->offset + (size_t)(address - segment->begin);
    *ret_words = (size_t)(segment->end - address) / WORD;
    return true;
  }
  return false;
}

/* ---- following terms ---- */

static void push(struct trace *trace, uint64_t term)
{
  size_t offset, words;
  if ((!beam_is_boxed(term) && !beam_is_list(term)) ||
      !find(trace, beam_pointer(term), &offset, &words) || trace->mark[offset / WORD])
    return;
  trace->mark[offset / WORD] = 1;
  trace->pending[trace->pending_count++] = term;
}

/* Words of a box, the header not counted, that may be terms. */
static size_t words_of_box(const struct trace *trace, uint64_t header, uint64_t first)
{
  unsigned kind = beam_header_kind(header);
  if (kind == BEAM_TUPLE)
    return beam_header_arity(header);
  if (kind == BEAM_FUN)
    return (beam_header_arity(header) & 0xff) + ENVIRONMENT_MOST;
  if (kind != (trace->node->otp <= 26 ? MAP_26 : MAP_27))
    return 0;
  switch (header >> 6 & 3) {
  case 0: /* flat: size, keys, values */
    return first + 2;
  case MAP_ARRAY:
    return 17;
  default:
    return 1 + (size_t)__builtin_popcountll(header >> 16 & 0xffff);
  }
}

static void follow(struct trace *trace)
{
  while (trace->pending_count > 0) {
    uint64_t term = trace->pending[--trace->pending_count];
    size_t offset = 0, left = 0, count = 2, first = 0;
    if (!find(trace, beam_pointer(term), &offset, &left))
      continue;
    if (beam_is_boxed(term)) {
      first = 1;
      count = words_of_box(trace, beam_u64(trace->copy + offset, 0),
                           left > 1 ? beam_u64(trace->copy + offset, WORD) : 0);
      count = count < left ? count + 1 : left;
    }
    for (size_t i = first; i < count && i < left; i++)
      push(trace, beam_u64(trace->copy + offset + i * WORD, 0));
  }
}

/* ---- where it begins ---- */

/* `count` words somewhere else, each perhaps a term. */
static void push_words(struct trace *trace, uint64_t address, size_t count)
{
  uint64_t words[REGISTERS_MOST];
  for (size_t done = 0; done < count; done += REGISTERS_MOST) {
    size_t some = count - done < REGISTERS_MOST ? count - done : REGISTERS_MOST;
    if (beam_memory_read(trace->node->memory, address + done * WORD, words, some * WORD) != 0)
      return;
    for (size_t i = 0; i < some; i++)
      push(trace, words[i]);
  }
}

static uint64_t field(const struct trace *trace, uint64_t base, int32_t offset)
{
  uint64_t word = 0;
  if (offset < 0 || beam_memory_word(trace->node->memory, base + (uint64_t)offset, &word) != 0)
    return 0;
  return word;
}

static void push_registers(struct trace *trace)
{
  const struct beam_layout *layout = &trace->node->layout;
  uint64_t count = field(trace, trace->proc->address, layout->p_arity) & 0xff;
  push_words(trace, field(trace, trace->proc->address, layout->p_argreg), (size_t)count);
}

static void push_dictionary(struct trace *trace)
{
  const struct beam_layout *layout = &trace->node->layout;
  uint64_t dictionary = field(trace, trace->proc->address, layout->p_dict);
  if (dictionary == 0 || layout->pd_data < 0)
    return;
  uint64_t count = (uint32_t)field(trace, dictionary, layout->pd_used);
  push_words(trace, dictionary + (uint64_t)layout->pd_data,
             count < BUCKETS_MOST ? (size_t)count : BUCKETS_MOST);
}

static void push_messages(struct trace *trace, int32_t queue, int32_t first)
{
  const struct beam_layout *layout = &trace->node->layout;
  uint64_t at = field(trace, trace->proc->address + (uint64_t)queue, first);
  for (int i = 0; at != 0 && at % WORD == 0 && i < MESSAGES_MOST; i++) {
    push(trace, field(trace, at, layout->m_term));
    at = field(trace, at, layout->m_next);
  }
}

static void push_roots(struct trace *trace)
{
  const struct beam_layout *layout = &trace->node->layout;
  const struct segment *stack = &trace->segment[0];
  for (uint64_t at = stack->begin; stack->begin == trace->proc->stop && at < stack->end; at += WORD)
    push(trace, beam_u64(trace->copy + stack->offset + (at - stack->begin), 0));
  push_registers(trace);
  push_dictionary(trace);
  push_messages(trace, layout->p_sigqs, layout->q_first);
  push_messages(trace, layout->p_sigqs, layout->q_cont);
  push_messages(trace, layout->p_siginq, layout->iq_first);
}

int beam_proof_holds(const struct beam_node *node, const struct beam_proc *proc, uint64_t address)
{
  struct trace trace = {.node = node, .proc = proc};
  size_t offset, left;
  if (proc->state & RUNS)
    return 1;
  int error = copy_segments(&trace);
  if (!error) {
    push_roots(&trace);
    follow(&trace);
    error = find(&trace, address, &offset, &left) && trace.mark[offset / WORD];
  }
  free(trace.copy);
  free(trace.mark);
  free(trace.pending);
  return error;
}
