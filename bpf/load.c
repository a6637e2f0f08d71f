/*
 * load.c - see load.h: the table of programs, and who loads them.
 */
#include "bpf/load.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "bpf/loader.h"

#define ITERATOR_NEEDS "Linux 5.18 or later with CONFIG_DEBUG_INFO_BTF"
#define ONE_PROCESS_NEEDS "Linux 6.1 or later with CONFIG_DEBUG_INFO_BTF"

static const struct {
  loader_fn *load;
  const char *needs;
} LOADERS[] = {
    [LOAD_NOTHING] = {ladder_load, LADDER_UPROBE_NEEDS},
    [LOAD_BURST] = {burst_load, LADDER_UPROBE_NEEDS},
    [LOAD_WAITS] = {waits_load, LADDER_UPROBE_NEEDS},
    [LOAD_TASKS] = {tasks_load, ITERATOR_NEEDS},
    [LOAD_CONTENTION] = {contention_load, ONE_PROCESS_NEEDS},
    [LOAD_FILES] = {files_load, ONE_PROCESS_NEEDS},
    [LOAD_HOOK] = {hook_load, LADDER_UPROBE_NEEDS},
    [LOAD_MAPPED] = {mapped_load, ONE_PROCESS_NEEDS},
};
enum { LOADERS_COUNT = sizeof(LOADERS) / sizeof(LOADERS[0]) };

/* Set once, before there are threads. */
static load_fn *loads = load_here;
static void *loads_for;

int loader_read(const struct load_order *order, void *ret_parameters, size_t bytes,
                uint32_t fd_count)
{
  if (order->parameter_bytes != bytes || order->fd_count != fd_count)
    return -EINVAL;
  if (bytes)
    memcpy(ret_parameters, order->parameters, bytes);
  return 0;
}

int loader_hand(struct loaded *loaded, int fd)
{
  if (fd < 0)
    return fd;
  if (loaded->fd_count == LOAD_FDS_MOST) {
    (void)close(fd);
    return -EMFILE;
  }
  loaded->fds[loaded->fd_count++] = fd;
  return 0;
}

int loader_copy(struct loaded *loaded, int fd)
{
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

  return loader_hand(loaded, copy < 0 ? -errno : copy);
}

void loaded_close(struct loaded *loaded)
{
  for (uint32_t i = 0; i < loaded->fd_count; i++)
    if (loaded->fds[i] >= 0) /* else it was closed before */
      (void)close(loaded->fds[i]);
  loaded->fd_count = 0;
}

int load_here(void *unused, const struct load_order *order, struct loaded *ret_loaded)
{
  bool known = order->parameter_bytes <= LOAD_PARAMETER_BYTES && order->fd_count <= LOAD_FDS_MOST &&
               order->program < LOADERS_COUNT;
  int error = -EPROTO;

  (void)unused;
  *ret_loaded = (struct loaded){0};
  (void)libbpf_set_print(NULL); /* errors are told by our caller */
  if (known)
    error = LOADERS[order->program].load(order, ret_loaded);
  if (!error)
    return 0;
  loaded_close(ret_loaded);
  if (ret_loaded->reason[0] == '\0')
    ladder_explain_needs(error, known ? LOADERS[order->program].needs : "", ret_loaded->reason,
                         sizeof(ret_loaded->reason));
  return error;
}

int load(const struct load_order *order, struct loaded *ret_loaded)
{
  return loads(loads_for, order, ret_loaded);
}

void load_elsewhere(load_fn *elsewhere, void *context)
{
  loads = elsewhere;
  loads_for = context;
}

int load_program(enum load_program program, const void *parameters, size_t bytes, int fd,
                 uint32_t fd_count, struct loaded *ret_loaded)
{
  struct load_order order = {.program = program, .parameter_bytes = (uint32_t)bytes};
  int error;

  if (bytes)
    memcpy(order.parameters, parameters, bytes);
  if (fd >= 0)
    order.fds[order.fd_count++] = fd;
  error = load(&order, ret_loaded);
  if (error || ret_loaded->fd_count == fd_count)
    return error;
  loaded_close(ret_loaded);
  (void)strcpy(ret_loaded->reason, "who loads programs is of another version");
  return -EPROTO;
}
