/*
 * route_proc.c - the threads of a target as /proc tells them, without any privilege beyond that of reading
 * the target: system call, arguments and run count from kept descriptors (probe/reach), the bytes around
 * futex words from its memory, read after the thread was seen asleep.
 *
 * What does not change while a thread lives (its start, its number inside) is read once; its name is
 * looked at again ever more seldom, as most name themselves right after they began.
 *
 * It cannot tell since when a thread sleeps, nor its frame pointer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/process/process.h"
#include "probe/processor/processor.h"
#include "probe/reach/reach.h"
#include "probe/thread/route.h"

enum {
  STAT_BYTES = 4096,
  STATUS_BYTES = 16384,
  NAMESPACES_MOST = 32,
  THREADS_MOST = 65536, /* of one target; more are counted as lost */
  NAMES_MOST = 256,     /* looked at again in one read */
  NAME_AGE_READS = 64,  /* after so many reads at the latest a name is looked at again */
  PIECES_A_THREAD = 2,  /* the bytes around a word may lie on two pages */
  PAGE_BYTES = 4096,    /* the smallest of any processor: a border too many costs nothing */
};

/* What is known of a thread beyond one read. */
struct known {
  pid_t tid, tid_inside;
  uint64_t start_ticks;
  unsigned reads;
  char comm[THREAD_COMM_BYTES];
};

struct proc_route {
  struct route base;
  const struct reach_target *target;
  struct reach_threads *threads;
  bool nested;         /* the target numbers its threads otherwise than we do */
  struct known *known; /* ascending */
  size_t known_count;
  struct thread_state *list;
  struct reach_piece *pieces;
  size_t room; /* of list; pieces have PIECES_A_THREAD times as many */
};

/* ---- what the kernel says of a thread for ever ---- */

/* The innermost of its numbers; 0 where that cannot be told. *ret_levels: in how many namespaces it has
 * one, counted from ours. */
static pid_t read_inside(const struct reach_target *target, pid_t tid, int *ret_levels)
{
  int ids[NAMESPACES_MOST], count = 0;
  char name[48], *status = NULL;
  (void)snprintf(name, sizeof name, "task/%d/status", (int)tid); /* always fits */
  if (reach_file(target, name, STATUS_BYTES, &status, NULL) == 0)
    count = process_parse_nspid(status, ids, NAMESPACES_MOST);
  free(status);
  *ret_levels = count;
  return count < 1 || count > NAMESPACES_MOST ? 0 : ids[count - 1];
}

static int read_stat(const struct reach_target *target, pid_t tid, struct known *known)
{
  struct process_stat stat;
  char name[48], *text = NULL;
  (void)snprintf(name, sizeof name, "task/%d/stat", (int)tid); /* always fits */
  int error = reach_file(target, name, STAT_BYTES, &text, NULL);
  if (!error)
    error = process_parse_stat(text, &stat);
  free(text);
  if (error)
    return error;
  known->start_ticks = stat.start_ticks;
  (void)snprintf(known->comm, sizeof known->comm, "%.*s", THREAD_COMM_BYTES - 1, stat.comm);
  return 0;
}

static int meet(const struct proc_route *route, pid_t tid, struct known *ret_known)
{
  struct known known = {.tid = tid, .tid_inside = tid};
  int levels, error = read_stat(route->target, tid, &known);
  if (error)
    return error;
  if (route->nested)
    known.tid_inside = read_inside(route->target, tid, &levels);
  *ret_known = known;
  return 0;
}

/* At its 1st, 2nd, 4th ... read, then each time when its turn comes. */
static bool name_is_due(const struct known *known)
{
  bool young = known->reads < NAME_AGE_READS;
  return young ? (known->reads & (known->reads - 1)) == 0
               : (known->reads + (unsigned)known->tid) % NAME_AGE_READS == 0;
}

