/*
 * mailbox.c - see mailbox.h.
 *
 * A mailbox is four kinds of lists, in the order in which the process will see their messages; any
 * of them but the first holds signals among the messages:
 *
 *    sig_qs.first ---> message -> message            sorted, what receive looks through
 *    sig_qs.cont ----> message -> signal -> message  taken over, not yet sorted
 *    sig_inq.first --> message -> signal             what came since
 *    64 parallel in-queues of the same form, when many send at once (from OTP 25)
 *
 *    message: next | fragment | term | ...    the term is 0 when it came from another node and is
 *    still encoded; a signal has the header of an external pid in its place
 */
#include "probe/beam/mailbox/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/sweep.h"
#include "probe/beam/code.h"
#include "probe/beam/mailbox/print.h"
#include "probe/beam/mailbox/shape.h"
#include "probe/beam/term.h"

enum {
  MESSAGES_MOST = 10000,
  LINKS_MOST = 3 * MESSAGES_MOST, /* messages and signals: a circle ends */
  BYTES_MOST = 4 << 20,
  ORPHANS_SHOWN = 20,
  BUFFERS = 64,
  TRIES = 3,
  ORPHAN_BYTES = 160,
};

struct orphan {
  char request[ORPHAN_BYTES];
  char from[32];
  uint64_t position;
};

struct reading {
  const struct beam_node *node;
  struct print print;
  struct shapes *shapes;
  uint64_t messages, encoded, links;
  bool torn; /* something could not be read or does not end as it should */
  uint64_t orphan_count;
  struct orphan orphans[ORPHANS_SHOWN];
};

/* What tells whether the process moved its terms meanwhile. */
struct stand {
  struct beam_proc_facts facts;
  uint64_t sorted, unsorted, in;
};

static void reading_done(struct reading *reading)
{
  print_memory_free(reading->print.memory);
  shapes_free(reading->shapes);
  reading->print.memory = NULL;
  reading->shapes = NULL;
}

static int reading_init(struct reading *reading, const struct beam_node *node,
                        struct beam_atoms *atoms)
{
  *reading = (struct reading){
      .node = node,
      .print = {node, atoms, print_memory_new(node->memory, BYTES_MOST)},
      .shapes = shapes_new(),
  };
  if (reading->print.memory && reading->shapes)
    return 0;
  reading_done(reading);
  return -ENOMEM;
}

/* Is there a process with this pid now, and is it more than what is left of one? */
static bool lives(const struct beam_node *node, uint64_t pid_word)
{
  const struct beam_layout *l = &node->layout;
  uint64_t slot = beam_node_slot(node, pid_word), address, word;
  uint32_t state;

  return slot < node->processes.most &&
         beam_memory_word(node->memory, node->processes.slots + 8 * slot, &address) == 0 &&
         beam_memory_word(node->memory, address + (uint64_t)l->p_id, &word) == 0 &&
         word == pid_word &&
         beam_memory_read(node->memory, address + (uint64_t)l->p_state, &state, sizeof state) ==
             0 &&
         !(state & (BEAM_STATE_FREE | BEAM_STATE_EXITING));
}

/* A request from a process of this node that is no more: nobody waits for the answer. */
static void judge_request(struct reading *reading, uint64_t message)
{
  struct shape_request request;
  struct print_text text;

  if (shape_request(&reading->print, message, &request) < 0 || !beam_is_pid(request.from) ||
      lives(reading->node, request.from))
    return;
  if (reading->orphan_count++ >= ORPHANS_SHOWN)
    return;
  struct orphan *orphan = &reading->orphans[reading->orphan_count - 1];
  orphan->position = reading->messages;
  print_text_init(&text, orphan->request, sizeof orphan->request);
  print_term(&reading->print, request.request, &text);
  (void)print_text_end(&text);
  print_text_init(&text, orphan->from, sizeof orphan->from);
  print_pid(&reading->print, request.from, &text);
  (void)print_text_end(&text);
}

static void take_message(struct reading *reading, uint64_t term)
{
  reading->messages++;
  if (term == BEAM_THE_NON_VALUE) {
    reading->encoded++;
    return;
  }
  shapes_add(reading->shapes, &reading->print, term, reading->messages);
  judge_request(reading, term);
}

static bool may_go_on(const struct reading *reading)
{
  return reading->messages < MESSAGES_MOST && reading->links < LINKS_MOST &&
         !print_memory_spent(reading->print.memory);
}

static void walk(struct reading *reading, uint64_t first)
{
  const struct beam_layout *l = &reading->node->layout;

  for (uint64_t at = first, term; at && may_go_on(reading); reading->links++) {
    if (at % 8 != 0 ||
        print_memory_word(reading->print.memory, at + (uint64_t)l->m_term, &term) < 0 ||
        print_memory_word(reading->print.memory, at + (uint64_t)l->m_next, &at) < 0) {
      reading->torn = true;
      return;
    }
    if (beam_header_kind(term) != BEAM_EXTERNAL_PID)
      take_message(reading, term);
  }
}

static void walk_buffers(struct reading *reading, uint64_t buffers)
{
  const struct beam_layout *l = &reading->node->layout;

  for (uint64_t i = 0; buffers && i < BUFFERS && may_go_on(reading); i++) {
    uint64_t queue =
        buffers + (uint64_t)l->ib_slots + i * (uint64_t)l->sz_inqbuf + (uint64_t)l->ib_queue;
    uint64_t first;
    if (print_memory_word(reading->print.memory, queue + (uint64_t)l->iq_first, &first) < 0)
      reading->torn = true;
    else
      walk(reading, first);
  }
}

