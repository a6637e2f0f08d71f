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
#include "probe/thread/edges.h"
#include "probe/thread/exact.h"
#include "probe/thread/route_choice.h"
#include "probe/thread/rows.h"
#include "probe/thread/session.h"
#include "probe/thread/stacks.h"
#include "probe/thread/worth.h"

static void exact_off(struct session *session)
{
  exact_close(session->exact);
  session->exact = NULL;
  session->locks.exact = false;
}

static int exact_on(struct session *session, char reason[SOURCE_REASON_BYTES])
{
  int error = exact_open(session, &session->exact, reason);
  session->locks.exact = !error;
  return error;
}

/* What was learned of a target goes, what it is stays. */
static void session_detach(struct session *session)
{
  exact_off(session);
  if (session->route)
    session->route->kind->close(session->route);
  session->route = NULL;
  stack_close(session->stack);
  session->stack = NULL;
  roster_done(&session->roster);
  locks_done(&session->locks);
  shared_done(&session->shared);
}

static int session_attach(struct session *session, char reason[SOURCE_REASON_BYTES])
{
  vital_read(session->target, &session->vital);
  int error = route_choice_open(session->target, &session->route, reason, SOURCE_REASON_BYTES);
  if (!error && stack_open(session->target, &session->stack) != 0)
    session->stack = NULL; /* locks and functions go by their addresses then */
  return error;
}

static void session_free(struct session *session)
{
  if (!session)
    return;
  session_detach(session);
  vital_done(&session->vital);
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
  vital_init(&session->vital);
  session->target_key = TARGET_KEY(reach_start_ticks(target), reach_pid(target));
  int error = session_attach(session, reason);
  if (error) {
    session_free(session);
    return error;
  }
  *ret_session = session;
  return 0;
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

/* After an exec nothing of what was learned is true any more. */
static int follow_exec(struct session *session)
{
  char reason[SOURCE_REASON_BYTES];
  uint64_t was = session->vital.image;
  vital_read(session->target, &session->vital);
  if (!session->vital.image)
    session->vital.image = was;
  if (!was || was == session->vital.image)
    return 0;
  bool exact = session->exact != NULL;
  session_detach(session);
  int error = session_attach(session, reason);
  if (!error && exact && exact_on(session, reason) != 0)
    (void)snprintf(session->complaint, sizeof session->complaint, "%s", reason);
  return error;
}

/* A route may fail where another does not; that is told once. */
static int change_route(struct session *session, int error)
{
  struct route *route = error != -ESRCH && error != -ENOMEM && reach_alive(session->target)
                            ? route_choice_instead(session->target, session->route)
                            : NULL;
  if (!route)
    return error;
  (void)snprintf(session->complaint, sizeof session->complaint,
                 "reading threads by %s failed (%s): read by %s from now on",
                 session->route->kind->name, strerror(-error), route->kind->name);
  session->route->kind->close(session->route);
  session->route = route;
  return 0;
}

static int read_all(struct session *session, uint64_t now_ns)
{
  const struct thread_state *list;
  size_t count;
  int error = session->route ? 0 : -EACCES; /* after an exec into what may not be read */
  if (!error)
    error = session->route->kind->read(session->route, NULL, 0, &list, &count, &session->lost);
  if (error && session->route && change_route(session, error) == 0)
    error = session->route->kind->read(session->route, NULL, 0, &list, &count, &session->lost);
  return error ? error : roster_take_all(&session->roster, list, count, now_ns);
}

/* Counted exactly, until that becomes too dear. */
static void take_exact(struct session *session, uint64_t now_ns)
{
  if (session->exact && exact_take(session->exact, session, now_ns, session->complaint) != 0)
    exact_off(session);
}

/* ---- facts ---- */

static void add_gap(struct session *session, struct sweep *sweep, uint64_t count,
                    const char *reason)
{
  struct sweep_gap *gap = count ? sweep_add_gap(sweep) : NULL;
  if (!gap)
    return;
  gap->reason = sweep_add_text(sweep, reason, strlen(reason));
  gap->count = (int64_t)count;
  session->lost_count += gap->count;
}

static void tell_gaps(struct session *session, struct sweep *sweep)
{
  add_gap(session, sweep, session->lost, "too many threads: some were not read");
  add_gap(session, sweep, session->locks.lost, "too many locks with waiters: some have no row");
  session->locks.lost = 0;
  struct sweep_gap *gap = session->complaint[0] ? sweep_add_gap(sweep) : NULL;
  if (!gap)
    return;
  gap->reason = sweep_add_text(sweep, session->complaint, strlen(session->complaint));
  gap->count = VALUE_UNKNOWN;
  session->complaint[0] = '\0';
}

static void fill_target(struct session *session, struct sweep *sweep)
{
  sweep->target.runtime = sweep_add_text(sweep, "thread", strlen("thread"));
  if (sweep->kind != SWEEP_FULL)
    return;
  const char *route = session->route->kind->name;
  sweep->target.version = sweep_add_format(sweep, "by %s", route);
  sweep->target.state = session->vital.stopped ? TARGET_STOPPED : TARGET_RUNNING;
  tell_gaps(session, sweep);
  sweep->target.lost_count = session->lost_count;
}

/* ---- sweeps ---- */

static void note_ended(struct session *session)
{
  for (size_t i = 0; i < session->roster.ended_count; i++)
    locks_ended(&session->locks, session->roster.ended[i].lock, session->roster.ended[i].waited_ns);
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
  error = follow_exec(session);
  if (error)
    goto out;
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
  error =
      edges_find(session, looked.indices, edges_list_waiting(session, looked.indices, looked.tids));
  take_exact(session, sweep->begin_ns);
  note_ended(session);
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
  error = -EACCES;
  if (!session->route)
    goto out;
  waiting = edges_list_waiting(session, looked.indices, looked.tids);
  error = session->route->kind->read(session->route, looked.tids, waiting, &list, &count, &lost);
  if (error)
    goto out;
  roster_take_some(&session->roster, looked.indices, waiting, list, count, sweep->begin_ns);
  note_ended(session);
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

/* ---- probes ---- */

static int source_exact(void *context, bool on, char reason[SOURCE_REASON_BYTES])
{
  struct session *session = context;
  exact_off(session);
  return on ? exact_on(session, reason) : 0;
}

/* ---- questions ---- */

static int source_ask(void *context, uint64_t actor, enum feed_question question, char **ret_text)
{
  switch (question) {
  case FEED_STACK:
    return stacks_answer(context, actor, ret_text);
  case FEED_LOCKS:
    return exact_answer(context, ret_text);
  default:
    return -EOPNOTSUPP;
  }
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
    .exact = source_exact,
    .ask = source_ask,
    .close = source_close,
};
