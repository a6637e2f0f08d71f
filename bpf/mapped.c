/*
 * mapped.c - reads what mapped.bpf.c writes of a process's mappings. The program is loaded once; each read
 * makes an iterator of it over one process, which takes no capability.
 */
#include "bpf/mapped.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/orders.h"

enum { FIRST_RECORDS = 32 };

struct mapped {
  struct loaded loaded;
};

int mapped_open(struct mapped **ret_mapped, char *reason, size_t room)
{
  struct mapped_order order = {0};
  struct mapped *mapped = calloc(1, sizeof(*mapped));
  int error = -ENOMEM;

  if (!mapped) {
    ladder_explain(error, reason, room);
    return error;
  }
  error = load_program(LOAD_MAPPED, &order, sizeof(order), -1, MAPPED_FDS, &mapped->loaded);
  if (error) {
    (void)snprintf(reason, room, "%s", mapped->loaded.reason); /* cut is fine */
    mapped_close(mapped);
    return error;
  }
  *ret_mapped = mapped;
  return 0;
}

void mapped_close(struct mapped *mapped)
{
  if (!mapped)
    return;
  loaded_close(&mapped->loaded);
  free(mapped);
}

/* An iterator over one thread, for threads share their mappings, or over all of them. */
static int iterate(const struct mapped *mapped, union bpf_iter_link_info one)
{
  LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one, .iter_info_len = sizeof(one));
  int walk, link = bpf_link_create(mapped->loaded.fds[MAPPED_PROGRAM], 0, BPF_TRACE_ITER, &options);

  if (link < 0)
    return -errno;
  walk = bpf_iter_create(link);
  if (walk < 0)
    walk = -errno;
  (void)close(link); /* the iterator keeps it */
  return walk;
}

/* A record's bytes may arrive in two reads. */
static int read_all(int walk, size_t most, struct mapped_record **ret_list, size_t *ret_bytes)
{
  size_t room = FIRST_RECORDS < most ? FIRST_RECORDS : most, bytes = 0;
  struct mapped_record *list = calloc(room, sizeof(*list));
  int error = list ? 0 : -ENOMEM;

  while (!error) {
    ssize_t got = read(walk, (char *)list + bytes, room * sizeof(*list) - bytes);
    if (got < 0 && errno != EINTR && errno != EAGAIN)
      error = -errno;
    if (got == 0)
      break;
    bytes += got > 0 ? (size_t)got : 0;
    if (bytes == room * sizeof(*list)) {
      struct mapped_record *larger = NULL;
      if (room == most)
        break;
      room = room * 2 < most ? room * 2 : most;
      larger = reallocarray(list, room, sizeof(*list));
      error = larger ? 0 : -ENOMEM;
      list = larger ? larger : list;
    }
  }
  if (error) {
    free(list);
    return error;
  }
  *ret_list = list;
  *ret_bytes = bytes;
  return 0;
}

static int read_one(const struct mapped *mapped, union bpf_iter_link_info one, size_t most,
                    struct mapped_record **ret_list, size_t *ret_count)
{
  size_t bytes = 0;
  int walk = iterate(mapped, one), error;

  if (walk < 0)
    return walk;
  error = read_all(walk, most, ret_list, &bytes);
  (void)close(walk); /* only read */
  *ret_count = bytes / sizeof(**ret_list);
  return error;
}

/* A main thread that has ended while others go on has no mappings any more. */
int mapped_read(const struct mapped *mapped, pid_t pid, size_t most,
                struct mapped_record **ret_list, size_t *ret_count)
{
  union bpf_iter_link_info leader = {.task.tid = (__u32)pid}, all = {.task.pid = (__u32)pid};
  int error = read_one(mapped, leader, most, ret_list, ret_count);

  if (!error && *ret_count == 0) {
    free(*ret_list);
    error = read_one(mapped, all, most, ret_list, ret_count);
  }
  if (error)
    return error;
  for (size_t i = 0; i < *ret_count; i++)
    (*ret_list)[i].path[MAPPED_PATH_BYTES - 1] = '\0';
  return 0;
}
