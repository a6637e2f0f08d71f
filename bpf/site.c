/*
 * site.c - which first instructions are cheap to probe, as a table. Newer kernels emulate a few more; a row is here only
 * if Linux 5.12 does.
 */
#include "bpf/site.h"

#include <string.h>

struct emulated {
  uint8_t bytes[2], mask[2];
};

static const struct emulated EMULATED[] = {
    {{0x50}, {0xf8}},             /* push of a register */
    {{0x41, 0x50}, {0xff, 0xf8}}, /* push of r8 to r15 */
    {{0x90}, {0xff}},             /* nop */
    {{0xe8}, {0xff}},             /* call */
    {{0xe9}, {0xff}},             /* jmp */
    {{0xeb}, {0xff}},
    {{0x70}, {0xf0}}, /* conditional jumps */
    {{0x0f, 0x80}, {0xff, 0xf0}},
};

void site_judge(const uint8_t code[SITE_CODE_BYTES], unsigned *ret_skip, bool *ret_stepped)
{
  static const uint8_t ENDBR64[] = {0xf3, 0x0f, 0x1e, 0xfa};
  unsigned skip = memcmp(code, ENDBR64, sizeof(ENDBR64)) == 0 ? sizeof(ENDBR64) : 0;
  bool stepped = true;

  for (size_t i = 0; i < sizeof(EMULATED) / sizeof(EMULATED[0]); i++) {
    const struct emulated *e = &EMULATED[i];
    if ((code[skip] & e->mask[0]) == e->bytes[0] && (code[skip + 1] & e->mask[1]) == e->bytes[1])
      stepped = false;
  }
  *ret_skip = skip;
  *ret_stepped = stepped;
}
