/*
 * files_load.c - loads files.bpf.c, as an iterator over the files of one process.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "bpf/loader.h"
#include "bpf/orders.h"

#include <files.skel.h>

static int attach(const struct files_bpf *skeleton, pid_t pid)
{
  union bpf_iter_link_info one = {.task.pid = (__u32)pid};
  LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one, .iter_info_len = sizeof(one));

  return bpf_link_create(bpf_program__fd(skeleton->progs.each_file), 0, BPF_TRACE_ITER, &options);
}

int files_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct files_order files;
  struct files_bpf *skeleton;
  int error = loader_read(order, &files, sizeof(files), 0);

  if (!error && files.pid <= 0)
    error = -EINVAL;
  if (error)
    return error;
  skeleton = files_bpf__open();
  if (!skeleton)
    return -errno;
  skeleton->rodata->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
  error = files_bpf__load(skeleton);
  if (!error)
    error = loader_hand(ret_loaded, attach(skeleton, files.pid));
  files_bpf__destroy(skeleton);
  return error;
}
