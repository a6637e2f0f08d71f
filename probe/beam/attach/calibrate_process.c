/*
 * calibrate_process.c - what is true of each process of an emulator that does not run at this instant. See calibrate.h;
 * the words complete the sentence "refused: ...". (Layouts: struct process in erts/emulator/beam/erl_process.h)
 *
 * An answer is SILENT where a process has nothing to say about it: no name, no links, no messages.
 */
#include "probe/beam/attach/calibrate_inner.h"

#include "probe/beam/attach/scan.h"
#include "probe/beam/term.h"

enum {
  WORD = 8,
  PRIORITY_BITS = 0x3f, /* of the state: three priorities of two bits */
  PRIORITY_NORMAL = 0x2a,
  ARITY_MOST = 255,
  MESSAGES_MOST = 1000, /* walked to check a length */
  MARKS_MOST = 8,       /* of receives, in one mailbox (ERTS_RECV_MARKER_BLOCK_SIZE) */
  NEARBY = 64 << 20,    /* where the runtime's own code lies, from that of modules */
  TUPLE_OF_TWO = 2 << 6,
  DICTIONARY_MOST = 1 << 20,
  DICTIONARY_CHECKED = 8,
};

static const enum calibrate_answer ANSWER[] = {CALIBRATE_FAILS, CALIBRATE_HOLDS};

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* A field of the struct; false where it lies outside, which no true field does. */
static bool word_of(const struct calibrate_process *process, int64_t offset, uint64_t *ret_word)
{
  if (offset < 0 || offset + WORD > process->length)
    return false;
  *ret_word = beam_u64(process->bytes, (int32_t)offset);
  return true;
}

static bool half_of(const struct calibrate_process *process, int64_t offset, uint32_t *ret_half)
{
  if (offset < 0 || offset + 4 > process->length)
    return false;
  *ret_half = beam_u32(process->bytes, (int32_t)offset);
  return true;
}

/* A word of the node at a foreign address. */
static bool word_at(const struct calibrate *c, uint64_t address, int64_t offset, uint64_t *ret_word)
{
  return scan_is_pointer(address, 1) &&
         beam_memory_word(c->node->memory, address + (uint64_t)offset, ret_word) == 0;
}

static bool is_function(const struct calibrate *c, uint64_t address)
{
  uint64_t words[3];
  return beam_memory_read(c->node->memory, address, words, sizeof words) == 0 &&
         beam_is_atom(words[0]) && beam_is_atom(words[1]) && words[2] <= ARITY_MOST;
}

/* ---- what it is --------------------------------------------------------------------------------------------------- */

static enum calibrate_answer check_state(const struct calibrate *c,
                                         const struct calibrate_process *p)
{
  uint32_t state;
  return ANSWER[half_of(p, c->node->layout.p_state, &state) &&
                (state & PRIORITY_BITS) == PRIORITY_NORMAL];
}

static enum calibrate_answer check_registered(const struct calibrate *c,
                                              const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t record, back, name;
  if (!word_of(p, layout->p_reg, &record))
    return CALIBRATE_FAILS;
  if (record == 0)
    return CALIBRATE_SILENT;
  return ANSWER[word_at(c, record, layout->reg_proc, &back) && back == p->address &&
                word_at(c, record, layout->reg_name, &name) && beam_is_atom(name)];
}

static enum calibrate_answer check_initial_call(const struct calibrate *c,
                                                const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t module, function, arity;
  return ANSWER[word_of(p, layout->p_u, &module) && word_of(p, layout->p_u + WORD, &function) &&
                word_of(p, layout->p_u + 2 * WORD, &arity) && beam_is_atom(module) &&
                beam_is_atom(function) && arity <= ARITY_MOST];
}

static enum calibrate_answer check_current(const struct calibrate *c,
                                           const struct calibrate_process *p)
{
  uint64_t function;
  if (!word_of(p, c->node->layout.p_current, &function))
    return CALIBRATE_FAILS;
  return function == 0 ? CALIBRATE_SILENT : ANSWER[is_function(c, function)];
}

