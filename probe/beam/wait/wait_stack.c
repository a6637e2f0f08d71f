/* wait_stack.c - see wait_stack.h. */
#include "probe/beam/wait/wait_stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"
#include "probe/beam/wait/wait_gather.h"

enum {
  /* a map; the bits above the tag tell a flat one (0) from a tree */
  HEADER_MAP_26 = 0x3c, /* through OTP 26 */
  HEADER_MAP = 0x2c,
  MAP_KIND_MASK = 0xc0,
  FLAT_MAP_KEYS_MOST = 32,
};

static void scan(struct beam_wait_stack *stack)
{
  stack->first_frame = stack->count;
  for (uint8_t i = 0; i < stack->count && stack->return_count < BEAM_WAIT_STACK_RETURNS; i++) {
    if (!beam_is_header(stack->word[i]))
      continue;
    if (stack->return_count == 0)
      stack->first_frame = i;
    stack->returns[stack->return_count++] = stack->word[i];
  }
}

int beam_wait_stack_read(const struct beam_node *node, const struct beam_proc *procs,
                         const uint32_t *which, size_t count, struct beam_wait_stack *ret_stacks)
{
  struct reach_piece *pieces = calloc(count + 1, sizeof *pieces);
  if (!pieces)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    const struct beam_proc *proc = &procs[which[i]];
    struct beam_wait_stack *stack = &ret_stacks[which[i]];
    uint64_t room = proc->heap_end > proc->stop ? proc->heap_end - proc->stop : 0;
    memset(stack, 0, sizeof *stack);
    stack->count = (uint8_t)((room < sizeof stack->word ? room : sizeof stack->word) / 8);
    pieces[i] =
        (struct reach_piece){proc->stop, stack->word, stack->count * sizeof(uint64_t), false};
  }
  int error = beam_wait_gather(node->memory, pieces, count);
  for (size_t i = 0; !error && i < count; i++) {
    if (!pieces[i].read)
      ret_stacks[which[i]].count = 0;
    scan(&ret_stacks[which[i]]);
  }
  free(pieces);
  return error;
}

int beam_wait_references_read(const struct beam_node *node, struct beam_wait_reference *references,
                              size_t count)
{
  struct reach_piece *pieces = calloc(count + 1, sizeof *pieces);
  uint8_t(*boxes)[BEAM_REFERENCE_BYTES] = calloc(count + 1, sizeof *boxes);
  int error = pieces && boxes ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < count; i++)
    pieces[i] = (struct reach_piece){beam_pointer(references[i].word), boxes[i],
                                     references[i].is ? 0 : BEAM_REFERENCE_BYTES, false};
  if (!error)
    error = beam_wait_gather(node->memory, pieces, count);
  for (size_t i = 0; !error && i < count; i++)
    if (!references[i].is)
      references[i].is =
          pieces[i].read && beam_reference_of_bytes(boxes[i], &references[i].reference);
  free(pieces);
  free(boxes);
  return error;
}

int beam_wait_map_keys(const struct beam_node *node, uint64_t term, uint64_t *ret_keys, size_t room)
{
  uint64_t head[3], keys[1 + FLAT_MAP_KEYS_MOST]; /* header, size, keys: a tuple */
  if (!beam_is_boxed(term) ||
      beam_memory_read(node->memory, beam_pointer(term), head, sizeof head) != 0 ||
      beam_header_kind(head[0]) != (unsigned)(node->otp <= 26 ? HEADER_MAP_26 : HEADER_MAP))
    return -EFAULT;
  if ((head[0] & MAP_KIND_MASK) != 0 || head[1] > FLAT_MAP_KEYS_MOST || head[1] > room)
    return -EFBIG;
  if (head[1] == 0)
    return 0;
  if (!beam_is_boxed(head[2]) ||
      beam_memory_read(node->memory, beam_pointer(head[2]), keys, (1 + head[1]) * sizeof *keys) !=
          0 ||
      beam_header_kind(keys[0]) != BEAM_TUPLE || beam_header_arity(keys[0]) != head[1])
    return -EFAULT;
  int count = 0;
  for (uint64_t i = 1; i <= head[1]; i++)
    if (beam_is_boxed(keys[i]))
      ret_keys[count++] = keys[i];
  return count;
}
