/*
 * impasse.h - lets a program be watched: its actors, mailboxes, calls and tables. C11 and C++17
 * (impasse.hpp is nicer there). Link with -limpasse, or call nothing and pay nothing.
 * Not here: how the state is laid out (region.h), anything that looks at it (the program
 * `impasse`).
 *
 *     struct impasse_actor bank = impasse_actor_open(impasse_text("bank"));
 *     impasse_put(impasse_mailbox_of(bank), 1);     // by the sender, before it enqueues
 *     impasse_take(impasse_mailbox_of(bank), 1);    // by the bank, after it dequeued
 *     struct impasse_wait call = impasse_call_begin(client, bank.ref, 0, 0);
 *     ... wait for the answer ...
 *     impasse_call_end(call);
 *     impasse_actor_close(bank);
 *
 * What it promises. It never prints, aborts, blocks, or changes errno. Counters and states cost 1
 * to 2 ns, no lock, no system call, no allocation; a wait takes one timestamp. On any trouble (no
 * memfd, no memory, a filter on system calls) it switches itself off, impasse_status() says why,
 * and the program goes on. After a fork the child starts afresh at its first open; handles that it
 * inherited are inert there.
 *
 * Handles are small values, to be copied at will. There is no state hidden in threads: actors may
 * move between threads, coroutines may suspend. A handle that is zero, closed, inherited or was
 * opened in vain is inert: whatever is done with it does nothing.
 *
 * Threads. "Runner" below is whoever runs the actor at that moment: one at a time, each hand-over
 * ordered by the program's own scheduler. Everything else may be called by any thread at any time.
 *
 *    who may call                         what
 *    any thread                           start, stop, class, every _open and _close, put, drop_*,
 *                                         call_forward, runnable, promise_fulfiller, service_*,
 *                                         table_* (with an actor: its runner)
 *    one thread at a time for a mailbox   put_single (then nobody calls put on that mailbox), take
 *    the runner of the actor              wait_begin, wait_end and their kin, receive_*, run_*,
 *                                         function, memory
 *
 * Define IMPASSE_DISABLE before including, and all of this compiles to nothing (the library need
 * not be linked). Define IMPASSE_USDT (needs <sys/sdt.h>), in all parts of a program or in none, for
 * USDT sites, 1-byte nops, in the inlined operations as well; the others have theirs in the library.
 * Through them `impasse --exact` watches a program whose memory it may not read.
 */
#ifndef IMPASSE_H
#define IMPASSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/hook/region.h"

/* Each site stands behind what it tells of, and its third argument (of IMPASSE_PROBE_TWO the fourth
 * as well) is the hot line of the slot that has changed, or NULL: who is there finds all of it. */
#ifdef IMPASSE_USDT
#include <sys/sdt.h>
#define IMPASSE_PROBE(name, a, b, slot)                                                            \
  do {                                                                                             \
    __atomic_signal_fence(__ATOMIC_SEQ_CST);                                                       \
    DTRACE_PROBE3(impasse, name, a, b, slot);                                                      \
  } while (0)
#define IMPASSE_PROBE_TWO(name, a, b, slot, other)                                                 \
  do {                                                                                             \
    __atomic_signal_fence(__ATOMIC_SEQ_CST);                                                       \
    DTRACE_PROBE4(impasse, name, a, b, slot, other);                                               \
  } while (0)
#else
#define IMPASSE_PROBE(name, a, b, slot) ((void)(a), (void)(b), (void)(slot))
#define IMPASSE_PROBE_TWO(name, a, b, slot, other)                                                 \
  ((void)(a), (void)(b), (void)(slot), (void)(other))
#endif
#ifdef IMPASSE_DISABLE
#define IMPASSE_ON 0
#else
#define IMPASSE_ON 1
#endif

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- Handles --------------------------------------------------------------------------------- */

/* What all handles have in common, and what a holder is named by. All zero = nobody known. */
struct impasse_ref {
  struct impasse_hot *slot;
  uint32_t generation;
  uint32_t stamp; /* (epoch of the process + 1) << 24 | number of the slot */
};

struct impasse_actor {
  struct impasse_ref ref;
};
struct impasse_mailbox {
  struct impasse_ref ref;
};
struct impasse_pool {
  struct impasse_ref ref;
};
struct impasse_service { /* a name behind which several actors answer */
  struct impasse_ref ref;
};
struct impasse_promise { /* answered by somebody who may be known later */
  struct impasse_ref ref;
};
struct impasse_table { /* shared state with a lock */
  struct impasse_ref ref;
};
struct impasse_wait { /* may travel in the request, for impasse_call_forward */
  struct impasse_ref ref;
  uint64_t call;
};
struct impasse_worker { /* a thread of a pool */
  struct impasse_ref pool;
  uint32_t tid;
  uint32_t stamp;
};

/* A holder that is not known; no parent; no pool. */
static inline struct impasse_ref impasse_unknown(void)
{
  struct impasse_ref ref = {NULL, 0, 0};
  return ref;
}

