/* edges.c - see edges.h. */
#include "probe/thread/edges.h"

#include <errno.h>
#include <stdlib.h>

/* Who is to be asked again before they are believed. */
struct doubts {
  uint32_t *indices;
  pid_t *tids;
  size_t count;
};

struct owner {
  enum edge edge;
  uint64_t target, thread;
};

static struct owner find_owner(const struct session *session,
                               const struct classify_verdict *verdict)
{
  const struct member *owner = roster_inside(&session->roster, verdict->owner);
  if (owner)
    return (struct owner){EDGE_HELD, 0, thread_key(&owner->state)};
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
  if (member_waits(member))
    owner = find_owner(session, &member->verdict);
  bool known = is_known(member, &owner);
  member->lasting = known;
  member->edge = owner.edge;
  member->holder = owner.thread;
  member->holder_target = owner.target;
  return owner.edge == EDGE_HELD && !known;
}

static bool same_again(const struct session *session, const struct member *member,
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
         owner.thread == member->holder && owner.target == member->holder_target;
}

/* Of whom the second look says otherwise nothing is told but that they wait. */
static int settle(struct session *session, const struct doubts *doubts)
{
  const struct thread_state *list;
  size_t count, next = 0;
  uint64_t lost;
  int error =
      session->route->kind->read(session->route, doubts->tids, doubts->count, &list, &count, &lost);
  if (error)
    return error;
  for (size_t i = 0; i < doubts->count; i++) {
    struct member *member = &session->roster.list[doubts->indices[i]];
    while (next < count && list[next].tid < member->state.tid)
      next++;
    if (next < count && list[next].tid == member->state.tid &&
        same_again(session, member, &list[next]))
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
    if (!note_owner(session, member))
      continue;
    doubts.indices[doubts.count] = indices[i];
    doubts.tids[doubts.count++] = member->state.tid;
  }
  error = doubts.count ? settle(session, &doubts) : 0;
out:
  free(doubts.indices);
  free(doubts.tids);
  return error;
}
