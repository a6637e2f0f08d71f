/*
 * proc.c - see proc.h.
 *
 * How long a mailbox is, by version (the fields that a layout lacks tell which):
 *    through 26   sig_qs.len + sig_inq.len
 *    from 27      mq_len + mlenoffs + sig_inq.mlenoffs + mlenoffs of each queued non-message signal
 *    and of each of the 64 parallel in-queues, where a process has them
 */
#include "probe/beam/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/sweep.h"
#include "probe/beam/term.h"

enum {
  BLOCK_BYTES = 1 << 20, /* what is read at once: it should stay in the cache */
  GAP_BYTES = 4096,      /* between two structs that are still read in one piece */
  PIECES_MOST = 256,
  PLACES_MOST = 2048,
  QUEUE_LAST = 8, /* sig_qs.last follows sig_qs.first */
  BUFFERS = 64,   /* ERTS_PROC_SIG_INQ_BUFFERED_NR_OF_BUFFERS */
  BUFFER_MOST = 512,
  SIGNAL_NEXT = 8, /* a signal's link to the next non-message signal */
  SIGNALS_MOST = 64,
};

#define DEPTH_SANE (INT64_C(1) << 40)

/* ---- one ---- */

static int64_t sane_depth(int64_t depth)
{
  return depth < 0 || depth > DEPTH_SANE ? VALUE_UNKNOWN : depth;
}

static int64_t word_of(const char *bytes, int32_t offset)
{
  return (int64_t)beam_u64(bytes, offset);
}

/* Messages in an in-queue. Wraps around like the target's own sums: what comes out is judged. */
static int64_t in_queue(const struct beam_layout *l, const char *queue)
{
  return word_of(queue, l->iq_len != BEAM_LAYOUT_ABSENT ? l->iq_len : l->iq_mlenoffs);
}