/* ---- Inner parts: the library behind the inline functions. Not to be called by programs. ----- */

/* Private memory that a fork wipes: epoch 0 = not started, switched off, or a child that has
 * not called yet. */
struct impasse_gate {
  uint32_t epoch; /* 1..254 */
};
extern struct impasse_gate *impasse_gate;

struct impasse_name {
  const char *text;  /* or NULL: class and number */
  uint64_t number;   /* UINT64_MAX: the class alone */
  uint32_t class_id; /* 0: no name */
  uint32_t flags;    /* enum impasse_name_flags */
};

struct impasse_opening {
  struct impasse_name name;
  struct impasse_ref parent, pool, owner;
  uint64_t capacity;
  uint32_t kind;       /* enum impasse_kind */
  uint32_t table_kind; /* enum impasse_table_kind */
};

/* How to start; all zero = the defaults. `slots_most`: things open at once, of all kinds together;
 * what is opened beyond it is counted and inert. 0 = 4,194,304; at most 16,777,216. */
struct impasse_options {
  uint32_t slots_most;
};

/* A wait in full. 42 holders can be recorded; with more, or with impasse_unknown() among them, the
 * wait counts as open. The list is copied. */
struct impasse_wait_request {
  const struct impasse_ref *holders;
  uint32_t holder_count;
  uint32_t via;        /* enum impasse_via */
  uint32_t flags;      /* enum impasse_wait_flags */
  uint32_t object;     /* impasse_class() of what it is about, or 0 */
  uint64_t timeout_ns; /* length; IMPASSE_TIMEOUT_NONE, IMPASSE_TIMEOUT_UNKNOWN */
};

/* What header and library must agree on; each passes it to the other. */
#define IMPASSE_ABI                                                                                \
  ((uint64_t)IMPASSE_LAYOUT << 48 | (uint64_t)sizeof(struct impasse_opening) << 36 |               \
   (uint64_t)sizeof(struct impasse_wait_request) << 24 |                                           \
   (uint64_t)sizeof(struct impasse_options) << 12 | (uint64_t)sizeof(struct impasse_wait))

int impasse_start_abi(uint64_t abi, const struct impasse_options *options);
void impasse_stop_now(void);
int impasse_status_now(void);
uint32_t impasse_class_abi(uint64_t abi, const char *text);
struct impasse_ref impasse_open_abi(uint64_t abi, const struct impasse_opening *opening);
void impasse_close_ref(struct impasse_ref ref);
uint64_t impasse_wait_clock(void);
struct impasse_wait impasse_wait_begin_many(struct impasse_ref waiter,
                                            const struct impasse_wait_request *request);
void impasse_wait_list_close(uint64_t list);
void impasse_wait_lost(void);
struct impasse_worker impasse_worker_of(struct impasse_ref pool);
void impasse_member_add(struct impasse_ref service, uint64_t member);
void impasse_member_remove(struct impasse_ref service, uint64_t member);
void impasse_table_wait_opened(struct impasse_ref table, bool write, uint64_t now_ns);
void impasse_table_wait_closed(struct impasse_ref table, bool write, uint64_t since_ns);
void impasse_table_acquired_ref(struct impasse_ref table, struct impasse_ref actor, bool write);
void impasse_table_released_ref(struct impasse_ref table, struct impasse_ref actor);
void impasse_table_size_ref(struct impasse_ref table, int64_t items, int64_t bytes);

static inline bool impasse_ref_usable(struct impasse_ref ref)
{
  return IMPASSE_ON &&
         ref.stamp >> 24 == __atomic_load_n(&impasse_gate->epoch, __ATOMIC_RELAXED) + 1;
}

/* The slot behind a handle, or NULL where the handle is inert. */
static inline struct impasse_hot *impasse_ref_slot(struct impasse_ref ref)
{
  if (!impasse_ref_usable(ref) ||
      __atomic_load_n(&ref.slot->generation, __ATOMIC_RELAXED) != ref.generation)
    return NULL;
  return ref.slot;
}

static inline struct impasse_box *impasse_ref_box(struct impasse_ref ref)
{
  if (!impasse_ref_usable(ref))
    return NULL;
  struct impasse_box *box = (struct impasse_box *)impasse_line(ref.slot, IMPASSE_ARRAY_BOX);
  return __atomic_load_n(&box->generation, __ATOMIC_RELAXED) == ref.generation ? box : NULL;
}

/* The reference as it stands in shared memory; 0 for a handle of another epoch. The one behind it
 * may be gone. */
static inline uint64_t impasse_ref_word(struct impasse_ref ref)
{
  return impasse_ref_usable(ref) ? IMPASSE_REF(ref.stamp & 0xffffffu, ref.generation) : 0;
}

