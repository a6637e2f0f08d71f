/* roster.c - see roster.h. */
#include "probe/thread/roster.h"

#include <errno.h>
#include <stdlib.h>

bool member_waits(const struct member *member)
{
  return member->verdict.kind > CLASSIFY_IDLE;
}
_Static_assert(CLASSIFY_NONE < CLASSIFY_IDLE && CLASSIFY_IDLE < CLASSIFY_MUTEX, "member_waits");

static int compare_inside(const void *left, const void *right)
{
  const struct roster_inside *a = left, *b = right;
  return (a->tid > b->tid) - (a->tid < b->tid);
}

const struct member *roster_inside(const struct roster *roster, uint32_t tid)
{
  struct roster_inside key = {.tid = tid};
  const struct roster_inside *found =
      tid == 0 || roster->count == 0
          ? NULL
          : bsearch(&key, roster->inside, roster->count, sizeof key, compare_inside);
  return found && !roster->list[found->index].gone ? &roster->list[found->index] : NULL;
}

static bool lives(const void *context, uint32_t tid)
{
  return roster_inside(context, tid) != NULL;
}

void roster_classify(const struct roster *roster, const struct thread_state *thread,
                     struct classify_verdict *ret_verdict)
{
  classify(thread, lives, roster, ret_verdict);
}

static bool same_sleep(const struct member *was, const struct thread_state *is)
{
  return was->state.start_ticks == is->start_ticks && was->state.activity == THREAD_CALLS &&
         is->activity == THREAD_CALLS && was->state.call == is->call &&
         was->state.arguments[0] == is->arguments[0] && was->state.run_count == is->run_count;
}

static void note_ended(struct roster *roster, const struct member *was)
{
  if (roster->ended_count == roster->ended_room) {
    size_t room = roster->ended_room ? 2 * roster->ended_room : 64;
    struct roster_ended *larger = reallocarray(roster->ended, room, sizeof *larger);
    if (!larger)
      return;
    roster->ended = larger;
    roster->ended_room = room;
  }
  roster->ended[roster->ended_count++] =
      (struct roster_ended){was->verdict.lock, was->seen_ns - was->since_ns};
}

/* What lasts of the former read. The former's site moves. */
static void succeed(struct roster *roster, struct member *member, struct member *was,
                    uint64_t now_ns)
{
  bool same = was && same_sleep(was, &member->state);
  member->seen_ns = now_ns;
  if (was && !same && member_waits(was) && was->since_ns <= was->seen_ns)
    note_ended(roster, was);
  uint64_t since = member->state.since_ns ? member->state.since_ns : now_ns;
  member->since_ns =
      same && (!member->state.since_ns || was->since_ns < since) ? was->since_ns : since;
  member->lasting = same;
  member->counted = same && was->counted;
  if (same) {
    member->site = was->site;
    member->site_sought = was->site_sought;
    member->edge = was->edge;
    member->holder = was->holder;
    member->holder_target = was->holder_target;
  } else if (was) {
    free(was->site);
  }
  if (was)
    was->site = NULL;
}

static void classify_all(struct roster *roster)
{
  for (size_t i = 0; i < roster->count; i++)
    roster_classify(roster, &roster->list[i].state, &roster->list[i].verdict);
}

static int index_inside(struct roster *roster)
{
  struct roster_inside *inside = malloc((roster->count + 1) * sizeof *inside);
  if (!inside)
    return -ENOMEM;
  for (size_t i = 0; i < roster->count; i++)
    inside[i] = (struct roster_inside){(uint32_t)roster->list[i].state.tid_inside, (uint32_t)i};
  qsort(inside, roster->count, sizeof *inside, compare_inside);
  roster->inside = inside;
  return 0;
}

int roster_take_all(struct roster *roster, const struct thread_state *list, size_t count,
                    uint64_t now_ns)
{
  struct roster fresh = {.list = calloc(count + 1, sizeof *fresh.list), .count = count};
  size_t old = 0;
  if (!fresh.list)
    return -ENOMEM;
  roster->ended_count = 0;
  for (size_t i = 0; i < count; i++)
    fresh.list[i].state = list[i];
  if (index_inside(&fresh) != 0) {
    free(fresh.list);
    return -ENOMEM;
  }
  for (size_t i = 0; i < count; i++) {
    while (old < roster->count && roster->list[old].state.tid < list[i].tid)
      old++;
    bool known = old < roster->count && roster->list[old].state.tid == list[i].tid;
    succeed(&fresh, &fresh.list[i], known ? &roster->list[old] : NULL, now_ns);
  }
  roster_done(roster);
  *roster = fresh;
  classify_all(roster);
  return 0;
}

static const struct thread_state *find_state(const struct thread_state *list, size_t count,
                                             pid_t tid)
{
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (list[middle].tid < tid)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && list[low].tid == tid ? &list[low] : NULL;
}

void roster_take_some(struct roster *roster, const uint32_t *indices, size_t index_count,
                      const struct thread_state *list, size_t count, uint64_t now_ns)
{
  roster->ended_count = 0;
  for (size_t i = 0; i < index_count; i++) {
    struct member *member = &roster->list[indices[i]], was = *member;
    const struct thread_state *state = find_state(list, count, member->state.tid);
    *member = (struct member){.state = state ? *state : was.state, .gone = !state};
    succeed(roster, member, &was, now_ns);
  }
  for (size_t i = 0; i < index_count; i++) { /* not before it is known who has gone */
    struct member *member = &roster->list[indices[i]];
    if (!member->gone)
      roster_classify(roster, &member->state, &member->verdict);
  }
}

void roster_done(struct roster *roster)
{
  for (size_t i = 0; i < roster->count; i++)
    free(roster->list[i].site);
  free(roster->list);
  free(roster->inside);
  free(roster->ended);
  *roster = (struct roster){0};
}