static int64_t add(int64_t a, int64_t b)
{
  return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void decode_mailbox(const struct beam_layout *l, const char *bytes,
                           struct beam_proc_facts *facts)
{
  const char *queue = bytes + l->p_sigqs, *inner = bytes + l->p_siginq;
  bool plain = l->q_len != BEAM_LAYOUT_ABSENT;
  int64_t sorted = plain ? word_of(queue, l->q_len)
                         : add(word_of(queue, l->q_mqlen), word_of(queue, l->q_mlenoffs));
  facts->depth = sane_depth(add(sorted, in_queue(l, inner)));
  if (l->p_inqbufs != BEAM_LAYOUT_ABSENT)
    facts->buffers = beam_u64(bytes, l->p_inqbufs);
  if (!plain) {
    facts->signals[0] = beam_u64(queue, l->q_nmnext);
    facts->signals[1] = beam_u64(inner, l->iq_nmnext);
    if (facts->signals[0] || facts->signals[1]) /* parts of the sum may be negative */
      facts->depth = add(sorted, in_queue(l, inner));
  }
  facts->depth_more = facts->buffers || facts->signals[0] || facts->signals[1];
  facts->head = beam_u64(queue, l->q_first);
  facts->searched = beam_u64(queue, l->q_save) == beam_u64(queue, l->q_first + QUEUE_LAST);
}

/* Bytes of the heaps; hostile sizes give what cannot be, not an overflow. */
static int64_t decode_memory(const struct beam_layout *l, const char *bytes)
{
  uint64_t words = beam_u64(bytes, l->p_heapsz), fragments = beam_u64(bytes, l->p_mbufsz);
  uint64_t old = beam_u64(bytes, l->p_oldheap), old_end = beam_u64(bytes, l->p_oldhend);
  uint64_t old_bytes = old && old_end > old ? old_end - old : 0;
  const uint64_t most = UINT64_C(1) << 48;
  if (words > most || fragments > most || old_bytes > most)
    return VALUE_UNKNOWN;
  return (int64_t)((words + fragments) * 8 + old_bytes + (uint64_t)l->sz_process);
}

enum beam_proc_read beam_proc_decode(const struct beam_node *node, const char *bytes,
                                     struct beam_proc_place place,
                                     struct beam_proc_facts *ret_facts)
{
  const struct beam_layout *l = &node->layout;
  uint64_t word = beam_u64(bytes, l->p_id);
  uint32_t state = beam_u32(bytes, l->p_state);
  if (!beam_is_pid(word) || beam_node_slot(node, word) != place.slot)
    return BEAM_PROC_OTHER;
  if (state & BEAM_STATE_FREE)
    return BEAM_PROC_FREE;
  bool alive = !(state & BEAM_STATE_EXITING); /* else common.u is something else */
  struct beam_proc_facts facts = {
      .proc =
          {
              .address = place.address,
              .word = word,
              .key = beam_pid_key(beam_node_pid(node, word)),
              .slot = place.slot,
              .state = state,
              .stop = beam_u64(bytes, l->p_stop),
              .heap = beam_u64(bytes, l->p_heap),
              .heap_top = beam_u64(bytes, l->p_htop),
              .heap_end = beam_u64(bytes, l->p_hend),
              .monitors = alive ? beam_u64(bytes, l->p_mon) : 0,
              .timer = beam_u64(bytes, l->p_timer),
              .instruction = beam_u64(bytes, l->p_i),
          },
      .memory_bytes = decode_memory(l, bytes),
      .reductions = word_of(bytes, l->p_reds),
      .registered = alive ? beam_u64(bytes, l->p_reg) : 0,
      .dictionary = beam_u64(bytes, l->p_dict),
      .parent = beam_u64(bytes, l->p_parent),
      .current = beam_u64(bytes, l->p_current),
      .initial = {beam_u64(bytes, l->p_u), beam_u64(bytes, l->p_u + 8),
                  beam_u64(bytes, l->p_u + 16)},
  };
  decode_mailbox(l, bytes, &facts);
  if (facts.reductions < 0)
    facts.reductions = VALUE_UNKNOWN;
  *ret_facts = facts;
  return BEAM_PROC_READ;
}

/* ---- many ---- */

struct block {
  const struct beam_node *node;
  const struct beam_proc_place *places;
  beam_proc_each_fn *each;
  void *context;
  char *bytes;
  struct reach_piece pieces[PIECES_MOST];
  size_t piece_count, used;
  size_t first, count;          /* places in it */
  uint32_t offset[PLACES_MOST]; /* in bytes */
  uint16_t piece[PLACES_MOST];
};

static size_t struct_bytes(const struct block *block)
{
  return (size_t)block->node->layout.sz_process;
}

/* Whether the next place fits, and if so, where. */
static bool take(struct block *block, uint64_t address)
{
  size_t size = struct_bytes(block);
  struct reach_piece *last = block->piece_count > 0 ? &block->pieces[block->piece_count - 1] : NULL;
  if (block->count == PLACES_MOST)
    return false;
  bool near =
      last && address >= last->address && address - last->address <= last->length + GAP_BYTES;
  if (near) {
    size_t end = (size_t)(address - last->address) + size;
    size_t grown = end > last->length ? end - last->length : 0;
    if (block->used + grown > BLOCK_BYTES)
      return false;
    last->length += grown;
    block->used += grown;
  } else {
    if (block->piece_count == PIECES_MOST || block->used + size > BLOCK_BYTES)
      return false;
    last = &block->pieces[block->piece_count++];
    *last = (struct reach_piece){address, block->bytes + block->used, size, false};
    block->used += size;
  }
  block->piece[block->count] = (uint16_t)(block->piece_count - 1);
  block->offset[block->count] =
      (uint32_t)((size_t)((char *)last->bytes - block->bytes) + (size_t)(address - last->address));
  block->count++;
  return true;
}

/* A piece may reach into what is not mapped: then its processes are read one by one. */
static enum beam_proc_read decode_alone(struct block *block, struct beam_proc_place place,
                                        struct beam_proc_facts *ret_facts)
{
  char *bytes = malloc(struct_bytes(block));
  enum beam_proc_read how = BEAM_PROC_OTHER;
  if (bytes &&
      beam_memory_read(block->node->memory, place.address, bytes, struct_bytes(block)) == 0)
    how = beam_proc_decode(block->node, bytes, place, ret_facts);
  free(bytes);
  return how;
}

static int flush(struct block *block)
{
  int error = beam_memory_pieces(block->node->memory, block->pieces, block->piece_count);
  if (error)
    return error;
  for (size_t i = 0; i < block->count; i++) {
    struct beam_proc_place place = block->places[block->first + i];
    struct beam_proc_facts facts;
    enum beam_proc_read how =
        block->pieces[block->piece[i]].read
            ? beam_proc_decode(block->node, block->bytes + block->offset[i], place, &facts)
            : decode_alone(block, place, &facts);
    block->each(block->context, block->first + i, how, how == BEAM_PROC_READ ? &facts : NULL);
  }
  block->first += block->count;
  block->count = block->piece_count = block->used = 0;
  return 0;
}

int beam_proc_each(const struct beam_node *node, const struct beam_proc_place *places, size_t count,
                   beam_proc_each_fn *each, void *context)
{
  int error = 0;
  struct block *block = calloc(1, sizeof *block);
  char *bytes = malloc(BLOCK_BYTES);
  if (!block || !bytes) {
    error = -ENOMEM;
    goto out;
  }
  *block = (struct block){
      .node = node, .places = places, .each = each, .context = context, .bytes = bytes};
  for (size_t i = 0; i < count && !error; i++)
    if (!take(block, places[i].address)) {
      error = flush(block);
      (void)take(block, places[i].address); /* an empty block has room for one */
    }
  if (!error && block->count > 0)
    error = flush(block);
out:
  free(bytes);
  free(block);
  return error;
}

/* ---- mailboxes in several parts ---- */

static bool add_signals(const struct beam_node *node, uint64_t link, int64_t *depth)
{
  const struct beam_layout *l = &node->layout;
  uint64_t signal, held;
  for (int i = 0; link && i < SIGNALS_MOST; i++) {
    if (beam_memory_word(node->memory, link, &signal) != 0 ||
        beam_memory_word(node->memory, signal + (uint64_t)l->nms_mlenoffs, &held) != 0 ||
        beam_memory_word(node->memory, signal + SIGNAL_NEXT, &link) != 0)
      return false;
    *depth = add(*depth, (int64_t)held);
  }
  return link == 0;
}

static bool add_buffers(const struct beam_node *node, uint64_t buffers, int64_t *depth)
{
  const struct beam_layout *l = &node->layout;
  char bytes[BUFFER_MOST];
  bool whole = true;
  if (l->sz_inqbuf <= 0 || l->sz_inqbuf > BUFFER_MOST)
    return false;
  for (uint64_t i = 0; i < BUFFERS; i++) {
    uint64_t at = buffers + (uint64_t)l->ib_slots + i * (uint64_t)l->sz_inqbuf;
    if (beam_memory_read(node->memory, at, bytes, (size_t)l->sz_inqbuf) != 0)
      return false;
    const char *queue = bytes + l->ib_queue;
    *depth = add(*depth, in_queue(l, queue));
    if (l->iq_mlenoffs != BEAM_LAYOUT_ABSENT &&
        !add_signals(node, beam_u64(queue, l->iq_nmnext), depth))
      whole = false;
  }
  return whole;
}

bool beam_proc_depth(const struct beam_node *node, const struct beam_proc_facts *facts,
                     int64_t *ret_depth)
{
  int64_t depth = facts->depth == VALUE_UNKNOWN ? 0 : facts->depth;
  bool whole = facts->depth != VALUE_UNKNOWN;
  for (size_t i = 0; i < 2; i++)
    whole = add_signals(node, facts->signals[i], &depth) && whole;
  if (facts->buffers)
    whole = add_buffers(node, facts->buffers, &depth) && whole;
  *ret_depth = sane_depth(depth);
  return whole && *ret_depth != VALUE_UNKNOWN;
}
