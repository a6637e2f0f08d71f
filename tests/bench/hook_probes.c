/*
 * hook_probes.c - what a hooked program pays while probes tell of it (--exact, memory that may not be read): each
 * operation with and without them, by its own clock, taken in turn. Needs root, or CAP_BPF and CAP_PERFMON.
 */
#define IMPASSE_USDT
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/hook.h"
#include "probe/hook/impasse.h"
#include "probe/hook/usdt.h"
#include "tests/bench/median.h"

enum { ROUNDS = 15, LOOPS = 2000, REASON_BYTES = 256 };

/* Between the program and us. */
static struct shared {
  int operation; /* to be measured next; -1 none */
  double ns;     /* what one took */
} * shared;

static struct impasse_actor self, other;
static struct impasse_table table;

static uint64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void put(void)
{
  impasse_put(impasse_mailbox_of(self), 1);
}

static void take(void)
{
  impasse_take(impasse_mailbox_of(self), 1);
}

static void call(void)
{
  impasse_call_end(impasse_call_begin(self, other.ref, 0, 0));
}

static void use_table(void)
{
  impasse_table_wait_end(impasse_table_wait_begin(table, self, IMPASSE_WRITE, 0));
}

static void open_and_close(void)
{
  impasse_actor_close(impasse_actor_open(impasse_text("short")));
}

static const struct {
  const char *name;
  void (*run)(void);
} operations[] = {
    {"put", put},
    {"take", take},
    {"call_begin + call_end", call},
    {"table wait begin + end", use_table},
    {"actor open + close", open_and_close},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

/* The program: measures what it is told to. */
static void program(void)
{
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  self = impasse_actor_open(impasse_text("self"));
  other = impasse_actor_open(impasse_text("other"));
  table = impasse_table_open(impasse_text("table"), IMPASSE_MUTEX);
  for (;;) {
    int operation = __atomic_load_n(&shared->operation, __ATOMIC_ACQUIRE);
    if (operation < 0)
      continue;
    uint64_t begin_ns = now_ns();
    for (int i = 0; i < LOOPS; i++)
      operations[operation].run();
    shared->ns = (double)(now_ns() - begin_ns) / LOOPS;
    __atomic_store_n(&shared->operation, -1, __ATOMIC_RELEASE);
  }
}

static double measure(int operation)
{
  __atomic_store_n(&shared->operation, operation, __ATOMIC_RELEASE);
  while (__atomic_load_n(&shared->operation, __ATOMIC_ACQUIRE) >= 0)
    (void)usleep(100);
  return shared->ns;
}

static void compare(int operation, const struct hook_at *at)
{
  double without[ROUNDS], with[ROUNDS], bare, probed;
  char reason[REASON_BYTES] = "";
  for (int i = 0; i < ROUNDS; i++) {
    struct hook *hook;
    without[i] = measure(operation);
    if (hook_open(at, &hook, reason, sizeof reason) != 0) {
      printf("hook probes: skipped: %s\n", reason);
      exit(0);
    }
    with[i] = measure(operation);
    hook_close(hook);
  }
  bare = median_of(without, ROUNDS); /* sorts them */
  probed = median_of(with, ROUNDS);
  printf("hook probes, %-22s %6.0f ns over %5.1f ns without (median %6.0f, %5.1f), ratio %.0f\n",
         operations[operation].name, with[0] - without[0], without[0], probed, bare,
         with[0] / without[0]);
}

int main(void)
{
  struct usdt_sites sites = {0};
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || file < 0 || usdt_read(file, 0, &sites) != 0)
    return 1;
  shared->operation = -1;
  pid_t pid = fork();
  if (pid == 0)
    program();
  const struct hook_at at = {
      .pid = pid, .files = &file, .file_count = 1, .sites = sites.list, .site_count = sites.count};
  for (int i = 0; i < OPERATIONS; i++)
    compare(i, &at);
  (void)kill(pid, SIGKILL);
  (void)waitpid(pid, NULL, 0);
  usdt_done(&sites);
  return 0;
}
