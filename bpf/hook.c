/*
 * hook.c - has the probes of hooked programs loaded (hook_load.c), and gives what they copied. The list of sites is
 * too long for an order, so it travels in a file of its own.
 */
#include "bpf/hook.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/map.h"
#include "bpf/orders.h"

struct hook {
  struct loaded loaded;
  struct hook_totals *totals;
};

static int write_sites(const struct hook_at *at, int *ret_fd)
{
  size_t bytes = at->site_count * sizeof(*at->sites), done = 0;
  int fd = memfd_create("impasse-sites", MFD_CLOEXEC), error = 0;

  if (fd < 0)
    return -errno;
  while (done < bytes && !error) {
    ssize_t put = write(fd, (const char *)at->sites + done, bytes - done);
    if (put > 0)
      done += (size_t)put;
    else if (put == 0 || errno != EINTR)
      error = put == 0 ? -EIO : -errno;
  }
  if (error)
    (void)close(fd);
  else
    *ret_fd = fd;
  return error;
}

static int order_program(const struct hook_at *at, struct loaded *ret_loaded)
{
  struct hook_order hook = {.pid = at->pid,
                            .site_count = (uint32_t)at->site_count,
                            .file_count = (uint32_t)at->file_count};
  struct load_order order = {.program = LOAD_HOOK, .parameter_bytes = sizeof(hook)};
  int error;

  if (at->file_count == 0 || at->file_count > HOOK_FILES_MOST || at->site_count == 0 ||
      at->site_count > HOOK_SITES_MOST)
    return -EINVAL;
  error = write_sites(at, &order.fds[0]);
  if (error)
    return error;
  memcpy(order.parameters, &hook, sizeof(hook));
  memcpy(order.fds + 1, at->files, at->file_count * sizeof(*at->files));
  order.fd_count = 1 + (uint32_t)at->file_count;
  error = load(&order, ret_loaded);
  (void)close(order.fds[0]);
  if (!error && ret_loaded->fd_count <= HOOK_LINKS) {
    loaded_close(ret_loaded);
    error = -EPROTO;
  }
  return error;
}

int hook_open(const struct hook_at *at, struct hook **ret_hook, char *reason, size_t room)
{
  struct hook *hook = calloc(1, sizeof(*hook));
  int error = hook ? order_program(at, &hook->loaded) : -ENOMEM;

  if (error) {
    if (hook && hook->loaded.reason[0])
      (void)snprintf(reason, room, "%s", hook->loaded.reason); /* cut is fine */
    else
      ladder_explain(error, reason, room);
    goto out;
  }
  error = map_show(hook->loaded.fds[HOOK_TOTALS], sizeof(*hook->totals), (void **)&hook->totals);
  if (error) {
    ladder_explain(error, reason, room);
    goto out;
  }
  *ret_hook = hook;
  hook = NULL;
out:
  hook_close(hook);
  return error;
}

void hook_detach(struct hook *hook)
{
  while (hook->loaded.fd_count > HOOK_LINKS)
    (void)close(hook->loaded.fds[--hook->loaded.fd_count]);
}

void hook_close(struct hook *hook)
{
  if (!hook)
    return;
  loaded_close(&hook->loaded);
  map_hide(hook->totals, sizeof(*hook->totals));
  free(hook);
}

struct hook_totals hook_totals(const struct hook *hook)
{
  const struct hook_totals *now = hook->totals;

  return (struct hook_totals){
      .done = __atomic_load_n(&now->done, __ATOMIC_ACQUIRE), /* first: never more than hits */
      .hits = __atomic_load_n(&now->hits, __ATOMIC_ACQUIRE),
      .lost = __atomic_load_n(&now->lost, __ATOMIC_RELAXED),
      .unread = __atomic_load_n(&now->unread, __ATOMIC_RELAXED),
      .hurried = __atomic_load_n(&now->hurried, __ATOMIC_RELAXED),
  };
}

/* All of an array map; its keys are its indices. */
static int read_array(int fd, size_t value_bytes, size_t most, void **ret_values)
{
  void *keys = NULL, *values = NULL;
  size_t count = 0;
  int error = map_read(fd, sizeof(uint32_t), value_bytes, &keys, &values, &count);

  free(keys);
  if (!error && count != most) {
    free(values);
    error = -EPROTO;
  }
  if (!error)
    *ret_values = values;
  return error;
}

int hook_collect(const struct hook *hook, struct hook_copy *ret_copy)
{
  const int *fds = hook->loaded.fds;
  struct hook_copy copy = {0};
  int error = map_read(fds[HOOK_SLOTS], sizeof(*copy.numbers), sizeof(*copy.slots),
                       (void **)&copy.numbers, (void **)&copy.slots, &copy.slot_count);

  if (!error)
    error = read_array(fds[HOOK_REGIONS_SEEN], sizeof(*copy.regions), HOOK_REGIONS,
                       (void **)&copy.regions);
  if (!error)
    error = read_array(fds[HOOK_CLASSES_SEEN], sizeof(*copy.classes), HOOK_CLASSES,
                       (void **)&copy.classes);
  if (error)
    hook_copy_done(&copy);
  else
    *ret_copy = copy;
  return error;
}

int hook_again(const struct hook *hook, uint32_t number, struct hook_slot *ret_slot)
{
  return bpf_map_lookup_elem(hook->loaded.fds[HOOK_SLOTS], &number, ret_slot) == 0 ? 0 : -errno;
}

void hook_copy_done(struct hook_copy *copy)
{
  free(copy->numbers);
  free(copy->slots);
  free(copy->regions);
  free(copy->classes);
  *copy = (struct hook_copy){0};
}
