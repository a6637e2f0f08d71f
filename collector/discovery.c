/* discovery.c - see discovery.h. */
#include "collector/discovery.h"

#include <errno.h>
#include <stdlib.h>

#include "collector/clock.h"

/* Looks at a fresh process, by its age as a candidate. */
static const uint64_t steps_ns[] = {0, 1 * CLOCK_NS_PER_S, 10 * CLOCK_NS_PER_S,
                                    60 * CLOCK_NS_PER_S};
enum { STEPS = sizeof(steps_ns) / sizeof(steps_ns[0]) };

#define UNWANTED_INTERVAL_NS (60 * CLOCK_NS_PER_S)
#define ALLOWANCE_PERMILLE 2
#define ALLOWANCE_MAX_NS (2 * CLOCK_NS_PER_MS) /* what a long idle time may save up */

struct candidate {
  pid_t pid;
  uint64_t start_ticks; /* 0: not looked at yet */
  uint64_t since_ns;    /* when looks began */
  uint64_t looked_ns;   /* the last one */
  unsigned step;        /* next of steps_ns; STEPS = slices */
  bool unwanted;        /* reading its name takes a sweep: seldom in slices */
  bool watched;
};

struct discovery {
  struct candidate *list; /* ascending pids */
  size_t count;
  size_t cursor;     /* where the walk through fresh ones stands */
  size_t slice;      /* where the walk through old ones stands */
  uint64_t slice_ns; /* when it last was at the beginning: a round takes a second or more */
  int64_t allowance_ns;
  uint64_t allowance_at_ns;
};

struct discovery *discovery_new(void)
{
  return calloc(1, sizeof(struct discovery));
}

void discovery_free(struct discovery *discovery)
{
  if (!discovery)
    return;
  free(discovery->list);
  free(discovery);
}

static void grant_allowance(struct discovery *d, uint64_t now_ns)
{
  if (d->allowance_at_ns != 0 && now_ns > d->allowance_at_ns)
    d->allowance_ns += (int64_t)((now_ns - d->allowance_at_ns) * ALLOWANCE_PERMILLE / 1000);
  if (d->allowance_ns > (int64_t)ALLOWANCE_MAX_NS)
    d->allowance_ns = (int64_t)ALLOWANCE_MAX_NS;
  d->allowance_at_ns = now_ns;
}

/* Merges two ascending lists: those that were known stay as they are. */
int discovery_list(struct discovery *d, const pid_t *pids, size_t count, uint64_t now_ns)
{
  struct candidate *list = calloc(count ? count : 1, sizeof(*list));
  size_t old = 0;

  if (!list)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    while (old < d->count && d->list[old].pid < pids[i])
      old++;
    if (old < d->count && d->list[old].pid == pids[i])
      list[i] = d->list[old];
    else
      list[i] = (struct candidate){.pid = pids[i], .since_ns = now_ns};
  }
  free(d->list);
  d->list = list;
  d->count = count;
  if (d->slice > count)
    d->slice = count;
  discovery_turn(d, now_ns);
  return 0;
}

void discovery_turn(struct discovery *d, uint64_t now_ns)
{
  d->cursor = 0;
  grant_allowance(d, now_ns);
}

static pid_t next_fresh(struct discovery *d, uint64_t now_ns)
{
  for (; d->cursor < d->count; d->cursor++) {
    const struct candidate *c = &d->list[d->cursor];

    if (!c->watched && c->step < STEPS && now_ns >= c->since_ns + steps_ns[c->step])
      return d->list[d->cursor++].pid;
  }
  return 0;
}

static uint64_t slice_interval_ns(const struct candidate *c)
{
  return c->unwanted ? UNWANTED_INTERVAL_NS : CLOCK_NS_PER_S;
}

static pid_t next_slice(struct discovery *d, uint64_t now_ns)
{
  if (d->allowance_ns <= 0)
    return 0;
  if (d->slice >= d->count && now_ns - d->slice_ns >= CLOCK_NS_PER_S) {
    d->slice = 0;
    d->slice_ns = now_ns;
  }
  for (; d->slice < d->count; d->slice++) {
    const struct candidate *c = &d->list[d->slice];

    if (!c->watched && c->step >= STEPS && now_ns - c->looked_ns >= slice_interval_ns(c))
      return d->list[d->slice++].pid;
  }
  return 0;
}

pid_t discovery_next(struct discovery *d, uint64_t now_ns)
{
  pid_t pid = next_fresh(d, now_ns);

  return pid ? pid : next_slice(d, now_ns);
}

static int compare_pid(const void *key, const void *element)
{
  pid_t pid = *(const pid_t *)key, other = ((const struct candidate *)element)->pid;

  return (pid > other) - (pid < other);
}

static struct candidate *find(struct discovery *d, pid_t pid)
{
  return d->count ? bsearch(&pid, d->list, d->count, sizeof(*d->list), compare_pid) : NULL;
}

void discovery_looked(struct discovery *d, pid_t pid, uint64_t start_ticks, bool watched,
                      uint64_t cost_ns, uint64_t now_ns)
{
  struct candidate *c = find(d, pid);

  if (!c)
    return;
  if (c->step >= STEPS)
    d->allowance_ns -= (int64_t)cost_ns;
  if (c->start_ticks != 0 && start_ticks != 0 && c->start_ticks != start_ticks) {
    c->since_ns = now_ns; /* the pid was reused: this was the first look at another process */
    c->step = 0;
    c->unwanted = false;
  }
  c->start_ticks = start_ticks ? start_ticks : c->start_ticks;
  c->watched = watched;
  c->looked_ns = now_ns;
  if (c->step < STEPS)
    c->step++;
}

void discovery_again(struct discovery *d, pid_t pid, uint64_t now_ns)
{
  struct candidate *c = find(d, pid);

  if (!c)
    return;
  c->watched = false;
  c->step = 0;
  c->since_ns = now_ns;
}

void discovery_unwanted(struct discovery *d, pid_t pid, uint64_t now_ns)
{
  struct candidate *c = find(d, pid);

  if (!c)
    return;
  c->watched = false;
  c->unwanted = true;
  c->looked_ns = now_ns;
}
