/*
 * waits_load.c - loads and attaches waits.bpf.c.
 */
#include <bpf/libbpf.h>
#include <errno.h>

#include "bpf/attach.h"
#include "bpf/loader.h"
#include "bpf/orders.h"
#include "bpf/wait_key.h"

#include <waits.skel.h>

/* In the order of orders.h. The return first: a wait whose entry is seen then has its return probed. */
static int give(const struct waits_bpf *skeleton, const struct site *site, struct loaded *loaded)
{
  const struct bpf_map *maps[] = {
      [WAITS_LOCKS] = skeleton->maps.locks,     [WAITS_WAITERS] = skeleton->maps.waiters,
      [WAITS_WAITING] = skeleton->maps.waiting, [WAITS_THREADS] = skeleton->maps.threads,
      [WAITS_TOTALS] = skeleton->maps.bss,
  };
  int error = 0;

  for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !error; i++)
    error = loader_copy(loaded, bpf_map__fd(maps[i]));
  if (!error)
    error = loader_hand(loaded, attach_put(skeleton->progs.wait_end, site, true));
  if (!error)
    error = loader_hand(loaded, attach_put(skeleton->progs.wait_begin, site, false));
  return error;
}

int waits_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct waits_order waits;
  struct waits_bpf *skeleton;
  struct site site;
  int error = loader_read(order, &waits, sizeof(waits), 1);

  if (!error && waits.pid <= 0)
    error = -EINVAL;
  if (error)
    return error;
  skeleton = waits_bpf__open();
  if (!skeleton)
    return -errno;
  site = (struct site){.exe_fd = order->fds[0], .pid = waits.pid, .offset = waits.offset};
  skeleton->rodata->who_offset = waits.who_offset;
  attach_prepare(skeleton->progs.wait_begin);
  attach_prepare(skeleton->progs.wait_end);
  error = waits_bpf__load(skeleton);
  if (!error)
    error = give(skeleton, &site, ret_loaded);
  waits_bpf__destroy(skeleton);
  return error;
}
