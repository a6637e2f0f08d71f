/*
 * pthreads.c - threads blocked in each way that POSIX threads know, one case each; see program.h. Compiled
 * against glibc and against musl, which leave different traces: each case states both.
 */
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

#include "program.h"

#ifdef __GLIBC__
enum { GLIBC = true };
#else
enum { GLIBC = false };
#define PTHREAD_MUTEX_ADAPTIVE_NP -1
#define PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP -1
#endif

/* <linux/futex.h>, which musl-gcc does not see. */
enum {
  FUTEX_WAIT = 0,
  FUTEX_WAIT_BITSET = 9,
  FUTEX_PRIVATE_FLAG = 128,
  FUTEX_CLOCK_REALTIME = 256,
};
#define FUTEX_WAITERS UINT32_C(0x80000000)
#define FUTEX_BITSET_MATCH_ANY UINT32_MAX

enum { FAR_SECONDS = 3600 };

/* What a case must be taken for: by the library it runs with. NULL: that library does not have it. */
struct truth {
  const char *glibc, *musl;
};

static const char *truth(struct truth words)
{
  const char *word = GLIBC ? words.glibc : words.musl;
  if (!word) {
    (void)fputs("not of this library\n", stderr);
    exit(PROGRAM_CANNOT);
  }
  return word;
}

static struct timespec far_from_now(clockid_t clock)
{
  struct timespec at;
  PROGRAM_CHECK(clock_gettime(clock, &at) == 0);
  at.tv_sec += FAR_SECONDS;
  return at;
}

static void cannot(const char *what, int error)
{
  (void)fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(PROGRAM_CANNOT);
}

/* ---- how threads take locks ---- */

static int lock_plain(pthread_mutex_t *mutex)
{
  return pthread_mutex_lock(mutex);
}

static int lock_timed(pthread_mutex_t *mutex)
{
  struct timespec far = far_from_now(CLOCK_REALTIME);
  return pthread_mutex_timedlock(mutex, &far);
}

static int lock_clock(pthread_mutex_t *mutex)
{
  struct timespec far = far_from_now(CLOCK_MONOTONIC);
#ifdef __GLIBC__
  return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &far);
#else
  return pthread_mutex_timedlock(mutex, &far);
#endif
}

/* A mutex as an array would hold it, with neighbours that are not zero. */
static struct {
  uint64_t before[4];
  pthread_mutex_t mutex;
  uint64_t after[4];
} guarded;
static pthread_mutex_t *mutex = &guarded.mutex;

static struct {
  pid_t owner, waiter, second, third;
  pthread_t owner_thread;
} who;
static int (*how)(pthread_mutex_t *);
static bool holds;

static void *holder(void *unused)
{
  (void)unused;
  PROGRAM_CHECK(pthread_mutex_lock(mutex) == 0);
  program_here(&who.owner);
  __atomic_store_n(&holds, true, __ATOMIC_RELEASE);
  for (;;)
    (void)pause();
}

static void *mutex_waiter(void *slot)
{
  program_here(slot);
  (void)how(mutex);
  return NULL;
}

static pthread_t start(void *(*run)(void *), void *argument)
{
  pthread_t thread;
  PROGRAM_CHECK(pthread_create(&thread, NULL, run, argument) == 0);
  return thread;
}

static void until(const bool *flag)
{
  while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
    program_pause_ms(1);
}

static void *map_shared(size_t bytes)
{
  void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  PROGRAM_CHECK(map != MAP_FAILED);
  return map;
}

/* ---- mutexes ---- */

