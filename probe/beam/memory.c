/*
 * memory.c - see memory.h: a live process, read through reach.
 *
 * A page that was swapped out is never read: that would bring it back, on a machine that is short of memory already.
 * While the process has none (VmSwap of its status, looked at before each sweep) this costs nothing; else its pagemap is
 * asked before each read, and a swapped page ends the read as the end of a mapping would.
 */
#include "probe/beam/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  PAGE = 4096, /* of x86-64 */
  ENTRY_BYTES = 8,
  ENTRIES = 256, /* asked for at once */
  STATUS_BYTES = 16384,
};

/* Of a pagemap entry: the page is in swap (Documentation/admin-guide/mm/pagemap.rst of Linux). */
static const uint64_t SWAPPED = UINT64_C(1) << 62;

size_t beam_memory_resident(const uint64_t *entries, size_t count)
{
  size_t n = 0;
  while (n < count && !(entries[n] & SWAPPED))
    n++;
  return n;
}

/* How many of these bytes may be read before the first swapped page. What the kernel does not tell is taken for there. */
static size_t resident_bytes(int pagemap, uint64_t address, size_t length)
{
  uint64_t first = address / PAGE, pages = (address % PAGE + length + PAGE - 1) / PAGE, done = 0;
  while (done < pages) {
    uint64_t entries[ENTRIES];
    size_t wanted = pages - done < ENTRIES ? (size_t)(pages - done) : ENTRIES;
    ssize_t got =
        pread(pagemap, entries, wanted * ENTRY_BYTES, (off_t)((first + done) * ENTRY_BYTES));
    size_t count = got < 0 ? 0 : (size_t)got / ENTRY_BYTES;
    size_t resident = beam_memory_resident(entries, count);
    done += resident;
    if (resident < count)
      break;
    if (count <
        wanted) /* behind the end of the address space, or the process has gone: reading will say */
      return length;
  }
  uint64_t bytes = done * PAGE;
  bytes = bytes > address % PAGE ? bytes - address % PAGE : 0;
  return bytes < length ? (size_t)bytes : length;
}

static ssize_t read_target(const struct beam_memory *memory, uint64_t address, void *ret_bytes,
                           size_t length)
{
  size_t room =
      memory->pagemap_fd < 0 ? length : resident_bytes(memory->pagemap_fd, address, length);
  if (room == 0 && length > 0)
    return -EFAULT;
  return reach_read(memory->context, address, ret_bytes, room);
}

static int read_target_pieces(const struct beam_memory *memory, struct reach_piece *pieces,
                              size_t count)
{
  if (memory->pagemap_fd < 0)
    return reach_read_pieces(memory->context, pieces, count);
  for (size_t from = 0, to; from < count;
       from = to + 1) { /* runs between those that are swapped out */
    for (to = from; to < count; to++) {
      pieces[to].read = false;
      if (resident_bytes(memory->pagemap_fd, pieces[to].address, pieces[to].length) <
          pieces[to].length)
        break;
    }
    int error = to > from ? reach_read_pieces(memory->context, pieces + from, to - from) : 0;
    if (error)
      return error;
  }
  return 0;
}

static int read_target_maps(const struct beam_memory *memory, char **ret_text)
{
  enum { MAPS_BYTES = 16 << 20 };
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
  if (memory->pagemap_fd >= 0)
    (void)close(memory->pagemap_fd); /* only read */
  memory->pagemap_fd = -1;
}

/* "VmSwap:      128 kB": is there any? */
static bool has_swapped(const struct reach_target *target)
{
  static const char label[] = "\nVmSwap:";
  char *status = NULL;
  if (reach_file(target, "status", STATUS_BYTES, &status, NULL) != 0)
    return false;
  const char *line = strstr(status, label);
  bool has = line && strtoull(line + sizeof label - 1, NULL, 10) > 0;
  free(status);
  return has;
}

void beam_memory_begin(struct beam_memory *memory)
{
  if (memory->read != read_target) /* recorded */
    return;
  if (!has_swapped(memory->context))
    beam_memory_done(memory);
  else if (memory->pagemap_fd < 0 && reach_pagemap_open(memory->context, &memory->pagemap_fd) != 0)
    memory->pagemap_fd = -1;
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