/* The first process has an atom instead of a parent, one that was spawned from afar a box. */
static enum calibrate_answer check_parent(const struct calibrate *c,
                                          const struct calibrate_process *p)
{
  uint64_t parent;
  if (!word_of(p, c->node->layout.p_parent, &parent))
    return CALIBRATE_FAILS;
  if (beam_is_atom(parent) || beam_is_boxed(parent) || parent == BEAM_NIL)
    return CALIBRATE_SILENT;
  return ANSWER[beam_is_pid(parent) && beam_node_slot(c->node, parent) < c->node->processes.most];
}

static enum calibrate_answer check_group_leader(const struct calibrate *c,
                                                const struct calibrate_process *p)
{
  uint64_t leader, header;
  if (!word_of(p, c->node->layout.p_gl, &leader))
    return CALIBRATE_FAILS;
  if (beam_is_boxed(leader))
    return ANSWER[word_at(c, beam_pointer(leader), 0, &header) &&
                  beam_header_kind(header) == BEAM_EXTERNAL_PID];
  return ANSWER[beam_is_pid(leader) && beam_node_slot(c->node, leader) < c->node->processes.most];
}

static enum calibrate_answer check_dictionary(const struct calibrate *c,
                                              const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  unsigned char head[64];
  uint64_t dictionary, entries[DICTIONARY_CHECKED], header;
  if (!word_of(p, layout->p_dict, &dictionary))
    return CALIBRATE_FAILS;
  if (dictionary == 0)
    return CALIBRATE_SILENT;
  if (!scan_is_pointer(dictionary, WORD) || layout->pd_data < 0 || layout->pd_data > 64 ||
      layout->pd_arr < 0 || layout->pd_arr > 60 || layout->pd_used < 0 || layout->pd_used > 60 ||
      layout->pd_size < 0 || layout->pd_size > 60 ||
      beam_memory_read(c->node->memory, dictionary, head, (size_t)layout->pd_data) != 0)
    return CALIBRATE_FAILS;
  uint32_t room = beam_u32(head, layout->pd_arr), used = beam_u32(head, layout->pd_used);
  uint32_t mask = beam_u32(head, layout->pd_size);
  if (room == 0 || room > DICTIONARY_MOST || used > room || (mask & (mask + 1)) != 0)
    return CALIBRATE_FAILS;
  size_t count = used < DICTIONARY_CHECKED ? used : DICTIONARY_CHECKED;
  if (beam_memory_read(c->node->memory, dictionary + (uint64_t)layout->pd_data, entries,
                       count * WORD) != 0)
    return CALIBRATE_FAILS;
  for (size_t i = 0; i < count; i++)
    if (entries[i] != BEAM_NIL && !beam_is_list(entries[i]) &&
        !(beam_is_boxed(entries[i]) && word_at(c, beam_pointer(entries[i]), 0, &header) &&
          header == TUPLE_OF_TWO))
      return CALIBRATE_FAILS;
  return CALIBRATE_HOLDS;
}

/* ---- where it stands ---------------------------------------------------------------------------------------------- */

