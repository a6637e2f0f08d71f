/* rows.c - see rows.h. */
#include "probe/thread/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe/thread/names.h"

static const char *const kind_words[] = {
    [CLASSIFY_MUTEX] = "mutex",           [CLASSIFY_ROBUST] = "mutex",
    [CLASSIFY_INHERIT] = "mutex",         [CLASSIFY_RWLOCK_WRITER] = "rwlock",
    [CLASSIFY_RWLOCK_READERS] = "rwlock", [CLASSIFY_JOIN] = "thread",
};

/* ---- actors ---- */

static uint8_t state_of(const struct session *session, const struct member *member)
{
  switch (member->state.activity) {
  case THREAD_RUNS:
    return ACTOR_RUNNING;
  case THREAD_SLEEPS: /* stopped, or waiting for a page */
    return session->vital.stopped ? ACTOR_SUSPENDED : ACTOR_RUNNING;
  case THREAD_CALLS:
    return member_waits(member) ? ACTOR_BLOCKED : ACTOR_RECEIVE;
  default:
    return ENUM_UNKNOWN;
  }
}

static uint32_t add_word(struct sweep *sweep, const char *word)
{
  return word ? sweep_add_text(sweep, word, strlen(word)) : 0;
}

/* "worker/4711", without the price of a format for each of ten thousand. */
static uint32_t add_name(struct sweep *sweep, const struct thread_state *thread)
{
  char text[THREAD_COMM_BYTES + 16], *end = text + sizeof text, *at = end;
  size_t length = strnlen(thread->comm, THREAD_COMM_BYTES);
  for (unsigned number = (unsigned)thread->tid; at == end || number > 0; number /= 10)
    *--at = (char)('0' + number % 10);
  *--at = '/';
  at -= length;
  memcpy(at, thread->comm, length);
  return sweep_add_text(sweep, at, (size_t)(end - at));
}

static int add_actor(const struct session *session, struct sweep *sweep,
                     const struct member *member)
{
  const struct thread_state *thread = &member->state;
  struct sweep_actor *row = sweep_add_actor(sweep);
  if (!row)
    return -ENOMEM;
  row->key = thread_key(thread);
  row->kind = ACTOR_KIND_THREAD;
  if (member->gone) {
    row->flags |= SWEEP_ACTOR_GONE;
    return 0;
  }
  row->tid = (uint32_t)thread->tid;
  row->state = state_of(session, member);
  if (thread->activity != THREAD_UNKNOWN) {
    row->work_count = (int64_t)(thread->run_count & INT64_MAX);
    row->work_unit = session->route->kind == &route_proc ? WORK_RUNS : WORK_SWITCHES;
  }
  row->function = add_word(sweep, member->site ? member->site : member->verdict.function);
  if (sweep->kind == SWEEP_FULL)
    row->name = add_name(sweep, thread);
  return 0;
}

/* ---- waits ---- */

static const struct member *holder_of(const struct session *session, const struct member *member)
{
  return member->edge == EDGE_HELD && !member->holder_target
             ? roster_inside(&session->roster, member->verdict.owner)
             : NULL;
}

/* "rwlock ledger, held by 3 readers" */
static uint32_t lock_object(struct sweep *sweep, const struct classify_verdict *verdict,
                            const char *name)
{
  const char *word = kind_words[verdict->kind];
  char address[32];
  (void)snprintf(address, sizeof address, "0x%" PRIx64, verdict->lock);
  if (verdict->kind == CLASSIFY_RWLOCK_READERS && verdict->readers > 0)
    return sweep_add_format(sweep, "%s %s, held by %" PRIu32 " reader%s", word,
                            name ? name : address, verdict->readers,
                            verdict->readers == 1 ? "" : "s");
  return sweep_add_format(sweep, "%s %s", word, name ? name : address);
}

/* All who wait for one lock share the text: ten thousand may. */
static uint32_t object_of(const struct session *session, struct sweep *sweep,
                          const struct member *member, struct lock *lock)
{
  const struct classify_verdict *verdict = &member->verdict;
  const struct member *joined = verdict->kind == CLASSIFY_JOIN ? holder_of(session, member) : NULL;
  if (joined)
    return sweep_add_format(sweep, "%s %.*s/%d", kind_words[verdict->kind], THREAD_COMM_BYTES,
                            joined->state.comm, joined->state.tid);
  if (!lock)
    return lock_object(sweep, verdict, NULL);
  if (!lock->object)
    lock->object = lock_object(sweep, verdict, lock->name);
  return lock->object;
}

