/* cadence.c - see cadence.h. */
#include "collector/cadence.h"

static uint64_t smooth(uint64_t old, uint64_t now)
{
  return now >= old ? now : old - (old - now) / 8;
}

void cadence_sweep_cost(struct cadence *cadence, uint64_t cpu_ns)
{
  cadence->sweep_cpu_ns = smooth(cadence->sweep_cpu_ns, cpu_ns);
}

void cadence_round_cost(struct cadence *cadence, uint64_t cpu_ns)
{
  cadence->round_cpu_ns = smooth(cadence->round_cpu_ns, cpu_ns);
}

uint64_t cadence_sweep_ns(const struct cadence *cadence)
{
  uint64_t base = cadence->interval_ns;
  uint64_t needed = cadence->sweep_cpu_ns * 1000 / CADENCE_BUDGET_PERMILLE;
  uint64_t interval = (needed + base - 1) / base * base;

  if (interval < base)
    return base;
  return interval > CADENCE_SWEEP_MAX_NS && base < CADENCE_SWEEP_MAX_NS ? CADENCE_SWEEP_MAX_NS
                                                                        : interval;
}

uint64_t cadence_round_ns(const struct cadence *cadence)
{
  /* In millionths of a core. */
  uint64_t sweep_share = cadence->sweep_cpu_ns * 1000000 / cadence_sweep_ns(cadence);
  uint64_t budget = CADENCE_BUDGET_PERMILLE * 1000;
  uint64_t left = sweep_share < budget * 3 / 4 ? budget - sweep_share : budget / 4;
  uint64_t needed = cadence->round_cpu_ns * 1000000 / left;

  return needed < CADENCE_ROUND_NS ? CADENCE_ROUND_NS : needed;
}

uint64_t cadence_next(uint64_t now_ns, uint64_t interval_ns)
{
  return (now_ns / interval_ns + 1) * interval_ns;
}

uint64_t cadence_backoff_ns(unsigned failures)
{
  uint64_t wait = UINT64_C(1000000000);

  for (unsigned i = 1; i < failures && wait < CADENCE_BACKOFF_MAX_NS; i++)
    wait *= 2;
  return wait < CADENCE_BACKOFF_MAX_NS ? wait : CADENCE_BACKOFF_MAX_NS;
}
