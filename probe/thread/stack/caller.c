/*
 * caller.c - see caller.h. Reads the instruction before the address in the target's own memory.
 *
 * x86-64 (Intel SDM, volume 2, CALL; the PLT of the System V ABI and of -z ibtplt):
 *    e8 rel32                 call function            ff /2 ...   call *register, *memory
 *    e9 rel32                 jmp function             0f 8. rel32   jcc function
 *    ff 15 rel32              call *slot(%rip)         [f3 0f 1e fa] [f2] ff 25 rel32   jmp *slot(%rip), in a PLT
 * aarch64 (Arm ARM, C6.2; untested; a call through a PLT is taken for a call of another function):
 *    1001 01ii ...            bl function, 0001 01ii ... b function             1101 0110 0011 1111 0000 00nn nnn0 0000   blr register
 */
#include "probe/thread/stack/caller.h"

#include <string.h>

#if defined(__x86_64__)

enum { CALL_BYTES = 7, STUB_BYTES = 16, JUMPING_BYTES = 512 };

static uint64_t relative(const uint8_t *bytes, uint64_t next)
{
  int32_t offset;

  memcpy(&offset, bytes, sizeof offset);
  return next + (uint64_t)(int64_t)offset;
}

/* What a slot of the global offset table holds. */
static bool read_slot(const struct reach_target *target, uint64_t slot, uint64_t *ret_callee)
{
  return reach_read(target, slot, ret_callee, sizeof *ret_callee) == (ssize_t)sizeof *ret_callee;
}

/* A stub of the PLT stands for the function that it jumps to. */
static uint64_t behind_stub(const struct reach_target *target, uint64_t callee)
{
  static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
  uint8_t bytes[STUB_BYTES];
  unsigned at = 0;
  uint64_t behind;

  if (reach_read(target, callee, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
    return callee;
  if (memcmp(bytes, endbr, sizeof endbr) == 0)
    at += sizeof endbr;
  if (bytes[at] == 0xf2)
    at++;
  if (bytes[at] != 0xff || bytes[at + 1] != 0x25)
    return callee;
  return read_slot(target, relative(bytes + at + 2, callee + at + 6), &behind) ? behind : callee;
}

bool caller_jumps(const struct reach_target *target, uint64_t code, size_t length, uint64_t to)
{
  uint8_t bytes[JUMPING_BYTES];
  ssize_t got = reach_read(target, code, bytes, length < sizeof bytes ? length : sizeof bytes);

  /* at every byte: where instructions begin is not known, and by chance none fits */
  for (ssize_t at = 0; at + 5 <= got; at++) {
    uint64_t here = code + (uint64_t)at;

    if (bytes[at] == 0xe9 && relative(bytes + at + 1, here + 5) == to)
      return true;
    if (at + 6 <= got && bytes[at] == 0x0f && (bytes[at + 1] & 0xf0) == 0x80 &&
        relative(bytes + at + 2, here + 6) == to)
      return true;
  }
  return false;
}

/* How long a `call *` is whose bytes begin with 0xff. */
static unsigned indirect_length(uint8_t modrm)
{
  unsigned mode = modrm >> 6, base = modrm & 7;
  unsigned length = mode != 3 && base == 4 ? 3 : 2; /* 3: an index byte follows */

  if (mode == 1)
    length += 1;
  else if (mode == 2 || (mode == 0 && base == 5))
    length += 4;
  return length;
}

enum caller_kind caller_judge(const struct reach_target *target, uint64_t address,
                              uint64_t *ret_callee)
{
  uint8_t bytes[CALL_BYTES];

  if (address < CALL_BYTES ||
      reach_read(target, address - CALL_BYTES, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
    return CALLER_NONE;
  if (bytes[CALL_BYTES - 5] == 0xe8) {
    *ret_callee = behind_stub(target, relative(bytes + CALL_BYTES - 4, address));
    return CALLER_DIRECT;
  }
  if (bytes[CALL_BYTES - 6] == 0xff && bytes[CALL_BYTES - 5] == 0x15 &&
      read_slot(target, relative(bytes + CALL_BYTES - 4, address), ret_callee))
    return CALLER_DIRECT;
  for (unsigned at = 0; at + 1 < CALL_BYTES; at++)
    if (bytes[at] == 0xff && ((bytes[at + 1] >> 3) & 7) == 2 &&
        at + indirect_length(bytes[at + 1]) == CALL_BYTES)
      return CALLER_INDIRECT;
  return CALLER_NONE;
}

#elif defined(__aarch64__)

enum caller_kind caller_judge(const struct reach_target *target, uint64_t address,
                              uint64_t *ret_callee)
{
  uint32_t word;

  if (address < 4 || address % 4 != 0 ||
      reach_read(target, address - 4, &word, sizeof word) != (ssize_t)sizeof word)
    return CALLER_NONE;
  if ((word & 0xfc000000) == 0x94000000) {
    int64_t offset = (int64_t)((uint64_t)(word & 0x03ffffff) << 38) >> 36;

    *ret_callee = address - 4 + (uint64_t)offset;
    return CALLER_DIRECT;
  }
  return (word & 0xfffffc1f) == 0xd63f0000 ? CALLER_INDIRECT : CALLER_NONE;
}

bool caller_jumps(const struct reach_target *target, uint64_t code, size_t length, uint64_t to)
{
  uint32_t words[128];
  ssize_t got = reach_read(target, code, words, length < sizeof words ? length : sizeof words);

  for (ssize_t at = 0; at + 4 <= got; at += 4)
    if ((words[at / 4] & 0xfc000000) == 0x14000000 &&
        code + (uint64_t)at +
                (uint64_t)((int64_t)((uint64_t)(words[at / 4] & 0x03ffffff) << 38) >> 36) ==
            to)
      return true;
  return false;
}

#endif
