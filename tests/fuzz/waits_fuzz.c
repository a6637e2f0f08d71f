/*
 * waits_fuzz.c - stacks, references, monitors and mailboxes of blocked processes in damaged memory: whatever stands
 * there, reading waits ends after bounded reading, and every sweep passes sweep_check.
 *
 * A small node is made by hand for each release: processes that wait for each other in a circle, with a monitor each,
 * one more in its tree, receive markers, and a message in the mailbox.
 *
 *    input: release | faults | mutations (test_segments.h)
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "probe/beam/test_segments.h"
#include "probe/beam/wait/proof_unread.h"
#include "probe/beam/wait/wait.h"

enum { HEAD_BYTES = 2, RELEASES = 4, PROCS = 3, READS_MOST = 100000 };
#define BASE UINT64_C(0x7f0000000000)

/* Where things of a process stand, from its own place on. */
enum {
  EACH = 0x8000,
  HEAP = 0x2000,
  STACK = 0x2800,
  END = 0x2900,
  MONITOR = 0x3000,
  MARKERS = 0x4000,
  MESSAGE = 0x5000
};

static const int RELEASE_NUMBERS[RELEASES] = {24, 25, 27, 29};

struct world {
  struct test_segments image, memory; /* as it was made; as it is read */
  struct beam_node node;
  struct beam_proc procs[PROCS];
  bool made;
};

static struct world worlds[RELEASES];

static void put(struct world *w, uint64_t address, int32_t offset, uint64_t value, size_t length)
{
  test_segments_put(&w->image, address + (uint64_t)(offset > 0 ? offset : 0), &value, length);
}

static void put_reference(struct world *w, uint64_t address, uint64_t number)
{
  put(w, address, 0, 0x90, 8);
  put(w, address, 8, UINT32_MAX | number << 32, 8);
  put(w, address, 16, number << 32 | number, 8);
}

static void put_monitor(struct world *w, uint64_t address, uint64_t number, uint64_t other)
{
  const struct beam_layout *at = &w->node.layout;
  put(w, address, at->mn_other, other, 8);
  put(w, address, at->mn_keyoff, (uint64_t)at->md_ref, 2);
  put(w, address, at->md_ref, (address + (uint64_t)at->sz_mdata) | 2, 8);
  put_reference(w, address + (uint64_t)at->sz_mdata, number);
}

static void put_proc(struct world *w, uint64_t i)
{
  const struct beam_layout *at = &w->node.layout;
  uint64_t place = BASE + i * EACH, next = (i + 1) % PROCS;
  w->procs[i] = (struct beam_proc){.address = place,
                                   .word = (i + 7) << 4 | 3,
                                   .key = ACTOR_KEY(SOURCE_TAG_BEAM, i + 7),
                                   .state = i == 1 ? BEAM_STATE_ACTIVE : 0,
                                   .stop = place + STACK,
                                   .heap = place + HEAP,
                                   .heap_top = place + HEAP + 64,
                                   .heap_end = place + END,
                                   .monitors = place + MONITOR,
                                   .instruction = BASE};
  put_reference(w, place + HEAP, i + 100);
  put(w, place + STACK, 0, (place + HEAP) | 2, 8);
  put(w, place + STACK, 8, BASE + 4096, 8);
  put_monitor(w, place + MONITOR, i + 200, (next + 7) << 4 | 3);
  put(w, place + MONITOR, at->mn_left, place + MONITOR + 512, 8);
  put_monitor(w, place + MONITOR + 512, i + 100, (next + 7) << 4 | 3);
  put(w, place, at->p_sigqs + at->q_rmb, place + MARKERS, 8);
  put(w, place + MARKERS, 0, (place + HEAP) | 2, 8);
  put(w, place, at->p_sigqs + at->q_first, place + MESSAGE, 8);
  put(w, place, at->p_sigqs + at->q_save, place + (uint64_t)(at->p_sigqs + at->q_first), 8);
  put(w, place + MESSAGE, at->m_term, (place + MESSAGE + 512) | 2, 8);
  put(w, place + MESSAGE + 512, 0, 2 << 6, 8);
  put(w, place + MESSAGE + 512, 8, (place + HEAP) | 2, 8);
  put(w, place + MESSAGE + 512, 16, 0x3b, 8);
}

