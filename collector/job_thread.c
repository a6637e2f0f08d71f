/* job_thread.c - see job_thread.h. */
#include "collector/job_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct job {
  struct job *next;
  job_fn *run;
  void *data;
};

struct job_thread {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct job *first, **end;
  bool stopping;
};

/* The next job, or NULL when the thread is to end and none is left. */
static struct job *take(struct job_thread *t, bool *ret_cancelled)
{
  struct job *job;

  pthread_mutex_lock(&t->lock);
  while (!t->first && !t->stopping)
    pthread_cond_wait(&t->changed, &t->lock);
  job = t->first;
  if (job) {
    t->first = job->next;
    if (!t->first)
      t->end = &t->first;
  }
  *ret_cancelled = t->stopping;
  pthread_mutex_unlock(&t->lock);
  return job;
}

static void *job_thread_run(void *argument)
{
  struct job_thread *t = argument;
  struct job *job;
  bool cancelled;

  while ((job = take(t, &cancelled)) != NULL) {
    job->run(job->data, cancelled);
    free(job);
  }
  return NULL;
}

static void job_thread_free(struct job_thread *t)
{
  pthread_cond_destroy(&t->changed);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

int job_thread_start(struct job_thread **ret_thread)
{
  struct job_thread *t = calloc(1, sizeof(*t));
  int error;

  if (!t)
    return -ENOMEM;
  t->end = &t->first;
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->changed, NULL);
  error = -pthread_create(&t->thread, NULL, job_thread_run, t);
  if (error < 0) {
    job_thread_free(t);
    return error;
  }
  *ret_thread = t;
  return 0;
}

int job_thread_add(struct job_thread *t, job_fn *run, void *data)
{
  struct job *job = malloc(sizeof(*job));
  bool stopping;

  if (!job)
    return -ENOMEM;
  *job = (struct job){.run = run, .data = data};
  pthread_mutex_lock(&t->lock);
  stopping = t->stopping;
  if (!stopping) {
    *t->end = job;
    t->end = &job->next;
    pthread_cond_signal(&t->changed);
  }
  pthread_mutex_unlock(&t->lock);
  if (stopping)
    free(job);
  return stopping ? -ECANCELED : 0;
}

void job_thread_stop(struct job_thread *t)
{
  if (!t)
    return;
  pthread_mutex_lock(&t->lock);
  t->stopping = true;
  pthread_cond_signal(&t->changed);
  pthread_mutex_unlock(&t->lock);
  (void)pthread_join(t->thread, NULL); /* a thread of ours that was started */
  job_thread_free(t);
}