static const struct mutex_case {
  const char *name;
  int type, robust, protocol;
  bool shared;
  int (*how)(pthread_mutex_t *);
  struct truth kind;
  bool owner_on_musl; /* it notes its owner there, too */
} mutex_cases[] = {
#define N PTHREAD_MUTEX_NORMAL
#define R PTHREAD_MUTEX_RECURSIVE
#define E PTHREAD_MUTEX_ERRORCHECK
#define A PTHREAD_MUTEX_ADAPTIVE_NP
#define INHERIT PTHREAD_PRIO_INHERIT
#define PROTECT PTHREAD_PRIO_PROTECT
    {"mutex_normal", N, 0, 0, 0, lock_plain, {"mutex", "mutex"}, 0},
    {"mutex_recursive", R, 0, 0, 0, lock_plain, {"mutex", "robust"}, 1},
    {"mutex_errorcheck", E, 0, 0, 0, lock_plain, {"mutex", "robust"}, 1},
    {"mutex_adaptive", A, 0, 0, 0, lock_plain, {"mutex", NULL}, 0},
    {"mutex_timed", N, 0, 0, 0, lock_timed, {"mutex", "mutex"}, 0},
    {"mutex_clock", N, 0, 0, 0, lock_clock, {"mutex", NULL}, 0},
    {"mutex_recursive_timed", R, 0, 0, 0, lock_timed, {"mutex", "robust"}, 1},
    {"mutex_adaptive_timed", A, 0, 0, 0, lock_timed, {"mutex", NULL}, 0},
    {"mutex_shared", N, 0, 0, 1, lock_plain, {"mutex", "mutex"}, 0},
    {"mutex_shared_recursive", R, 0, 0, 1, lock_plain, {"mutex", "robust"}, 1},
    {"mutex_shared_timed", N, 0, 0, 1, lock_timed, {"mutex", "mutex"}, 0},
    {"mutex_robust", N, 1, 0, 0, lock_plain, {"robust", "robust"}, 1},
    {"mutex_robust_recursive", R, 1, 0, 0, lock_plain, {"robust", "robust"}, 1},
    {"mutex_robust_errorcheck", E, 1, 0, 0, lock_plain, {"robust", "robust"}, 1},
    {"mutex_robust_timed", N, 1, 0, 0, lock_timed, {"robust", "robust"}, 1},
    {"mutex_robust_clock", N, 1, 0, 0, lock_clock, {"robust", NULL}, 0},
    {"mutex_robust_shared", N, 1, 0, 1, lock_plain, {"robust", "robust"}, 1},
    {"mutex_inherit", N, 0, INHERIT, 0, lock_plain, {"inherit", "inherit"}, 1},
    {"mutex_inherit_recursive", R, 0, INHERIT, 0, lock_plain, {"inherit", "inherit"}, 1},
    {"mutex_inherit_timed", N, 0, INHERIT, 0, lock_timed, {"inherit", "inherit"}, 1},
    {"mutex_inherit_clock", N, 0, INHERIT, 0, lock_clock, {"inherit", NULL}, 0},
    {"mutex_inherit_shared", N, 0, INHERIT, 1, lock_plain, {"inherit", "inherit"}, 1},
    {"mutex_inherit_robust", N, 1, INHERIT, 0, lock_plain, {"inherit", "inherit"}, 1},
    {"mutex_protect", N, 0, PROTECT, 0, lock_plain, {"mutex", NULL}, 0},
#undef N
#undef R
#undef E
#undef A
#undef INHERIT
#undef PROTECT
};

static int set_protocol(pthread_mutexattr_t *attributes, int protocol)
{
  int error = pthread_mutexattr_setprotocol(attributes, protocol);
#ifdef __GLIBC__
  if (!error && protocol == PTHREAD_PRIO_PROTECT)
    error = pthread_mutexattr_setprioceiling(attributes, 10);
#endif
  return error;
}

/* A mutex whose priority protects can be taken by threads of real-time priority only. */
static void be_real_time(void)
{
  struct sched_param low = {.sched_priority = 1};
  int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &low);
  if (error)
    cannot("real-time priority", error);
}

