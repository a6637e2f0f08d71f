/* budget.c - see budget.h. Looks ten times a second and compares with a second ago. */
#include "probe/hook/budget.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LOOKS_PER_S = 10, NS_PER_S = 1000000000 };

struct budget {
  struct budget_setup setup;
  pthread_t thread;
  pthread_mutex_t mutex; /* of `ending` */
  pthread_cond_t change;
  bool ending;
  bool over; /* atomic */
};

/* Waits for the next look; false when it is to end. */
static bool next_look(struct budget *budget)
{
  struct timespec until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
  until.tv_nsec += NS_PER_S / LOOKS_PER_S;
  if (until.tv_nsec >= NS_PER_S) {
    until.tv_nsec -= NS_PER_S;
    until.tv_sec++;
  }
  (void)pthread_mutex_lock(&budget->mutex);
  while (!budget->ending &&
         pthread_cond_timedwait(&budget->change, &budget->mutex, &until) != ETIMEDOUT)
    ;
  bool goes_on = !budget->ending;
  (void)pthread_mutex_unlock(&budget->mutex);
  return goes_on;
}

static void *run(void *context)
{
  struct budget *budget = context;
  const struct budget_setup *setup = &budget->setup;
  uint64_t looks[LOOKS_PER_S];
  for (unsigned i = 0; i < LOOKS_PER_S; i++)
    looks[i] = setup->hits(setup->context);
  for (unsigned i = 0; next_look(budget); i = (i + 1) % LOOKS_PER_S) {
    uint64_t hits = setup->hits(setup->context);
    if (hits - looks[i] > setup->most_per_s) {
      __atomic_store_n(&budget->over, true, __ATOMIC_RELEASE);
      setup->over(setup->context);
      break;
    }
    looks[i] = hits;
  }
  return NULL;
}

static int init_condition(pthread_cond_t *condition)
{
  pthread_condattr_t clock;
  int error = pthread_condattr_init(&clock);
  if (error)
    return -error;
  (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC); /* every Linux has it */
  error = pthread_cond_init(condition, &clock);
  (void)pthread_condattr_destroy(&clock);
  return -error;
}

int budget_start(const struct budget_setup *setup, struct budget **ret_budget)
{
  struct budget *budget = calloc(1, sizeof *budget);
  if (!budget)
    return -ENOMEM;
  budget->setup = *setup;
  int error = init_condition(&budget->change);
  if (error)
    goto out;
  (void)pthread_mutex_init(&budget->mutex, NULL); /* of the plain kind: cannot fail */
  error = -pthread_create(&budget->thread, NULL, run, budget);
  if (error) {
    (void)pthread_cond_destroy(&budget->change);
    (void)pthread_mutex_destroy(&budget->mutex);
    goto out;
  }
  *ret_budget = budget;
  budget = NULL;
out:
  free(budget);
  return error;
}

void budget_stop(struct budget *budget)
{
  if (!budget)
    return;
  (void)pthread_mutex_lock(&budget->mutex);
  budget->ending = true;
  (void)pthread_cond_signal(&budget->change);
  (void)pthread_mutex_unlock(&budget->mutex);
  (void)pthread_join(budget->thread, NULL);
  (void)pthread_cond_destroy(&budget->change);
  (void)pthread_mutex_destroy(&budget->mutex);
  free(budget);
}

bool budget_over(const struct budget *budget)
{
  return __atomic_load_n(&budget->over, __ATOMIC_ACQUIRE);
}
