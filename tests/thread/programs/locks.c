/*
 * locks.c - a program with threads and locks, and nothing that was made for impasse: the shapes that
 * the end-to-end tests and the benchmarks of unmodified programs look at.
 *
 *     thread_locks CASE [NUMBER [NUMBER]]     prints "ready" when the shape stands, and stays
 *     thread_locks list                       the shapes
 *
 * It ends with its parent, and after some minutes in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "program.h"

enum { RING_MOST = 4096, ORDERED_LOCKS = 8, STACK_BYTES = 64 * 1024, FAR_SECONDS = 3600 };

/* The locks that findings must name. */
pthread_mutex_t accounts = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t audit = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t ledger = PTHREAD_RWLOCK_INITIALIZER;
pthread_rwlock_t journal = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t ring[RING_MOST];
pthread_mutex_t ordered[ORDERED_LOCKS];

static pthread_barrier_t both; /* everybody holds a first lock */
static pid_t tids[RING_MOST + 1];
static unsigned long balance;

static pthread_t start(void *(*run)(void *), void *argument)
{
  pthread_attr_t attributes;
  pthread_t thread;
  PROGRAM_CHECK(pthread_attr_init(&attributes) == 0);
  PROGRAM_CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
  PROGRAM_CHECK(pthread_create(&thread, &attributes, run, argument) == 0);
  (void)pthread_attr_destroy(&attributes);
  return thread;
}

