/*
 * job_thread.h - one thread that does jobs in their order: for work that may take long and must not
 * hold up the loop.
 */
#ifndef IMPASSE_COLLECTOR_JOB_THREAD_H
#define IMPASSE_COLLECTOR_JOB_THREAD_H

#include <stdbool.h>

struct job_thread;

/* `cancelled`: the thread is being stopped; the job only frees what it holds. */
typedef void job_fn(void *job, bool cancelled);

int job_thread_start(struct job_thread **ret_thread);

/* Any thread. -ENOMEM, or -ECANCELED once it is stopping: then the job has not been taken. */
int job_thread_add(struct job_thread *thread, job_fn *run, void *job);

/* Lets the present job end, cancels the others, frees. NULL is fine. */
void job_thread_stop(struct job_thread *thread);

#endif
