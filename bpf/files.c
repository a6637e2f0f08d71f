/*
 * files.c - reads what files.bpf.c writes of a process's files.
 */
#include "bpf/files.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/orders.h"

enum { FIRST_RECORDS = 64 };

struct files {
  struct loaded loaded;
  struct file_record *records;
  size_t room; /* records */
};

int files_open(pid_t pid, struct files **ret_files, char *reason, size_t room)
{
  struct files_order order = {.pid = pid};
  struct files *files = calloc(1, sizeof(*files));
  int error = -ENOMEM;

  if (!files) {
    ladder_explain(error, reason, room);
    return error;
  }
  error = load_program(LOAD_FILES, &order, sizeof(order), -1, FILES_FDS, &files->loaded);
  if (error) {
    (void)snprintf(reason, room, "%s", files->loaded.reason); /* cut is fine */
    files_close(files);
    return error;
  }
  *ret_files = files;
  return 0;
}

void files_close(struct files *files)
{
  if (!files)
    return;
  loaded_close(&files->loaded);
  free(files->records);
  free(files);
}

static int grow(struct files *files)
{
  size_t room = files->room ? files->room * 2 : FIRST_RECORDS;
  struct file_record *larger = reallocarray(files->records, room, sizeof(*larger));

  if (!larger)
    return -ENOMEM;
  files->records = larger;
  files->room = room;
  return 0;
}

/* A record's bytes may arrive in two reads. */
static int read_all(struct files *files, int walk, size_t most, size_t *ret_bytes)
{
  size_t bytes = 0;

  while (bytes < most * sizeof(*files->records)) {
    size_t room = files->room < most ? files->room : most,
           left = room * sizeof(*files->records) - bytes;
    ssize_t got;
    if (left == 0) {
      int error = grow(files);
      if (error)
        return error;
      continue;
    }
    got = read(walk, (char *)files->records + bytes, left);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) /* EAGAIN: it has looked at very many */
      continue;
    if (got < 0)
      return -errno;
    if (got == 0)
      break;
    bytes += (size_t)got;
  }
  *ret_bytes = bytes;
  return 0;
}

/* What the program writes is taken for what it says, but for what would be used as a bound. */
static bool sane(const struct file_record *record)
{
  return record->kind >= FILE_TCP && record->kind <= FILE_MQUEUE &&
         record->name_length <= FILE_NAME_BYTES;
}

int files_read(struct files *files, size_t most, const struct file_record **ret_list,
               size_t *ret_count)
{
  size_t bytes = 0;
  int walk = bpf_iter_create(files->loaded.fds[FILES_WALK]), error;

  if (walk < 0)
    return -errno;
  error = read_all(files, walk, most, &bytes);
  (void)close(walk); /* only read */
  if (error)
    return error;
  if (bytes % sizeof(*files->records) != 0)
    return -EPROTO;
  for (size_t i = 0; i < bytes / sizeof(*files->records); i++)
    if (!sane(&files->records[i]))
      return -EPROTO;
  *ret_list = files->records;
  *ret_count = bytes / sizeof(*files->records);
  return 0;
}
