/* tick_rates.c - see tick_rates.h. */
#include "model/tick_rates.h"

#include <math.h>

/* A full sweep and a part can be compared when they are so many times further apart than either
 * took. */
#define LONGEST_SHARE 8

static bool both_known(int64_t a, int64_t b)
{
  return a != VALUE_UNKNOWN && b != VALUE_UNKNOWN;
}

double tick_rate(int64_t was, int64_t is, double seconds)
{
  return both_known(was, is) && is >= was && seconds > 0 ? (double)(is - was) / seconds : NAN;
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
  return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

/* --- actors --- */

static uint64_t depth_class(int64_t depth)
{
  int bits = depth <= 0 ? 0 : 64 - __builtin_clzll((uint64_t)depth);

  return (uint64_t)(bits < 15 ? bits : 15);
}

/* Waits in receive with messages it does not take: since when. One read only begins the time. */
static uint64_t unmatched_since(const struct sweep_actor *was, const struct actor_memory *old,
                                const struct sweep_actor *is, uint64_t end_ns)
{
  bool same_head, same_takes;

  if (is->state != ACTOR_RECEIVE || is->depth == VALUE_UNKNOWN || is->depth <= 0)
    return 0;
  if (!was || old->unmatched_since_ns == 0)
    return end_ns;
  same_head = was->head == is->head;
  same_takes = !both_known(old->take_count, is->take_count) || old->take_count == is->take_count;
  if (!both_known(old->take_count, is->take_count) && (was->head == 0 || is->head == 0))
    return end_ns; /* nothing tells that nothing was taken */
  return same_head && same_takes ? old->unmatched_since_ns : end_ns;
}

/* When within a read a row was read is not known. Between two full sweeps that is the same, and so it
 * is between two parts; from one kind to the other a long sweep of a large target would tell twice
 * the rate, or half of it. */
static bool can_be_rated(const struct actor_memory *old, const struct actor_memory *memory)
{
  uint64_t longest_us =
      old->rated_in_us > memory->rated_in_us ? old->rated_in_us : memory->rated_in_us;

  return old->rated_by_part == memory->rated_by_part ||
         memory->rated_ns - old->rated_ns >= longest_us * 1000 * LONGEST_SHARE;
}

/* The rates stay as they are; a part begins anew, a full sweep leaves it to the next part. */
static void keep_rates(const struct actor_memory *old, struct actor_memory *memory)
{
  memory->growth_per_s = old->growth_per_s;
  memory->in_per_s = old->in_per_s;
  memory->out_per_s = old->out_per_s;
  memory->work_per_s = old->work_per_s;
  if (memory->rated_by_part)
    return;
  memory->rated_ns = old->rated_ns;
  memory->rated_in_us = old->rated_in_us;
  memory->rated_by_part = old->rated_by_part;
  memory->depth = old->depth;
  memory->put_count = old->put_count;
  memory->take_count = old->take_count;
  memory->work_count = old->work_count;
}

static void inherit(const struct actor_memory *old, const struct sweep_actor *is,
                    struct actor_memory *memory)
{
  double seconds = seconds_between(old->rated_ns, memory->rated_ns);

  if (is->depth != VALUE_UNKNOWN)
    memory->depth_trend |= old->depth_trend << 4;
  if (!can_be_rated(old, memory)) {
    keep_rates(old, memory);
    return;
  }
  if (both_known(old->depth, is->depth) && seconds > 0)
    memory->growth_per_s = (float)((double)(is->depth - old->depth) / seconds);
  memory->in_per_s = (float)tick_rate(old->put_count, is->put_count, seconds);
  memory->out_per_s = (float)tick_rate(old->take_count, is->take_count, seconds);
  memory->work_per_s = (float)tick_rate(old->work_count, is->work_count, seconds);
}

static uint32_t microseconds_of(const struct sweep *read)
{
  uint64_t us = (read->end_ns - read->begin_ns) / 1000;

  return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void tick_rate_before(const struct sweep_actor *was, const struct actor_memory *old,
                      const struct sweep_actor *is, struct actor_memory *memory)
{
  bool same = was->tid && was->tid == is->tid;

  memory->before_begin_ns = same ? old->read_begin_ns : 0;
  memory->before_end_ns = same ? old->read_end_ns : 0;
}

struct actor_memory tick_rate_actor(const struct sweep_actor *was, const struct actor_memory *old,
                                    const struct sweep_actor *is, const struct sweep *read)
{
  struct actor_memory memory = {
      .read_begin_ns = read->begin_ns,
      .read_end_ns = read->end_ns,
      .rated_ns = read->end_ns,
      .rated_in_us = microseconds_of(read),
      .rated_by_part = read->kind == SWEEP_PART,
      .depth_trend = is->depth == VALUE_UNKNOWN ? 0 : depth_class(is->depth),
      .depth = is->depth,
      .put_count = is->put_count,
      .take_count = is->take_count,
      .work_count = is->work_count,
      .growth_per_s = NAN,
      .in_per_s = NAN,
      .out_per_s = NAN,
      .work_per_s = NAN,
  };

  if (was) {
    inherit(old, is, &memory);
    tick_rate_before(was, old, is, &memory);
  }
  memory.unmatched_since_ns = unmatched_since(was, old, is, read->end_ns);
  return memory;
}

/* --- tables --- */

/* Share of an interval, from a time that only grows. */
static int32_t share_permille(int64_t was, int64_t is, double seconds)
{
  double rate = tick_rate(was, is, seconds) / 1e6; /* ns per s -> permille */

  return isnan(rate) ? -1 : (int32_t)fmin(round(rate), 1000);
}

struct table_memory tick_rate_table(const struct sweep_table *was, const struct table_memory *old,
                                    const struct sweep_table *is, const struct sweep *read)
{
  struct table_memory memory = {
      .rated_ns = read->end_ns, .held_permille = -1, .wait_permille = -1, .contended_per_s = NAN};
  double seconds;

  if (!was)
    return memory;
  seconds = seconds_between(old->rated_ns, memory.rated_ns);
  memory.held_permille = share_permille(was->held_ns, is->held_ns, seconds);
  memory.wait_permille = share_permille(was->wait_ns, is->wait_ns, seconds);
  memory.contended_per_s = (float)tick_rate(was->contended_count, is->contended_count, seconds);
  return memory;
}