static uint64_t by_name(void *context, uint64_t atom)
{
  (void)context;
  return atom % 2 ? ACTOR_KEY(SOURCE_TAG_BEAM, 7) : 0;
}

static bool lives(void *context, uint64_t pid_word)
{
  (void)context;
  return pid_word >> 4 < 100;
}

/* Two readings: the second recalls what the first saw. Returns the waits of the last. */
static size_t try_waits(struct world *w)
{
  const struct beam_waits_world around = {w, by_name, lives};
  struct beam_atoms *atoms = beam_atoms_new(&w->node);
  struct beam_code *code = beam_code_new(&w->node);
  struct beam_waits *waits = beam_waits_new(&w->node, atoms, code);
  size_t count = 0;
  FUZZ_CHECK(atoms && code && waits);
  for (int k = 0; k < 2; k++) {
    struct sweep *sweep = sweep_new(1, SOURCE_TAG_BEAM, SWEEP_FULL);
    FUZZ_CHECK(sweep);
    for (int i = 0; i < PROCS; i++)
      sweep_add_actor(sweep)->key = w->procs[i].key;
    int error = beam_waits_read(waits, w->procs, PROCS, &around, sweep);
    FUZZ_CHECK(error == 0 || error == -ESRCH || error == -EFAULT);
    sweep_sort(sweep);
    FUZZ_CHECK(error || sweep_check(sweep) == 0);
    count = sweep->wait_count;
    sweep_free(sweep);
  }
  for (int i = 0; i < PROCS; i++) {
    struct beam_reference reference = {{1, 2, 3}};
    (void)beam_proof_unread(&w->node, &w->procs[i], reference);
    (void)beam_proof_answered(&w->node, &w->procs[i], reference);
  }
  beam_waits_free(waits);
  beam_code_free(code);
  beam_atoms_free(atoms);
  return count;
}

static void make(struct world *w, int release)
{
  test_segments_init(&w->image);
  test_segments_init(&w->memory);
  w->node = (struct beam_node){.memory = &w->memory.memory,
                               .otp = release,
                               .layout = *beam_layout_for(release),
                               .processes = {.most = 64, .pix_mask = 63}};
  for (uint64_t i = 0; i < PROCS; i++)
    put_proc(w, i);
  test_segments_follow(&w->memory, &w->image.memory);
  /* the one about to run has its answer: as it was made, the others are found */
  FUZZ_CHECK(try_waits(w) == PROCS - 1);
  test_segments_freeze(&w->memory);
  w->made = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  if (size < HEAD_BYTES)
    return 0;
  struct world *w = &worlds[bytes[0] % RELEASES];
  if (!w->made)
    make(w, RELEASE_NUMBERS[bytes[0] % RELEASES]);
  test_segments_restore(&w->memory);
  w->memory.refuse_each = bytes[1] & 1 ? bytes[1] >> 2 : 0;
  w->memory.cut_each = bytes[1] & 2 ? bytes[1] >> 2 : 0;
  test_segments_mutate(&w->memory, bytes + HEAD_BYTES, size - HEAD_BYTES);
  (void)try_waits(w);
  FUZZ_CHECK(w->memory.reads < READS_MOST);
  test_segments_restore(&w->memory);
  w->memory.refuse_each = w->memory.cut_each = 0;
  return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  enum { MUTATIONS = 4 };
  size_t size = HEAD_BYTES + MUTATIONS * TEST_SEGMENTS_MUTATION;
  if (number >= RELEASES * 3 || room < size)
    return 0;
  memset(ret_bytes, 0, size);
  ret_bytes[0] = (uint8_t)(number % RELEASES);
  ret_bytes[1] = (uint8_t)(number / RELEASES * 21);
  for (size_t i = HEAD_BYTES; i < size; i++)
    ret_bytes[i] = (uint8_t)(number * 37 + i * 11);
  return size;
}
