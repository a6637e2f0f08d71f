/*
 * memory.c - copies memory of a target. Three ways, the first that the kernel allows:
 *
 *    process_vm_readv          whoever may read the process; many pieces in one call
 *    pread of /proc/PID/mem    who was given it open, by a broker: needs no permission any more
 *    the broker reads          where not even the broker may open that file (a capability for memory, none for files)
 *
 * Many pieces are read by the broker in any case: one call of its own for 256 of them is cheaper than 256 of ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "probe/reach/remote_reach.h"
#include "probe/reach/target.h"

enum { BATCH_PIECES = 256 };
_Static_assert((int)BATCH_PIECES <= (int)WIRE_PIECES_MOST, "one question");

pid_t reach_survivor(const struct reach_target *target)
{
  pid_t *tids = NULL, found = 0;
  size_t count = 0;
  if (reach_tids(target, &tids, &count) != 0)
    return 0;
  for (size_t i = 0; i < count && !found; i++)
    if (tids[i] != target->pid)
      found = tids[i];
  free(tids);
  return found;
}

static ssize_t read_pieces_of(const struct reach_target *target, const struct iovec *to,
                              const struct iovec *from, size_t count)
{
  ssize_t got = process_vm_readv(target->pid, to, count, from, count, 0);
  pid_t survivor = got < 0 && errno == ESRCH ? reach_survivor(target) : 0;
  if (survivor)
    got = process_vm_readv(survivor, to, count, from, count, 0);
  return got < 0 ? -errno : got;
}

static ssize_t read_by_call(const struct reach_target *target, uint64_t address, void *ret_bytes,
                            size_t length)
{
  struct iovec to = {ret_bytes, length}, from = {(void *)(uintptr_t)address, length};
  return read_pieces_of(target, &to, &from, 1);
}

static int open_mem(const struct reach_target *target, bool of_survivor)
{
  char name[32] = "mem";
  pid_t survivor = of_survivor ? reach_survivor(target) : 0;
  if (survivor)
    (void)snprintf(name, sizeof name, "task/%d/mem", (int)survivor); /* always fits */
  return reach_openat(target, name, 0);
}

/* The descriptor is of the address space that was there when it was opened: after exec it reads nothing (or EIO), and is
 * opened again; after that, of another thread. */
static ssize_t read_by_mem(const struct reach_target *target, uint64_t address, void *ret_bytes,
                           size_t length)
{
  struct remote *remote = target->remote;
  if ((int64_t)address < 0)
    return -EFAULT; /* no offset of a file */
  for (int tries = 0; tries < 3; tries++) {
    if (remote->mem_fd < 0)
      remote->mem_fd = open_mem(target, tries == 2);
    if (remote->mem_fd < 0)
      return remote->mem_fd;
    ssize_t got = pread(remote->mem_fd, ret_bytes, length, (off_t)address);
    if (got > 0)
      return got;
    if (got < 0 && errno != EIO)
      return -errno;
    if (got < 0)
      return -EFAULT;
    (void)close(remote->mem_fd); /* only read */
    remote->mem_fd = -1;
  }
  return -EFAULT;
}

/* Some bytes, 0 or -errno. What the kernel refuses once it is not asked for again. */
static ssize_t read_some(const struct reach_target *target, uint64_t address, void *ret_bytes,
                         size_t length)
{
  struct remote *remote = target->remote;
  ssize_t got = -EPERM;
  if (!remote || !remote->by_mem)
    got = read_by_call(target, address, ret_bytes, length);
  if (got != -EPERM || !remote)
    return got;
  remote->by_mem = true;
  if (!remote->by_broker)
    got = read_by_mem(target, address, ret_bytes, length);
  if (got != -EPERM && got != -EACCES)
    return got;
  remote->by_broker = true;
  return remote_read(target, address, ret_bytes, length);
}

ssize_t reach_read(const struct reach_target *target, uint64_t address, void *ret_bytes,
                   size_t length)
{
  size_t done = 0;
  ssize_t error = 0;
  while (done < length) { /* the kernel copies at most 2 GiB in one call */
    ssize_t got = read_some(target, address + done, (char *)ret_bytes + done, length - done);
    if (got < 0)
      error = got;
    if (got <= 0)
      break;
    done += (size_t)got;
  }
  if (!reach_alive(target))
    return -ESRCH;
  if (done > 0 || length == 0)
    return (ssize_t)done;
  return error ? error : -EFAULT;
}

/* --- pieces --- */

/* Reads up to BATCH_PIECES in one call. The kernel stops at the first piece that it cannot read to its end; returns
 * how many were dealt with, that one included, or -errno. */
static ssize_t read_batch(const struct reach_target *target, struct reach_piece *pieces,
                          size_t count)
{
  struct iovec to[BATCH_PIECES] = {0}, from[BATCH_PIECES] = {0};
  size_t i;
  for (i = 0; i < count; i++) {
    to[i] = (struct iovec){pieces[i].bytes, pieces[i].length};
    from[i] = (struct iovec){(void *)(uintptr_t)pieces[i].address, pieces[i].length};
    pieces[i].read = false;
  }
  ssize_t got = read_pieces_of(target, to, from, count);
  if (got < 0 && got != -EFAULT)
    return got;
  size_t left = got < 0 ? 0 : (size_t)got;
  for (i = 0; i < count && left >= pieces[i].length; i++) {
    left -= pieces[i].length;
    pieces[i].read = true;
  }
  return (ssize_t)(i < count ? i + 1 : i);
}

/* As many as one reply holds are read by the broker; a single one, or one that is too long for that, by ourselves. */
static ssize_t read_remote_batch(const struct reach_target *target, struct reach_piece *pieces,
                                 size_t count)
{
  size_t n = 0, bytes = 0;
  while (n < count && pieces[n].length <= WIRE_READ_BYTES - bytes)
    bytes += pieces[n++].length;
  if (n > 1) {
    int error = remote_read_pieces(target, pieces, n);
    return error ? error : (ssize_t)n;
  }
  ssize_t got = reach_read(target, pieces[0].address, pieces[0].bytes, pieces[0].length);
  pieces[0].read = got >= 0 && (size_t)got == pieces[0].length;
  return got < 0 && got != -EFAULT ? got : 1;
}

static ssize_t read_next(const struct reach_target *target, struct reach_piece *pieces,
                         size_t count)
{
  struct remote *remote = target->remote;
  if (remote && remote->by_mem)
    return read_remote_batch(target, pieces, count);
  ssize_t dealt = read_batch(target, pieces, count);
  if (dealt != -EPERM || !remote)
    return dealt;
  remote->by_mem = true;
  return read_remote_batch(target, pieces, count);
}

int reach_read_pieces(const struct reach_target *target, struct reach_piece *pieces, size_t count)
{
  size_t done = 0;
  while (done < count) {
    size_t wanted = count - done < BATCH_PIECES ? count - done : BATCH_PIECES;
    ssize_t dealt = read_next(target, pieces + done, wanted);
    if (dealt < 0)
      return (int)dealt;
    done += (size_t)dealt;
  }
  return reach_alive(target) ? 0 : -ESRCH;
}
