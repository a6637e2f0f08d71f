/*
 * print.h - terms in the memory of a node, as text in Erlang's syntax.
 *
 * The memory is hostile: cycles, wild pointers and wrong sizes end at a bound of depth, of elements,
 * of output, or of what print_memory may fetch. What cannot be read is printed as `?`, what is left
 * out as `...`. Pids of other nodes carry the node's name: <app@host.12.0>.
 *
 *    box: pointer ...10 --> header word | words        what they mean depends on the release:
 *    the tables in print.c say which kind a header is, struct print_box what was found
 */
#ifndef IMPASSE_PROBE_BEAM_PRINT_H
#define IMPASSE_PROBE_BEAM_PRINT_H

#include <stdint.h>

#include "probe/beam/atom.h"
#include "probe/beam/mailbox/print_memory.h"
#include "probe/beam/mailbox/print_text.h"
#include "probe/beam/node.h"

/* Lent to every call; nothing in it is owned. */
struct print {
  const struct beam_node *node;
  struct beam_atoms *atoms;
  struct print_memory *memory;
};

enum print_kind {
  PRINT_UNKNOWN, /* no box that a message can hold */
  PRINT_TUPLE,
  PRINT_BIG,
  PRINT_REFERENCE,
  PRINT_FUN,
  PRINT_FLOAT,
  PRINT_HEAP_BITS, /* through OTP 26 sizes are bytes, from 27 on bits */
  PRINT_OFF_HEAP_BYTES,
  PRINT_SUB_BYTES,
  PRINT_SUB_BITS,
  PRINT_MAP,
  PRINT_RECORD,
  PRINT_EXTERNAL_PID,
  PRINT_EXTERNAL_PORT,
  PRINT_EXTERNAL_REFERENCE,
};

struct print_box {
  enum print_kind kind;
  uint64_t address; /* of the header */
  uint64_t header;
  uint64_t count; /* words that follow */
};

/* Looks at a boxed term's header. 0, -EINVAL no box, -errno as print_memory_read. */
int print_box(const struct print *print, uint64_t term, struct print_box *ret_box);

/* Word `index` of a box, from 1. */
int print_box_word(const struct print *print, const struct print_box *box, uint64_t index,
                   uint64_t *ret_word);

/* Head and tail of a list cell. */
int print_cell(const struct print *print, uint64_t term, uint64_t *ret_head, uint64_t *ret_tail);

/* Calls `each` for the entries of a map, at most `most`, until it returns other than 0. Returns that, 0, or
 * -errno. Small maps are in the order of their keys, large ones in that of hashes. */
typedef int print_entry_fn(void *context, uint64_t key, uint64_t value);
int print_map(const struct print *print, const struct print_box *box, unsigned most,
              print_entry_fn *each, void *context);
int print_map_size(const struct print *print, const struct print_box *box, uint64_t *ret_size);

/* Adds the term; see the bounds in print.c. */
void print_term(const struct print *print, uint64_t term, struct print_text *text);

void print_pid(const struct print *print, uint64_t pid_word, struct print_text *text);
void print_atom(const struct print *print, uint64_t atom, struct print_text *text);

#endif
