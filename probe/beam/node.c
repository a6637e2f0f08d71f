/*
 * node.c - see node.h. The numbers of processes, by version:
 *
 *    through 25   word = slot << 32 | number and serial << 4 | tag
 *    from 26      word = pixdata << 4 | tag, where pixdata is the number and serial with the bits that choose the slot
 *                 turned round, so that its low bits are the slot (neighbours are on different cache lines)
 *
 * (erts/emulator/beam/erl_ptab.h and erl_term.h)
 */
#include "probe/beam/node.h"

enum { LAST_OTP_WITH_SLOT_ABOVE = 25, NUMBER_BITS = 28 };

uint32_t beam_node_slot(const struct beam_node *node, uint64_t pid_word)
{
  if (node->otp <= LAST_OTP_WITH_SLOT_ABOVE)
    return (uint32_t)(pid_word >> 32);
  return (uint32_t)(pid_word >> 4 & node->processes.pix_mask);
}

struct beam_pid beam_node_pid(const struct beam_node *node, uint64_t pid_word)
{
  const struct beam_ptab *table = &node->processes;
  if (node->otp <= LAST_OTP_WITH_SLOT_ABOVE)
    return beam_pid_of_word(node->otp, pid_word);
  uint64_t pixdata = pid_word >> 4;
  uint64_t data = (pixdata & ~table->pix_mask) |
                  (pixdata >> (table->pix_cl_shift & 63) & table->pix_cl_mask) |
                  (pixdata & table->pix_cli_mask) << (table->pix_cli_shift & 63);
  return (struct beam_pid){.number = (uint32_t)(data & ((UINT64_C(1) << NUMBER_BITS) - 1)),
                           .serial = (uint32_t)(data >> NUMBER_BITS)};
}
