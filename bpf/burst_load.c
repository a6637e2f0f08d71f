/*
 * burst_load.c - loads and attaches burst.bpf.c: only the program that is asked for.
 */
#include <bpf/libbpf.h>
#include <errno.h>

#include "bpf/attach.h"
#include "bpf/burst.h"
#include "bpf/loader.h"
#include "bpf/orders.h"

#include <burst.skel.h>

static int open_skeleton(const struct burst_order *order, struct burst_bpf **ret_skeleton)
{
  struct burst_bpf *skeleton = burst_bpf__open();
  int error;

  if (!skeleton)
    return -errno;
  skeleton->rodata->receiver = order->receiver;
  skeleton->rodata->pid_offset = order->pid_offset;
  skeleton->rodata->most_hits = order->most_hits;
  (void)bpf_program__set_autoload(skeleton->progs.count_send, order->at == BURST_AT_SEND);
  (void)bpf_program__set_autoload(skeleton->progs.count_exit, order->at == BURST_AT_EXIT);
  attach_prepare(skeleton->progs.count_send);
  attach_prepare(skeleton->progs.count_exit);
  error = burst_bpf__load(skeleton);
  if (error)
    burst_bpf__destroy(skeleton);
  else
    *ret_skeleton = skeleton;
  return error;
}

int burst_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct burst_order burst;
  struct burst_bpf *skeleton;
  struct site site;
  int error = loader_read(order, &burst, sizeof(burst), 1);

  if (!error && (burst.at > BURST_AT_EXIT || burst.pid <= 0))
    error = -EINVAL;
  if (!error)
    error = open_skeleton(&burst, &skeleton);
  if (error)
    return error;
  site = (struct site){.exe_fd = order->fds[0], .pid = burst.pid, .offset = burst.offset};
  error = loader_copy(ret_loaded, bpf_map__fd(skeleton->maps.counts));
  if (!error)
    error = loader_copy(ret_loaded, bpf_map__fd(skeleton->maps.bss));
  if (!error)
    error =
        loader_hand(ret_loaded, attach_put(burst.at == BURST_AT_SEND ? skeleton->progs.count_send
                                                                     : skeleton->progs.count_exit,
                                           &site, false));
  burst_bpf__destroy(skeleton);
  return error;
}

int burst_load_try(void)
{
  struct burst_order order = {.at = BURST_AT_EXIT};
  struct burst_bpf *skeleton;
  int error = open_skeleton(&order, &skeleton);

  if (!error)
    burst_bpf__destroy(skeleton);
  return error;
}
