/*
 * tasks_load.c - loads tasks.bpf.c for one process.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "bpf/loader.h"
#include "bpf/orders.h"

#include <tasks.skel.h>

/* Linux before 6.1 knows no iterator of one process: the program then passes over the others. */
static int link_walk(const struct tasks_bpf *skeleton, pid_t pid)
{
  union bpf_iter_link_info one = {.task.pid = (uint32_t)pid};
  DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one,
                      .iter_info_len = sizeof(one));
  int program = bpf_program__fd(skeleton->progs.walk);
  int link = bpf_link_create(program, 0, BPF_TRACE_ITER, &options);

  if (link == -E2BIG || link == -EINVAL)
    link = bpf_link_create(program, 0, BPF_TRACE_ITER, NULL);
  return link;
}

int tasks_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct tasks_order tasks;
  struct tasks_bpf *skeleton;
  int error = loader_read(order, &tasks, sizeof(tasks), 0);

  if (!error && tasks.pid <= 0)
    error = -EINVAL;
  if (error)
    return error;
  skeleton = tasks_bpf__open();
  if (!skeleton)
    return -errno;
  skeleton->rodata->tgid = (uint32_t)tasks.pid;
  error = tasks_bpf__load(skeleton);
  if (!error)
    error = loader_hand(ret_loaded, link_walk(skeleton, tasks.pid));
  tasks_bpf__destroy(skeleton);
  return error;
}
