/* term.c - see term.h. */
#include "probe/beam/term.h"

#include "model/sweep.h"

enum { NUMBER_BITS_25 = 15, SERIAL_BITS_25 = 13, NUMBER_BITS = 28 };
#define LOW_BITS(n) ((UINT64_C(1) << (n)) - 1)

struct beam_pid beam_pid_of_word(int otp, uint64_t word)
{
  uint64_t data = word >> 4;
  if (otp <= 25)
    return (struct beam_pid){(uint32_t)(data & LOW_BITS(NUMBER_BITS_25)),
                             (uint32_t)(data >> NUMBER_BITS_25 & LOW_BITS(SERIAL_BITS_25))};
  return (struct beam_pid){(uint32_t)(data & LOW_BITS(NUMBER_BITS)),
                           (uint32_t)(data >> NUMBER_BITS)};
}

uint64_t beam_pid_key(struct beam_pid pid)
{
  return ACTOR_KEY(SOURCE_TAG_BEAM, (uint64_t)pid.serial << NUMBER_BITS | pid.number);
}

struct beam_pid beam_pid_of_key(uint64_t key)
{
  return (struct beam_pid){(uint32_t)(key & LOW_BITS(NUMBER_BITS)),
                           (uint32_t)(key >> NUMBER_BITS & LOW_BITS(NUMBER_BITS))};
}
