/*
 * joined.c - a deadlock of which each source of impasse sees one half only: a call that the library
 * is told of, and a lock that it is not.
 *
 *     teller: on a thread of its own, holds the mutex `vault_door` and calls clerk
 *     clerk:  on another thread, wants `vault_door` before it answers     -> circle teller, clerk
 *     cashier: on a third thread, wants `vault_door` as well              -> behind the circle
 *
 * Checks by itself that both wait for the mutex, prints "ready", stays until its standard input
 * ends, answers the call in the clerk's place and exits with 0.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/hook/impasse.h"

enum { TELLER, CLERK, CASHIER, ACTORS };

pthread_mutex_t vault_door = PTHREAD_MUTEX_INITIALIZER;

static struct {
  pthread_mutex_t mutex; /* of what stands here */
  pthread_cond_t changed;
  bool locked, answered;
  pid_t tids[ACTORS];
} desk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct impasse_actor actors[ACTORS];

static void say(bool *what)
{
  pthread_mutex_lock(&desk.mutex);
  *what = true;
  pthread_cond_broadcast(&desk.changed);
  pthread_mutex_unlock(&desk.mutex);
}

static void await(const bool *what)
{
  pthread_mutex_lock(&desk.mutex);
  while (!*what)
    pthread_cond_wait(&desk.changed, &desk.mutex);
  pthread_mutex_unlock(&desk.mutex);
}

static void take_up(int who)
{
  struct impasse_pool none = {impasse_unknown()};
  struct impasse_worker worker = impasse_worker_begin(none);
  impasse_run_begin(&worker, actors[who]);
  __atomic_store_n(&desk.tids[who], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static void *tell(void *nothing)
{
  take_up(TELLER);
  pthread_mutex_lock(&vault_door);
  say(&desk.locked);
  struct impasse_wait call =
      impasse_call_begin(actors[TELLER], actors[CLERK].ref, 0, IMPASSE_WAIT_EXCLUSIVE);
  await(&desk.answered);
  impasse_call_end(call);
  pthread_mutex_unlock(&vault_door);
  impasse_run_end(actors[TELLER], IMPASSE_RECEIVE);
  return nothing;
}

static void *want_vault(void *who)
{
  take_up(*(int *)who);
  await(&desk.locked);
  pthread_mutex_lock(&vault_door);
  pthread_mutex_unlock(&vault_door);
  impasse_run_end(actors[*(int *)who], IMPASSE_RECEIVE);
  return NULL;
}

/* By what the kernel says of the thread. */
static bool waits_for_vault(pid_t tid)
{
  char path[64], text[128] = "";
  long call;
  uintptr_t address;
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
  FILE *file = tid ? fopen(path, "r") : NULL;
  if (!file)
    return false;
  bool read = fgets(text, sizeof text, file) != NULL;
  fclose(file);
  return read && sscanf(text, "%ld 0x%" SCNxPTR, &call, &address) == 2 && call == SYS_futex &&
         address == (uintptr_t)&vault_door;
}

static bool both_wait(void)
{
  for (int who = CLERK; who <= CASHIER; who++)
    if (!waits_for_vault(__atomic_load_n(&desk.tids[who], __ATOMIC_ACQUIRE)))
      return false;
  return true;
}

int main(void)
{
  static const char *const names[ACTORS] = {"teller", "clerk", "cashier"};
  static int numbers[ACTORS] = {TELLER, CLERK, CASHIER};
  pthread_t threads[ACTORS];
  struct timespec pause = {.tv_nsec = 1000000};
  int error = impasse_start(NULL);
  if (error) {
    fprintf(stderr, "joined: the library is off: %s\n", strerror(-error));
    return 77;
  }
  for (int i = 0; i < ACTORS; i++)
    actors[i] = impasse_actor_open(impasse_registered(names[i]));
  for (int i = 0; i < ACTORS; i++)
    if (pthread_create(&threads[i], NULL, i == TELLER ? tell : want_vault, &numbers[i]) != 0)
      return 1;
  for (int i = 0; i < 10000 && !both_wait(); i++)
    nanosleep(&pause, NULL);
  if (!both_wait()) {
    fprintf(stderr, "joined: not everybody waits\n");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF)
    ;
  say(&desk.answered);
  for (int i = 0; i < ACTORS; i++)
    pthread_join(threads[i], NULL);
  return 0;
}
