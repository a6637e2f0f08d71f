/* print_memory.c - see print_memory.h. */
#include "probe/beam/mailbox/print_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 512, BLOCK_COUNT = 256 };

struct block {
  uint64_t address;
  bool valid;
  unsigned char bytes[BLOCK_BYTES];
};

struct print_memory {
  const struct beam_memory *memory;
  size_t left; /* bytes that may still be fetched */
  struct block blocks[BLOCK_COUNT];
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

/* What lies within one block. Where the whole block is not there (it crosses the end of something),
 * just what was asked for is read. */
static int read_within(struct print_memory *reader, uint64_t address, void *ret_bytes,
                       size_t length)
{
  uint64_t begin = address - address % BLOCK_BYTES;
  struct block *block = &reader->blocks[begin / BLOCK_BYTES % BLOCK_COUNT];

  if (!block->valid || block->address != begin) {
    block->valid = false;
    block->address = begin;
    int error = fetch(reader, begin, block->bytes, BLOCK_BYTES);
    if (error == -EFAULT && length < BLOCK_BYTES)
      return fetch(reader, address, ret_bytes, length);
    if (error < 0)
      return error;
    block->valid = true;
  }
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
