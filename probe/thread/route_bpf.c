/*
 * route_bpf.c - the threads of a target by the kernel's iterator over tasks (bpf/tasks.h): in one go, at a
 * tenth of the price of /proc, with the instant at which each fell asleep and with its frame pointer. For
 * whoever may load programs for the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/tasks.h"
#include "probe/thread/route.h"

enum { THREADS_MOST = 65536 /* of one target; more are counted as lost */ };

_Static_assert((int)TASK_LOCK_BYTES == (int)THREAD_LOCK_BYTES &&
                   (int)TASK_WORD == (int)THREAD_WORD &&
                   (int)TASK_ARGUMENTS == (int)THREAD_ARGUMENTS &&
                   (int)TASK_COMM_BYTES == (int)THREAD_COMM_BYTES,
               "both sides mean the same bytes");

struct bpf_route {
  struct route base;
  const struct reach_target *target;
  struct tasks *tasks;
  uint64_t tick_ns; /* of the clock in which /proc tells when a thread began */
  struct thread_state *list;
  size_t room;
};

static const enum thread_activity ACTIVITIES[] = {
    [TASK_RUNS] = THREAD_RUNS, [TASK_CALLS] = THREAD_CALLS, [TASK_SLEEPS] = THREAD_SLEEPS};

static void fill(struct thread_state *state, const struct task_record *record, uint64_t tick_ns)
{
  *state = (struct thread_state){
      .tid = (pid_t)record->tid,
      .tid_inside = (pid_t)record->tid_inside,
      .start_ticks = record->start_ns / tick_ns,
      .activity = record->activity <= TASK_SLEEPS ? ACTIVITIES[record->activity] : THREAD_UNKNOWN,
      .run_count = record->run_count,
      .since_ns = record->since_ns,
  };
  memcpy(state->comm, record->comm, sizeof state->comm);
  if (state->activity == THREAD_RUNS)
    return;
  state->sp = record->sp;
  state->pc = record->pc;
  state->frame = record->frame;
  if (state->activity != THREAD_CALLS)
    return;
  state->call = record->call;
  memcpy(state->arguments, record->arguments, sizeof state->arguments);
  state->lock_read = record->lock_read;
  memcpy(state->lock, record->lock, sizeof state->lock);
}

static int by_tid(const void *a, const void *b)
{
  const struct thread_state *left = a, *right = b;
  return (left->tid > right->tid) - (left->tid < right->tid);
}

/* The kernel lists them in the order in which they began, so most often there is nothing to do. */
static void sort(struct thread_state *list, size_t count)
{
  for (size_t i = 1; i < count; i++)
    if (list[i - 1].tid > list[i].tid) {
      qsort(list, count, sizeof *list, by_tid);
      return;
    }
}

/* Is it in the ascending list, searched from *place on? Who asks does so in ascending order. */
static bool is_asked(const pid_t *tids, size_t tid_count, size_t *place, pid_t tid)
{
  while (*place < tid_count && tids[*place] < tid)
    ++*place;
  return *place < tid_count && tids[*place] == tid;
}

static int make_room(struct bpf_route *route, size_t count)
{
  if (count <= route->room)
    return 0;
  struct thread_state *list = reallocarray(route->list, count, sizeof *list);
  if (!list)
    return -ENOMEM;
  route->list = list;
  route->room = count;
  return 0;
}

static int bpf_read(struct route *base, const pid_t *tids, size_t tid_count,
                    const struct thread_state **ret_list, size_t *ret_count, uint64_t *ret_lost)
{
  struct bpf_route *route = (struct bpf_route *)base;
  const struct task_record *records;
  size_t count, place = 0, kept = 0;
  int error = tasks_read(route->tasks, tids, tid_count, THREADS_MOST, &records, &count, ret_lost);
  if (!error && !reach_alive(route->target)) /* what was read may be of who has its pid now */
    error = -ESRCH;
  if (!error)
    error = make_room(route, count ? count : 1);
  if (error)
    return error;
  for (size_t i = 0; i < count; i++)
    fill(&route->list[i], &records[i], route->tick_ns);
  sort(route->list, count);
  for (size_t i = 0; tids && i < count; i++)
    if (is_asked(tids, tid_count, &place, route->list[i].tid))
      route->list[kept++] = route->list[i];
  *ret_list = route->list;
  *ret_count = tids ? kept : count;
  return 0;
}

static void bpf_close(struct route *base)
{
  struct bpf_route *route = (struct bpf_route *)base;
  if (!route)
    return;
  tasks_close(route->tasks);
  free(route->list);
  free(route);
}

static int bpf_open(const struct reach_target *target, struct route **ret_route, char *reason,
                    size_t room)
{
  struct bpf_route *route = calloc(1, sizeof *route);
  if (!route)
    return -ENOMEM;
  route->base.kind = &route_bpf;
  route->target = target;
  route->tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
  int error = tasks_open(reach_pid(target), &route->tasks, reason, room);
  if (error) {
    bpf_close(&route->base);
    return error;
  }
  *ret_route = &route->base;
  return 0;
}

const struct route_kind route_bpf = {
    .name = "iterator",
    .open = bpf_open,
    .read = bpf_read,
    .close = bpf_close,
};
