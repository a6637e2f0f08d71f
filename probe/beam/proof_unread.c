/* proof_unread.c - see proof_unread.h. */
#include "probe/beam/proof_unread.h"

#include "probe/beam/term.h"

enum {
  TUPLE_MOST = 6,  /* elements of a message that are looked at */
  TERMS_MOST = 64, /* of one message */
  DEPTH_MOST = 4,
  BUFFERS = 64, /* parallel in-queues */
};

struct search {
  const struct beam_node *node;
  struct beam_reference reference;
  unsigned messages, terms; /* left */
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

/* Messages and signals are linked alike; a signal has a header in place of its term. */
static bool in_queue(struct search *search, uint64_t first_link)
{
  const struct beam_layout *layout = &search->node->layout;
  uint64_t at, term;
  if (beam_memory_word(search->node->memory, first_link, &at) != 0)
    return false;
  for (; at != 0 && at % 8 == 0 && search->messages > 0; search->messages--) {
    if (beam_memory_word(search->node->memory, at + (uint64_t)layout->m_term, &term) != 0)
      return false;
    search->terms = TERMS_MOST;
    if (!beam_is_header(term) && holds(search, term, 0))
      return true;
    if (beam_memory_word(search->node->memory, at + (uint64_t)layout->m_next, &at) != 0)
      return false;
  }
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

bool beam_proof_unread(const struct beam_node *node, const struct beam_proc *holder,
                       struct beam_reference reference)
{
  const struct beam_layout *layout = &node->layout;
  struct search search = {node, reference, BEAM_PROOF_MESSAGES, 0};
  uint64_t queues = holder->address + (uint64_t)layout->p_sigqs;
  uint64_t buffers = 0;
  if (in_queue(&search, queues + (uint64_t)layout->q_first) ||
      in_queue(&search, queues + (uint64_t)layout->q_cont) ||
      in_queue(&search, holder->address + (uint64_t)layout->p_siginq + (uint64_t)layout->iq_first))
    return true;
  if (layout->p_inqbufs >= 0 &&
      beam_memory_word(node->memory, holder->address + (uint64_t)layout->p_inqbufs, &buffers) != 0)
    buffers = 0;
  return in_buffers(&search, buffers);
}
