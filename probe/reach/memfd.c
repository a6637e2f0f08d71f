/*
 * memfd.c - finds the shared memory files that a target published under a name, without any help of
 * the target: the mapping is in /proc/PID/maps, the file is behind /proc/PID/fd or, where the
 * descriptor was closed, behind /proc/PID/map_files (for the privileged).
 *
 * Not here: whether the file can be trusted. Its seals, size and contents are for the reader to
 * check.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/reach/maps.h"
#include "probe/reach/remote_reach.h"
#include "probe/reach/target.h"

#define MEMFD_PREFIX "/memfd:"

struct memfd_search {
  const char *path; /* "/memfd:NAME (deleted)" */
  struct reach_memfd *list;
  size_t room, count;
  struct reach_memfd last; /* the mapping that the next line may continue */
  uint64_t last_offset;    /* file offset at which it would have to begin */
};

/* A mapping is cut in pieces where its protection or flags differ; pieces that continue each other
 * are one. */
static bool continues(const struct memfd_search *search, const struct maps_line *line)
{
  return search->count > 0 && line->inode == search->last.inode &&
         line->offset == search->last_offset &&
         line->start == search->last.address + search->last.length;
}

static int search_line(const struct maps_line *line, void *context)
{
  struct memfd_search *search = context;
  if (strcmp(line->path, search->path) != 0)
    return 0;
  uint64_t length = line->end - line->start;
  if (continues(search, line)) {
    search->last.length += length;
    search->last.writable |= line->writable;
  } else if (line->offset == 0) {
    search->last = (struct reach_memfd){line->start, length, line->inode, line->writable};
    search->count++;
  } else {
    return 0;
  }
  search->last_offset = line->offset + length;
  if (search->count <= search->room)
    search->list[search->count - 1] = search->last;
  return 0;
}

int reach_memfds(const struct reach_target *target, const char *name, struct reach_memfd *ret_list,
                 size_t room)
{
  char path[sizeof MEMFD_PREFIX + NAME_MAX + sizeof " (deleted)"];
  int length = snprintf(path, sizeof path, MEMFD_PREFIX "%s (deleted)", name);
  if (length < 0 || (size_t)length >= sizeof path)
    return -ENAMETOOLONG;
  struct memfd_search search = {.path = path, .list = ret_list, .room = room};
  int error = maps_walk(target, search_line, &search);
  if (error)
    return error;
  return search.count > INT_MAX ? INT_MAX : (int)search.count;
}

/* Is the descriptor behind this link the file? Asks for nothing that could make a network file
 * system answer. */
static bool is_the_file(int directory, const char *name, uint64_t inode)
{
  char link[sizeof MEMFD_PREFIX];
  struct statx facts;
  if (readlinkat(directory, name, link, sizeof link) < (ssize_t)strlen(MEMFD_PREFIX) ||
      strncmp(link, MEMFD_PREFIX, strlen(MEMFD_PREFIX)) != 0)
    return false;
  if (statx(directory, name, AT_STATX_DONT_SYNC, STATX_INO | STATX_TYPE, &facts) != 0)
    return false;
  return facts.stx_ino == inode && S_ISREG(facts.stx_mode);
}

/* Opens the link for reading; between look and open the target may have put another file there, so
 * look again. */
static int open_link(int directory, const char *name, uint64_t inode)
{
  struct stat facts;
  int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  if (fstat(fd, &facts) == 0 && facts.st_ino == inode && S_ISREG(facts.st_mode))
    return fd;
  (void)close(fd); /* never used */
  return -ENOENT;
}

/* Opens the file behind a link of the directory `name` of /proc/PID whose own name begins with
 * `prefix`. -ENOENT where no link leads to it. */
static int open_in(const struct reach_target *target, const char *name, const char *prefix,
                   uint64_t inode)
{
  int result = -ENOENT;
  int fd = reach_openat(target, name, O_DIRECTORY);
  if (fd < 0)
    return fd;
  DIR *directory = fdopendir(fd);
  if (!directory) {
    result = -errno;
    (void)close(fd); /* only read */
    return result;
  }
  const struct dirent *entry;
  while (result == -ENOENT && (entry = readdir(directory)))
    if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
        is_the_file(dirfd(directory), entry->d_name, inode))
      result = open_link(dirfd(directory), entry->d_name, inode);
  (void)closedir(directory); /* only read */
  return result;
}

int reach_memfd_open(const struct reach_target *target, const struct reach_memfd *memfd,
                     int *ret_fd)
{
  char mapping[32];
  if (target->remote)
    return remote_memfd_open(target, memfd, ret_fd);
  int fd = open_in(target, "fd", "", memfd->inode);
  if (fd == -ENOENT) {
    (void)snprintf(mapping, sizeof mapping, "%" PRIx64 "-", memfd->address); /* always fits */
    fd = open_in(target, "map_files", mapping, memfd->inode);
    if (fd == -EPERM || fd == -EACCES) /* only the privileged may follow map_files; the memory
                                          itself is another way */
      fd = -ENOENT;
  }
  if (!reach_alive(target)) {
    if (fd >= 0)
      (void)close(fd);
    return -ESRCH;
  }
  if (fd < 0)
    return fd;
  *ret_fd = fd;
  return 0;
}