static const struct known *find_known(const struct proc_route *route, pid_t tid)
{
  size_t low = 0, high = route->known_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (route->known[middle].tid < tid)
      low = middle + 1;
    else
      high = middle;
  }
  return low < route->known_count && route->known[low].tid == tid ? &route->known[low] : NULL;
}

/* Takes over who is in the list of all threads, and reads of the new ones what is to be known of them. */
static int refresh_known(struct proc_route *route, const struct reach_thread *list, size_t count)
{
  struct known *fresh = calloc(count + 1, sizeof *fresh);
  size_t kept = 0, names = 0;
  if (!fresh)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    const struct known *old = list[i].fresh ? NULL : find_known(route, list[i].tid);
    struct known *known = &fresh[kept];
    if (old)
      *known = *old;
    else if (meet(route, list[i].tid, known) != 0)
      continue; /* it has gone meanwhile */
    known->reads++;
    if (old && names < NAMES_MOST && name_is_due(known)) {
      names++;
      (void)read_stat(route->target, known->tid, known); /* gone: it keeps the name that it had */
    }
    kept++;
  }
  free(route->known);
  route->known = fresh;
  route->known_count = kept;
  return 0;
}

/* ---- one read ---- */

/* "running", "-1 SP PC", or "NUMBER ARG0 ... ARG5 SP PC" (fs/proc/base.c, proc_pid_syscall). */
static void parse_syscall(const char *text, struct thread_state *state)
{
  unsigned long long number[THREAD_ARGUMENTS + 2];
  char *end;
  if (strncmp(text, "running", 7) == 0) {
    state->activity = THREAD_RUNS;
    return;
  }
  errno = 0;
  long long call = strtoll(text, &end, 10);
  if (end == text || errno)
    return;
  size_t wanted = call < 0 ? 2 : THREAD_ARGUMENTS + 2;
  for (size_t i = 0; i < wanted; i++) {
    const char *begin = end;
    number[i] = strtoull(begin, &end, 16);
    if (end == begin || errno)
      return;
  }
  state->activity = call < 0 ? THREAD_SLEEPS : THREAD_CALLS;
  state->call = call;
  for (size_t i = 0; call >= 0 && i < THREAD_ARGUMENTS; i++)
    state->arguments[i] = number[i];
  state->sp = number[wanted - 2];
  state->pc = number[wanted - 1];
}

/* The third number: how often it was put on a processor (fs/proc/base.c, proc_pid_schedstat). */
static void parse_schedstat(const char *text, struct thread_state *state)
{
  unsigned long long runs;
  if (sscanf(text, "%*u %*u %llu", &runs) == 1)
    state->run_count = runs;
}

static bool in_futex(const struct thread_state *state)
{
  return state->activity == THREAD_CALLS && state->call == PROCESSOR_CALL_FUTEX &&
         state->arguments[0] >= THREAD_WORD &&
         state->arguments[0] <= UINT64_MAX - THREAD_LOCK_BYTES;
}

/* The bytes around a word, in pieces that keep to pages. Returns how many. */
static size_t ask_lock(struct thread_state *state, struct reach_piece *pieces)
{
  uint64_t at = state->arguments[0] - THREAD_WORD, border = (at / PAGE_BYTES + 1) * PAGE_BYTES;
  size_t first = border - at < THREAD_LOCK_BYTES ? (size_t)(border - at) : THREAD_LOCK_BYTES;
  pieces[0] = (struct reach_piece){at, state->lock, first, false};
  if (first == THREAD_LOCK_BYTES)
    return 1;
  pieces[1] = (struct reach_piece){border, state->lock + first, THREAD_LOCK_BYTES - first, false};
  return 2;
}

/* Is the word itself in what was read? */
static bool word_was_read(const struct thread_state *state, const struct reach_piece *pieces,
                          size_t count)
{
  const uint8_t *word = state->lock + THREAD_WORD;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *bytes = pieces[i].bytes;
    if (pieces[i].read && bytes <= word && word < bytes + pieces[i].length)
      return true;
  }
  return false;
}

