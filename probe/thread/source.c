/*
 * source.c - the source `thread`: programs that nobody prepared. It tells which of their threads wait for
 * which lock and who has it, from the system call that each is blocked in and the bytes of its lock.
 *
 * Not here: the parts (session.h has the map).
 */
#include "probe/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/clock.h"
#include "probe/process/process.h"
#include "probe/thread/edges.h"
#include "probe/thread/rows.h"
#include "probe/thread/session.h"
#include "probe/thread/worth.h"

enum { STAT_BYTES = 4096 };

static void session_free(struct session *session)
{
  if (!session)
    return;
  if (session->route)
    session->route->kind->close(session->route);
  if (session->stack)
    stack_close(session->stack);
  roster_done(&session->roster);
  locks_done(&session->locks);
  free(session);
}

static void source_close(void *context)
{
  session_free(context);
}

static int source_open(struct reach_target *target, void **ret_session,
                       char reason[SOURCE_REASON_BYTES])
{
  struct session *session = calloc(1, sizeof *session);
  if (!session)
    return -ENOMEM;
  session->target = target;
  session->target_key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  int error = route_proc.open(target, &session->route, reason, SOURCE_REASON_BYTES);
  if (error)
    goto out;
  if (!stack_open || stack_open(target, &session->stack) != 0)
    session->stack = NULL; /* locks and functions go by their addresses then */
  *ret_session = session;
  session = NULL;
out:
  session_free(session);
  return error;
}

/* ---- a failed sweep ---- */

static int give_failed(const struct session *session, int error, struct sweep **ret_sweep)
{
  char reason[SOURCE_REASON_BYTES] = "exited";
  struct sweep *sweep = sweep_new(session->target_key, SOURCE_TAG_THREAD, SWEEP_FAILED);
  if (!sweep)
    return -ENOMEM;
  bool alive = reach_alive(session->target);
  if (alive)
    reach_explain(reach_pid(session->target), error, reason, sizeof reason);
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.runtime = sweep_add_text(sweep, "thread", strlen("thread"));
  sweep->target.state = alive ? TARGET_UNREADABLE : TARGET_GONE;
  sweep->target.reason = sweep_add_text(sweep, reason, strlen(reason));
  *ret_sweep = sweep;
  return 0;
}

/* ---- a read ---- */

static int read_all(struct session *session, uint64_t now_ns)
{
  const struct thread_state *list;
  size_t count;
  int error = session->route->kind->read(session->route, NULL, 0, &list, &count, &session->lost);
  return error ? error : roster_take_all(&session->roster, list, count, now_ns);
}

/* Who waits, ascending. */
static size_t list_waiting(const struct roster *roster, uint32_t *indices, pid_t *tids)
{
  size_t count = 0;
  for (size_t i = 0; i < roster->count; i++) {
    if (roster->list[i].gone || !member_waits(&roster->list[i]))
      continue;
    tids[count] = roster->list[i].state.tid;
    indices[count++] = (uint32_t)i;
  }
  return count;
}

static void fill_target(struct session *session, struct sweep *sweep)
{
  sweep->target.runtime = sweep_add_text(sweep, "thread", strlen("thread"));
  if (sweep->kind != SWEEP_FULL)
    return;
  const char *route = session->route->kind->name;
  sweep->target.version = sweep_add_text(sweep, route, strlen(route));
  sweep->target.state = session->stopped ? TARGET_STOPPED : TARGET_RUNNING;
}

struct looked {
  uint32_t *indices;
  pid_t *tids;
};

static void looked_done(struct looked *looked)
{
  free(looked->indices);
  free(looked->tids);
}

static int source_sweep(void *context, struct sweep **ret_sweep)
{
  struct session *session = context;
  struct looked looked = {0};
  struct sweep *sweep = sweep_new(session->target_key, SOURCE_TAG_THREAD, SWEEP_FULL);
  int error = -ENOMEM;
  if (!sweep)
    return -ENOMEM;
  sweep->begin_ns = clock_mono_ns();
  if (session->stack)
    stack_refresh(session->stack);
  error = read_all(session, sweep->begin_ns);
  if (error)
    goto out;
  looked.indices = calloc(session->roster.count + 1, sizeof *looked.indices);
  looked.tids = calloc(session->roster.count + 1, sizeof *looked.tids);
  error = -ENOMEM;
  if (!looked.indices || !looked.tids)
    goto out;
  error = edges_find(session, looked.indices,
                     list_waiting(&session->roster, looked.indices, looked.tids));
  if (!error)
    error = rows_fill(session, sweep, NULL, 0);
  if (error)
    goto out;
  fill_target(session, sweep);
  sweep_sort(sweep);
  sweep->end_ns = clock_mono_ns();
  if (!reach_alive(session->target))
    error = -ESRCH;
out:
  looked_done(&looked);
  if (!error) {
    *ret_sweep = sweep;
    return 0;
  }
  sweep_free(sweep);
  return error == -ENOMEM ? error : give_failed(session, error, ret_sweep);
}

static int source_round(void *context, struct sweep **ret_sweep)
{
  struct session *session = context;
  const struct thread_state *list;
  struct looked looked = {calloc(session->roster.count + 1, sizeof *looked.indices),
                          calloc(session->roster.count + 1, sizeof *looked.tids)};
  struct sweep *sweep = sweep_new(session->target_key, SOURCE_TAG_THREAD, SWEEP_ROUND);
  size_t count, waiting;
  uint64_t lost;
  int error = -ENOMEM;
  if (!sweep || !looked.indices || !looked.tids)
    goto out;
  sweep->begin_ns = clock_mono_ns();
  waiting = list_waiting(&session->roster, looked.indices, looked.tids);
  error = session->route->kind->read(session->route, looked.tids, waiting, &list, &count, &lost);
  if (error)
    goto out;
  roster_take_some(&session->roster, looked.indices, waiting, list, count, sweep->begin_ns);
  error = edges_find(session, looked.indices, waiting);
  if (!error)
    error = rows_fill(session, sweep, looked.indices, waiting);
  if (error)
    goto out;
  fill_target(session, sweep);
  sweep_sort(sweep);
  sweep->end_ns = clock_mono_ns();
  if (!reach_alive(session->target))
    error = -ESRCH; /* nobody is blocked in what is dead */
out:
  looked_done(&looked);
  if (!error)
    *ret_sweep = sweep;
  else
    sweep_free(sweep);
  return error;
}

/* ---- questions ---- */

static int source_ask(void *context, uint64_t actor, enum feed_question question, char **ret_text)
{
  (void)context, (void)actor, (void)question, (void)ret_text;
  return -EOPNOTSUPP;
}

extern const struct source source_thread;
const struct source source_thread = {
    .name = "thread",
    .tag = SOURCE_TAG_THREAD,
    .help =
        "Programs with threads, as they are: which thread waits for which lock, and who has it.",
    .otherwise = "has no thread that waits in a futex",
    .beneath = true,
    .probe = worth_probe,
    .open = source_open,
    .sweep = source_sweep,
    .round = source_round,
    .ask = source_ask,
    .close = source_close,
};
