/*
 * maps.c - reads /proc/PID/maps line by line. It may be megabytes long, so it is never held as a
 * whole.
 *
 *    7f0c1c000000-7f0c1c021000 rw-s 00000000 00:01 1027                       /memfd:name (deleted)
 *    start        end          perm offset   dev   inode                      path
 */
#include "probe/reach/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/reach/target.h"

enum {
  WALK_BYTES = 16384
}; /* longer than any line: a path has at most 4096 bytes, each written as up to 4 */

/* One number and the separator behind it. */
static bool parse_number(const char **text, int base, char separator, uint64_t *ret_number)
{
  char *end;
  errno = 0;
  if ((unsigned char)**text <= ' ' || **text == '-' || **text == '+')
    return false;
  unsigned long long number = strtoull(*text, &end, base);
  if (errno || end == *text || (*end != separator && !(separator == ' ' && *end == '\0')))
    return false;
  *text = *end ? end + 1 : end;
  *ret_number = number;
  return true;
}

int maps_parse_line(const char *text, struct maps_line *ret_line)
{
  struct maps_line line = {0};
  uint64_t device;
  if (!parse_number(&text, 16, '-', &line.start) || !parse_number(&text, 16, ' ', &line.end))
    return -EINVAL;
  if (line.start >= line.end || strnlen(text, 5) < 5 || text[4] != ' ')
    return -EINVAL;
  line.writable = text[1] == 'w';
  text += 5;
  if (!parse_number(&text, 16, ' ', &line.offset) || !parse_number(&text, 16, ':', &device) ||
      !parse_number(&text, 16, ' ', &device) || !parse_number(&text, 10, ' ', &line.inode))
    return -EINVAL;
  line.path = text + strspn(text, " ");
  *ret_line = line;
  return 0;
}

/* Hands out the whole lines at the front of `text` and returns how many bytes they were; *result is
 * set once one of them ends the walk. */
static size_t walk_lines(char *text, int (*each)(const struct maps_line *, void *), void *context,
                         int *result)
{
  char *begin = text;
  for (char *end; *result == 0 && (end = strchr(begin, '\n')); begin = end + 1) {
    struct maps_line line;
    *end = '\0';
    if (maps_parse_line(begin, &line) == 0)
      *result = each(&line, context);
  }
  return (size_t)(begin - text);
}

/* *ret_empty: there is not one line. */
static int walk_file(const struct reach_target *target, const char *name,
                     int (*each)(const struct maps_line *line, void *context), void *context,
                     bool *ret_empty)
{
  char text[WALK_BYTES];
  size_t length = 0;
  int result = 0;
  int fd = reach_openat(target, name, 0);
  if (fd < 0)
    return fd;
  *ret_empty = true;
  while (result == 0) {
    ssize_t got = read(fd, text + length, sizeof text - 1 - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      result = -errno;
    if (got <= 0)
      break;
    *ret_empty = false;
    length += (size_t)got;
    text[length] = '\0';
    size_t used = walk_lines(text, each, context, &result);
    if (used == 0 && length == sizeof text - 1)
      used = length; /* longer than any line of the kernel's: not for us */
    length -= used;
    memmove(text, text + used, length);
  }
  (void)close(fd); /* only read */
  return result;
}

int maps_walk(const struct reach_target *target,
              int (*each)(const struct maps_line *line, void *context), void *context)
{
  char name[32];
  bool empty = false;
  int result = walk_file(target, "maps", each, context, &empty);
  pid_t survivor = empty ? reach_survivor(target) : 0;
  (void)snprintf(name, sizeof name, "task/%d/maps", (int)survivor); /* always fits */
  if (survivor)
    result = walk_file(target, name, each, context, &empty);
  if (result == 0 && !reach_alive(target))
    result = -ESRCH;
  return result;
}
