/* claim.c - the lock file of a recording's directory; see claim.h. */
#include "store/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/shard_make.h"

#define LOCK_FILE "impasse.lock"
#define DIR_MODE 0750
#define FILE_MODE 0640

static int make_dir(const char *dir, char *text, size_t room)
{
  int fd, e;

  if (mkdir(dir, DIR_MODE) < 0) {
    e = errno;
    if (e != EEXIST)
      snprintf(text, room, "%s: cannot make this directory: %s", dir, strerror(e));
    return e == EEXIST ? 0 : -e;
  }
  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    shard_give_to_group(fd);
    (void)close(fd); /* only looked at */
  }
  return 0;
}

static void say_who(int fd, const char *dir, char *text, size_t room)
{
  char pid[16] = "";
  ssize_t length = pread(fd, pid, sizeof(pid) - 1, 0);

  pid[length > 0 ? length : 0] = '\0';
  pid[strspn(pid, "0123456789")] = '\0';
  snprintf(text, room, "%s: another recorder (pid %s) is writing there", dir,
           pid[0] ? pid : "unknown");
}

/* The pid is a help only: on a full disk the lock holds without it. */
static void write_pid(int fd)
{
  char pid[16];
  int length = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

  if (ftruncate(fd, 0) == 0)
    (void)!pwrite(fd, pid, (size_t)length, 0);
}

int claim_take(const char *dir, int *ret_fd, char *text, size_t room)
{
  char *path = NULL;
  int fd = -1, e = make_dir(dir, text, room);

  if (e)
    return e;
  if (asprintf(&path, "%s/" LOCK_FILE, dir) < 0) {
    snprintf(text, room, "out of memory");
    return -ENOMEM;
  }
  fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
    e = errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (e == -EBUSY)
      say_who(fd, dir, text, room);
    else
      snprintf(text, room, "%s: %s", path, strerror(-e));
    goto out;
  }
  write_pid(fd);
  *ret_fd = fd;
  fd = -1;
out:
  if (fd >= 0)
    (void)close(fd); /* nothing was written */
  free(path);
  return e;
}
