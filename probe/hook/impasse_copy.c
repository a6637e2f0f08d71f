/*
 * impasse_copy.c - is there another copy of the library in this process, with a region of its own?
 * A plugin that links the library statically brings one. Two first regions would contradict each
 * other, so the later copy stays off.
 *
 * The copies share no symbol, so the other one is found by what it has mapped. The look follows the
 * writing of one's own header: of two copies that start at the same instant at least one sees the
 * other, and when both do, both stay off.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/hook/impasse_inner.h"

enum {
  CHUNK_BYTES = 1024,
  LINE_BYTES = 128, /* a line that names a region is shorter; of others the end is not needed */
  IDENTITY_BYTES = offsetof(struct impasse_header, arrays)
};

/* A look through maps. */
struct look {
  const struct impasse_header *own;
  int memory; /* /proc/self/mem */
  size_t length;
  char line[LINE_BYTES]; /* as far as it was read */
};

/* Where the region begins that a line of maps is about, or 0 when it is about something else:
 *    7f54c8a00000-7f54caf30000 rw-s 00000000 00:01 1042            /memfd:impasse (deleted) */
static uint64_t line_region(const char *line)
{
  static const char name[] = " /memfd:" IMPASSE_REGION_NAME " (deleted)";
  const char *access = strchr(line, ' '), *found = strstr(line, name);
  if (!access || strncmp(access, " rw-s ", 6) != 0 || !found || found[sizeof name - 1] != '\0')
    return 0;
  return strtoull(line, NULL, 16);
}

static bool same(const char *theirs, const struct impasse_header *own, size_t offset, size_t length)
{
  return memcmp(theirs + offset, (const char *)own + offset, length) == 0;
}

/* Does another region of this process begin there? Read through the kernel: a mapping of that
 * name need not be a region, nor have any pages. Whatever layout the other copy has, it begins
 * like this one. */
static bool is_another(const struct look *look, uint64_t begin)
{
  const struct impasse_header *own = look->own;
  char theirs[IDENTITY_BYTES];
  return begin && begin != (uint64_t)(uintptr_t)own &&
         pread(look->memory, theirs, sizeof theirs, (off_t)begin) == (ssize_t)sizeof theirs &&
         same(theirs, own, offsetof(struct impasse_header, magic), sizeof own->magic) &&
         same(theirs, own, offsetof(struct impasse_header, pid), sizeof own->pid) &&
         same(theirs, own, offsetof(struct impasse_header, start_ticks), sizeof own->start_ticks);
}

/* Takes the next byte of maps; true when it ends a line that is about another region
 * of this process. */
static bool look_at(struct look *look, char byte)
{
  if (byte != '\n') {
    if (look->length < LINE_BYTES - 1)
      look->line[look->length++] = byte;
    return false;
  }
  look->line[look->length] = '\0';
  look->length = 0;
  return is_another(look, line_region(look->line));
}

bool impasse_copy_elsewhere(const struct impasse_header *own)
{
  char chunk[CHUNK_BYTES];
  struct look look = {own, open("/proc/self/mem", O_RDONLY | O_CLOEXEC), 0, {0}};
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  bool found = false;
  ssize_t length = 1;
  while (maps >= 0 && look.memory >= 0 && length > 0 && !found) {
    length = read(maps, chunk, sizeof chunk);
    for (ssize_t i = 0; i < length && !found; i++)
      found = look_at(&look, chunk[i]);
  }
  if (maps >= 0)
    (void)close(maps); /* opened for reading: nothing to lose */
  if (look.memory >= 0)
    (void)close(look.memory);
  return found;
}
