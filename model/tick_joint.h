/*
 * tick_joint.h - which actor a thread runs: the two rows are then one node of the wait-for graph, and
 * tell one story.
 *
 *    source of actors:   actor A, on thread 7          (read at one instant)
 *    source of threads:  thread 7 waits for a lock     (read at another)
 *
 * Both say the number of the thread, but they are read one after the other, and in between the thread
 * may have laid the actor down and taken up another. Rather no join than a false one:
 *
 *    A thread that sleeps runs the same actor all the while. So where the actor was read on it within
 *    the span for which the thread's wait is known to have lasted, the wait is the actor's, and stays
 *    so for as long as it is this very wait (wait_memory.runner).
 *
 *        thread    |- first read -|                          |- last read -|
 *        its wait                 |----- known to last ------|
 *        actor                           |- read: on it -|
 *
 *    Until that is known for a thread's wait, what is found through it is not sure: it would be told
 *    of the thread now and of the actor a moment later. After UNDECIDED_NS it is the thread's.
 *
 *    An actor that is in a wait of its own, and keeps its thread meanwhile, is on it for as long as
 *    this wait lasts. So whoever waits for something of the thread waits for it, unless another actor
 *    was taken up on top of it (a worker that helps while it waits): only a full sweep would see that
 *    one, and before there was one during the wait nothing is proven. What the thread sleeps in
 *    meanwhile is how the actor waits, and is not told; but where the actor is in a call and its
 *    thread waits for somebody's lock, the two are not one, and each waits for its own.
 *
 *    A thread without a wait holds nobody up for good: two reads of the actor in a row are enough to
 *    call it by the actor's name.
 *
 * Of several actors on one thread (coroutines within each other, or a row that is old) the one without
 * a wait of its own is the innermost; where that does not tell them apart, none is joined.
 *
 * Private to tick*.c.
 */
#ifndef IMPASSE_MODEL_TICK_JOINT_H
#define IMPASSE_MODEL_TICK_JOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/tick_memory.h"

/* Where a row or a wait stands in the memory. */
struct tick_row {
  const struct tick_target *target;
  struct tick_feed *feed;
  uint32_t index; /* in the feed's sweep */
};

/* A row with waits that block it. */
struct tick_waiting {
  uint32_t row;
  uint32_t feed;       /* number of the feed, among those with rows */
  uint32_t index;      /* of the row in the feed */
  uint32_t wait_first; /* its waits, of which some block */
  uint32_t wait_count;
  uint8_t rank; /* those of this rank do */
};

struct tick_joint {
  uint32_t thread_row, actor_row;
  struct tick_row actor;
  /* the actor is in a wait of its own, which counts: seen first by a read that ended then; else 0 */
  uint64_t calls_since_ns;
};

struct tick_joints {
  struct tick_joint *list; /* by thread_row, once tick_joints_sort was called */
  size_t count, room;
};

/* Adds the joints of a target. `waiting` are the blocked rows of all targets, by row. What was found
 * out is remembered beside the threads' waits. 0 or -ENOMEM. */
int tick_joints_add(struct tick_joints *joints, const struct tick_target *target,
                    const struct tick_waiting *waiting, uint32_t waiting_count);
void tick_joints_sort(struct tick_joints *joints);

/* That of a thread's row, or NULL. */
const struct tick_joint *tick_joints_find(const struct tick_joints *joints, uint32_t thread_row);

/* Was the actor seen to be alone on the thread while this wait for the thread lasted? It is remembered
 * beside the wait. */
bool tick_joint_is_alone(const struct tick_joint *joint, struct wait_memory *wait);

void tick_joints_done(struct tick_joints *joints);

#endif