static bool in_modules(const struct calibrate *c, uint64_t address)
{
  size_t low = 0, high = c->code_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (c->code[2 * middle] <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && address < c->code[2 * low - 1];
}

/* In a module; or, where it hibernates, in a fragment of the runtime, whose code lies nearby. */
static enum calibrate_answer check_instruction(const struct calibrate *c,
                                               const struct calibrate_process *p)
{
  uint64_t instruction;
  if (!word_of(p, c->node->layout.p_i, &instruction))
    return CALIBRATE_FAILS;
  if (in_modules(c, instruction))
    return CALIBRATE_HOLDS;
  return c->code_count > 0 && instruction + NEARBY >= c->code[0] &&
                 instruction <= c->code[2 * c->code_count - 1] + NEARBY
             ? CALIBRATE_SILENT
             : CALIBRATE_FAILS;
}

/* While a process has an abandoned heap, the size is still that one's. */
static enum calibrate_answer check_heap(const struct calibrate *c,
                                        const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t heap, end, words, abandoned;
  if (!word_of(p, layout->p_heap, &heap) || !word_of(p, layout->p_hend, &end) ||
      !word_of(p, layout->p_heapsz, &words) || !scan_is_pointer(heap, WORD) ||
      !scan_is_pointer(end, WORD) || heap >= end)
    return CALIBRATE_FAILS;
  if ((end - heap) / WORD == words)
    return CALIBRATE_HOLDS;
  return layout->p_abandoned >= 0 && word_of(p, layout->p_abandoned, &abandoned) &&
                 scan_is_pointer(abandoned, WORD)
             ? CALIBRATE_SILENT
             : CALIBRATE_FAILS;
}

/* The heap grows up, the stack from its end down; they never meet. */
static enum calibrate_answer check_heap_top(const struct calibrate *c,
                                            const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t heap, top, stop, end, abandoned;
  if (layout->p_abandoned >= 0 && (!word_of(p, layout->p_abandoned, &abandoned) || abandoned != 0))
    return CALIBRATE_SILENT;
  if (!word_of(p, layout->p_heap, &heap) || !word_of(p, layout->p_hend, &end) ||
      !word_of(p, layout->p_htop, &top) || !word_of(p, layout->p_stop, &stop))
    return CALIBRATE_FAILS;
  if (top == stop && heap <= top && stop <= end) /* full, or the same field twice */
    return CALIBRATE_SILENT;
  return ANSWER[heap <= top && top <= stop && stop <= end && top % WORD == 0 && stop % WORD == 0];
}

static enum calibrate_answer check_old_heap(const struct calibrate *c,
                                            const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t heap, top, end;
  if (!word_of(p, layout->p_oldheap, &heap) || !word_of(p, layout->p_oldhend, &end) ||
      !word_of(p, layout->p_oldhtop, &top))
    return CALIBRATE_FAILS;
  if (heap == 0 && top == 0 && end == 0)
    return CALIBRATE_SILENT;
  return ANSWER[scan_is_pointer(heap, WORD) && heap <= top && top <= end && top % WORD == 0 &&
                end % WORD == 0 && end < UINT64_C(1) << 47];
}

/* Few arguments are saved within the struct itself. */
static enum calibrate_answer check_arguments(const struct calibrate *c,
                                             const struct calibrate_process *p)
{
  uint64_t place;
  if (!word_of(p, c->node->layout.p_argreg, &place) || !scan_is_pointer(place, WORD))
    return CALIBRATE_FAILS;
  return place > p->address && place - p->address < (uint64_t)c->node->layout.sz_process
             ? CALIBRATE_HOLDS
             : CALIBRATE_SILENT;
}

static enum calibrate_answer check_fragments(const struct calibrate *c,
                                             const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t first, received, words;
  if (!word_of(p, layout->p_mbuf, &first) || !word_of(p, layout->p_msgfrag, &received) ||
      !word_of(p, layout->p_mbufsz, &words))
    return CALIBRATE_FAILS;
  if (first == 0 && received == 0)
    return words == 0 ? CALIBRATE_SILENT : CALIBRATE_FAILS;
  return ANSWER[(first == 0 || scan_is_pointer(first, WORD)) &&
                (received == 0 || scan_is_pointer(received, WORD))];
}

/* ---- who runs it -------------------------------------------------------------------------------------------------- */

/* Low bits of the pointer are flags. */
static enum calibrate_answer check_run_queue(const struct calibrate *c,
                                             const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t queue, scheduler, back;
  if (!word_of(p, layout->p_runq, &queue))
    return CALIBRATE_FAILS;
  queue &= ~(uint64_t)(WORD - 1);
  return ANSWER[word_at(c, queue, layout->rq_sched, &scheduler) &&
                word_at(c, scheduler, layout->sd_runq, &back) && back == queue];
}

static enum calibrate_answer check_scheduler(const struct calibrate *c,
                                             const struct calibrate_process *p)
{
  uint64_t scheduler, queue;
  if (!word_of(p, c->node->layout.p_sched, &scheduler))
    return CALIBRATE_FAILS;
  if (scheduler == 0)
    return CALIBRATE_SILENT;
  return ANSWER[scan_is_pointer(scheduler, WORD) &&
                word_at(c, scheduler, c->node->layout.sd_runq, &queue) &&
                scan_is_pointer(queue, WORD)];
}

/* ---- its mailbox -------------------------------------------------------------------------------------------------- */

/* A queue is a chain and the address of the link at its end: with nothing in it, that of its own beginning. */
static enum calibrate_answer check_chain(const struct calibrate *c,
                                         const struct calibrate_process *p, int64_t first_offset,
                                         int64_t last_offset)
{
  uint64_t first, last, end;
  if (last_offset != first_offset + WORD || !word_of(p, first_offset, &first) ||
      !word_of(p, last_offset, &last))
    return CALIBRATE_FAILS;
  if (first == 0)
    return ANSWER[last == p->address + (uint64_t)first_offset];
  return ANSWER[scan_is_pointer(first, WORD) && scan_is_pointer(last, WORD) &&
                last != p->address + (uint64_t)first_offset && word_at(c, last, 0, &end) &&
                end == 0];
}

static enum calibrate_answer check_queue(const struct calibrate *c,
                                         const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t first, save;
  if (check_chain(c, p, layout->p_sigqs + layout->q_first, layout->p_sigqs + layout->q_last) !=
          CALIBRATE_HOLDS ||
      !word_of(p, layout->p_sigqs + layout->q_first, &first) ||
      !word_of(p, layout->p_sigqs + layout->q_save, &save))
    return CALIBRATE_FAILS;
  if (first == 0)
    return ANSWER[save == p->address + (uint64_t)(layout->p_sigqs + layout->q_first)];
  return ANSWER[scan_is_pointer(save, WORD)];
}

static enum calibrate_answer check_middle_queue(const struct calibrate *c,
                                                const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  return check_chain(c, p, layout->p_sigqs + layout->q_cont, layout->p_sigqs + layout->q_contlast);
}

static enum calibrate_answer check_in_queue(const struct calibrate *c,
                                            const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  return check_chain(c, p, layout->p_siginq + layout->iq_first, layout->p_siginq + layout->iq_last);
}

/* Messages in a queue whose signals are all messages; MESSAGES_MOST where there are too many to count. */
static uint64_t count_chain(const struct calibrate *c, uint64_t first)
{
  uint64_t count = 0;
  while (first && count < MESSAGES_MOST && word_at(c, first, c->node->layout.m_next, &first))
    count++;
  return count;
}

static enum calibrate_answer check_queue_length(const struct calibrate *c,
                                                const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  bool sorted_only = layout->q_mqlen >= 0; /* else it counts what is not yet sorted as well */
  uint64_t first, middle, length;
  if (!word_of(p, layout->p_sigqs + layout->q_first, &first) ||
      !word_of(p, layout->p_sigqs + layout->q_cont, &middle) ||
      !word_of(p, layout->p_sigqs + (sorted_only ? layout->q_mqlen : layout->q_len), &length))
    return CALIBRATE_FAILS;
  if (middle && !sorted_only)
    return CALIBRATE_SILENT;
  uint64_t count =
      count_chain(c, first); /* with the marks that receives have put between messages */
  return ANSWER[length + MARKS_MOST >= count && (count == MESSAGES_MOST || length <= count)];
}

/* ---- links and monitors ------------------------------------------------------------------------------------------- */

/* A node of a red-black tree whose root is `address`: no parent, children that know theirs. */
static bool is_root(const struct calibrate *c, uint64_t address)
{
  const struct beam_layout *layout = &c->node->layout;
  const int32_t children[] = {layout->mn_left, layout->mn_right};
  const uint64_t flags = 3; /* of a parent's address */
  uint64_t parent, child;
  if (!scan_is_pointer(address, WORD) || !word_at(c, address, layout->mn_parent, &parent) ||
      (parent & ~flags) != 0)
    return false;
  for (size_t i = 0; i < 2; i++)
    if (!word_at(c, address, children[i], &child) ||
        (child && (!word_at(c, child, layout->mn_parent, &parent) || (parent & ~flags) != address)))
      return false;
  return true;
}

/* The identifier by which a node is filed, and how far it is from the start of what it belongs to. */
static bool read_node(const struct calibrate *c, uint64_t address, uint64_t *ret_key,
                      uint64_t *ret_data)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t offset, key;
  if (!word_at(c, address, layout->mn_offset, &offset) ||
      !word_at(c, address, layout->mn_keyoff, &key) ||
      !word_at(c, address, (int64_t)(key & 0xffff), ret_key))
    return false;
  *ret_data = address - (offset & 0xffff);
  return true;
}

