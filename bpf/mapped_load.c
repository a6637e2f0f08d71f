/*
 * mapped_load.c - loads mapped.bpf.c. Of which process is decided where it is read.
 */
#include <bpf/libbpf.h>
#include <errno.h>

#include "bpf/loader.h"
#include "bpf/orders.h"

#include <mapped.skel.h>

int mapped_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct mapped_order mapped;
  struct mapped_bpf *skeleton;
  int error = loader_read(order, &mapped, sizeof(mapped), 0);

  if (error)
    return error;
  skeleton = mapped_bpf__open();
  if (!skeleton)
    return -errno;
  error = mapped_bpf__load(skeleton);
  if (!error)
    error = loader_copy(ret_loaded, bpf_program__fd(skeleton->progs.each_mapping));
  mapped_bpf__destroy(skeleton);
  return error;
}
