/* memory.c - see memory.h: a live process, read through reach. */
#include "probe/beam/memory.h"

#include <errno.h>

enum { MAPS_BYTES = 16 << 20 };

static ssize_t read_target(const struct beam_memory *memory, uint64_t address, void *ret_bytes,
                           size_t length)
{
  return reach_read(memory->context, address, ret_bytes, length);
}

static int read_target_pieces(const struct beam_memory *memory, struct reach_piece *pieces,
                              size_t count)
{
  return reach_read_pieces(memory->context, pieces, count);
}

static int read_target_maps(const struct beam_memory *memory, char **ret_text)
{
  return reach_file(memory->context, "maps", MAPS_BYTES, ret_text, NULL);
}

void beam_memory_init(struct beam_memory *memory, const struct reach_target *target)
{
  *memory = (struct beam_memory){.read = read_target,
                                 .read_pieces = read_target_pieces,
                                 .context = target,
                                 .pagemap_fd = -1,
                                 .maps = read_target_maps};
}

void beam_memory_done(struct beam_memory *memory)
{
  (void)memory;
}

void beam_memory_begin(struct beam_memory *memory)
{
  (void)memory;
}

int beam_memory_read(const struct beam_memory *memory, uint64_t address, void *ret_bytes,
                     size_t length)
{
  ssize_t got = memory->read(memory, address, ret_bytes, length);
  if (got < 0)
    return (int)got;
  return (size_t)got == length ? 0 : -EFAULT;
}

int beam_memory_word(const struct beam_memory *memory, uint64_t address, uint64_t *ret_word)
{
  uint64_t word;
  int error = beam_memory_read(memory, address, &word, sizeof word);
  if (!error)
    *ret_word = word;
  return error;
}

int beam_memory_pieces(const struct beam_memory *memory, struct reach_piece *pieces, size_t count)
{
  return memory->read_pieces(memory, pieces, count);
}