static inline struct impasse_ref impasse_open_kind(enum impasse_kind kind, struct impasse_name name,
                                                   struct impasse_ref parent,
                                                   struct impasse_ref pool)
{
  struct impasse_opening opening;
  opening.name = name;
  opening.parent = parent;
  opening.pool = pool;
  opening.owner = impasse_unknown();
  opening.capacity = 0;
  opening.kind = (uint32_t)kind;
  opening.table_kind = 0;
  struct impasse_ref ref = impasse_unknown();
  if (IMPASSE_ON)
    ref = impasse_open_abi(IMPASSE_ABI, &opening);
  return ref;
}

/* Another state in the same thread. */
static inline void impasse_state_change(struct impasse_hot *hot, enum impasse_state state)
{
  uint64_t run = __atomic_load_n(&hot->run, __ATOMIC_RELAXED);
  __atomic_store_n(&hot->run, IMPASSE_RUN(IMPASSE_RUN_TID(run), state), __ATOMIC_RELEASE);
}

/* For a counter with one writer at a time: no locked instruction. */
static inline void impasse_counter_add(uint64_t *counter, uint64_t n)
{
  __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELEASE);
}

/* ---- The process ----------------------------------------------------------------------------- */

/* Starts the library; the first opening does it too, with default options. Returns 0 (also when it
 * was started before) or why it is off: -EPROTO header and library do not fit; -EALREADY another
 * copy of the library works in this process, as when the program and a plugin link it statically
 * (link both with the shared one); -EPERM, -ENOSYS, -ENOMEM, ... */
static inline int impasse_start(const struct impasse_options *options)
{
  (void)options;
  return IMPASSE_ON ? impasse_start_abi(IMPASSE_ABI, options) : 0;
}

/* Marks the region closed in order, and makes all handles inert. The library does it at exit; call
 * it before _exit(). */
static inline void impasse_stop(void)
{
  if (IMPASSE_ON)
    impasse_stop_now();
}

/* 0 working, -EAGAIN not started yet, else why it is off. */
static inline int impasse_status(void)
{
  return IMPASSE_ON ? impasse_status_now() : 0;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* The number of a name class ("worker"), the same for the same text; cut at 55 bytes. 0 when there
 * is no room: then the name is unknown and counted. Keep it: the search costs some 50 ns. */
static inline uint32_t impasse_class(const char *text)
{
  (void)text;
  return IMPASSE_ON ? impasse_class_abi(IMPASSE_ABI, text) : 0;
}

/* "worker 17": costs nothing to open, the reader formats it. */
static inline struct impasse_name impasse_numbered(uint32_t class_id, uint64_t number)
{
  struct impasse_name name = {NULL, number, class_id, 0};
  return name;
}

/* A text, copied, cut at 63 bytes and then counted; takes 64 bytes more an actor. */
static inline struct impasse_name impasse_text(const char *text)
{
  struct impasse_name name = {text, 0, 0, 0};
  return name;
}

/* The same as a registered name: unique in the program, may pass to another actor when
 * this one closes. */
static inline struct impasse_name impasse_registered(const char *text)
{
  struct impasse_name name = {text, 0, 0, IMPASSE_NAME_REGISTERED};
  return name;
}

static inline struct impasse_name impasse_unnamed(void)
{
  struct impasse_name name = {NULL, 0, 0, 0};
  return name;
}

/* ---- Actors, queues, pools ------------------------------------------------------------------- */

/* Opens an actor with its mailbox. `parent` and `pool` may be zero. It starts out running, or, with
 * a pool, in receive. Open and close together take at most 50 ns. */
static inline struct impasse_actor impasse_actor_open_in(struct impasse_name name,
                                                         struct impasse_actor parent,
                                                         struct impasse_pool pool)
{
  struct impasse_actor actor = {impasse_open_kind(IMPASSE_KIND_ACTOR, name, parent.ref, pool.ref)};
  return actor;
}

static inline struct impasse_actor impasse_actor_open(struct impasse_name name)
{
  struct impasse_actor actor = {
      impasse_open_kind(IMPASSE_KIND_ACTOR, name, impasse_unknown(), impasse_unknown())};
  return actor;
}

/* Who waits for it from now on waits for nobody. Open waits and holds of the actor end; tables that
 * it held stay held, by nobody. */
static inline void impasse_actor_close(struct impasse_actor actor)
{
  if (IMPASSE_ON)
    impasse_close_ref(actor.ref);
}

/* What it does now, as a class of functions; memory that it uses. */
static inline void impasse_actor_function(struct impasse_actor actor, uint32_t class_id)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (hot)
    __atomic_store_n(&hot->function, class_id, __ATOMIC_RELEASE);
}

static inline void impasse_actor_memory(struct impasse_actor actor, int64_t bytes)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (hot)
    __atomic_store_n(&hot->memory_bytes, bytes, __ATOMIC_RELEASE);
}

/* Around the wait for the next message. */
static inline void impasse_receive_begin(struct impasse_actor actor)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (!hot)
    return;
  impasse_state_change(hot, IMPASSE_RECEIVE);
  IMPASSE_PROBE(receive_begin, actor.ref.stamp & 0xffffffu, 0, hot);
}

