/*
 * mailbox_fuzz.c - the mailbox of a process in memory of arbitrary words: it is told in bounded text, after bounded
 * reading, and nothing outside of what was read is touched. Words are made to point into the memory often, so that
 * cycles, deep nests and wrong sizes come about by themselves.
 *
 *    input: release | messages' begin | words, 8 bytes each: the low byte says what becomes of the rest
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "probe/beam/mailbox/mailbox.h"
#include "probe/beam/test_segments.h"

enum {
  MEMORY_BYTES = 1 << 16,
  PROCESS_AT = 0,
  WORDS_AT = 4096, /* of the memory: the input's words */
  SLOTS_AT = 2048,
  HEAD_BYTES = 2,
  READS_MOST = 400000,
  TEXT_MOST = 1 << 20,
};
#define BASE UINT64_C(0x7f0000000000)

static const int releases[] = {24, 25, 27, 29};

static uint64_t word_of(uint64_t raw)
{
  uint64_t place = BASE + WORDS_AT + (raw >> 8) % (MEMORY_BYTES - WORDS_AT) / 8 * 8;

  switch (raw & 7) {
  case 0:
    return place | 1; /* list */
  case 1:
  case 2:
    return place | 2; /* box */
  case 3:
    return raw >> 8 & 0xfff; /* a header of some kind, or an immediate */
  case 4:
    return place;
  default:
    return raw;
  }
}

static void put_word(struct test_segments *segments, uint64_t at, uint64_t word)
{
  test_segments_put(segments, at, &word, sizeof word);
}

static void build(struct test_segments *segments, struct beam_node *node, const uint8_t *bytes,
                  size_t size)
{
  const struct beam_layout *l = beam_layout_for(releases[bytes[0] % 4]);
  static const uint8_t zeros[MEMORY_BYTES];

  *node =
      (struct beam_node){.memory = &segments->memory, .otp = l->major, .layout = *l, .base = BASE};
  node->processes = (struct beam_ptab){.slots = BASE + SLOTS_AT,
                                       .most = 64,
                                       .pix_mask = 63,
                                       .pix_cl_mask = 7,
                                       .pix_cli_mask = 7,
                                       .pix_cl_shift = 3,
                                       .pix_cli_shift = 3};
  node->atom_table = node->code_ranges = BASE + WORDS_AT;
  test_segments_put(segments, BASE, zeros, sizeof zeros);
  size -= HEAD_BYTES;
  for (size_t i = 0; i < size / 8 && i < (MEMORY_BYTES - WORDS_AT) / 8; i++)
    put_word(segments, BASE + WORDS_AT + 8 * i,
             word_of(beam_u64(bytes + HEAD_BYTES, (int32_t)(8 * i))));
  put_word(segments, BASE + PROCESS_AT + (uint64_t)l->p_id, 0x3);
  put_word(segments, BASE + PROCESS_AT + (uint64_t)(l->p_sigqs + l->q_first),
           BASE + WORDS_AT + (uint64_t)bytes[1] * 8);
  put_word(segments, BASE + PROCESS_AT + (uint64_t)(l->p_siginq + l->iq_first), BASE + WORDS_AT);
  put_word(segments, BASE + SLOTS_AT, BASE + PROCESS_AT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  const struct beam_proc proc = {.address = BASE + PROCESS_AT, .word = 0x3, .slot = 0};
  struct test_segments segments;
  struct beam_node node;
  char *text = NULL;
  size_t length = 0;

  if (size < HEAD_BYTES)
    return 0;
  test_segments_init(&segments);
  build(&segments, &node, bytes, size);
  struct beam_atoms *atoms = beam_atoms_new(&node);
  FILE *out = open_memstream(&text, &length);
  FUZZ_CHECK(atoms && out);
  int error = beam_mailbox_write(&node, atoms, &proc, out);
  FUZZ_CHECK(fclose(out) == 0);
  FUZZ_CHECK(error == 0 || error == -ESRCH || error == -EFAULT);
  FUZZ_CHECK(length < TEXT_MOST && segments.reads < READS_MOST);
  FUZZ_CHECK(error != 0 || (length > 0 && text[length - 1] == '\n'));
  free(text);
  beam_atoms_free(atoms);
  test_segments_done(&segments);
  return 0;
}

/* Words of a small generator: message structs are three words, so that many of them are some. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  uint64_t state = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
  size_t size = HEAD_BYTES + 8 * (64u << (number % 6));

  if (number >= 24 || size > room)
    return 0;
  for (size_t i = 0; i < size; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    ret_bytes[i] = (uint8_t)state;
  }
  ret_bytes[0] = (uint8_t)number;
  return size;
}