static int read_locks(struct proc_route *route, size_t count)
{
  size_t pieces = 0, used;
  for (size_t i = 0; i < count; i++)
    if (in_futex(&route->list[i]))
      pieces += ask_lock(&route->list[i], route->pieces + pieces);
  int error = pieces ? reach_read_pieces(route->target, route->pieces, pieces) : 0;
  if (error)
    return error;
  pieces = 0;
  for (size_t i = 0; i < count; i++) {
    struct thread_state *state = &route->list[i];
    if (!in_futex(state))
      continue;
    used = pieces;
    while (pieces < used + PIECES_A_THREAD &&
           (const uint8_t *)route->pieces[pieces].bytes >= state->lock &&
           (const uint8_t *)route->pieces[pieces].bytes < state->lock + THREAD_LOCK_BYTES)
      pieces++;
    state->lock_read = word_was_read(state, route->pieces + used, pieces - used);
  }
  return 0;
}

static int make_room(struct proc_route *route, size_t count)
{
  if (count <= route->room)
    return 0;
  struct thread_state *list = reallocarray(route->list, count, sizeof *list);
  if (!list)
    return -ENOMEM;
  route->list = list;
  struct reach_piece *pieces = reallocarray(route->pieces, count, PIECES_A_THREAD * sizeof *pieces);
  if (!pieces)
    return -ENOMEM;
  route->pieces = pieces;
  route->room = count;
  return 0;
}

static void fill(struct thread_state *state, const struct reach_thread *thread,
                 const struct known *known)
{
  *state = (struct thread_state){
      .tid = thread->tid, .tid_inside = known->tid_inside, .start_ticks = known->start_ticks};
  memcpy(state->comm, known->comm, sizeof state->comm);
  parse_syscall(thread->syscall, state);
  parse_schedstat(thread->schedstat, state);
}

static int proc_read(struct route *base, const pid_t *tids, size_t tid_count,
                     const struct thread_state **ret_list, size_t *ret_count, uint64_t *ret_lost)
{
  struct proc_route *route = (struct proc_route *)base;
  const struct reach_thread *threads;
  size_t all, count, filled = 0;
  int error = reach_threads_read(route->threads, tids, tid_count, &threads, &all);
  if (error)
    return error;
  count = all < THREADS_MOST ? all : THREADS_MOST;
  error = make_room(route, count ? count : 1);
  if (!error && !tids)
    error = refresh_known(route, threads, count);
  if (error)
    return error;
  for (size_t i = 0; i < count; i++) {
    const struct known *known = find_known(route, threads[i].tid);
    if (known && !(tids && threads[i].fresh)) /* else gone, or another than the one asked for */
      fill(&route->list[filled++], &threads[i], known);
  }
  error = read_locks(route, filled);
  if (error)
    return error;
  *ret_list = route->list;
  *ret_count = filled;
  *ret_lost = all - count;
  return 0;
}

/* ---- life ---- */

static void proc_close(struct route *base)
{
  struct proc_route *route = (struct proc_route *)base;
  if (!route)
    return;
  reach_threads_close(route->threads);
  free(route->known);
  free(route->list);
  free(route->pieces);
  free(route);
}

static int proc_open(const struct reach_target *target, struct route **ret_route, char *reason,
                     size_t room)
{
  struct proc_route *route = calloc(1, sizeof *route);
  int levels, error = -ENOMEM;
  if (!route)
    goto out;
  route->base.kind = &route_proc;
  route->target = target;
  error = reach_threads_open(target, &route->threads);
  if (error)
    goto out;
  (void)read_inside(target, reach_pid(target), &levels);
  route->nested = levels > 1;
  *ret_route = &route->base;
  return 0;
out:
  reach_explain(reach_pid(target), error, reason, room);
  proc_close(route ? &route->base : NULL);
  return error;
}

const struct route_kind route_proc = {
    .name = "/proc",
    .open = proc_open,
    .read = proc_read,
    .close = proc_close,
};