static uint8_t via_of(const struct classify_verdict *verdict)
{
  if (verdict->kind == CLASSIFY_JOIN)
    return VIA_JOIN;
  return verdict->for_reading ? VIA_RDLOCK : VIA_LOCK;
}

/* The same lock and holder. Who waits for a holder that is no more is in another wait than who waits for
 * somebody unknown. */
static struct wait_id id_of(const struct member *member)
{
  uint64_t holder =
      member->edge == EDGE_ORPHAN ? UINT64_MAX : member->holder ^ member->holder_target;
  return (struct wait_id){member->verdict.lock, holder};
}

static int add_wait(const struct session *session, struct sweep *sweep, const struct member *member,
                    struct lock *lock)
{
  uint32_t object = object_of(session, sweep, member, lock);
  struct sweep_wait *wait = sweep_add_wait(sweep);
  if (!wait)
    return -ENOMEM;
  wait->waiter = thread_key(&member->state);
  wait->id = id_of(member);
  wait->run_count = member->state.run_count;
  wait->since_ns = member->since_ns;
  wait->object = object;
  wait->via = via_of(&member->verdict);
  wait->needs = NEEDS_ALL;
  wait->timeout = member->verdict.timed ? TIMEOUT_SOME : TIMEOUT_NONE;
  wait->open = member->edge == EDGE_UNKNOWN || member->verdict.kind == CLASSIFY_INHERIT;
  wait->exclusive = member->edge == EDGE_HELD && member->verdict.proves;
  wait->holder_first = (uint32_t)sweep->holder_count;
  wait->holder_count = 0;
  if (member->edge != EDGE_HELD)
    return 0;
  struct sweep_holder *holder = sweep_add_holder(sweep);
  if (!holder)
    return -ENOMEM;
  holder->target = member->holder_target;
  holder->actor = member->holder;
  wait->holder_count = 1;
  return 0;
}

static int add_waiting(struct session *session, struct sweep *sweep, struct member *member)
{
  struct lock *lock = NULL;
  if (member->verdict.kind != CLASSIFY_JOIN) {
    lock = locks_note(&session->locks, member, holder_of(session, member));
    if (lock)
      names_lock(session, member, lock, sweep);
  }
  names_site(session, member, sweep);
  return add_wait(session, sweep, member, lock);
}

/* ---- tables ---- */

static int add_table(struct sweep *sweep, const struct lock *lock)
{
  struct sweep_table *row = sweep_add_table(sweep);
  if (!row)
    return -ENOMEM;
  row->key = ACTOR_KEY(SOURCE_TAG_THREAD, lock->address);
  row->kind = lock->kind;
  row->owner = lock->owner;
  row->read_waiters = (int64_t)lock->read_waiters;
  row->write_waiters = (int64_t)lock->write_waiters;
  row->wait_ns = (int64_t)lock->wait_ns;
  row->contended_count = (int64_t)lock->contended_count;
  row->max_wait_ns = (int64_t)lock->max_wait_ns;
  row->name = lock->name ? add_word(sweep, lock->name)
                         : sweep_add_format(sweep, "0x%" PRIx64, lock->address);
  return 0;
}

static int add_tables(struct session *session, struct sweep *sweep)
{
  for (struct lock *lock = session->locks.by_address; lock; lock = lock->hh.next) {
    names_variable(session, lock, sweep);
    if (add_table(sweep, lock) != 0)
      return -ENOMEM;
  }
  return 0;
}

int rows_fill(struct session *session, struct sweep *sweep, const uint32_t *indices, size_t count)
{
  bool full = indices == NULL;
  size_t rows = full ? session->roster.count : count;
  locks_begin(&session->locks);
  if (full)
    names_begin(session);
  for (size_t i = 0; i < rows; i++) {
    struct member *member = &session->roster.list[full ? i : indices[i]];
    int error = 0;
    if (!member->gone && member_waits(member))
      error = add_waiting(session, sweep, member);
    if (!error)
      error = add_actor(session, sweep, member);
    if (error)
      return error;
  }
  locks_end(&session->locks, !full, sweep->begin_ns);
  return full ? add_tables(session, sweep) : 0;
}
