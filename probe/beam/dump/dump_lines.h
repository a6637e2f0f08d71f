/*
 * dump_lines.h - the lines of a file of any size through a buffer of fixed size. Not for what is in them.
 *
 * A line longer than the buffer is given up to there, and counted. One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_DUMP_LINES_H
#define IMPASSE_PROBE_BEAM_DUMP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DUMP_LINES_LONGEST = 4 << 20 };

/* Bytes without an end; `length` of them. */
struct dump_line {
  const char *bytes;
  size_t length;
};

struct dump_lines {
  int fd; /* lent */
  char *buffer;
  size_t begin, end;
  bool at_end;
  bool in_long;    /* the last line was longer than the buffer, its rest is still to come */
  uint64_t offset; /* bytes of the file that were read */
  uint64_t cut;    /* lines that were longer than DUMP_LINES_LONGEST */
};

int dump_lines_init(struct dump_lines *lines, int fd); /* 0, -ENOMEM */
void dump_lines_done(struct dump_lines *lines);

/* 1 and the next line without its newline, valid until the next call; 0 at the end; -errno. A last line
 * without a newline is one. */
int dump_lines_next(struct dump_lines *lines, struct dump_line *ret_line);

/* The same, but of the lines up to the next that begins with `first` none is given: fast. */
int dump_lines_find(struct dump_lines *lines, char first, struct dump_line *ret_line);

#endif
