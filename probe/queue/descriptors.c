/*
 * descriptors.c - see descriptors.h.
 */
#include "probe/queue/descriptors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/queue/sockets.h"

enum {
  DESCRIPTORS_MOST = 65536,
  FIRST_MOST = 1024, /* of a process of which nothing is known yet: who listens does so early */
  FIRST_AGE_MS = 1000,
};

static bool socket_inode(const char *link, uint64_t *ret_inode)
{
  unsigned long long inode;
  if (sscanf(link, "socket:[%llu]", &inode) != 1)
    return false;
  *ret_inode = inode;
  return true;
}

/* A message queue's path begins at the root of its own file system: "/NAME", and once it was removed "/NAME (deleted)". */
static bool may_be_mqueue(const char *link)
{
  return link[0] == '/' && link[1] != '\0' && !strchr(link + 1, '/');
}

static bool any_mqueue(const struct reach_target *target, const struct reach_fd *fd)
{
  struct reach_mqueue queue;
  if (!may_be_mqueue(fd->link))
    return false;
  return reach_mqueue(target, fd->fd, &queue) == 0;
}

static int add_mqueue(const struct reach_target *target, const struct reach_fd *fd,
                      struct records *records)
{
  static const char deleted[] = " (deleted)";
  struct reach_mqueue queue = {0};
  struct file_record record = {.kind = FILE_MQUEUE, .fd = (__u32)fd->fd, .dropped = FILE_UNKNOWN};
  if (reach_mqueue(target, fd->fd, &queue) != 0)
    return 0; /* some other file, or closed meanwhile */
  record.inode = queue.inode;
  record.depth = queue.messages < 0 ? FILE_UNKNOWN : (__u64)queue.messages;
  record.capacity = queue.most_messages < 0 ? FILE_UNKNOWN : (__u64)queue.most_messages;
  size_t length = strlen(fd->link + 1), tail = sizeof deleted - 1;
  if (length > tail && strcmp(fd->link + 1 + length - tail, deleted) == 0)
    length -= tail;
  record.name_length = (__u16)(length < FILE_NAME_BYTES ? length : FILE_NAME_BYTES);
  memcpy(record.name, fd->link + 1, record.name_length);
  return records_add(records, &record);
}

static int add_socket(const struct sockets *sockets, const struct reach_fd *fd, uint64_t inode,
                      struct records *records)
{
  const struct file_record *found = sockets_find(sockets, inode);
  if (!found)
    return 0;
  struct file_record record = *found;
  record.fd = (__u32)fd->fd;
  return records_add(records, &record);
}

int descriptors_read(const struct reach_target *target, struct records *records, bool *ret_cut)
{
  struct reach_fd *fds = NULL;
  const struct sockets *sockets = NULL;
  size_t count = 0;
  uint64_t inode;
  int error = reach_fds(target, DESCRIPTORS_MOST, &fds, &count);
  bool cut = error == -E2BIG;
  if (error && !cut)
    return error;
  error = sockets_get(target, SOCKETS_AGE_MS, &sockets);
  for (size_t i = 0; i < count && !error; i++) {
    if (socket_inode(fds[i].link, &inode))
      error = add_socket(sockets, &fds[i], inode, records);
    else if (may_be_mqueue(fds[i].link))
      error = add_mqueue(target, &fds[i], records);
  }
  if (!error)
    records->left_out += sockets_left_out(sockets);
  sockets_put(sockets);
  free(fds);
  *ret_cut = cut;
  return error;
}

/* Most processes have no socket at all: then no list is made. */
static int any_socket(const struct reach_target *target, const struct reach_fd *fds, size_t count)
{
  const struct sockets *sockets = NULL;
  uint64_t inode;
  int error = 0;
  bool any = false;
  for (size_t i = 0; i < count && !any && !error; i++) {
    if (!socket_inode(fds[i].link, &inode))
      continue;
    if (!sockets)
      error = sockets_get(target, FIRST_AGE_MS, &sockets);
    const struct file_record *found = error ? NULL : sockets_find(sockets, inode);
    any = found && file_record_lasts(found);
  }
  sockets_put(sockets);
  return error ? error : any;
}

int descriptors_any(const struct reach_target *target)
{
  struct reach_fd *fds = NULL;
  size_t count = 0;
  int answer = reach_fds(target, FIRST_MOST, &fds, &count);
  if (answer && answer != -E2BIG)
    return answer;
  answer = any_socket(target, fds, count);
  for (size_t i = 0; i < count && answer == 0; i++)
    answer = any_mqueue(target, &fds[i]);
  free(fds);
  return answer;
}
