/* node.c - see node.h. */
#include "probe/beam/node.h"

enum { LAST_OTP_WITH_SLOT_IN_PID = 25 };

/* Through 25 a pid's word carries the number of its slot; later ones carry its place in the numbering that spreads
 * neighbours over cache lines (erts_ptab_data2pix in erts/emulator/beam/erl_ptab.h). */
uint32_t beam_node_slot(const struct beam_node *node, uint64_t pid_word)
{
  const struct beam_ptab *table = &node->processes;
  if (node->otp <= LAST_OTP_WITH_SLOT_IN_PID)
    return (uint32_t)(pid_word >> 32);
  uint64_t data = pid_word >> 4;
  uint64_t line = (data & table->pix_cl_mask) << (table->pix_cl_shift & 63);
  uint64_t place = data >> (table->pix_cli_shift & 63) & table->pix_cli_mask;
  return (uint32_t)(line + place);
}
