/* proof_unread.c - see proof_unread.h. */
#include "probe/beam/wait/proof_unread.h"

#include "probe/beam/term.h"

enum {
  TUPLE_MOST = 6,  /* elements of a message that are looked at */
  TERMS_MOST = 64, /* of one message */
  DEPTH_MOST = 4,
  BUFFERS = 64, /* parallel in-queues */
};

/* Signals that may end a wait (ERTS_SIG_Q_OP_* in erl_proc_sig_queue.h, OTP 24 to 29). */
enum signal { SIGNAL_MONITOR_DOWN = 2, SIGNAL_SPAWN_REPLY = 14, SIGNAL_BY_ALIAS = 15 };

struct search {
  const struct beam_node *node;
  struct beam_reference reference;
  unsigned messages, terms; /* left */
  bool unclear;             /* some of it was not understood, or not read */
};

/* Recursion bounded by depth and by the number of terms. */
static bool holds(struct search *search, uint64_t term, int depth)
{
  uint64_t words[1 + TUPLE_MOST];
  struct beam_reference found;
  if (depth > DEPTH_MOST || search->terms == 0)
    return false;
  search->terms--;
  if (beam_is_list(term))
    return beam_memory_read(search->node->memory, beam_pointer(term), words, 2 * sizeof *words) ==
               0 &&
           (holds(search, words[0], depth + 1) || holds(search, words[1], depth + 1));
  if (!beam_is_boxed(term) ||
      beam_memory_read(search->node->memory, beam_pointer(term), words, BEAM_REFERENCE_BYTES) != 0)
    return false;
  if (beam_reference_of_bytes(words, &found))
    return beam_reference_same(found, search->reference);
  uint64_t arity = beam_header_arity(words[0]);
  if (beam_header_kind(words[0]) != BEAM_TUPLE || arity > TUPLE_MOST ||
      beam_memory_read(search->node->memory, beam_pointer(term), words,
                       (1 + arity) * sizeof *words) != 0)
    return false;
  for (uint64_t i = 1; i <= arity; i++)
    if (holds(search, words[i], depth + 1))
      return true;
  return false;
}

/* Messages and signals are linked alike; a signal has a header in place of its term, an encoded message nothing. */
static void note_signal(struct search *search, uint64_t tag)
{
  unsigned operation = (unsigned)beam_header_arity(tag) & 0xff;
  search->unclear |= tag == BEAM_THE_NON_VALUE || operation == SIGNAL_MONITOR_DOWN ||
                     operation == SIGNAL_SPAWN_REPLY || operation == SIGNAL_BY_ALIAS;
}

static bool in_queue(struct search *search, uint64_t first_link)
{
  const struct beam_layout *layout = &search->node->layout;
  uint64_t at, term;
  if (beam_memory_word(search->node->memory, first_link, &at) != 0)
    at = 1; /* no message lies there */
  for (; at != 0 && at % 8 == 0 && search->messages > 0; search->messages--) {
    if (beam_memory_word(search->node->memory, at + (uint64_t)layout->m_term, &term) != 0)
      break;
    search->terms = TERMS_MOST;
    if (beam_is_header(term))
      note_signal(search, term);
    else if (holds(search, term, 0))
      return true;
    if (beam_memory_word(search->node->memory, at + (uint64_t)layout->m_next, &at) != 0)
      break;
  }
  search->unclear |= at != 0;
  return false;
}

static bool in_buffers(struct search *search, uint64_t buffers)
{
  const struct beam_layout *layout = &search->node->layout;
  for (uint64_t i = 0; buffers != 0 && i < BUFFERS; i++)
    if (in_queue(search, buffers + (uint64_t)layout->ib_slots + i * (uint64_t)layout->sz_inqbuf +
                             (uint64_t)layout->ib_queue + (uint64_t)layout->iq_first))
      return true;
  return false;
}

/* In what has not been looked at by anybody: signals that were taken in but not sorted, and those that were not. */
static bool in_new(struct search *search, const struct beam_proc *proc)
{
  const struct beam_layout *layout = &search->node->layout;
  uint64_t buffers = 0;
  if (in_queue(search, proc->address + (uint64_t)layout->p_sigqs + (uint64_t)layout->q_cont) ||
      in_queue(search, proc->address + (uint64_t)layout->p_siginq + (uint64_t)layout->iq_first))
    return true;
  if (layout->p_inqbufs >= 0 &&
      beam_memory_word(search->node->memory, proc->address + (uint64_t)layout->p_inqbufs,
                       &buffers) != 0)
    search->unclear = true;
  return in_buffers(search, buffers);
}

bool beam_proof_unread(const struct beam_node *node, const struct beam_proc *holder,
                       struct beam_reference reference)
{
  struct search search = {node, reference, BEAM_PROOF_MESSAGES, 0, false};
  return in_queue(&search, holder->address + (uint64_t)node->layout.p_sigqs +
                               (uint64_t)node->layout.q_first) ||
         in_new(&search, holder);
}

bool beam_proof_answered(const struct beam_node *node, const struct beam_proc *waiter,
                         struct beam_reference reference)
{
  const struct beam_layout *layout = &node->layout;
  struct search search = {node, reference, BEAM_PROOF_MESSAGES, 0, false};
  uint64_t next = 0; /* the link to the first message that its receive has not looked at */
  if (beam_memory_word(node->memory,
                       waiter->address + (uint64_t)layout->p_sigqs + (uint64_t)layout->q_save,
                       &next) != 0)
    return true;
  return in_queue(&search, next) || in_new(&search, waiter) || search.unclear;
}
