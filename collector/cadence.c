/* cadence.c - see cadence.h. */
#include "collector/cadence.h"

#define MILLION UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static uint64_t smooth(uint64_t old, uint64_t now)
{
  return now >= old ? now : old - (old - now) / 8;
}

void cadence_sweep_cost(struct cadence *cadence, uint64_t cpu_ns)
{
  cadence->sweep_cpu_ns = smooth(cadence->sweep_cpu_ns, cpu_ns);
}

void cadence_part_cost(struct cadence *cadence, uint64_t cpu_ns)
{
  cadence->part_cpu_ns = smooth(cadence->part_cpu_ns, cpu_ns);
}

void cadence_round_cost(struct cadence *cadence, uint64_t cpu_ns)
{
  cadence->round_cpu_ns = smooth(cadence->round_cpu_ns, cpu_ns);
}

/* In millionths of a core, as all shares here. */
static uint64_t budget(const struct cadence *cadence)
{
  return (cadence->budget_permille ? cadence->budget_permille : CADENCE_BUDGET_PERMILLE) * 1000;
}

/* The multiple of the wished interval at which something that costs so much stays within a share. */
static uint64_t interval_of(const struct cadence *cadence, uint64_t cpu_ns, uint64_t share)
{
  uint64_t base = cadence->interval_ns;
  uint64_t interval = (cpu_ns * MILLION / share + base - 1) / base * base;

  if (interval < base)
    return base;
  return interval > CADENCE_SWEEP_MAX_NS && base < CADENCE_SWEEP_MAX_NS ? CADENCE_SWEEP_MAX_NS
                                                                        : interval;
}

uint64_t cadence_part_ns(const struct cadence *cadence)
{
  uint64_t alone = interval_of(cadence, cadence->sweep_cpu_ns, budget(cadence)), interval;

  if (!cadence->has_parts || alone == cadence->interval_ns)
    return 0;
  interval = interval_of(cadence, cadence->part_cpu_ns, budget(cadence) / 2);
  return interval < alone ? interval : 0;
}

uint64_t cadence_sweep_ns(const struct cadence *cadence)
{
  uint64_t part_ns = cadence_part_ns(cadence), parts, cpu_ns = cadence->sweep_cpu_ns;

  if (part_ns == 0)
    return interval_of(cadence, cpu_ns, budget(cadence));
  /* A full sweep stands for one part. */
  parts = cadence->part_cpu_ns * MILLION / part_ns;
  cpu_ns -= cadence->part_cpu_ns < cpu_ns ? cadence->part_cpu_ns : cpu_ns;
  return interval_of(cadence, cpu_ns, budget(cadence) - parts);
}

uint64_t cadence_sweep_load(const struct cadence *cadence)
{
  return cadence->sweep_cpu_ns * NS_PER_S / cadence_sweep_ns(cadence);
}

uint64_t cadence_quiet_ns(const struct cadence *cadence, uint64_t all_ns_per_s)
{
  uint64_t alone = cadence_sweep_ns(cadence), may = budget(cadence) * (NS_PER_S / MILLION);
  uint64_t times = (all_ns_per_s + may - 1) / may;
  uint64_t most = CADENCE_QUIET_MAX_NS / cadence->interval_ns * cadence->interval_ns;

  if (times <= 1 || alone >= most)
    return alone;
  return times < most / alone ? alone * times : most;
}

uint64_t cadence_round_ns(const struct cadence *cadence)
{
  uint64_t part_ns = cadence_part_ns(cadence), all = budget(cadence);
  uint64_t spent = cadence->sweep_cpu_ns * MILLION / cadence_sweep_ns(cadence) +
                   (part_ns ? cadence->part_cpu_ns * MILLION / part_ns : 0);
  uint64_t left = spent < all * 3 / 4 ? all - spent : all / 4;
  uint64_t needed = cadence->round_cpu_ns * MILLION / left;

  return needed < CADENCE_ROUND_NS ? CADENCE_ROUND_NS : needed;
}

uint64_t cadence_next(uint64_t now_ns, uint64_t interval_ns)
{
  return (now_ns / interval_ns + 1) * interval_ns;
}

uint64_t cadence_next_turn(uint64_t now_ns, uint64_t interval_ns, uint64_t step_ns, uint64_t turn)
{
  uint64_t late = turn * step_ns % interval_ns;

  return now_ns < late ? late : cadence_next(now_ns - late, interval_ns) + late;
}

uint64_t cadence_backoff_ns(unsigned failures)
{
  uint64_t wait = UINT64_C(1000000000);

  for (unsigned i = 1; i < failures && wait < CADENCE_BACKOFF_MAX_NS; i++)
    wait *= 2;
  return wait < CADENCE_BACKOFF_MAX_NS ? wait : CADENCE_BACKOFF_MAX_NS;
}
