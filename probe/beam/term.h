/*
 * term.h - Erlang terms as words (64 bit, OTP 24 to 29): the tags, and the identity of processes.
 * Pure; reads no memory.
 *
 *    ...01  list (pointer to two words)      ...10  boxed (pointer to a header word)
 *    ...11  immediate:  0011 pid   0111 port   1111 small integer   001011 atom   111011 nil
 *    header of a box (its low 2 bits are 00): what it is in bits 2..5, words that follow << 6
 *    (Layout: erts/emulator/beam/erl_term.h)
 */
#ifndef IMPASSE_PROBE_BEAM_TERM_H
#define IMPASSE_PROBE_BEAM_TERM_H

#include <stdbool.h>
#include <stdint.h>

#define BEAM_NIL UINT64_C(0x3b)
#define BEAM_THE_NON_VALUE UINT64_C(0)

static inline bool beam_is_list(uint64_t term)
{
  return (term & 3) == 1;
}

static inline bool beam_is_boxed(uint64_t term)
{
  return (term & 3) == 2;
}

/* Address of a list cell or a box. */
static inline uint64_t beam_pointer(uint64_t term)
{
  return term & ~UINT64_C(3);
}

static inline bool beam_is_pid(uint64_t term) /* of this node */
{
  return (term & 0xf) == 0x3;
}

static inline bool beam_is_port(uint64_t term)
{
  return (term & 0xf) == 0x7;
}

static inline bool beam_is_small(uint64_t term)
{
  return (term & 0xf) == 0xf;
}

static inline int64_t beam_small(uint64_t term)
{
  return (int64_t)term >> 4;
}

static inline bool beam_is_atom(uint64_t term)
{
  return (term & 0x3f) == 0x0b;
}

/* Index in the atom table. */
static inline uint64_t beam_atom_index(uint64_t term)
{
  return term >> 6;
}

/* The header words of boxes: the low six bits. */
enum beam_header {
  BEAM_TUPLE = 0x00,
  BEAM_BINARY_MATCH = 0x04, /* differs by version: for display only */
  BEAM_BIG_POSITIVE = 0x08,
  BEAM_BIG_NEGATIVE = 0x0c,
  BEAM_REFERENCE = 0x10,
  BEAM_FUN = 0x14,
  BEAM_FLOAT = 0x18,
  BEAM_EXTERNAL_PID = 0x30,
  BEAM_EXTERNAL_PORT = 0x34,
  BEAM_EXTERNAL_REFERENCE = 0x38,
};

static inline bool beam_is_header(uint64_t word)
{
  return (word & 3) == 0;
}

static inline unsigned beam_header_kind(uint64_t header)
{
  return (unsigned)(header & 0x3f);
}

/* Words that follow the header. */
static inline uint64_t beam_header_arity(uint64_t header)
{
  return header >> 6;
}

/* The numbers of a pid as it is printed: <0.NUMBER.SERIAL>. Through OTP 25 the word holds the slot
 * in its upper half and 15 + 13 bits below the tag; from 26 on 28 + 32 bits. */
struct beam_pid {
  uint32_t number, serial;
};

struct beam_pid beam_pid_of_word(int otp, uint64_t word);

/* The key of that process in rows: ACTOR_KEY(SOURCE_TAG_BEAM, serial << 28 | number), the same
 * whichever node and version speaks of it. Through OTP 25 a node uses a pid again after 2^28
 * spawns, and so the key. */
uint64_t beam_pid_key(struct beam_pid pid);
struct beam_pid beam_pid_of_key(uint64_t key);

#endif