static void meet(void)
{
  int met = pthread_barrier_wait(&both);
  PROGRAM_CHECK(met == 0 || met == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void say_ready(void)
{
  (void)puts("ready");
  (void)fflush(stdout);
}

static _Noreturn void stay(size_t asleep)
{
  for (size_t i = 0; i < asleep; i++)
    (void)program_wait_asleep(&tids[i]);
  say_ready();
  for (;;)
    (void)pause();
}

static struct timespec seconds_from_now(clockid_t clock, time_t seconds)
{
  struct timespec at;
  PROGRAM_CHECK(clock_gettime(clock, &at) == 0);
  at.tv_sec += seconds;
  return at;
}

/* ---- two threads, two locks, both orders ---- */

__attribute__((noinline)) static void transfer(pthread_mutex_t *first, pthread_mutex_t *second)
{
  pthread_mutex_lock(first);
  meet();
  pthread_mutex_lock(second);
  balance++;
  pthread_mutex_unlock(second);
  pthread_mutex_unlock(first);
}

__attribute__((noinline)) static void report(pthread_mutex_t *first, pthread_mutex_t *second)
{
  pthread_mutex_lock(second);
  meet();
  pthread_mutex_lock(first);
  (void)printf("%lu\n", balance);
  pthread_mutex_unlock(first);
  pthread_mutex_unlock(second);
}

struct pair {
  pthread_mutex_t *first, *second;
};

static void *transfers(void *pair)
{
  program_here(&tids[0]);
  transfer(((struct pair *)pair)->first, ((struct pair *)pair)->second);
  return NULL;
}

static void *reports(void *pair)
{
  program_here(&tids[1]);
  report(((struct pair *)pair)->first, ((struct pair *)pair)->second);
  return NULL;
}

static void cross(struct pair *pair)
{
  PROGRAM_CHECK(pthread_barrier_init(&both, NULL, 2) == 0);
  (void)start(transfers, pair);
  (void)start(reports, pair);
}

static void shape_abba(const long *numbers)
{
  static struct pair globals = {&accounts, &audit};
  (void)numbers;
  cross(&globals);
  stay(2);
}

static void shape_heap(const long *numbers)
{
  static struct pair allocated;
  (void)numbers;
  allocated.first = calloc(1, sizeof *allocated.first);
  allocated.second = calloc(1, sizeof *allocated.second);
  PROGRAM_CHECK(allocated.first && allocated.second);
  cross(&allocated);
  stay(2);
}

/* Becomes another program, a chain of three, when it is told to by SIGUSR1. */
static void shape_reexec(const long *numbers)
{
  static struct pair globals = {&accounts, &audit};
  sigset_t usr1;
  int got;
  (void)numbers;
  (void)sigemptyset(&usr1);
  (void)sigaddset(&usr1, SIGUSR1);
  (void)pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  cross(&globals);
  (void)program_wait_asleep(&tids[0]);
  (void)program_wait_asleep(&tids[1]);
  say_ready();
  PROGRAM_CHECK(sigwait(&usr1, &got) == 0);
  execl("/proc/self/exe", "thread_locks", "chain", "3", (char *)NULL);
  PROGRAM_CHECK(!"execl");
}

/* ---- a circle of any length ---- */

static size_t ring_count;

static void *ring_member(void *number)
{
  size_t i = (size_t)(uintptr_t)number;
  program_here(&tids[i]);
  pthread_mutex_lock(&ring[i]);
  meet();
  pthread_mutex_lock(&ring[(i + 1) % ring_count]);
  return NULL;
}

static void shape_circle(const long *numbers)
{
  ring_count = (size_t)numbers[0];
  PROGRAM_CHECK(ring_count >= 1 && ring_count <= RING_MOST);
  PROGRAM_CHECK(pthread_barrier_init(&both, NULL, (unsigned)ring_count) == 0);
  for (size_t i = 0; i < ring_count; i++)
    (void)start(ring_member, (void *)(uintptr_t)i);
  stay(ring_count);
}

/* ---- a chain behind one who sleeps: slow, not stuck ---- */

static void *chain_head(void *unused)
{
  (void)unused;
  pthread_mutex_lock(&ring[0]);
  meet();
  program_here(&tids[ring_count]);
  for (;;)
    program_pause_ms(1000L * FAR_SECONDS);
  return NULL;
}

static void *chain_link(void *number)
{
  size_t i = (size_t)(uintptr_t)number;
  program_here(&tids[i - 1]);
  pthread_mutex_lock(&ring[i]);
  meet();
  pthread_mutex_lock(&ring[i - 1]);
  return NULL;
}

static void shape_chain(const long *numbers)
{
  ring_count = (size_t)numbers[0];
  PROGRAM_CHECK(ring_count >= 1 && ring_count < RING_MOST);
  PROGRAM_CHECK(pthread_barrier_init(&both, NULL, (unsigned)ring_count + 1) == 0);
  (void)start(chain_head, NULL);
  for (size_t i = 1; i <= ring_count; i++)
    (void)start(chain_link, (void *)(uintptr_t)i);
  stay(ring_count);
}

/* ---- a circle through a join ---- */

static void *join_worker(void *unused)
{
  (void)unused;
  program_here(&tids[0]);
  pthread_mutex_lock(&accounts);
  return NULL;
}

static void *join_keeper(void *unused)
{
  (void)unused;
  program_here(&tids[1]);
  pthread_mutex_lock(&accounts);
  (void)pthread_join(start(join_worker, NULL), NULL);
  return NULL;
}

static void shape_join(const long *numbers)
{
  (void)numbers;
  (void)start(join_keeper, NULL);
  stay(2);
}

/* ---- rwlocks ---- */

struct crossing {
  pthread_rwlock_t *first, *second;
  int (*lock_first)(pthread_rwlock_t *);
  size_t slot;
};

static void *crosses(void *argument)
{
  struct crossing *crossing = argument;
  program_here(&tids[crossing->slot]);
  crossing->lock_first(crossing->first);
  meet();
  pthread_rwlock_wrlock(crossing->second);
  return NULL;
}

static _Noreturn void cross_rwlocks(int (*lock_first)(pthread_rwlock_t *))
{
  static struct crossing ways[2];
  ways[0] = (struct crossing){&ledger, &journal, lock_first, 0};
  ways[1] = (struct crossing){&journal, &ledger, lock_first, 1};
  PROGRAM_CHECK(pthread_barrier_init(&both, NULL, 2) == 0);
  (void)start(crosses, &ways[0]);
  (void)start(crosses, &ways[1]);
  stay(2);
}

static void shape_rwlock(const long *numbers)
{
  (void)numbers;
  cross_rwlocks(pthread_rwlock_wrlock);
}

/* Stuck as well, but nothing tells who reads. */
static void shape_readers(const long *numbers)
{
  (void)numbers;
  cross_rwlocks(pthread_rwlock_rdlock);
}

/* ---- two processes ---- */

struct shared {
  pthread_mutex_t accounts, audit;
  pthread_barrier_t both;
  pid_t asleep[2];
};

static void take_shared(struct shared *shared, pthread_mutex_t *first, pthread_mutex_t *second,
                        pid_t *slot)
{
  pthread_mutex_lock(first);
  (void)pthread_barrier_wait(&shared->both);
  program_here(slot);
  pthread_mutex_lock(second);
}

static void *shared_parent(void *argument)
{
  struct shared *shared = argument;
  take_shared(shared, &shared->accounts, &shared->audit, &shared->asleep[0]);
  return NULL;
}

static void *shared_child(void *argument)
{
  struct shared *shared = argument;
  take_shared(shared, &shared->audit, &shared->accounts, &shared->asleep[1]);
  return NULL;
}

static void share_mutex(pthread_mutex_t *mutex)
{
  pthread_mutexattr_t attributes;
  PROGRAM_CHECK(pthread_mutexattr_init(&attributes) == 0);
  PROGRAM_CHECK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  PROGRAM_CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

static struct shared *share(void)
{
  pthread_barrierattr_t attributes;
  struct shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  PROGRAM_CHECK(shared != MAP_FAILED);
  share_mutex(&shared->accounts);
  share_mutex(&shared->audit);
  PROGRAM_CHECK(pthread_barrierattr_init(&attributes) == 0);
  PROGRAM_CHECK(pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  PROGRAM_CHECK(pthread_barrier_init(&shared->both, &attributes, 2) == 0);
  return shared;
}

/* The second line is the pid of the other process. */
static void shape_shared(const long *numbers)
{
  struct shared *shared = share();
  pid_t child = fork();
  (void)numbers;
  PROGRAM_CHECK(child >= 0);
  program_mortal(PROGRAM_SECONDS); /* an alarm is not inherited */
  if (child == 0) {
    (void)start(shared_child, shared);
    (void)program_wait_asleep(&shared->asleep[1]);
    for (;;)
      (void)pause();
  }
  (void)start(shared_parent, shared);
  (void)program_wait_asleep(&shared->asleep[0]);
  char path[64], line[256];
  bool asleep = false;
  while (!asleep) { /* the other half, as it looks from here */
    pid_t tid = __atomic_load_n(&shared->asleep[1], __ATOMIC_ACQUIRE);
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)child, (int)tid);
    FILE *file = fopen(path, "re");
    asleep = file && fgets(line, sizeof line, file) && strtol(line, NULL, 10) == SYS_futex;
    if (file)
      (void)fclose(file);
    program_pause_ms(2);
  }
  (void)printf("ready\n%d\n", (int)child);
  (void)fflush(stdout);
  for (;;)
    (void)pause();
}

/* ---- a circle that time will break ---- */

static void *timed_one(void *number)
{
  size_t i = (size_t)(uintptr_t)number;
  struct timespec far = seconds_from_now(CLOCK_REALTIME, FAR_SECONDS);
  pthread_mutex_t *mine = i ? &audit : &accounts, *other = i ? &accounts : &audit;
  program_here(&tids[i]);
  pthread_mutex_lock(mine);
  meet();
  (void)pthread_mutex_timedlock(other, &far);
  return NULL;
}

static void shape_timed(const long *numbers)
{
  (void)numbers;
  PROGRAM_CHECK(pthread_barrier_init(&both, NULL, 2) == 0);
  (void)start(timed_one, (void *)0);
  (void)start(timed_one, (void *)1);
  stay(2);
}

/* ---- an owner that ended ---- */

static void *forgetful(void *unused)
{
  (void)unused;
  pthread_mutex_lock(&accounts);
  return NULL;
}

static void *bereft(void *unused)
{
  (void)unused;
  program_here(&tids[0]);
  pthread_mutex_lock(&accounts);
  return NULL;
}

static void shape_abandoned(const long *numbers)
{
  (void)numbers;
  PROGRAM_CHECK(pthread_join(start(forgetful, NULL), NULL) == 0);
  (void)start(bereft, NULL);
  stay(1);
}

/* ---- leader and followers: who holds the lock waits for work ---- */

enum { FOLLOWERS = 4 };
static int listener = -1;

static void *follower(void *number)
{
  size_t i = (size_t)(uintptr_t)number;
  program_here(&tids[i]);
  for (;;) {
    pthread_mutex_lock(&turn);
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pthread_mutex_unlock(&turn);
    if (peer >= 0)
      (void)close(peer);
  }
  return NULL;
}

static void shape_leader(const long *numbers)
{
  (void)numbers;
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr unnamed = {.sa_family = AF_UNIX}; /* the kernel picks an abstract name */
  PROGRAM_CHECK(listener >= 0 && bind(listener, &unnamed, sizeof(sa_family_t)) == 0 &&
                listen(listener, 1) == 0);
  (void)start(follower, (void *)0);
  (void)program_wait_call(&tids[0], SYS_accept4);
  for (uintptr_t i = 1; i <= FOLLOWERS; i++) {
    (void)start(follower, (void *)i);
    (void)program_wait_asleep(&tids[i]);
  }
  stay(0);
}

/* ---- at full speed ---- */

static bool over;
static unsigned long operations[RING_MOST];

static bool goes_on(void)
{
  return !__atomic_load_n(&over, __ATOMIC_RELAXED);
}

/* Two of the locks, the lower first: never a circle, whatever one reads. */
static void *orderly(void *number)
{
  unsigned long i = (unsigned long)(uintptr_t)number, random = i * 2654435761u + 1;
  while (goes_on()) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    size_t low = (random >> 33) % (ORDERED_LOCKS - 1);
    size_t high = low + 1 + (random >> 48) % (ORDERED_LOCKS - 1 - low);
    pthread_mutex_lock(&ordered[low]);
    pthread_mutex_lock(&ordered[high]);
    for (unsigned work = (random >> 56) & 63; work; work--)
      __atomic_fetch_add(&balance, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&ordered[high]);
    pthread_mutex_unlock(&ordered[low]);
    operations[i]++;
  }
  return NULL;
}

static void *contends(void *number)
{
  size_t i = (size_t)(uintptr_t)number;
  while (goes_on()) {
    pthread_mutex_lock(&accounts);
    balance++;
    pthread_mutex_unlock(&accounts);
    operations[i]++;
  }
  return NULL;
}

/* A lock each, on a cache line of its own. */
static void *keeps_apart(void *number)
{
  struct {
    _Alignas(64) pthread_mutex_t lock;
    unsigned long count;
  } own = {.lock = PTHREAD_MUTEX_INITIALIZER, .count = 0};
  while (goes_on()) {
    pthread_mutex_lock(&own.lock);
    own.count++;
    pthread_mutex_unlock(&own.lock);
  }
  operations[(size_t)(uintptr_t)number] = own.count;
  return NULL;
}

static void run_for(time_t seconds, size_t threads, void *(*run)(void *))
{
  pthread_t list[RING_MOST];
  unsigned long sum = 0;
  struct timespec from, until, now;
  PROGRAM_CHECK(seconds >= 1 && threads >= 1 && threads <= RING_MOST);
  program_mortal((unsigned)seconds + 60);
  for (size_t i = 0; i < threads; i++)
    list[i] = start(run, (void *)(uintptr_t)i);
  say_ready();
  (void)clock_gettime(CLOCK_MONOTONIC, &from);
  until = from;
  until.tv_sec += seconds;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
    continue;
  __atomic_store_n(&over, true, __ATOMIC_RELAXED);
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  for (size_t i = 0; i < threads; i++) {
    (void)pthread_join(list[i], NULL);
    sum += operations[i];
  }
  double took = (double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9;
  (void)printf("%.0f operations per second\n", (double)sum / took);
}

static void shape_ordered(const long *numbers)
{
  run_for(numbers[0], (size_t)numbers[1], orderly);
}

static void shape_contended(const long *numbers)
{
  run_for(numbers[0], (size_t)numbers[1], contends);
}

static void shape_uncontended(const long *numbers)
{
  run_for(numbers[0], (size_t)numbers[1], keeps_apart);
}

/* ---- threads that are born and die, each after a look at one lock ---- */

static void *mayfly(void *unused)
{
  (void)unused;
  pthread_mutex_lock(&accounts);
  balance++;
  program_pause_ms(0);
  pthread_mutex_unlock(&accounts);
  return NULL;
}

static void *storms(void *unused)
{
  struct timespec next;
  (void)unused;
  (void)clock_gettime(CLOCK_MONOTONIC, &next);
  while (goes_on()) { /* ten at once, a hundred times a second */
    pthread_t brood[10];
    for (size_t i = 0; i < 10; i++)
      brood[i] = start(mayfly, NULL);
    for (size_t i = 0; i < 10; i++)
      (void)pthread_join(brood[i], NULL);
    operations[0] += 10;
    next.tv_nsec += 10000000;
    if (next.tv_nsec >= 1000000000) {
      next.tv_sec++;
      next.tv_nsec -= 1000000000;
    }
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return NULL;
}

static void shape_storm(const long *numbers)
{
  run_for(numbers[0], 1, storms);
}

/* ---- the table ---- */

static const struct shape {
  const char *name;
  void (*stand)(const long *numbers);
  long numbers[2]; /* unless others are given */
  const char *what;
} shapes[] = {
    {"abba", shape_abba, {0, 0}, "two threads take accounts and audit in both orders"},
    {"heap", shape_heap, {0, 0}, "the same with allocated locks"},
    {"timed", shape_timed, {0, 0}, "the same with pthread_mutex_timedlock"},
    {"shared", shape_shared, {0, 0}, "the same with two processes"},
    {"reexec", shape_reexec, {0, 0}, "abba until SIGUSR1, then chain 3"},
    {"circle", shape_circle, {3, 0}, "THREADS in a circle of mutexes"},
    {"join", shape_join, {0, 0}, "joins a thread that waits for its mutex"},
    {"rwlock", shape_rwlock, {0, 0}, "two writers take ledger and journal in both orders"},
    {"readers", shape_readers, {0, 0}, "both read one and want to write the other"},
    {"chain", shape_chain, {3, 0}, "one sleeps with a mutex, THREADS in a row behind it"},
    {"abandoned", shape_abandoned, {0, 0}, "the owner of a mutex ended"},
    {"leader", shape_leader, {0, 0}, "followers behind a leader who waits in accept"},
    {"ordered", shape_ordered, {60, 6}, "for SECONDS, THREADS take locks in one order"},
    {"contended", shape_contended, {5, 4}, "for SECONDS, THREADS take one mutex"},
    {"uncontended", shape_uncontended, {5, 2}, "for SECONDS, THREADS take a mutex each"},
    {"storm", shape_storm, {60, 0}, "for SECONDS, 1000 threads a second"},
};

int main(int argc, char **argv)
{
  enum { SHAPES = sizeof shapes / sizeof shapes[0] };
  for (size_t i = 0; argc > 1 && i < SHAPES; i++) {
    if (strcmp(argv[1], shapes[i].name) != 0)
      continue;
    long numbers[2] = {shapes[i].numbers[0], shapes[i].numbers[1]};
    for (int n = 0; n < 2 && n + 2 < argc; n++)
      numbers[n] = strtol(argv[n + 2], NULL, 10);
    program_mortal(PROGRAM_SECONDS);
    shapes[i].stand(numbers);
    return 0;
  }
  for (size_t i = 0; i < SHAPES; i++)
    (void)printf("%-12s %s\n", shapes[i].name, shapes[i].what);
  return argc == 2 && strcmp(argv[1], "list") == 0 ? 0 : 2;
}