static void make_mutex(const struct mutex_case *the_case)
{
  pthread_mutexattr_t attributes;
  if (the_case->shared)
    mutex = (pthread_mutex_t *)((char *)map_shared(4096) + 64);
  PROGRAM_CHECK(pthread_mutexattr_init(&attributes) == 0);
  PROGRAM_CHECK(pthread_mutexattr_settype(&attributes, the_case->type) == 0);
  PROGRAM_CHECK(!the_case->shared ||
                pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  PROGRAM_CHECK(!the_case->robust ||
                pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  int error = the_case->protocol ? set_protocol(&attributes, the_case->protocol) : 0;
  if (!error)
    error = pthread_mutex_init(mutex, &attributes);
  if (error)
    cannot("this kind of mutex", error);
}

static void block_on_mutex(const struct mutex_case *the_case)
{
  const char *kind = truth(the_case->kind);
  memset(&guarded, 0xa5, sizeof guarded);
  if (the_case->protocol == PTHREAD_PRIO_PROTECT)
    be_real_time();
  make_mutex(the_case);
  how = the_case->how;
  who.owner_thread = start(holder, NULL);
  until(&holds);
  pid_t owner = GLIBC || the_case->owner_on_musl ? who.owner : 0;
  static char flags[4];
  /* glibc calls a robust mutex shared in any case. */
  bool shared = the_case->shared || (GLIBC && the_case->robust);
  (void)snprintf(flags, sizeof flags, "%s%s", shared ? "s" : "",
                 the_case->how != lock_plain ? "t" : "");
  (void)start(mutex_waiter, &who.waiter);
  program_blocked(&who.waiter, kind, owner, flags);
  (void)start(mutex_waiter, &who.second);
  program_blocked(&who.second, kind, owner, flags);
}

/* Its owner waits for itself. */
static void *relocks(void *unused)
{
  (void)unused;
  PROGRAM_CHECK(pthread_mutex_lock(mutex) == 0);
  program_here(&who.waiter);
  (void)pthread_mutex_lock(mutex);
  return NULL;
}

static void case_mutex_self(void)
{
  (void)start(relocks, NULL);
  program_blocked(&who.waiter, "mutex", GLIBC ? program_wait_asleep(&who.waiter) : 0, "-");
}

/* An owner that ended without unlocking. */
static void *forgets(void *unused)
{
  (void)unused;
  program_here(&who.owner);
  PROGRAM_CHECK(pthread_mutex_lock(mutex) == 0);
  return NULL;
}

static void case_mutex_abandoned(void)
{
  PROGRAM_CHECK(pthread_join(start(forgets, NULL), NULL) == 0);
  how = lock_plain;
  (void)start(mutex_waiter, &who.waiter);
  program_blocked(&who.waiter, "mutex", GLIBC ? who.owner : 0, GLIBC ? "l" : "-");
}

/* ---- rwlocks ---- */

static pthread_rwlock_t rwlock;

static void *rw_holder(void *writes)
{
  PROGRAM_CHECK((writes ? pthread_rwlock_wrlock : pthread_rwlock_rdlock)(&rwlock) == 0);
  program_here(&who.owner);
  __atomic_store_n(&holds, true, __ATOMIC_RELEASE);
  for (;;)
    (void)pause();
}

static void *rw_reader(void *slot)
{
  program_here(slot);
  (void)pthread_rwlock_rdlock(&rwlock);
  return NULL;
}

static void *rw_writer(void *slot)
{
  program_here(slot);
  (void)pthread_rwlock_wrlock(&rwlock);
  return NULL;
}

static void *rw_timed_reader(void *slot)
{
  struct timespec far = far_from_now(CLOCK_REALTIME);
  program_here(slot);
  (void)pthread_rwlock_timedrdlock(&rwlock, &far);
  return NULL;
}

static void *rw_timed_writer(void *slot)
{
  struct timespec far = far_from_now(CLOCK_REALTIME);
  program_here(slot);
  (void)pthread_rwlock_timedwrlock(&rwlock, &far);
  return NULL;
}

static void hold_rwlock(bool to_write)
{
  (void)start(rw_holder, to_write ? &rwlock : NULL);
  until(&holds);
}

static void make_rwlock(int preference, bool shared)
{
  pthread_rwlockattr_t attributes;
  PROGRAM_CHECK(pthread_rwlockattr_init(&attributes) == 0);
#ifdef __GLIBC__
  if (preference)
    PROGRAM_CHECK(pthread_rwlockattr_setkind_np(&attributes, preference) == 0);
#else
  (void)preference;
#endif
  if (shared)
    PROGRAM_CHECK(pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  PROGRAM_CHECK(pthread_rwlock_init(&rwlock, &attributes) == 0);
}

/* A reader and two writers behind a writer. */
static void behind_writer(const char *reader_flags, const char *writer_flags)
{
  const char *kind = truth((struct truth){"rwlock_writer", "idle"});
  pid_t owner;
  if (!GLIBC)
    reader_flags = writer_flags = "-"; /* nobody is told */
  hold_rwlock(true);
  owner = GLIBC ? who.owner : 0;
  (void)start(rw_reader, &who.waiter);
  program_blocked(&who.waiter, kind, owner, reader_flags);
  (void)start(rw_writer, &who.second);
  program_blocked(&who.second, kind, owner, writer_flags);
  (void)start(rw_writer, &who.third);
  program_blocked(&who.third, kind, owner, writer_flags);
}

static void case_rwlock_writer(void)
{
  make_rwlock(0, false);
  behind_writer("r", "-");
}

static void case_rwlock_writer_shared(void)
{
  make_rwlock(0, true);
  behind_writer("rs", "s");
}

static void case_rwlock_writer_preferred(void)
{
  (void)truth((struct truth){"", NULL});
  make_rwlock(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP, false);
  behind_writer("r", "-");
}

static void case_rwlock_writer_timed(void)
{
  const char *kind = truth((struct truth){"rwlock_writer", "idle"});
  make_rwlock(0, false);
  hold_rwlock(true);
  (void)start(rw_timed_reader, &who.waiter);
  program_blocked(&who.waiter, kind, GLIBC ? who.owner : 0, GLIBC ? "rt" : "t");
  (void)start(rw_timed_writer, &who.second);
  program_blocked(&who.second, kind, GLIBC ? who.owner : 0, "t");
}

/* Two writers behind a reader. */
static void case_rwlock_readers(void)
{
  const char *kind = truth((struct truth){"rwlock_readers", "idle"});
  make_rwlock(0, false);
  hold_rwlock(false);
  (void)start(rw_writer, &who.waiter);
  program_blocked(&who.waiter, kind, 0, "-");
  (void)start(rw_writer, &who.second);
  program_blocked(&who.second, kind, 0, "-");
}

/* A reader behind a preferred writer behind a reader. */
static void case_rwlock_readers_preferred(void)
{
  const char *kind = truth((struct truth){"rwlock_readers", NULL});
  make_rwlock(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP, false);
  hold_rwlock(false);
  (void)start(rw_writer, &who.waiter);
  program_blocked(&who.waiter, kind, 0, "-");
  (void)start(rw_reader, &who.second);
  program_blocked(&who.second, kind, 0, "r");
}

/* ---- joins ---- */

static void *stays(void *unused)
{
  (void)unused;
  program_here(&who.owner);
  for (;;)
    (void)pause();
  return NULL;
}

static void *joins(void *slot)
{
  program_here(slot);
  (void)pthread_join(who.owner_thread, NULL);
  return NULL;
}

static void *joins_timed(void *slot)
{
  program_here(slot);
#ifdef __GLIBC__
  struct timespec far = far_from_now(CLOCK_REALTIME);
  (void)pthread_timedjoin_np(who.owner_thread, NULL, &far);
#endif
  return NULL;
}

static void block_in_join(void *(*run)(void *), const char *flags)
{
  who.owner_thread = start(stays, NULL);
  while (!__atomic_load_n(&who.owner, __ATOMIC_ACQUIRE))
    program_pause_ms(1);
  (void)start(run, &who.waiter);
  program_blocked(&who.waiter, "join", who.owner, flags);
}

static void case_join(void)
{
  block_in_join(joins, "-");
}

static void case_join_timed(void)
{
  (void)truth((struct truth){"", NULL});
  block_in_join(joins_timed, "t");
}

/* ---- who waits for nobody in particular ---- */

static struct {
  pthread_cond_t changed;
  pthread_mutex_t mutex;
  bool timed;
} condition;
static unsigned rounds;

static void *waits_for_condition(void *slot)
{
  struct timespec far = far_from_now(CLOCK_REALTIME);
  PROGRAM_CHECK(pthread_mutex_lock(&condition.mutex) == 0);
  program_here(slot);
  for (;;) {
    if (condition.timed)
      (void)pthread_cond_timedwait(&condition.changed, &condition.mutex, &far);
    else
      (void)pthread_cond_wait(&condition.changed, &condition.mutex);
    rounds++;
  }
  return NULL;
}

/* Two waiters of a condition that was signalled some times before, so that its counts are small numbers. */
static void block_on_condition(bool timed, bool shared)
{
  pthread_condattr_t attributes;
  condition.timed = timed;
  PROGRAM_CHECK(pthread_mutex_init(&condition.mutex, NULL) == 0);
  PROGRAM_CHECK(pthread_condattr_init(&attributes) == 0);
  if (shared)
    PROGRAM_CHECK(pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  PROGRAM_CHECK(pthread_cond_init(&condition.changed, &attributes) == 0);
  (void)start(waits_for_condition, &who.waiter);
  (void)start(waits_for_condition, &who.second);
  for (unsigned i = 0; i < 5; i++) {
    (void)program_wait_asleep(&who.waiter);
    (void)program_wait_asleep(&who.second);
    PROGRAM_CHECK(pthread_mutex_lock(&condition.mutex) == 0);
    unsigned before = rounds;
    PROGRAM_CHECK(pthread_cond_signal(&condition.changed) == 0);
    PROGRAM_CHECK(pthread_mutex_unlock(&condition.mutex) == 0);
    for (bool moved = false; !moved;) {
      program_pause_ms(1);
      PROGRAM_CHECK(pthread_mutex_lock(&condition.mutex) == 0);
      moved = rounds > before;
      PROGRAM_CHECK(pthread_mutex_unlock(&condition.mutex) == 0);
    }
  }
  program_blocked(&who.waiter, "idle", 0, timed ? "t" : "-");
  program_blocked(&who.second, "idle", 0, timed ? "t" : "-");
}

static void case_condition(void)
{
  block_on_condition(false, false);
}

static void case_condition_timed(void)
{
  block_on_condition(true, false);
}

static void case_condition_shared(void)
{
  block_on_condition(false, true);
}

static sem_t semaphore;

static void *waits_for_semaphore(void *slot)
{
  program_here(slot);
  for (;;)
    (void)sem_wait(&semaphore);
  return NULL;
}

static void *waits_for_semaphore_timed(void *slot)
{
  struct timespec far = far_from_now(CLOCK_REALTIME);
  program_here(slot);
  (void)sem_timedwait(&semaphore, &far);
  return NULL;
}

static void case_semaphore(void)
{
  PROGRAM_CHECK(sem_init(&semaphore, 0, 2) == 0);
  (void)start(waits_for_semaphore, &who.waiter);
  program_blocked(&who.waiter, "idle", 0, "-");
  (void)start(waits_for_semaphore_timed, &who.second);
  program_blocked(&who.second, "idle", 0, "t");
}

static void case_semaphore_shared(void)
{
  PROGRAM_CHECK(sem_init(&semaphore, 1, 2) == 0);
  (void)start(waits_for_semaphore, &who.waiter);
  program_blocked(&who.waiter, "idle", 0, "-");
}

static pthread_barrier_t barrier;

static void *waits_at_barrier(void *slot)
{
  program_here(slot);
  for (;;)
    (void)pthread_barrier_wait(&barrier);
  return NULL;
}

/* Round after round: what is waited for is a small number, 2 among them. */
static void block_at_barrier(unsigned round)
{
  PROGRAM_CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
  (void)start(waits_at_barrier, &who.waiter);
  for (unsigned i = 0; i < round; i++) {
    (void)program_wait_asleep(&who.waiter);
    (void)pthread_barrier_wait(&barrier);
  }
  program_blocked(&who.waiter, "idle", 0, "-");
}

static void case_barrier(void)
{
  block_at_barrier(0);
}

static void case_barrier_second(void)
{
  block_at_barrier(1);
}

static void case_barrier_third(void)
{
  block_at_barrier(2);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void never_ends(void)
{
  __atomic_store_n(&holds, true, __ATOMIC_RELEASE);
  for (;;)
    (void)pause();
}

static void *begins_once(void *slot)
{
  program_here(slot);
  (void)pthread_once(&once, never_ends);
  return NULL;
}

static void case_once(void)
{
  (void)start(begins_once, &who.owner);
  until(&holds);
  (void)start(begins_once, &who.waiter);
  program_blocked(&who.waiter, "idle", 0, "-");
}

/* The lock of a stream is the library's own and notes no tid. */
static void *holds_stream(void *unused)
{
  (void)unused;
  flockfile(stderr);
  never_ends();
  return NULL;
}

static void *waits_for_stream(void *slot)
{
  program_here(slot);
  flockfile(stderr);
  return NULL;
}

static void case_stream(void)
{
  (void)start(holds_stream, NULL);
  until(&holds);
  (void)start(waits_for_stream, &who.waiter);
  program_blocked(&who.waiter, "idle", 0, "-");
}

/* ---- words that look like a lock and are none: what others keep in their own futexes ---- */

static struct {
  _Alignas(64) volatile uint32_t before[4]; /* others read it */
  volatile uint32_t word, after[15];
} look;
static long look_call[3]; /* operation, value, timeout? */

static void *waits_for_look(void *slot)
{
  struct timespec far = {.tv_sec = 2000000000, .tv_nsec = 0};
  program_here(slot);
  (void)syscall(SYS_futex, &look.word, look_call[0], look_call[1], look_call[2] ? &far : NULL, NULL,
                FUTEX_BITSET_MATCH_ANY);
  return NULL;
}

static void block_on_look(long operation, uint32_t value, bool timed, const char *flags)
{
  look_call[0] = operation;
  look_call[1] = (long)value;
  look_call[2] = timed;
  look.word = value;
  (void)start(waits_for_look, &who.waiter);
  program_blocked(&who.waiter, "idle", 0, flags);
}

/* A contended Mutex of Rust that guards (a tid that lives, 1, 0, ...): all like a mutex of glibc, but the
 * call. */
static void case_look_rust(void)
{
  look.after[1] = (uint32_t)program_tid();
  look.after[2] = 1;
  block_on_look(FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 2, false, "-");
}

/* A home-made lock: 2 with waiters, then a pointer and a count. */
static void case_look_pointer(void)
{
  look.after[1] = (uint32_t)program_tid();
  look.after[2] = 0xc0;
  look.after[3] = 3;
  look.after[5] = 17;
  block_on_look(FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, false, "-");
}

/* A 2 with nothing behind it: it may be a mutex between two owners. */
static void case_look_bare(void)
{
  block_on_look(FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, false, "b");
}

/* A rwlock of Rust read by as many as a living tid has a number. */
static void case_look_readers(void)
{
  block_on_look(FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, FUTEX_WAITERS | (uint32_t)program_tid(),
                false, "-");
}

/* A shared word that happens to be a tid. */
static void case_look_tid(void)
{
  block_on_look(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, (uint32_t)program_tid(), true, "t");
}

static const struct {
  const char *name;
  void (*block)(void);
} cases[] = {
    {"mutex_self", case_mutex_self},
    {"mutex_abandoned", case_mutex_abandoned},
    {"rwlock_writer", case_rwlock_writer},
    {"rwlock_writer_shared", case_rwlock_writer_shared},
    {"rwlock_writer_preferred", case_rwlock_writer_preferred},
    {"rwlock_writer_timed", case_rwlock_writer_timed},
    {"rwlock_readers", case_rwlock_readers},
    {"rwlock_readers_preferred", case_rwlock_readers_preferred},
    {"join", case_join},
    {"join_timed", case_join_timed},
    {"condition", case_condition},
    {"condition_timed", case_condition_timed},
    {"condition_shared", case_condition_shared},
    {"semaphore", case_semaphore},
    {"semaphore_shared", case_semaphore_shared},
    {"barrier", case_barrier},
    {"barrier_second", case_barrier_second},
    {"barrier_third", case_barrier_third},
    {"once", case_once},
    {"stream", case_stream},
    {"look_rust", case_look_rust},
    {"look_pointer", case_look_pointer},
    {"look_bare", case_look_bare},
    {"look_readers", case_look_readers},
    {"look_tid", case_look_tid},
};

enum {
  MUTEX_CASES = sizeof mutex_cases / sizeof mutex_cases[0],
  CASES = sizeof cases / sizeof cases[0]
};

int main(int argc, char **argv)
{
  const char *name = argc == 2 ? argv[1] : "";
  program_mortal(PROGRAM_SECONDS);
  for (size_t i = 0; i < MUTEX_CASES; i++) {
    if (strcmp(name, "list") == 0)
      (void)puts(mutex_cases[i].name);
    if (strcmp(name, mutex_cases[i].name) == 0) {
      block_on_mutex(&mutex_cases[i]);
      program_ready();
    }
  }
  for (size_t i = 0; i < CASES; i++) {
    if (strcmp(name, "list") == 0)
      (void)puts(cases[i].name);
    if (strcmp(name, cases[i].name) == 0) {
      cases[i].block();
      program_ready();
    }
  }
  return strcmp(name, "list") == 0 ? 0 : 2;
}
