/*
 * hook_load.c - loads hook.bpf.c and attaches it to all sites of each file at once.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/attach.h"
#include "bpf/hook.h"
#include "bpf/loader.h"
#include "bpf/orders.h"

#include <hook.skel.h>

/* The sites as they came, with what the kernel wants of them beside. */
struct sites {
  struct hook_site *list;
  uint64_t *offsets, *cookies;
  uint32_t count;
};

static void sites_done(struct sites *sites)
{
  free(sites->list);
  free(sites->offsets);
  free(sites->cookies);
}

static int sites_read(int fd, const struct hook_order *hook, struct sites *sites)
{
  size_t bytes = hook->site_count * sizeof(*sites->list);

  sites->count = hook->site_count;
  sites->list = calloc(sites->count, sizeof(*sites->list));
  sites->offsets = calloc(sites->count, sizeof(*sites->offsets));
  sites->cookies = calloc(sites->count, sizeof(*sites->cookies));
  if (!sites->list || !sites->offsets || !sites->cookies)
    return -ENOMEM;
  if (pread(fd, sites->list, bytes, 0) != (ssize_t)bytes)
    return -EINVAL;
  for (uint32_t i = 0; i < sites->count; i++) {
    const struct hook_site *site = &sites->list[i];
    if (site->file >= hook->file_count || (i > 0 && site->file < site[-1].file))
      return -EINVAL;
    sites->offsets[i] = site->offset;
    sites->cookies[i] = i;
  }
  return 0;
}

static int tell_sites(const struct hook_bpf *skeleton, const struct sites *sites)
{
  int map = bpf_map__fd(skeleton->maps.specs), error = 0;

  for (uint32_t i = 0; i < sites->count && !error; i++)
    error = bpf_map_update_elem(map, &i, &sites->list[i], BPF_ANY);
  return error;
}

static int attach(const struct hook_bpf *skeleton, const struct sites *sites, const int *files,
                  pid_t pid, struct loaded *loaded)
{
  int error = 0;

  for (uint32_t i = 0, next; i < sites->count && !error; i = next) {
    for (next = i; next < sites->count && sites->list[next].file == sites->list[i].file; next++)
      ;
    error = loader_hand(
        loaded, attach_put_many(skeleton->progs.at_site,
                                &(struct sites_of_file){.exe_fd = files[sites->list[i].file],
                                                        .pid = pid,
                                                        .offsets = sites->offsets + i,
                                                        .cookies = sites->cookies + i,
                                                        .count = next - i}));
  }
  return error;
}

static int give(const struct hook_bpf *skeleton, struct loaded *loaded)
{
  const struct bpf_map *maps[] = {
      [HOOK_SLOTS] = skeleton->maps.slots,
      [HOOK_REGIONS_SEEN] = skeleton->maps.regions,
      [HOOK_CLASSES_SEEN] = skeleton->maps.classes,
      [HOOK_TOTALS] = skeleton->maps.bss,
  };
  int error = 0;

  for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !error; i++)
    error = loader_copy(loaded, bpf_map__fd(maps[i]));
  return error;
}

static int check(const struct load_order *order, struct hook_order *ret_hook)
{
  if (order->fd_count < 2 || order->fd_count > 1 + HOOK_FILES_MOST)
    return -EINVAL;
  int error = loader_read(order, ret_hook, sizeof(*ret_hook), order->fd_count);

  if (!error &&
      (ret_hook->pid <= 0 || ret_hook->site_count == 0 || ret_hook->site_count > HOOK_SITES_MOST ||
       ret_hook->file_count != order->fd_count - 1))
    error = -EINVAL;
  return error;
}

int hook_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct hook_order hook;
  struct sites sites = {0};
  struct hook_bpf *skeleton = NULL;
  int error = check(order, &hook);

  if (error)
    return error;
  if (!attach_has_many()) {
    (void)snprintf(ret_loaded->reason, sizeof(ret_loaded->reason),
                   "probes at many sites at once need Linux 6.12");
    return -ENOTSUP;
  }
  error = sites_read(order->fds[0], &hook, &sites);
  if (error)
    goto out;
  skeleton = hook_bpf__open();
  error = skeleton ? 0 : -errno;
  if (error)
    goto out;
  attach_prepare_many(skeleton->progs.at_site);
  error = hook_bpf__load(skeleton);
  if (!error)
    error = tell_sites(skeleton, &sites);
  if (!error)
    error = give(skeleton, ret_loaded);
  if (!error)
    error = attach(skeleton, &sites, order->fds + 1, hook.pid, ret_loaded);
out:
  hook_bpf__destroy(skeleton);
  sites_done(&sites);
  return error;
}
