/*
 * absent.c - the face of this folder in a build without probes (IMPASSE_BPF=OFF): everything is refused.
 */
#include <errno.h>
#include <stdio.h>

#include "bpf/burst.h"
#include "bpf/contention.h"
#include "bpf/files.h"
#include "bpf/hook.h"
#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/mapped.h"
#include "bpf/tasks.h"
#include "bpf/waits.h"

static const char WORDS[] = "this impasse was built without probes (IMPASSE_BPF=OFF)";

void ladder_explain(int error, char *ret_text, size_t room)
{
  (void)error;
  (void)snprintf(ret_text, room, "%s", WORDS); /* cut is fine */
}

static int refuse(char *ret_text, size_t room)
{
  ladder_explain(-EOPNOTSUPP, ret_text, room);
  return -EOPNOTSUPP;
}

int ladder_try(char *ret_text, size_t room)
{
  return refuse(ret_text, room);
}

size_t ladder_climb(struct ladder_rung ret_rungs[LADDER_RUNGS_MOST])
{
  *ret_rungs = (struct ladder_rung){.name = "bpf",
                                    .without = "without them show senders, show exits, show locks "
                                               "and --exact are refused"};
  ret_rungs->error = refuse(ret_rungs->words, sizeof(ret_rungs->words));
  return 1;
}

int load_here(void *unused, const struct load_order *order, struct loaded *ret_loaded)
{
  (void)unused;
  (void)order;
  *ret_loaded = (struct loaded){0};
  return refuse(ret_loaded->reason, sizeof(ret_loaded->reason));
}

int load(const struct load_order *order, struct loaded *ret_loaded)
{
  return load_here(NULL, order, ret_loaded);
}

void load_elsewhere(load_fn *elsewhere, void *context)
{
  (void)elsewhere;
  (void)context;
}

int load_program(enum load_program program, const void *parameters, size_t bytes, int fd,
                 uint32_t fd_count, struct loaded *ret_loaded)
{
  (void)program;
  (void)parameters;
  (void)bytes;
  (void)fd;
  (void)fd_count;
  return load_here(NULL, NULL, ret_loaded);
}

void loaded_close(struct loaded *loaded)
{
  (void)loaded;
}

int tasks_open(pid_t pid, struct tasks **ret_tasks, char *reason, size_t room)
{
  (void)pid;
  (void)ret_tasks;
  return refuse(reason, room);
}

int tasks_read(struct tasks *tasks, const pid_t *tids, size_t tid_count, size_t most,
               const struct task_record **ret_list, size_t *ret_count, uint64_t *ret_lost)
{
  (void)tasks;
  (void)tids;
  (void)tid_count;
  (void)most;
  (void)ret_list;
  (void)ret_count;
  (void)ret_lost;
  return -EOPNOTSUPP;
}

void tasks_close(struct tasks *tasks)
{
  (void)tasks;
}

int contention_open(pid_t pid, struct contention **ret_contention, char *reason, size_t room)
{
  (void)pid;
  (void)ret_contention;
  return refuse(reason, room);
}

int contention_collect(struct contention *contention, struct contention_totals *ret_totals)
{
  (void)contention;
  (void)ret_totals;
  return -EOPNOTSUPP;
}

void contention_totals_done(struct contention_totals *totals)
{
  (void)totals;
}

void contention_close(struct contention *contention)
{
  (void)contention;
}

int burst_run(const struct burst *burst, struct burst_counts *ret_counts, char *reason, size_t room)
{
  (void)burst;
  (void)ret_counts;
  return refuse(reason, room);
}

void burst_counts_done(struct burst_counts *counts)
{
  (void)counts;
}

int waits_open(const struct waits_at *at, struct waits **ret_waits, char *reason, size_t room)
{
  (void)at;
  (void)ret_waits;
  return refuse(reason, room);
}

int waits_collect(const struct waits *waits, struct waits_totals *ret_totals)
{
  (void)waits;
  (void)ret_totals;
  return -EOPNOTSUPP;
}

void waits_totals_done(struct waits_totals *totals)
{
  (void)totals;
}

uint64_t waits_hits(const struct waits *waits)
{
  (void)waits;
  return 0;
}

void waits_detach(struct waits *waits)
{
  (void)waits;
}

void waits_close(struct waits *waits)
{
  (void)waits;
}

int files_open(pid_t pid, struct files **ret_files, char *reason, size_t room)
{
  (void)pid;
  (void)ret_files;
  return refuse(reason, room);
}

int files_read(struct files *files, size_t most, const struct file_record **ret_list,
               size_t *ret_count)
{
  (void)files;
  (void)most;
  (void)ret_list;
  (void)ret_count;
  return -EOPNOTSUPP;
}

void files_close(struct files *files)
{
  (void)files;
}

int mapped_open(struct mapped **ret_mapped, char *reason, size_t room)
{
  (void)ret_mapped;
  return refuse(reason, room);
}

int mapped_read(const struct mapped *mapped, pid_t pid, size_t most,
                struct mapped_record **ret_list, size_t *ret_count)
{
  (void)mapped;
  (void)pid;
  (void)most;
  (void)ret_list;
  (void)ret_count;
  return -EOPNOTSUPP;
}

void mapped_close(struct mapped *mapped)
{
  (void)mapped;
}

int hook_open(const struct hook_at *at, struct hook **ret_hook, char *reason, size_t room)
{
  (void)at;
  (void)ret_hook;
  return refuse(reason, room);
}

struct hook_totals hook_totals(const struct hook *hook)
{
  (void)hook;
  return (struct hook_totals){0};
}

int hook_collect(const struct hook *hook, struct hook_copy *ret_copy)
{
  (void)hook;
  (void)ret_copy;
  return -EOPNOTSUPP;
}

int hook_again(const struct hook *hook, uint32_t number, struct hook_slot *ret_slot)
{
  (void)hook;
  (void)number;
  (void)ret_slot;
  return -EOPNOTSUPP;
}

void hook_copy_done(struct hook_copy *copy)
{
  (void)copy;
}

void hook_detach(struct hook *hook)
{
  (void)hook;
}

void hook_close(struct hook *hook)
{
  (void)hook;
}
