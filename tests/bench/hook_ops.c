/*
 * hook_ops.c - what an operation of the hook library costs over the bare operation that it stands for: the least and
 * the median of many short rounds, bare and hooked taken in turn, so that both see the same machine.
 * usage: bench_hook_ops [ACTORS]   (for the bytes of an actor; 1,000,000 by default)
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "probe/hook/impasse.h"
#include "tests/bench/median.h"

enum { ROUNDS = 201, LOOPS = 20000, CONTENDED_LOOPS = 200000, CONTENDED_ROUNDS = 21 };

static struct impasse_actor self, other;
static struct impasse_table table;
static struct impasse_worker worker;
static uint64_t bare_counter __attribute__((aligned(64)));

static uint64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Each function is one loop of LOOPS operations. */
#define LOOP(name, operation)                                                                      \
  static void name(void)                                                                           \
  {                                                                                                \
    for (int i = 0; i < LOOPS; i++) {                                                              \
      operation;                                                                                   \
      __asm__ volatile("" ::: "memory");                                                           \
    }                                                                                              \
  }

LOOP(bare_nothing, (void)0)
LOOP(bare_store, __atomic_store_n(&bare_counter, (uint64_t)i, __ATOMIC_RELEASE))
LOOP(bare_single, impasse_counter_add(&bare_counter, 1))
LOOP(bare_add, __atomic_fetch_add(&bare_counter, 1, __ATOMIC_RELEASE))
LOOP(bare_clock, (void)now_ns())
LOOP(hook_put_single, impasse_put_single(impasse_mailbox_of(self), 1))
LOOP(hook_put, impasse_put(impasse_mailbox_of(self), 1))
LOOP(hook_take, impasse_take(impasse_mailbox_of(self), 1))
LOOP(hook_receive, impasse_receive_begin(self))
LOOP(hook_run, impasse_run_begin(&worker, self); impasse_run_end(self, IMPASSE_RECEIVE))
LOOP(hook_call, impasse_call_end(impasse_call_begin(self, other.ref, 0, 0)))
LOOP(hook_table, impasse_table_acquired(table, self, IMPASSE_WRITE);
     impasse_table_released(table, self))
LOOP(hook_open, impasse_actor_close(impasse_actor_open(impasse_numbered(1, (uint64_t)i))))
LOOP(hook_open_text, impasse_actor_close(impasse_actor_open(impasse_text("connection"))))

struct figures {
  double least, median; /* ns an operation */
};

static struct figures figures_of(double *rounds, size_t count)
{
  double median = median_of(rounds, count); /* sorts them */
  return (struct figures){rounds[0], median};
}

static double time_of(void (*loop)(void))
{
  uint64_t begin = now_ns();
  loop();
  return (double)(now_ns() - begin) / LOOPS;
}

static void print_line(const char *what, struct figures hook, struct figures bare,
                       const char *promise)
{
  printf("hook %-34s %6.2f ns over bare %6.2f ns (median %6.2f, %6.2f), ratio %.1f%s%s\n", what,
         hook.least - bare.least, bare.least, hook.median, bare.median, hook.least / bare.least,
         *promise ? ", promise " : "", promise);
}

static void compare(const char *what, void (*hook)(void), void (*bare)(void), const char *promise)
{
  double hooked[ROUNDS], plain[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    plain[i] = time_of(bare);
    hooked[i] = time_of(hook);
  }
  print_line(what, figures_of(hooked, ROUNDS), figures_of(plain, ROUNDS), promise);
}

/* --- two threads that put into one mailbox at once --- */

static pthread_barrier_t barrier;
static void (*contended)(void);

static void contended_bare(void)
{
  for (int i = 0; i < CONTENDED_LOOPS; i++)
    __atomic_fetch_add(&bare_counter, 1, __ATOMIC_RELEASE);
}

static void contended_hook(void)
{
  for (int i = 0; i < CONTENDED_LOOPS; i++)
    impasse_put(impasse_mailbox_of(self), 1);
}

static void *second_thread(void *unused)
{
  for (int i = 0; i < 2 * CONTENDED_ROUNDS; i++) {
    pthread_barrier_wait(&barrier);
    contended();
    pthread_barrier_wait(&barrier);
  }
  return unused;
}

static double time_contended(void (*loop)(void))
{
  contended = loop;
  pthread_barrier_wait(&barrier);
  uint64_t begin = now_ns();
  loop();
  uint64_t end = now_ns();
  pthread_barrier_wait(&barrier);
  return (double)(end - begin) / CONTENDED_LOOPS;
}

static void compare_contended(void)
{
  double hooked[CONTENDED_ROUNDS], plain[CONTENDED_ROUNDS];
  pthread_t thread;
  pthread_barrier_init(&barrier, NULL, 2);
  if (pthread_create(&thread, NULL, second_thread, NULL) != 0)
    return;
  for (int i = 0; i < CONTENDED_ROUNDS; i++) {
    plain[i] = time_contended(contended_bare);
    hooked[i] = time_contended(contended_hook);
  }
  pthread_join(thread, NULL);
  print_line("put, two threads, one mailbox", figures_of(hooked, CONTENDED_ROUNDS),
             figures_of(plain, CONTENDED_ROUNDS), "8 ns");
}

/* --- bytes --- */

static long resident_bytes(void)
{
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
    resident = 0;
  if (file)
    fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

static void measure_bytes(uint64_t count)
{
  struct impasse_actor *actors = malloc(count * sizeof *actors);
  if (!actors)
    return;
  memset(actors, 1, count * sizeof *actors); /* so that they are resident before */
  long before = resident_bytes();
  uint64_t begin = now_ns(), opened = 0;
  for (uint64_t i = 0; i < count; i++) {
    actors[i] = impasse_actor_open(impasse_numbered(1, i));
    opened += actors[i].ref.slot != NULL;
  }
  uint64_t end = now_ns();
  long open = resident_bytes();
  for (uint64_t i = 0; i < count; i++)
    (void)impasse_call_begin(actors[i], other.ref, 0, 0);
  long waiting = resident_bytes();
  printf("hook %llu of %llu actors open: %.0f bytes each, %.0f once each has waited; opening %.0f "
         "ns each\n",
         (unsigned long long)opened, (unsigned long long)count,
         (double)(open - before) / (double)count, (double)(waiting - before) / (double)count,
         (double)(end - begin) / (double)count);
  free(actors);
}

int main(int argc, char **argv)
{
  int error = impasse_start(NULL);
  if (error) {
    fprintf(stderr, "bench_hook_ops: the library is off: %s\n", strerror(-error));
    return 1;
  }
  self = impasse_actor_open(impasse_text("self"));
  other = impasse_actor_open(impasse_text("other"));
  table = impasse_table_open(impasse_text("table"), IMPASSE_TABLE);
  worker = impasse_worker_begin((struct impasse_pool){{NULL, 0, 0}});
  compare("put (single producer)", hook_put_single, bare_single, "2 ns");
  compare("take", hook_take, bare_single, "2 ns");
  compare("receive_begin", hook_receive, bare_store, "2 ns");
  compare("run_begin + run_end", hook_run, bare_store, "");
  compare("put (any producer)", hook_put, bare_add, "2 ns");
  compare_contended();
  compare("call_begin + call_end", hook_call, bare_clock, "");
  compare("table acquired + released", hook_table, bare_nothing, "");
  compare("actor open + close", hook_open, bare_nothing, "50 ns");
  compare("actor open + close, text name", hook_open_text, bare_nothing, "");
  measure_bytes(argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000);
  return 0;
}
