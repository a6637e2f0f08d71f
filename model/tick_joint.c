/* tick_joint.c - see tick_joint.h. Rows with a thread are sorted by its number; what stands side by
 * side is compared. */
#include "model/tick_joint.h"

#include <errno.h>
#include <stdlib.h>

#define UNDECIDED_NS 2500000000ull /* actors are read every second */

/* A thread, or an actor that says that it is on one. */
struct rider {
  uint32_t tid, row;
  bool thread;
  struct tick_feed *feed;
  uint32_t index;
};

struct finder {
  const struct tick_target *target;
  const struct tick_waiting *waiting;
  uint32_t waiting_count;
};

static int compare_riders(const void *a, const void *b)
{
  const struct rider *x = a, *y = b;

  if (x->tid != y->tid)
    return x->tid < y->tid ? -1 : 1;
  if (x->thread != y->thread)
    return x->thread ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* Threads, or actors on threads. */
static size_t count_riders(const struct tick_target *target, bool thread)
{
  size_t count = 0;

  for (size_t f = 0; f < target->feed_count; f++) {
    const struct sweep *sweep = target->feeds[f]->sweep;

    for (size_t i = 0; sweep && i < sweep->actor_count; i++)
      count += sweep->actors[i].tid && (sweep->actors[i].kind == ACTOR_KIND_THREAD) == thread;
  }
  return count;
}

static void list_riders(const struct tick_target *target, struct rider *riders, size_t count)
{
  size_t at = 0;

  for (size_t f = 0; f < target->feed_count; f++) {
    struct tick_feed *feed = target->feeds[f];

    for (uint32_t i = 0; feed->sweep && i < feed->sweep->actor_count; i++) {
      const struct sweep_actor *actor = &feed->sweep->actors[i];

      if (actor->tid)
        riders[at++] = (struct rider){actor->tid, feed->row_first + i,
                                      actor->kind == ACTOR_KIND_THREAD, feed, i};
    }
  }
  qsort(riders, count, sizeof(*riders), compare_riders);
}

static const struct tick_waiting *find_waiting(const struct finder *f, uint32_t row)
{
  uint32_t low = 0, high = f->waiting_count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;

    if (f->waiting[middle].row < row)
      low = middle + 1;
    else
      high = middle;
  }
  return low < f->waiting_count && f->waiting[low].row == row ? &f->waiting[low] : NULL;
}

static bool lies_within(uint64_t begin_ns, uint64_t end_ns, const struct wait_memory *wait)
{
  return end_ns != 0 && wait->end_first_ns <= begin_ns && end_ns <= wait->begin_last_ns;
}

/* Is the wait of the thread the actor's? */
static bool runs_in_wait(const struct rider *actor, struct wait_memory *wait)
{
  const struct actor_memory *memory = &actor->feed->actors[actor->index];
  uint64_t key = actor->feed->sweep->actors[actor->index].key;

  if (wait->runner)
    return wait->runner == key;
  return lies_within(memory->read_begin_ns, memory->read_end_ns, wait) ||
         lies_within(memory->before_begin_ns, memory->before_end_ns, wait);
}

/* What is said of one thread. */
struct claims {
  const struct rider *running, *waiting; /* one of each */
  size_t running_count, sure_count, waiting_count;
};

/* `wait` is the thread's own, NULL where it has none. */
static struct claims weigh_claims(const struct finder *f, const struct rider *actors, size_t count,
                                  struct wait_memory *wait)
{
  struct claims claims = {0};

  for (size_t i = 0; i < count; i++) {
    const struct rider *actor = &actors[i];
    bool sure =
        wait ? runs_in_wait(actor, wait) : actor->feed->actors[actor->index].before_end_ns != 0;

    if (find_waiting(f, actor->row)) {
      claims.waiting = actor;
      claims.waiting_count++;
      continue;
    }
    claims.running_count++;
    claims.sure_count += sure;
    if (sure)
      claims.running = actor;
  }
  return claims;
}

static const struct sweep_wait *first_wait(const struct rider *rider,
                                           const struct tick_waiting *waiting)
{
  return &rider->feed->sweep->waits[waiting->wait_first];
}

/* Is what the thread waits on how its actor waits? So it is where nobody is known to hold the thread
 * up, and where the actor says that it waits for a lock: the lock of the thread is a part of it. */
static bool is_one_wait(const struct finder *f, const struct rider *thread,
                        const struct tick_waiting *waiting, const struct rider *actor)
{
  uint8_t via;

  if (!waiting || first_wait(thread, waiting)->holder_count == 0)
    return true;
  via = first_wait(actor, find_waiting(f, actor->row))->via;
  return via == VIA_LOCK || via == VIA_RDLOCK;
}

