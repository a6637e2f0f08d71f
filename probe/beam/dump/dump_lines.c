/* dump_lines.c - see dump_lines.h. */
#include "probe/beam/dump/dump_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int dump_lines_init(struct dump_lines *lines, int fd)
{
  *lines = (struct dump_lines){.fd = fd, .buffer = malloc(DUMP_LINES_LONGEST)};
  return lines->buffer ? 0 : -ENOMEM;
}

void dump_lines_done(struct dump_lines *lines)
{
  free(lines->buffer);
  lines->buffer = NULL;
}

/* Moves what is left to the front and reads more behind it. 0, or -errno; at_end is set at the end. */
static int fill(struct dump_lines *lines)
{
  ssize_t got;

  memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
  lines->end -= lines->begin;
  lines->begin = 0;
  do {
    got = read(lines->fd, lines->buffer + lines->end, DUMP_LINES_LONGEST - lines->end);
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    return -errno;
  lines->at_end = got == 0;
  lines->end += (size_t)got;
  lines->offset += (uint64_t)got;
  return 0;
}

/* Leaves out the rest of a line that was too long. */
static int skip_rest(struct dump_lines *lines)
{
  for (;;) {
    const char *newline = memchr(lines->buffer + lines->begin, '\n', lines->end - lines->begin);
    if (newline) {
      lines->begin = (size_t)(newline - lines->buffer) + 1;
      return 0;
    }
    lines->begin = lines->end;
    if (lines->at_end)
      return 0;
    int error = fill(lines);
    if (error < 0)
      return error;
  }
}

int dump_lines_next(struct dump_lines *lines, struct dump_line *ret_line)
{
  if (lines->in_long) {
    int error = skip_rest(lines);
    if (error < 0)
      return error;
    lines->in_long = false;
  }
  for (;;) {
    char *from = lines->buffer + lines->begin;
    size_t there = lines->end - lines->begin;
    const char *newline = memchr(from, '\n', there);

    if (newline || (lines->at_end && there > 0)) {
      size_t length = newline ? (size_t)(newline - from) : there;
      *ret_line = (struct dump_line){from, length};
      lines->begin += length + (newline != NULL);
      return 1;
    }
    if (lines->at_end)
      return 0;
    if (there == DUMP_LINES_LONGEST) { /* what it goes on with is passed over at the next call */
      *ret_line = (struct dump_line){from, there};
      lines->begin = lines->end;
      lines->in_long = true;
      lines->cut++;
      return 1;
    }
    int error = fill(lines);
    if (error < 0)
      return error;
  }
}

int dump_lines_find(struct dump_lines *lines, char first, struct dump_line *ret_line)
{
  int got;

  while ((got = dump_lines_next(lines, ret_line)) == 1)
    if (ret_line->length > 0 && ret_line->bytes[0] == first)
      return 1;
  return got;
}
