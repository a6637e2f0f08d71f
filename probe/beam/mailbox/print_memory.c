/* print_memory.c - see print_memory.h. */
#include "probe/beam/mailbox/print_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Several blocks to choose from for each address, and places that regular distances do not share: a walk goes to and fro
 * between messages and their terms, and each block that another one drives out is paid for again. */
enum { BLOCK_BYTES = 512, SETS = 256, WAYS = 4 };

struct block {
  uint64_t address;
  bool valid;
  unsigned char bytes[BLOCK_BYTES];
};

struct print_memory {
  const struct beam_memory *memory;
  size_t left; /* bytes that may still be fetched */
  struct set {
    struct block blocks[WAYS];
    unsigned oldest;
  } sets[SETS];
};

struct print_memory *print_memory_new(const struct beam_memory *memory, size_t most_bytes)
{
  struct print_memory *reader = calloc(1, sizeof *reader);

  if (reader) {
    reader->memory = memory;
    reader->left = most_bytes;
  }
  return reader;
}

void print_memory_free(struct print_memory *reader)
{
  free(reader);
}

bool print_memory_spent(const struct print_memory *reader)
{
  return reader->left < BLOCK_BYTES;
}

static int fetch(struct print_memory *reader, uint64_t address, void *ret_bytes, size_t length)
{
  if (length > reader->left) {
    reader->left = 0;
    return -ENOBUFS;
  }
  reader->left -= length;
  return beam_memory_read(reader->memory, address, ret_bytes, length);
}

static struct set *set_of(struct print_memory *reader, uint64_t begin)
{
  return &reader->sets[(begin / BLOCK_BYTES * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SETS];
}

static int find_block(struct print_memory *reader, uint64_t begin, const struct block **ret_block)
{
  struct set *set = set_of(reader, begin);
  for (int i = 0; i < WAYS; i++)
    if (set->blocks[i].valid && set->blocks[i].address == begin) {
      *ret_block = &set->blocks[i];
      return 0;
    }
  struct block *block = &set->blocks[set->oldest];
  block->valid = false;
  block->address = begin;
  int error = fetch(reader, begin, block->bytes, BLOCK_BYTES);
  if (error < 0)
    return error;
  block->valid = true;
  set->oldest = (set->oldest + 1) % WAYS;
  *ret_block = block;
  return 0;
}

/* What lies within one block. Where the whole block is not there (it crosses the end of something),
 * just what was asked for is read. */
static int read_within(struct print_memory *reader, uint64_t address, void *ret_bytes,
                       size_t length)
{
  uint64_t begin = address - address % BLOCK_BYTES;
  const struct block *block = NULL;
  int error = find_block(reader, begin, &block);

  if (error == -EFAULT && length < BLOCK_BYTES)
    return fetch(reader, address, ret_bytes, length);
  if (error < 0)
    return error;
  memcpy(ret_bytes, block->bytes + (address - begin), length);
  return 0;
}

int print_memory_read(struct print_memory *reader, uint64_t address, void *ret_bytes, size_t length)
{
  char *to = ret_bytes;

  if (length > UINT64_MAX - address)
    return -EFAULT;
  while (length > 0) {
    size_t step = BLOCK_BYTES - (size_t)(address % BLOCK_BYTES);
    if (step > length)
      step = length;
    int error = read_within(reader, address, to, step);
    if (error < 0)
      return error;
    address += step;
    to += step;
    length -= step;
  }
  return 0;
}

int print_memory_word(struct print_memory *reader, uint64_t address, uint64_t *ret_word)
{
  return print_memory_read(reader, address, ret_word, sizeof *ret_word);
}