/* The actor that a thread runs, of `count` that say so; NULL where nobody can tell. */
static const struct rider *find_innermost(const struct finder *f, const struct rider *thread,
                                          const struct rider *actors, size_t count)
{
  const struct tick_waiting *waiting = find_waiting(f, thread->row);
  struct wait_memory *wait = waiting ? &thread->feed->waits[waiting->wait_first] : NULL;
  struct claims claims = weigh_claims(f, actors, count, wait);

  if (wait)
    wait->undecided = claims.running_count > 0 && claims.sure_count == 0 &&
                      wait->begin_last_ns < wait->end_first_ns + UNDECIDED_NS;
  if (claims.running_count == 0)
    return claims.waiting_count == 1 && is_one_wait(f, thread, waiting, claims.waiting)
               ? claims.waiting
               : NULL;
  if (claims.sure_count != 1 || (!wait && claims.running_count > 1))
    return NULL;
  if (wait)
    wait->runner = claims.running->feed->sweep->actors[claims.running->index].key;
  return claims.running;
}

static uint64_t calls_since(const struct finder *f, const struct rider *actor)
{
  const struct tick_waiting *waiting = find_waiting(f, actor->row);
  uint64_t since = 0;

  for (uint32_t i = 0; waiting && i < waiting->wait_count; i++)
    if (actor->feed->waits[waiting->wait_first + i].end_first_ns > since)
      since = actor->feed->waits[waiting->wait_first + i].end_first_ns;
  return since;
}

static int reserve(struct tick_joints *joints, size_t more)
{
  struct tick_joint *bigger;

  if (joints->count + more <= joints->room)
    return 0;
  bigger = reallocarray(joints->list, joints->count + more, sizeof(*bigger));
  if (!bigger)
    return -ENOMEM;
  joints->list = bigger;
  joints->room = joints->count + more;
  return 0;
}

static void join(struct tick_joints *joints, const struct finder *f, const struct rider *riders,
                 size_t count)
{
  for (size_t i = 0, end; i < count; i = end) {
    const struct rider *actor;

    for (end = i + 1; end < count && riders[end].tid == riders[i].tid;)
      end++;
    if (!riders[i].thread || end - i < 2 || riders[i + 1].thread)
      continue;
    actor = find_innermost(f, &riders[i], &riders[i + 1], end - i - 1);
    if (actor)
      joints->list[joints->count++] = (struct tick_joint){
          .thread_row = riders[i].row,
          .actor_row = actor->row,
          .actor = {f->target, actor->feed, actor->index},
          .calls_since_ns = calls_since(f, actor),
      };
  }
}

int tick_joints_add(struct tick_joints *joints, const struct tick_target *target,
                    const struct tick_waiting *waiting, uint32_t waiting_count)
{
  struct finder f = {target, waiting, waiting_count};
  size_t threads, actors;
  struct rider *riders;
  int e = -ENOMEM;

  if (target->feed_count < 2)
    return 0;
  threads = count_riders(target, true);
  actors = threads ? count_riders(target, false) : 0;
  if (actors == 0)
    return 0;
  riders = malloc((threads + actors) * sizeof(*riders));
  if (!riders || reserve(joints, threads < actors ? threads : actors) < 0)
    goto out;
  list_riders(target, riders, threads + actors);
  join(joints, &f, riders, threads + actors);
  e = 0;
out:
  free(riders);
  return e;
}

static int compare_joints(const void *a, const void *b)
{
  const struct tick_joint *x = a, *y = b;

  return (x->thread_row > y->thread_row) - (x->thread_row < y->thread_row);
}

void tick_joints_sort(struct tick_joints *joints)
{
  if (joints->count > 0)
    qsort(joints->list, joints->count, sizeof(*joints->list), compare_joints);
}

const struct tick_joint *tick_joints_find(const struct tick_joints *joints, uint32_t thread_row)
{
  struct tick_joint wanted = {.thread_row = thread_row};

  return joints->count == 0
             ? NULL
             : bsearch(&wanted, joints->list, joints->count, sizeof(wanted), compare_joints);
}

bool tick_joint_is_alone(const struct tick_joint *joint, struct wait_memory *wait)
{
  const struct sweep *full = joint->actor.feed->sweep;

  if (lies_within(full->begin_ns, full->end_ns, wait))
    wait->alone_ns = full->begin_ns;
  return joint->calls_since_ns <= wait->alone_ns;
}

void tick_joints_done(struct tick_joints *joints)
{
  free(joints->list);
  *joints = (struct tick_joints){0};
}
