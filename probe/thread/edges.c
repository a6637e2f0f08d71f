/* edges.c - see edges.h. */
#include "probe/thread/edges.h"

#include <errno.h>
#include <stdlib.h>

/* Who is to be asked again before they are believed. */
struct doubts {
  uint32_t *indices;
  pid_t *tids;
  size_t count;
  bool orphans; /* some wait for an owner that is no thread */
};

struct owner {
  enum edge edge;
  uint64_t target, thread;
};

/* What cannot be told from a mutex between two owners is one where a lock with owners was before. */
static void adopt(struct session *session, struct member *member)
{
  struct classify_verdict *verdict = &member->verdict;
  const struct lock *lock = verdict->kind == CLASSIFY_IDLE && verdict->between
                                ? locks_find(&session->locks, verdict->lock)
                                : NULL;
  if (lock && lock->had_owner)
    verdict->kind = CLASSIFY_MUTEX;
}

size_t edges_list_waiting(struct session *session, uint32_t *ret_indices, pid_t *ret_tids)
{
  struct roster *roster = &session->roster;
  size_t count = 0;
  for (size_t i = 0; i < roster->count; i++) {
    adopt(session, &roster->list[i]);
    if (roster->list[i].gone || !member_waits(&roster->list[i]))
      continue;
    ret_tids[count] = roster->list[i].state.tid;
    ret_indices[count++] = (uint32_t)i;
  }
  return count;
}

/* Does the target number its threads otherwise than we do? */
static bool is_nested(const struct roster *roster)
{
  return roster->count > 0 && roster->list[0].state.tid != roster->list[0].state.tid_inside;
}

static struct owner find_owner(struct session *session, const struct classify_verdict *verdict)
{
  const struct member *member = roster_inside(&session->roster, verdict->owner);
  struct owner owner = {.edge = EDGE_HELD};
  if (member)
    return (struct owner){EDGE_HELD, 0, thread_key(&member->state)};
  if (verdict->owner && verdict->process_shared &&
      shared_find(&session->shared, session->target, is_nested(&session->roster), verdict->lock,
                  verdict->owner, &owner.target, &owner.thread))
    return owner;
  if (!verdict->owner && verdict->late_owner)
    return (struct owner){.edge = EDGE_ORPHAN};
  return (struct owner){.edge = EDGE_UNKNOWN};
}

static bool is_known(const struct member *member, const struct owner *owner)
{
  return member->lasting && member->edge == owner->edge && member->holder == owner->thread &&
         member->holder_target == owner->target;
}

/* Takes the owner over; true: only as a guess so far. */
static bool note_owner(struct session *session, struct member *member)
{
  struct owner owner = {.edge = EDGE_NONE};
  adopt(session, member);
  if (member_waits(member))
    owner = find_owner(session, &member->verdict);
  if (member->lasting && member->edge == EDGE_ORPHAN && owner.edge == EDGE_HELD)
    owner = (struct owner){.edge = EDGE_ORPHAN}; /* a younger thread got the number */
  bool known = is_known(member, &owner);
  member->lasting = known;
  member->edge = owner.edge;
  member->holder = owner.thread;
  member->holder_target = owner.target;
  return (owner.edge == EDGE_HELD || owner.edge == EDGE_ORPHAN) && !known;
}

static bool same_again(struct session *session, const struct member *member,
                       const struct thread_state *again)
{
  struct classify_verdict verdict;
  if (again->start_ticks != member->state.start_ticks ||
      again->run_count != member->state.run_count ||
      again->arguments[0] != member->state.arguments[0])
    return false;
  roster_classify(&session->roster, again, &verdict);
  struct owner owner = find_owner(session, &verdict);
  return verdict.kind == member->verdict.kind && owner.edge == member->edge &&
         owner.thread == member->holder && owner.target == member->holder_target &&
         verdict.late_owner == member->verdict.late_owner;
}

static bool is_among(const struct thread_state *list, size_t count, uint32_t tid_inside)
{
  for (size_t i = 0; i < count; i++)
    if ((uint32_t)list[i].tid_inside == tid_inside)
      return true;
  return false;
}

/* Of whom the second look says otherwise nothing is told but that they wait. Owners that are no threads are
 * looked for once more among all: one may be younger than the first list. */
static int settle(struct session *session, const struct doubts *doubts)
{
  const struct thread_state *list;
  size_t count, next = 0;
  uint64_t lost;
  bool all = doubts->orphans;
  int error = session->route->kind->read(session->route, all ? NULL : doubts->tids,
                                         all ? 0 : doubts->count, &list, &count, &lost);
  if (error)
    return error;
  for (size_t i = 0; i < doubts->count; i++) {
    struct member *member = &session->roster.list[doubts->indices[i]];
    uint32_t late = member->edge == EDGE_ORPHAN ? member->verdict.late_owner : 0;
    while (next < count && list[next].tid < member->state.tid)
      next++;
    if (next < count && list[next].tid == member->state.tid &&
        same_again(session, member, &list[next]) &&
        !(late && (lost > 0 || is_among(list, count, late))))
      continue;
    member->edge = EDGE_UNKNOWN;
    member->holder = member->holder_target = 0;
  }
  return 0;
}

int edges_find(struct session *session, const uint32_t *indices, size_t count)
{
  struct doubts doubts = {.indices = calloc(count + 1, sizeof *doubts.indices),
                          .tids = calloc(count + 1, sizeof *doubts.tids)};
  int error = -ENOMEM;
  if (!doubts.indices || !doubts.tids)
    goto out;
  for (size_t i = 0; i < count; i++) {
    struct member *member = &session->roster.list[indices[i]];
    if (member->gone || !note_owner(session, member))
      continue;
    doubts.orphans |= member->edge == EDGE_ORPHAN;
    doubts.indices[doubts.count] = indices[i];
    doubts.tids[doubts.count++] = member->state.tid;
  }
  error = doubts.count ? settle(session, &doubts) : 0;
out:
  free(doubts.indices);
  free(doubts.tids);
  return error;
}
