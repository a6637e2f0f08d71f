/*
 * impasse_region.c - makes the regions of the process, one when it starts and more as it grows, and
 * in a forked child puts away those of its parent.
 * Not here: which slots of them are free (impasse_slot.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/hook/impasse_inner.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 8U
#endif

enum { VERSION = 0 << 16 | 1 << 8 | 0 };

/* What is mapped, in the order of the chain; behind a parent's whole chain the first region of
 * the child. Survives a fork, unlike struct impasse_process. Written by the one thread that
 * starts or grows. */
static struct {
  uint32_t count;
  struct {
    void *address;
    int fd;
    dev_t device;
    ino_t inode;
  } regions[IMPASSE_CHAIN_MOST + 1];
} inherited;

/* Field 22 of /proc/self/stat, behind the last ')' of the command; 0 when it cannot be read. */
static uint64_t start_ticks(void)
{
  char text[1024];
  int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  (void)close(fd); /* opened for reading: nothing to lose */
  if (length <= 0)
    return 0;
  text[length] = '\0';
  const char *at = strrchr(text, ')');
  for (int field = 2; at && field < 22; field++)
    at = strchr(at + 1, ' ');
  uint64_t ticks = 0;
  for (const char *digit = at ? at + 1 : ""; *digit >= '0' && *digit <= '9'; digit++)
    ticks = ticks * 10 + (uint64_t)(*digit - '0');
  return ticks;
}

/* A sealed memfd of the size of a region, above the standard descriptors. Returns it or -errno. */
static int region_file(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < IMPASSE_FILE_BYTES)
    return -EFBIG; /* ftruncate would kill the program by SIGXFSZ */
  int fd = memfd_create(IMPASSE_REGION_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create(IMPASSE_REGION_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    return -errno;
  if (fd <= STDERR_FILENO) { /* the program closed a standard one, which others may write to */
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = higher < 0 ? -errno : 0;
    (void)close(fd); /* nothing was written yet */
    if (error)
      return error;
    fd = higher;
  }
  if (ftruncate(fd, IMPASSE_FILE_BYTES) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    int error = -errno;
    (void)close(fd);
    return error;
  }
  return fd;
}

/* Maps it without filling it, even under mlockall(MCL_FUTURE), which fills what is writable when
 * it is mapped. */
static int region_map(int fd, struct impasse_header **ret_header)
{
  void *address = mmap(NULL, IMPASSE_FILE_BYTES, PROT_NONE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED)
    return -errno;
  (void)munlock(address, IMPASSE_FILE_BYTES);                  /* not locked: nothing to do */
  (void)madvise(address, IMPASSE_FILE_BYTES, MADV_NOHUGEPAGE); /* only saves memory */
  if (mprotect(address, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE) < 0) {
    int error = -errno;
    (void)munmap(address, IMPASSE_FILE_BYTES);
    return error;
  }
  *ret_header = address;
  return 0;
}

static void region_describe(struct impasse_header *header, uint32_t chain, uint32_t slot_limit)
{
  header->magic = IMPASSE_MAGIC;
  header->layout = IMPASSE_LAYOUT;
  header->header_bytes = IMPASSE_HEADER_BYTES;
  header->file_bytes = IMPASSE_FILE_BYTES;
  header->pid = (uint32_t)getpid();
  header->chain = chain;
  header->start_ticks = start_ticks();
  header->opened_monotonic_ns = impasse_clock_ns(CLOCK_MONOTONIC);
  header->opened_realtime_ns = impasse_clock_ns(CLOCK_REALTIME);
  header->first_slot = chain * IMPASSE_SLOTS;
  header->slot_limit = slot_limit;
  header->array_count = IMPASSE_ARRAY_COUNT;
  header->version = VERSION;
  for (unsigned i = 0; i < IMPASSE_ARRAY_COUNT; i++)
    impasse_array_shape(i, &header->arrays[i].offset, &header->arrays[i].count,
                        &header->arrays[i].item_bytes);
}

static void region_remember(struct impasse_header *header, int fd)
{
  struct stat status;
  uint32_t i = inherited.count;
  inherited.regions[i].address = header;
  inherited.regions[i].fd = fstat(fd, &status) == 0 ? fd : -1;
  inherited.regions[i].device = status.st_dev;
  inherited.regions[i].inode = status.st_ino;
  inherited.count = i + 1;
}

/* A region with a header, not published yet, and its descriptor. */
static int region_new(uint32_t chain, uint32_t slot_limit, struct impasse_header **ret_header,
                      int *ret_fd)
{
  struct impasse_header *header = NULL;
  int fd = region_file();
  if (fd < 0)
    return fd;
  int error = region_map(fd, &header);
  if (error)
    goto out;
  region_describe(header, chain, slot_limit);
  if (chain == 0 && impasse_copy_elsewhere(header)) {
    error = -EALREADY;
    goto out;
  }
  *ret_header = header;
  *ret_fd = fd;
  return 0;
out:
  if (header)
    (void)munmap(header, IMPASSE_FILE_BYTES);
  (void)close(fd);
  return error;
}

int impasse_region_add(struct impasse_process *process)
{
  uint32_t chain = process->region_count;
  uint32_t before = chain * IMPASSE_SLOTS, left = process->slots_most - before;
  struct impasse_header *header = NULL;
  int fd = -1;
  if (chain == IMPASSE_CHAIN_MOST || before >= process->slots_most)
    return -ENOSPC;
  int error = region_new(chain, left < IMPASSE_SLOTS ? left : IMPASSE_SLOTS, &header, &fd);
  if (error)
    return error;
  region_remember(header, fd);
  __atomic_store_n(&process->regions[chain], header, __ATOMIC_RELEASE);
  __atomic_store_n(&process->region_count, chain + 1, __ATOMIC_RELEASE);
  __atomic_store_n(&header->state, (uint32_t)IMPASSE_REGION_LIVE, __ATOMIC_RELEASE);
  __atomic_store_n(&process->regions[0]->region_count, chain + 1, __ATOMIC_RELEASE);
  return 0;
}

/* In a forked child: puts zeros where the parent's regions are mapped, and closes their descriptors
 * if they still are what they were. */
static void inherited_replace(uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    struct stat status;
    int fd = inherited.regions[i].fd;
    /* Where that fails it stays as it is, and the epoch guards it. */
    (void)mmap(inherited.regions[i].address, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == inherited.regions[i].device &&
        status.st_ino == inherited.regions[i].inode)
      (void)close(fd);
  }
  memmove(inherited.regions, inherited.regions + count,
          (inherited.count - count) * sizeof inherited.regions[0]);
  inherited.count -= count;
}

int impasse_region_first(struct impasse_process *process)
{
  uint32_t parents = inherited.count;
  int error = impasse_region_add(process);
  if (error)
    return error;
  if (parents)
    impasse_name_inherit(inherited.regions[0].address, process->regions[0]);
  inherited_replace(parents);
  return 0;
}
