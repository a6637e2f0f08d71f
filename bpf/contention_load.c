/*
 * contention_load.c - loads contention.bpf.c and attaches it to all context switches. Which processes count is
 * up to who has the descriptors: it walks the seeding program over them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "bpf/contention_key.h"
#include "bpf/loader.h"
#include "bpf/orders.h"

#include <contention.skel.h>

/* In the order of orders.h. */
static int give(const struct contention_bpf *skeleton, struct loaded *loaded)
{
  const int fds[] = {
      [CONTENTION_WATCHES] = bpf_map__fd(skeleton->maps.watches),
      [CONTENTION_BEGUN] = bpf_map__fd(skeleton->maps.begun),
      [CONTENTION_SUMS] = bpf_map__fd(skeleton->maps.sums),
      [CONTENTION_SEEDING] = bpf_map__fd(skeleton->maps.bss),
      [CONTENTION_SEED] = bpf_program__fd(skeleton->progs.seed),
  };
  int error = 0, link;

  for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]) && !error; i++)
    error = loader_copy(loaded, fds[i]);
  if (error)
    return error;
  link = bpf_raw_tracepoint_open(NULL, bpf_program__fd(skeleton->progs.on_switch));
  return loader_hand(loaded, link);
}

int contention_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct contention_bpf *skeleton;
  int error = loader_read(order, NULL, 0, 0);

  if (error)
    return error;
  skeleton = contention_bpf__open_and_load();
  if (!skeleton)
    return -errno;
  error = give(skeleton, ret_loaded);
  contention_bpf__destroy(skeleton);
  return error;
}