static inline void impasse_receive_end(struct impasse_actor actor)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (!hot)
    return;
  impasse_state_change(hot, IMPASSE_RUNNING);
  IMPASSE_PROBE(receive_end, actor.ref.stamp & 0xffffffu, 0, hot);
}

/* A queue without an owner: an actor in its own right, several may take from it. */
static inline struct impasse_mailbox impasse_queue_open(struct impasse_name name)
{
  struct impasse_mailbox queue = {
      impasse_open_kind(IMPASSE_KIND_QUEUE, name, impasse_unknown(), impasse_unknown())};
  return queue;
}

/* A pool of `workers` threads that run actors; 0 = as many as there may be. Its mailbox is
 * its run queue. */
static inline struct impasse_pool impasse_pool_open(struct impasse_name name, uint64_t workers)
{
  struct impasse_opening opening = {
      name, impasse_unknown(), impasse_unknown(), impasse_unknown(), workers, IMPASSE_KIND_POOL, 0};
  struct impasse_pool pool = {impasse_unknown()};
  if (IMPASSE_ON)
    pool.ref = impasse_open_abi(IMPASSE_ABI, &opening);
  return pool;
}

static inline void impasse_pool_close(struct impasse_pool pool)
{
  if (IMPASSE_ON)
    impasse_close_ref(pool.ref);
}

/* Once in each worker thread, which keeps the result (it holds the thread's number). `pool` may be
 * zero: a thread that runs actors of its own. */
static inline struct impasse_worker impasse_worker_begin(struct impasse_pool pool)
{
  struct impasse_worker worker = {pool.ref, 0, 0};
  if (IMPASSE_ON)
    worker = impasse_worker_of(pool.ref);
  return worker;
}

/* A worker takes up an actor: from here to run_end it is the actor's runner. */
static inline void impasse_run_begin(const struct impasse_worker *worker,
                                     struct impasse_actor actor)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (!hot)
    return;
  uint32_t tid = worker->stamp == actor.ref.stamp >> 24 ? worker->tid : 0;
  impasse_counter_add(&hot->runs, 1);
  __atomic_store_n(&hot->run, IMPASSE_RUN(tid, IMPASSE_RUNNING), __ATOMIC_RELEASE);
  IMPASSE_PROBE(run_begin, actor.ref.stamp & 0xffffffu, tid, hot);
}

/* The worker lays it down, as IMPASSE_RUNNABLE (there is more to do), IMPASSE_RECEIVE
 * (mailbox empty) or IMPASSE_BLOCKED (in an open wait). To be called before the actor is
 * given back to the scheduler. */
static inline void impasse_run_end(struct impasse_actor actor, enum impasse_state state)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (!hot)
    return;
  __atomic_store_n(&hot->run, IMPASSE_RUN(0, state), __ATOMIC_RELEASE);
  IMPASSE_PROBE(run_end, actor.ref.stamp & 0xffffffu, (uint32_t)state, hot);
}

/* Whoever wakes an actor that a pool runs: it could run now. */
static inline void impasse_runnable(struct impasse_actor actor)
{
  struct impasse_hot *hot = impasse_ref_slot(actor.ref);
  if (!hot)
    return;
  __atomic_store_n(&hot->run, IMPASSE_RUN(0, IMPASSE_RUNNABLE), __ATOMIC_RELEASE);
  IMPASSE_PROBE(runnable, actor.ref.stamp & 0xffffffu, 0, hot);
}

/* ---- Mailboxes ------------------------------------------------------------------------------- */

/* The mailbox that an actor is born with. */
static inline struct impasse_mailbox impasse_mailbox_of(struct impasse_actor actor)
{
  struct impasse_mailbox mailbox = {actor.ref};
  return mailbox;
}

/* The run queue of a pool. */
static inline struct impasse_mailbox impasse_mailbox_of_pool(struct impasse_pool pool)
{
  struct impasse_mailbox mailbox = {pool.ref};
  return mailbox;
}

/* One more mailbox of `owner` (priorities, control messages); readers show the sum. Close it
 * before its owner. */
static inline struct impasse_mailbox impasse_mailbox_open(struct impasse_actor owner)
{
  struct impasse_ref none = impasse_unknown();
  struct impasse_opening opening = {impasse_unnamed(), none, none, owner.ref, 0, 0, 0};
  struct impasse_mailbox mailbox = {impasse_unknown()};
  opening.kind = IMPASSE_KIND_MAILBOX;
  if (IMPASSE_ON)
    mailbox.ref = impasse_open_abi(IMPASSE_ABI, &opening);
  return mailbox;
}

/* Closes a queue or a further mailbox. */
static inline void impasse_mailbox_close(struct impasse_mailbox mailbox)
{
  if (IMPASSE_ON)
    impasse_close_ref(mailbox.ref);
}

/* n messages were put. Call it before the message can be taken, so that the depth is
 * never below zero. */