/* -ESRCH: it is not that process any more. */
static int look(const struct beam_node *node, const struct beam_proc *proc, struct stand *ret_stand)
{
  const struct beam_layout *l = &node->layout;
  char *bytes = malloc((size_t)l->sz_process);
  int error =
      bytes ? beam_memory_read(node->memory, proc->address, bytes, (size_t)l->sz_process) : -ENOMEM;

  if (error == 0 &&
      (beam_proc_decode(node, bytes, (struct beam_proc_place){proc->address, proc->slot},
                        &ret_stand->facts) != BEAM_PROC_READ ||
       ret_stand->facts.proc.word != proc->word))
    error = -ESRCH;
  if (error == 0) {
    ret_stand->sorted = beam_u64(bytes, l->p_sigqs + l->q_first);
    ret_stand->unsorted = beam_u64(bytes, l->p_sigqs + l->q_cont);
    ret_stand->in = beam_u64(bytes, l->p_siginq + l->iq_first);
  }
  free(bytes);
  return error;
}

static bool same(const struct stand *a, const struct stand *b)
{
  return a->facts.proc.heap == b->facts.proc.heap && a->sorted == b->sorted &&
         a->unsorted == b->unsorted;
}

/* Once through all lists. */
static int read_once(struct reading *reading, const struct beam_node *node,
                     struct beam_atoms *atoms, const struct beam_proc *proc,
                     struct stand *ret_stand)
{
  struct stand after;
  int error = look(node, proc, ret_stand);

  if (error == 0)
    error = reading_init(reading, node, atoms);
  if (error < 0)
    return error;
  walk(reading, ret_stand->sorted);
  walk(reading, ret_stand->unsorted);
  walk(reading, ret_stand->in);
  walk_buffers(reading, ret_stand->facts.buffers);
  error = look(node, proc, &after);
  if (error == 0 && !same(ret_stand, &after))
    reading->torn = true;
  if (error < 0)
    reading_done(reading);
  return error;
}

/* gen_server2 (RabbitMQ) empties its mailbox into a queue of its own before it works. */
static bool keeps_a_queue(const struct beam_node *node, struct beam_atoms *atoms,
                          uint64_t instruction)
{
  struct beam_code *code = beam_code_new(node);
  struct beam_mfa mfa;
  char module[16] = "";

  if (code && beam_code_begin(code) >= 0 && beam_code_function(code, instruction, &mfa) == 0)
    (void)beam_atom_copy(atoms, mfa.module, module, sizeof module);
  beam_code_free(code);
  return strcmp(module, "gen_server2") == 0;
}

static uint64_t depth_of(const struct reading *reading, const struct stand *stand)
{
  int64_t depth = stand->facts.depth;

  if (stand->facts.depth_more)
    (void)beam_proc_depth(reading->node, &stand->facts, &depth);
  return depth > 0 && (uint64_t)depth > reading->messages ? (uint64_t)depth : reading->messages;
}

static void write_head(const struct reading *reading, uint64_t depth, bool own_queue, FILE *text)
{
  (void)fprintf(text, "%llu message%s, %s%llu read", (unsigned long long)depth,
                depth == 1 ? "" : "s", depth > reading->messages ? "the first " : "",
                (unsigned long long)reading->messages);
  if (reading->encoded)
    (void)fprintf(text, ", %llu of them from other nodes and still encoded",
                  (unsigned long long)reading->encoded);
  if (reading->torn)
    (void)fprintf(text, "; it ran meanwhile, some may be missed or read wrongly");
  if (own_queue)
    (void)fprintf(text, "; gen_server2 keeps more in a queue of its own, which is not shown");
  (void)fputc('\n', text);
}

static void write_shapes(struct reading *reading, FILE *text)
{
  size_t count;
  const struct shape *shapes = shapes_sorted(reading->shapes, &count);
  uint64_t other = shapes_other(reading->shapes);

  for (size_t i = 0; i < count; i++) {
    (void)fprintf(text, "%s x %llu, the first at position %llu\n", shapes[i].text,
                  (unsigned long long)shapes[i].count, (unsigned long long)shapes[i].first);
    if (i == 0)
      (void)fprintf(text, "  for example %s\n", shapes[i].example);
  }
  if (other)
    (void)fprintf(text, "of more shapes than %d: %llu\n", SHAPES_MOST, (unsigned long long)other);
}

static void write_orphans(const struct reading *reading, uint64_t depth, FILE *text)
{
  for (uint64_t i = 0; i < reading->orphan_count && i < ORPHANS_SHOWN; i++) {
    const struct orphan *orphan = &reading->orphans[i];
    (void)fprintf(text, "orphan: %s from %s, which has ended; position %llu of %llu\n",
                  orphan->request, orphan->from, (unsigned long long)orphan->position,
                  (unsigned long long)depth);
  }
  if (reading->orphan_count > ORPHANS_SHOWN)
    (void)fprintf(text, "and %llu orphans more\n",
                  (unsigned long long)(reading->orphan_count - ORPHANS_SHOWN));
}

int beam_mailbox_write(const struct beam_node *node, struct beam_atoms *atoms,
                       const struct beam_proc *proc, FILE *text)
{
  struct reading *reading = malloc(sizeof *reading);
  struct stand stand;
  int error = reading ? 0 : -ENOMEM;

  for (int i = 0; error == 0 && i < TRIES; i++) {
    error = read_once(reading, node, atoms, proc, &stand);
    if (error < 0 || !reading->torn || i + 1 == TRIES)
      break;
    reading_done(reading);
  }
  if (error == 0) {
    uint64_t depth = depth_of(reading, &stand);
    write_head(reading, depth, keeps_a_queue(node, atoms, stand.facts.proc.instruction), text);
    write_shapes(reading, text);
    write_orphans(reading, depth, text);
    reading_done(reading);
  }
  free(reading);
  return error;
}