/* A pid or a port, here or on another node. */
static bool is_identifier(const struct calibrate *c, uint64_t term)
{
  uint64_t header;
  if (!beam_is_boxed(term))
    return beam_is_pid(term) || beam_is_port(term);
  return word_at(c, beam_pointer(term), 0, &header) &&
         (beam_header_kind(header) == BEAM_EXTERNAL_PID ||
          beam_header_kind(header) == BEAM_EXTERNAL_PORT);
}

static enum calibrate_answer check_links(const struct calibrate *c,
                                         const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t root, key, data, other;
  if (!word_of(p, layout->p_links, &root))
    return CALIBRATE_FAILS;
  if (root == 0)
    return CALIBRATE_SILENT;
  return ANSWER[is_root(c, root) && read_node(c, root, &key, &data) && is_identifier(c, key) &&
                word_at(c, root, layout->mn_other, &other) && is_identifier(c, other)];
}

/* The key of a monitor of a process is its reference, which stands in what both of its nodes belong to. Those of other
 * kinds (of all nodes) are filed by a number or pid of their own, and tell nothing. */
static enum calibrate_answer check_reference(const struct calibrate *c, uint64_t node)
{
  uint64_t key, data, reference, header, other;
  if (!read_node(c, node, &key, &data) || !word_at(c, node, c->node->layout.mn_other, &other))
    return CALIBRATE_FAILS;
  if (key == other && !beam_is_boxed(key))
    return CALIBRATE_SILENT;
  if (!beam_is_boxed(key) || !word_at(c, beam_pointer(key), 0, &header) ||
      beam_header_kind(header) != BEAM_REFERENCE ||
      !word_at(c, data, c->node->layout.md_ref, &reference) || reference != key)
    return CALIBRATE_FAILS;
  if (scan_is_pointer(other, WORD)) /* a resource of native code */
    return CALIBRATE_SILENT;
  return ANSWER[is_identifier(c, other) || beam_is_atom(other)];
}