static inline void impasse_put(struct impasse_mailbox mailbox, uint64_t n)
{
  struct impasse_box *box = impasse_ref_box(mailbox.ref);
  if (!box)
    return;
  __atomic_fetch_add(&box->put, n, __ATOMIC_RELEASE);
  IMPASSE_PROBE(put, mailbox.ref.stamp & 0xffffffu, n, mailbox.ref.slot);
}

/* The same for a mailbox into which one thread at a time puts: no locked instruction. */
static inline void impasse_put_single(struct impasse_mailbox mailbox, uint64_t n)
{
  struct impasse_box *box = impasse_ref_box(mailbox.ref);
  if (!box)
    return;
  impasse_counter_add(&box->put, n);
  IMPASSE_PROBE(put, mailbox.ref.stamp & 0xffffffu, n, mailbox.ref.slot);
}

/* n messages were taken, after the fact. One consumer at a time. */
static inline void impasse_take(struct impasse_mailbox mailbox, uint64_t n)
{
  struct impasse_hot *hot = impasse_ref_slot(mailbox.ref);
  if (!hot)
    return;
  impasse_counter_add(&hot->taken, n);
  IMPASSE_PROBE(take, mailbox.ref.stamp & 0xffffffu, n, hot);
}

/* The same where several consumers take at once. */
static inline void impasse_take_shared(struct impasse_mailbox mailbox, uint64_t n)
{
  struct impasse_hot *hot = impasse_ref_slot(mailbox.ref);
  if (!hot)
    return;
  __atomic_fetch_add(&hot->taken, n, __ATOMIC_RELEASE);
  IMPASSE_PROBE(take, mailbox.ref.stamp & 0xffffffu, n, hot);
}

/* n messages were refused on arrival and never put. */
static inline void impasse_drop_newest(struct impasse_mailbox mailbox, uint64_t n)
{
  struct impasse_box *box = impasse_ref_box(mailbox.ref);
  if (!box)
    return;
  __atomic_fetch_add(&box->dropped_newest, n, __ATOMIC_RELEASE);
  IMPASSE_PROBE(drop, mailbox.ref.stamp & 0xffffffu, n, mailbox.ref.slot);
}

/* n messages that had been put were thrown out untaken, after the fact. */
static inline void impasse_drop_oldest(struct impasse_mailbox mailbox, uint64_t n)
{
  struct impasse_box *box = impasse_ref_box(mailbox.ref);
  if (!box)
    return;
  __atomic_fetch_add(&box->dropped_oldest, n, __ATOMIC_RELEASE);
  IMPASSE_PROBE(drop, mailbox.ref.stamp & 0xffffffu, n, mailbox.ref.slot);
}

/* How many messages it holds at most; 0 = no limit. */
static inline void impasse_capacity(struct impasse_mailbox mailbox, uint64_t messages)
{
  struct impasse_box *box = impasse_ref_box(mailbox.ref);
  if (box)
    __atomic_store_n(&box->capacity, messages, __ATOMIC_RELEASE);
}

/* The program keeps the depth already, in `bytes` = 1, 2, 4 or 8 bytes at `counter`, which must
 * live as long as the mailbox (NULL ends it): the reader reads it there, and put, take and
 * drop_oldest need not be called. Cost: none. */
