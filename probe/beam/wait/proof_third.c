/* proof_third.c - see proof_third.h. */
#include "probe/beam/wait/proof_third.h"

#include <errno.h>
#include <stdlib.h>

#include "probe/beam/wait/proof_hold.h"
#include "probe/beam/wait/proof_unread.h"

enum {
  SLOTS_MOST = 1 << 27,
  FIELDS_BYTES = 256, /* from the first to the last field of an old generation and the fragments */
  BLOCK = 4096,
  MAILBOXES_MOST = 256,
  RUNS = BEAM_STATE_RUNNING | BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
         BEAM_STATE_DIRTY_RUNNING_SYS | BEAM_STATE_GC,
};

struct scan {
  const struct beam_node *node;
  struct beam_proof_place *places;
  size_t place_count;
  struct beam_proc *procs; /* all that live */
  size_t proc_count;
  uint32_t mailboxes[MAILBOXES_MOST]; /* procs with messages */
  size_t mailbox_count;
};

/* It lies in [begin, end) of the process's memory. */
static void lies_in(struct scan *scan, const struct beam_proc *proc, uint64_t begin, uint64_t end)
{
  for (size_t i = 0; i < scan->place_count; i++) {
    struct beam_proof_place *place = &scan->places[i];
    if (place->holder == 0 && place->address >= begin && place->address < end &&
        beam_proof_holds(scan->node, proc, place->address) > 0)
      place->holder = proc->key;
  }
}

static void take(void *context, size_t index, enum beam_proc_read how,
                 const struct beam_proc_facts *facts)
{
  struct scan *scan = context;
  (void)index;
  if (how != BEAM_PROC_READ || facts->proc.state & (BEAM_STATE_EXITING | BEAM_STATE_FREE))
    return;
  if ((facts->depth != 0 || facts->depth_more) && scan->mailbox_count < MAILBOXES_MOST)
    scan->mailboxes[scan->mailbox_count++] = (uint32_t)scan->proc_count;
  scan->procs[scan->proc_count++] = facts->proc;
}

static int read_processes(struct scan *scan)
{
  const struct beam_node *node = scan->node;
  size_t most = node->processes.most, count = 0;
  uint64_t *slots = most <= SLOTS_MOST ? calloc(most + 1, sizeof *slots) : NULL;
  struct beam_proc_place *places = NULL;
  int error =
      slots ? beam_memory_read(node->memory, node->processes.slots, slots, most * 8) : -ENOMEM;
  for (size_t i = 0; !error && i < most; i++)
    count += slots[i] != 0;
  if (!error) {
    places = calloc(count + 1, sizeof *places);
    scan->procs = calloc(count + 1, sizeof *scan->procs);
    error = places && scan->procs ? 0 : -ENOMEM;
  }
  count = 0;
  for (size_t i = 0; !error && i < most; i++)
    if (slots[i] != 0)
      places[count++] = (struct beam_proc_place){slots[i], (uint32_t)i};
  if (!error)
    error = beam_proc_each(node, places, count, take, scan);
  free(slots);
  free(places);
  return error;
}

static void in_fragments(struct scan *scan, const struct beam_proc *proc, uint64_t at)
{
  struct beam_proof_fragment fragment;
  for (int i = 0; i < BEAM_PROOF_FRAGMENTS && beam_proof_fragment_read(scan->node, at, &fragment);
       i++) {
    lies_in(scan, proc, fragment.begin, fragment.end);
    at = fragment.next;
  }
}

/* Old generations and fragments, a block of processes at a time. */
static int in_old_memory(struct scan *scan)
{
  const struct beam_layout *layout = &scan->node->layout;
  int32_t first = layout->p_oldheap < layout->p_oldhtop ? layout->p_oldheap : layout->p_oldhtop;
  int32_t last = layout->p_mbuf;
  if (first < 0 || last < first || last + 8 - first > FIELDS_BYTES)
    return 0;
  unsigned char(*bytes)[FIELDS_BYTES] = calloc(BLOCK, sizeof *bytes);
  struct reach_piece *pieces = calloc(BLOCK, sizeof *pieces);
  int error = bytes && pieces ? 0 : -ENOMEM;
  for (size_t done = 0; !error && done < scan->proc_count; done += BLOCK) {
    size_t count = scan->proc_count - done < BLOCK ? scan->proc_count - done : BLOCK;
    for (size_t i = 0; i < count; i++)
      pieces[i] = (struct reach_piece){scan->procs[done + i].address + (uint64_t)first, bytes[i],
                                       (size_t)(last + 8 - first), false};
    error = beam_memory_pieces(scan->node->memory, pieces, count);
    for (size_t i = 0; !error && i < count; i++) {
      const struct beam_proc *proc = &scan->procs[done + i];
      if (!pieces[i].read)
        continue;
      lies_in(scan, proc, beam_u64(bytes[i], layout->p_oldheap - first),
              beam_u64(bytes[i], layout->p_oldhtop - first));
      in_fragments(scan, proc, beam_u64(bytes[i], last - first));
    }
  }
  free(bytes);
  free(pieces);
  return error;
}

static void in_heaps(struct scan *scan)
{
  for (size_t i = 0; i < scan->proc_count; i++) {
    const struct beam_proc *proc = &scan->procs[i];
    if (proc->state & RUNS) { /* where its heap ends is in registers */
      lies_in(scan, proc, proc->heap, proc->heap_end);
      continue;
    }
    lies_in(scan, proc, proc->heap, proc->heap_top);
    lies_in(scan, proc, proc->stop, proc->heap_end);
  }
}

static void in_mailboxes(struct scan *scan)
{
  for (size_t i = 0; i < scan->place_count; i++)
    for (size_t k = 0; k < scan->mailbox_count && scan->places[i].holder == 0; k++) {
      const struct beam_proc *proc = &scan->procs[scan->mailboxes[k]];
      if (beam_proof_unread(scan->node, proc, scan->places[i].reference))
        scan->places[i].holder = proc->key;
    }
}

int beam_proof_third_find(const struct beam_node *node, struct beam_proof_place *places,
                          size_t count)
{
  struct scan scan = {.node = node, .places = places, .place_count = count};
  for (size_t i = 0; i < count; i++)
    places[i].holder = 0;
  int error = read_processes(&scan);
  if (!error) {
    in_heaps(&scan);
    error = in_old_memory(&scan);
  }
  if (!error)
    in_mailboxes(&scan);
  free(scan.procs);
  return error;
}