static enum calibrate_answer check_monitors(const struct calibrate *c,
                                            const struct calibrate_process *p)
{
  uint64_t root;
  if (!word_of(p, c->node->layout.p_mon, &root))
    return CALIBRATE_FAILS;
  if (root == 0)
    return CALIBRATE_SILENT;
  return is_root(c, root) ? check_reference(c, root) : CALIBRATE_FAILS;
}

static enum calibrate_answer check_monitored(const struct calibrate *c,
                                             const struct calibrate_process *p)
{
  const struct beam_layout *layout = &c->node->layout;
  uint64_t first, next, back;
  if (!word_of(p, layout->p_ltmon, &first))
    return CALIBRATE_FAILS;
  if (first == 0)
    return CALIBRATE_SILENT;
  if (!scan_is_pointer(first, WORD) || !word_at(c, first, layout->mn_next, &next) ||
      !scan_is_pointer(next, WORD) || !word_at(c, next, layout->mn_prev, &back) || back != first)
    return CALIBRATE_FAILS;
  return check_reference(c, first);
}

#define OF(field) offsetof(struct beam_layout, field)

const struct calibrate_neighbours CALIBRATE_NEIGHBOURS[] = {
    {OF(p_timer), OF(p_started)},   {OF(p_started), OF(p_reg)},  {OF(p_reg), OF(p_links)},
    {OF(p_links), OF(p_ltmon)},     {OF(p_ltmon), OF(p_mon)},    {OF(p_oldhend), OF(p_oldhtop)},
    {OF(p_oldhtop), OF(p_oldheap)}, {OF(q_first), OF(q_last)},   {OF(q_last), OF(q_save)},
    {OF(q_cont), OF(q_contlast)},   {OF(iq_first), OF(iq_last)}, {OF(mn_parent), OF(mn_right)},
    {OF(mn_right), OF(mn_left)},    {OF(mn_next), OF(mn_prev)},  {OF(p_current), OF(p_parent)},
    {OF(p_sched), OF(p_runq)},
};
const size_t CALIBRATE_NEIGHBOUR_COUNT = sizeof CALIBRATE_NEIGHBOURS / sizeof *CALIBRATE_NEIGHBOURS;