static inline void impasse_adopt(struct impasse_mailbox mailbox, const volatile void *counter,
                                 size_t bytes, bool is_signed)
{
  struct impasse_box *box = impasse_ref_box(mailbox.ref);
  if (!box || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
    return;
  __atomic_store_n(&box->adopt_bytes, (uint8_t)bytes, __ATOMIC_RELAXED);
  __atomic_store_n(&box->adopt_signed, (uint8_t)is_signed, __ATOMIC_RELAXED);
  __atomic_store_n(&box->adopt_address, (uint64_t)(uintptr_t)counter, __ATOMIC_RELEASE);
}

/* ---- Waits ----------------------------------------------------------------------------------- */

static inline void impasse_edit_begin(struct impasse_hot *hot)
{
  __atomic_store_n(&hot->sequence, hot->sequence + 1, __ATOMIC_RELAXED);
}

static inline void impasse_edit_end(struct impasse_hot *hot)
{
  __atomic_store_n(&hot->sequence, hot->sequence + 1, __ATOMIC_RELEASE);
}

static inline struct impasse_wait_line *impasse_wait_line_of(const struct impasse_hot *hot,
                                                             unsigned index)
{
  return (struct impasse_wait_line *)impasse_line(
      hot, (enum impasse_array)((unsigned)IMPASSE_ARRAY_WAIT0 + index));
}

/* Rank of a new wait: one above the highest open one, or equal to it. */
static inline uint8_t impasse_wait_rank(const struct impasse_hot *hot, bool concurrent)
{
  uint8_t rank = 0;
  for (unsigned i = 0; i < IMPASSE_WAITS_MOST; i++)
    if (hot->wait_mask >> i & 1 && impasse_wait_line_of(hot, i)->rank > rank)
      rank = impasse_wait_line_of(hot, i)->rank;
  return rank && concurrent ? rank : (uint8_t)(rank + 1);
}

/* The number of a wait that found no line. Real ones are above 3. */
#define IMPASSE_CALL_UNSEEN UINT64_C(1)

/* Records a wait. `fill` says via, flags, object, timeout, holders and list; the rest is done here.
 * All stores between the two changes of `sequence` are releases, so that none of them is seen
 * before the first change. */
static inline struct impasse_wait impasse_wait_publish(struct impasse_ref waiter,
                                                       const struct impasse_wait_line *fill)
{
  struct impasse_wait wait = {waiter, 0};
  struct impasse_hot *hot = impasse_ref_slot(waiter);
  if (!IMPASSE_ON || !hot)
    return wait;
  if (hot->wait_mask == (1u << IMPASSE_WAITS_MOST) - 1) {
    if (hot->waits_unseen < UINT8_MAX)
      __atomic_store_n(&hot->waits_unseen, (uint8_t)(hot->waits_unseen + 1), __ATOMIC_RELEASE);
    impasse_wait_lost();
    wait.call = IMPASSE_CALL_UNSEEN;
    return wait;
  }
  unsigned index = (unsigned)__builtin_ctz(~(unsigned)hot->wait_mask);
  struct impasse_wait_line *line = impasse_wait_line_of(hot, index);
  uint8_t rank = hot->wait_mask ? impasse_wait_rank(hot, fill->flags & IMPASSE_WAIT_CONCURRENT) : 1;
  uint64_t calls = hot->calls + 1;
  wait.call = IMPASSE_CALL_NUMBER(calls, index);
  impasse_edit_begin(hot);
  __atomic_store_n(&hot->calls, calls, __ATOMIC_RELEASE);
  __atomic_store_n(&line->holders[0], IMPASSE_CALL_TAG(wait.call) | fill->holders[0],
                   __ATOMIC_RELEASE);
  __atomic_store_n(&line->holders[1], fill->holders[1], __ATOMIC_RELEASE);
  __atomic_store_n(&line->holders[2], fill->holders[2], __ATOMIC_RELEASE);
  __atomic_store_n(&line->since_ns, fill->since_ns, __ATOMIC_RELEASE);
  __atomic_store_n(&line->timeout_ns, fill->timeout_ns, __ATOMIC_RELEASE);
  __atomic_store_n(&line->object, fill->object, __ATOMIC_RELEASE);
  __atomic_store_n(&line->run, (uint32_t)hot->runs, __ATOMIC_RELEASE);
  __atomic_store_n(&line->via, fill->via, __ATOMIC_RELEASE);
  __atomic_store_n(&line->flags, fill->flags, __ATOMIC_RELEASE);
  __atomic_store_n(&line->rank, rank, __ATOMIC_RELEASE);
  __atomic_store_n(&line->list, fill->list, __ATOMIC_RELEASE);
  __atomic_store_n(&line->holder_count, fill->holder_count, __ATOMIC_RELEASE);
  __atomic_store_n(&line->call, wait.call, __ATOMIC_RELEASE);
  __atomic_store_n(&hot->wait_mask, (uint8_t)(hot->wait_mask | 1u << index), __ATOMIC_RELEASE);
  impasse_edit_end(hot);
  return wait;
}

/* A wait with one holder that began at since_ns. */
static inline struct impasse_wait impasse_wait_one_since(struct impasse_ref waiter,
                                                         struct impasse_ref holder,
                                                         enum impasse_via via, uint64_t timeout_ns,
                                                         uint32_t flags, uint64_t since_ns)
{
  struct impasse_wait_line fill = {0, since_ns, timeout_ns, 0, 0, 0, 0, 0, 0, 1, {0, 0, 0}};
  fill.via = (uint8_t)via;
  fill.flags = (uint8_t)(flags & IMPASSE_WAIT_FLAGS);
  fill.holders[0] = impasse_ref_word(holder);
  struct impasse_wait wait = impasse_wait_publish(waiter, &fill);
  if (wait.call)
    IMPASSE_PROBE_TWO(wait_begin, waiter.stamp & 0xffffffu, holder.stamp & 0xffffffu, waiter.slot,
                      holder.slot);
  return wait;
}

static inline struct impasse_wait impasse_wait_one(struct impasse_ref waiter,
                                                   struct impasse_ref holder, enum impasse_via via,
                                                   uint64_t timeout_ns, uint32_t flags)
{
  struct impasse_wait none = {impasse_unknown(), 0};
  if (!IMPASSE_ON || !impasse_ref_slot(waiter))
    return none;
  return impasse_wait_one_since(waiter, holder, via, timeout_ns, flags, impasse_wait_clock());
}

/* Ends a wait, whatever it was begun by. A second end does nothing. */
static inline void impasse_wait_end(struct impasse_wait wait)
{
  struct impasse_hot *hot = impasse_ref_slot(wait.ref);
  if (!IMPASSE_ON || !hot || !wait.call)
    return;
  if (wait.call == IMPASSE_CALL_UNSEEN) {
    if (hot->waits_unseen && hot->waits_unseen < UINT8_MAX)
      __atomic_store_n(&hot->waits_unseen, (uint8_t)(hot->waits_unseen - 1), __ATOMIC_RELEASE);
    return;
  }
  unsigned index = (unsigned)(wait.call & 3);
  struct impasse_wait_line *line = impasse_wait_line_of(hot, index);
  if (line->call != wait.call || !(hot->wait_mask >> index & 1))
    return;
  if (line->list)
    impasse_wait_list_close(line->holders[2]);
  impasse_edit_begin(hot);
  __atomic_store_n(&line->call, UINT64_C(0), __ATOMIC_RELEASE);
  __atomic_store_n(&hot->wait_mask, (uint8_t)(hot->wait_mask & ~(1u << index)), __ATOMIC_RELEASE);
  impasse_edit_end(hot);
  IMPASSE_PROBE(wait_end, wait.ref.stamp & 0xffffffu, wait.call, hot);
}

/* The caller waits for the answer of `callee`: an actor, a service, a promise (its .ref), or
 * impasse_unknown(). `timeout_ns` is the length of the timeout or IMPASSE_TIMEOUT_NONE. `flags`:
 * IMPASSE_WAIT_EXCLUSIVE when nobody but the callee can answer (then a deadlock can be proven),
 * IMPASSE_WAIT_CONCURRENT beside other waits, or 0. */
static inline struct impasse_wait impasse_call_begin(struct impasse_actor caller,
                                                     struct impasse_ref callee, uint64_t timeout_ns,
                                                     uint32_t flags)
{
  return impasse_wait_one(caller.ref, callee, IMPASSE_VIA_CALL, timeout_ns, flags);
}

static inline void impasse_call_end(struct impasse_wait call)
{
  impasse_wait_end(call);
}

/* The callee has passed the request on and `holder` will answer: the caller waits for that one from
 * now on, in the same call. Does nothing when the call has ended or was forwarded by somebody else
 * at the same instant. */
static inline void impasse_call_forward(struct impasse_wait call, struct impasse_ref holder)
{
  struct impasse_hot *hot = impasse_ref_slot(call.ref);
  if (!hot || call.call <= IMPASSE_CALL_UNSEEN)
    return;
  struct impasse_wait_line *line = impasse_wait_line_of(hot, (unsigned)(call.call & 3));
  /* The tag in the word makes the exchange fail when another call has taken the line after the
   * look at `call`. */
  uint64_t old = __atomic_load_n(&line->holders[0], __ATOMIC_ACQUIRE);
  uint64_t next = IMPASSE_CALL_TAG(call.call) | impasse_ref_word(holder);
  if ((old & ~IMPASSE_REF_MASK) == IMPASSE_CALL_TAG(call.call) &&
      __atomic_load_n(&line->call, __ATOMIC_ACQUIRE) == call.call)
    __atomic_compare_exchange_n(&line->holders[0], &old, next, false, __ATOMIC_RELEASE,
                                __ATOMIC_RELAXED);
  IMPASSE_PROBE_TWO(call_forward, call.ref.stamp & 0xffffffu, holder.stamp & 0xffffffu, hot,
                    holder.slot);
}

/* The sender waits for room in a full mailbox: for its owner, that is. */
static inline struct impasse_wait
impasse_room_begin(struct impasse_actor sender, struct impasse_mailbox mailbox, uint64_t timeout_ns)
{
  return impasse_wait_one(sender.ref, mailbox.ref, IMPASSE_VIA_ROOM, timeout_ns, 0);
}

/* Waits for a promise, or for the end of another actor. */
static inline struct impasse_wait impasse_await_begin(struct impasse_actor waiter,
                                                      struct impasse_promise promise,
                                                      uint64_t timeout_ns)
{
  return impasse_wait_one(waiter.ref, promise.ref, IMPASSE_VIA_PROMISE, timeout_ns, 0);
}

static inline struct impasse_wait
impasse_join_begin(struct impasse_actor waiter, struct impasse_actor other, uint64_t timeout_ns)
{
  return impasse_wait_one(waiter.ref, other.ref, IMPASSE_VIA_JOIN, timeout_ns, 0);
}

/* Any wait: several holders, all or any of them, open or not. A wait without holders that is not
 * open is stuck. */
static inline struct impasse_wait impasse_wait_begin(struct impasse_actor waiter,
                                                     const struct impasse_wait_request *request)
{
  struct impasse_wait wait = {waiter.ref, 0};
  (void)request;
  if (IMPASSE_ON)
    wait = impasse_wait_begin_many(waiter.ref, request);
  return wait;
}

/* ---- Promises and services ------------------------------------------------------------------- */

static inline struct impasse_promise impasse_promise_open(struct impasse_name name)
{
  struct impasse_promise promise = {
      impasse_open_kind(IMPASSE_KIND_PROMISE, name, impasse_unknown(), impasse_unknown())};
  return promise;
}

/* Who will fulfil it; zero = not known. */
static inline void impasse_promise_fulfiller(struct impasse_promise promise,
                                             struct impasse_ref fulfiller)
{
  struct impasse_hot *hot = impasse_ref_slot(promise.ref);
  if (!hot)
    return;
  struct impasse_cold *cold = (struct impasse_cold *)impasse_line(hot, IMPASSE_ARRAY_COLD);
  __atomic_store_n(&cold->owner, impasse_ref_word(fulfiller), __ATOMIC_RELEASE);
  IMPASSE_PROBE_TWO(promise_fulfiller, promise.ref.stamp & 0xffffffu, fulfiller.stamp & 0xffffffu,
                    hot, fulfiller.slot);
}

/* After its waiters have been told. Who still waits then, waits for nobody. */
static inline void impasse_promise_close(struct impasse_promise promise)
{
  if (IMPASSE_ON)
    impasse_close_ref(promise.ref);
}

static inline struct impasse_service impasse_service_open(struct impasse_name name)
{
  struct impasse_service service = {
      impasse_open_kind(IMPASSE_KIND_SERVICE, name, impasse_unknown(), impasse_unknown())};
  return service;
}

/* 40 members cost nothing, more take one slot for each 40, up to 2560. */
static inline void impasse_service_join(struct impasse_service service, struct impasse_actor member)
{
  if (IMPASSE_ON)
    impasse_member_add(service.ref, impasse_ref_word(member.ref));
}

static inline void impasse_service_leave(struct impasse_service service,
                                         struct impasse_actor member)
{
  if (IMPASSE_ON)
    impasse_member_remove(service.ref, impasse_ref_word(member.ref));
}

static inline void impasse_service_close(struct impasse_service service)
{
  if (IMPASSE_ON)
    impasse_close_ref(service.ref);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

enum impasse_mode { IMPASSE_READ, IMPASSE_WRITE };

static inline struct impasse_table impasse_table_open(struct impasse_name name,
                                                      enum impasse_table_kind kind)
{
  struct impasse_opening opening = {
      name, impasse_unknown(), impasse_unknown(), impasse_unknown(), 0, IMPASSE_KIND_TABLE, 0};
  struct impasse_table table = {impasse_unknown()};
  opening.table_kind = (uint32_t)kind;
  if (IMPASSE_ON)
    table.ref = impasse_open_abi(IMPASSE_ABI, &opening);
  return table;
}

static inline void impasse_table_close(struct impasse_table table)
{
  if (IMPASSE_ON)
    impasse_close_ref(table.ref);
}

/* A wait for the table: begin when it is found taken, end when it was got or given up. The clock
 * is read twice. */
struct impasse_table_wait {
  struct impasse_wait wait;
  struct impasse_ref table;
  uint64_t since_ns;
  enum impasse_mode mode;
};

static inline struct impasse_table_wait impasse_table_wait_begin(struct impasse_table table,
                                                                 struct impasse_actor actor,
                                                                 enum impasse_mode mode,
                                                                 uint64_t timeout_ns)
{
  bool write = mode == IMPASSE_WRITE;
  struct impasse_table_wait wait = {{impasse_unknown(), 0}, table.ref, 0, mode};
  if (!IMPASSE_ON || !impasse_ref_slot(table.ref))
    return wait;
  wait.since_ns = impasse_wait_clock();
  impasse_table_wait_opened(table.ref, write, wait.since_ns);
  wait.wait =
      impasse_wait_one_since(actor.ref, table.ref, write ? IMPASSE_VIA_LOCK : IMPASSE_VIA_RDLOCK,
                             timeout_ns, 0, wait.since_ns);
  return wait;
}

static inline void impasse_table_wait_end(struct impasse_table_wait wait)
{
  impasse_wait_end(wait.wait);
  if (IMPASSE_ON && wait.since_ns && impasse_ref_slot(wait.table))
    impasse_table_wait_closed(wait.table, wait.mode == IMPASSE_WRITE, wait.since_ns);
}

/* Got it, and gave it back: some 25 ns together, most of it the coarse clock for the time it is
 * held. After wait_end, if there was a wait. The actor may be zero: then the holder is one that
 * nobody can name. */
static inline void impasse_table_acquired(struct impasse_table table, struct impasse_actor actor,
                                          enum impasse_mode mode)
{
  if (IMPASSE_ON && impasse_ref_slot(table.ref))
    impasse_table_acquired_ref(table.ref, actor.ref, mode == IMPASSE_WRITE);
}

static inline void impasse_table_released(struct impasse_table table, struct impasse_actor actor)
{
  if (IMPASSE_ON && impasse_ref_slot(table.ref))
    impasse_table_released_ref(table.ref, actor.ref);
}

/* Its size, INT64_MIN = unknown. */
static inline void impasse_table_size(struct impasse_table table, int64_t items, int64_t bytes)
{
  if (IMPASSE_ON && impasse_ref_slot(table.ref))
    impasse_table_size_ref(table.ref, items, bytes);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
