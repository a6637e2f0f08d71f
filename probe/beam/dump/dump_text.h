/*
 * dump_text.h - the words of an Erlang crash dump: pids, references, atoms, functions, and terms as its heap
 * sections write them. Pure; whatever does not parse is refused.
 *
 *    <0.83.0>   #Ref<0.239.372.456>   'an atom'   gen:do_call/4
 *    heap:  ADDRESS:t2:A5:hello,H7F83541320C8     H address, A atom, P pid, I integer, N nil
 *           ADDRESS:E24:g1oAA2QADW5v...           term in the external format, base64
 *           ADDRESS:lI115|N                       list cell
 *           ADDRESS:Mf2:HKEYS:I1,I2               small map
 */
#ifndef IMPASSE_PROBE_BEAM_DUMP_TEXT_H
#define IMPASSE_PROBE_BEAM_DUMP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/dump/dump_lines.h"
#include "probe/beam/term.h"

enum { DUMP_ATOM_BYTES = 256 * 4 + 1 };

/* Takes `words` off the front. False and nothing taken where something else stands there. */
bool dump_text_take(struct dump_line *text, const char *words);

/* Takes a whole number, at most UINT64_MAX. */
bool dump_text_number(struct dump_line *text, uint64_t *ret_number);
bool dump_text_hex(struct dump_line *text, uint64_t *ret_number);

struct dump_pid {
  struct beam_pid pid;
  uint64_t channel; /* 0: of this node; else the number of a section on another node */
};
bool dump_text_pid(struct dump_line *text, struct dump_pid *ret_pid);

/* The numbers of a reference, least significant first. */
struct dump_reference {
  uint32_t number[3];
};
bool dump_text_reference(struct dump_line *text, struct dump_reference *ret_reference);

/* An atom as Erlang prints it, without quotes and escapes; cut off at `room`. Returns its length, or -EINVAL. */
int dump_text_atom(struct dump_line *text, char *ret_atom, size_t room);

struct dump_mfa {
  char module[DUMP_ATOM_BYTES], function[DUMP_ATOM_BYTES];
  uint32_t arity;
};
bool dump_text_mfa(struct dump_line *text, struct dump_mfa *ret_mfa);

/* One term of a heap, stack or dictionary line. */
enum dump_element_kind {
  DUMP_POINTER,
  DUMP_ATOM,
  DUMP_INTEGER,
  DUMP_OTHER, /* pid, port, nil, return address */
};
struct dump_element {
  enum dump_element_kind kind;
  uint64_t address;      /* DUMP_POINTER */
  struct dump_line atom; /* DUMP_ATOM: its bytes */
  int64_t integer;       /* DUMP_INTEGER, where it fits */
};
/* Takes one, and the ',' or '|' behind it. */
bool dump_text_element(struct dump_line *text, struct dump_element *ret_element);

/* A reference in the external format, "E24:g1o..." */
bool dump_text_external(struct dump_line text, struct dump_reference *ret_reference);

/* "Sun Nov 22 20:06:59 2026", in the time of this machine, as milliseconds since 1970. */
bool dump_text_time(struct dump_line text, int64_t *ret_wall_ms);

#endif
