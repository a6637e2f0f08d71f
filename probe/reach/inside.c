/*
 * inside.c - opens a file by the path that it has for the target, which may live in another mount namespace or beneath a
 * root of its own. The target owns the tree: nothing in it may lead out (RESOLVE_IN_ROOT), and nothing but a regular file
 * is ever opened, for opening a device or a pipe does something.
 *
 * And nothing but an object file (ELF): who asks has been fed by hostile programs, and must not get at the files of root by
 * way of a process of root's.
 *
 * Not here: what is in the file. Linux 5.6.
 */
#include "probe/reach/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/reach/remote_reach.h"

/* Paths of maps begin at our root. Where the target's root is a folder of ours (chroot), what stands before it is cut. */
static const char *beneath_root(const struct reach_target *target, const char *path)
{
  char root[PATH_MAX];
  ssize_t length = readlinkat(target->procfd, "root", root, sizeof root);
  if (length > 1 && strncmp(path, root, (size_t)length) == 0 && path[length] == '/')
    return path + length;
  return path;
}

/* Names the file without opening it. */
static int find_file(const struct reach_target *target, const char *path)
{
  const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int root = reach_openat(target, "root", O_PATH | O_DIRECTORY);
  if (root < 0)
    return root;
  long fd = syscall(SYS_openat2, root, beneath_root(target, path), &how, sizeof how);
  int error = -errno;
  (void)close(root); /* only named */
  return fd < 0 ? error : (int)fd;
}

static bool is_object_file(int fd)
{
  char magic[SELFMAG];
  return pread(fd, magic, sizeof magic, 0) == sizeof magic && memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* Opens what was found. */
static int open_found(int found)
{
  char path[32];
  struct stat file;
  if (fstat(found, &file) != 0)
    return -errno;
  if (!S_ISREG(file.st_mode))
    return -EINVAL;
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", found); /* always fits */
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  if (is_object_file(fd))
    return fd;
  (void)close(fd); /* only read */
  return -EINVAL;
}

int reach_open_inside(const struct reach_target *target, const char *path, int *ret_fd)
{
  if (path[0] != '/')
    return -EINVAL;
  if (target->remote)
    return remote_open_inside(target, path, ret_fd);
  int found = find_file(target, path);
  int fd = found < 0 ? found : open_found(found);
  if (found >= 0)
    (void)close(found); /* only named */
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