const struct calibrate_process_invariant CALIBRATE_PROCESS_INVARIANTS[] = {
    {"state", "hardly a process has normal priority", check_state, 8, 500, {OF(p_state)}},
    {"registered",
     "the record of a registered name does not lead back to its process",
     check_registered,
     3,
     900,
     {OF(p_reg), OF(p_timer), OF(p_started), OF(p_links), OF(p_ltmon), OF(p_mon)}},
    {"initial-call",
     "a process was not started with a function",
     check_initial_call,
     8,
     900,
     {OF(p_u), OF(p_dict), OF(p_current), OF(p_parent)}},
    {"instruction",
     "a process that waits is in no module",
     check_instruction,
     8,
     900,
     {OF(p_i), OF(p_reds)}},
    {"heap",
     "the size of a heap is not that between its ends",
     check_heap,
     8,
     970,
     {OF(p_heap), OF(p_hend), OF(p_abandoned), OF(p_heapsz)}},
    {"heap-top",
     "the used part of a heap is not inside of it",
     check_heap_top,
     8,
     900,
     {OF(p_htop), OF(p_stop)}},
    {"old-heap", "the used part of an old heap is not inside of it", check_old_heap, 0, 500, {0}},
    {"arguments",
     "the saved arguments of a process are not in it",
     check_arguments,
     8,
     900,
     {OF(p_argreg), OF(p_arity)}},
    {"fragments", "a process without heap fragments has some", check_fragments, 0, 500, {0}},
    {"queue",
     "an empty mailbox's last pointer is not its own first field",
     check_queue,
     8,
     900,
     {OF(p_sigqs)}},
    {"middle-queue",
     "the end of a mailbox's middle part is not where it should be",
     check_middle_queue,
     8,
     900,
     {0}},
    {"queue-length",
     "the length of a mailbox is not the number of its messages",
     check_queue_length,
     8,
     990,
     {0}},
    {"in-queue",
     "an empty in-queue's last pointer is not its own first field",
     check_in_queue,
     8,
     900,
     {OF(p_siginq), OF(p_inqbufs)}},
    {"links", "the root of a tree of links is none", check_links, 3, 900, {0}},
    {"monitors",
     "the root of a tree of monitors is none, or its key not their reference",
     check_monitors,
     0,
     500,
     {0}},
    {"monitored", "the list of who monitors a process is none", check_monitored, 0, 500, {0}},
    {"dictionary", "the dictionary of a process is none", check_dictionary, 3, 900, {0}},
    {"current", "the current function of a process is none", check_current, 0, 500, {0}},
    {"parent", "the parent of a process is no process", check_parent, 8, 900, {0}},
    {"group-leader",
     "the group leader of a process is no process",
     check_group_leader,
     8,
     900,
     {OF(p_gl)}},
    {"run-queue",
     "the run queue of a process belongs to no scheduler",
     check_run_queue,
     8,
     900,
     {OF(p_runq), OF(p_sched)}},
    {"scheduler", "the scheduler of a process is none", check_scheduler, 0, 500, {0}},
};
const size_t CALIBRATE_PROCESS_INVARIANT_COUNT =
    sizeof CALIBRATE_PROCESS_INVARIANTS / sizeof *CALIBRATE_PROCESS_INVARIANTS;
