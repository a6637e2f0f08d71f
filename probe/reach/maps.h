/*
 * maps.h - one line of /proc/PID/maps, taken apart. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_REACH_MAPS_H
#define IMPASSE_PROBE_REACH_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reach_target;

struct maps_line {
  uint64_t start, end;
  uint64_t offset; /* in the file */
  uint64_t inode;
  bool writable;
  const char *path; /* "" where there is none; newlines in it are written \012 by the kernel */
};

/* Takes a NUL-terminated line without its newline apart; `ret_line->path` points into it. 0 or
 * -EINVAL. */
int maps_parse_line(const char *text, struct maps_line *ret_line);

/* Calls `each` for every mapping of the target, in ascending order of address, until it returns
 * other than 0, and returns that; -errno where maps cannot be read. Lines that make no sense are
 * skipped. */
int maps_walk(const struct reach_target *target,
              int (*each)(const struct maps_line *line, void *context), void *context);

#endif
