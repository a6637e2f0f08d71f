/*
 * reader_region.c - which shared memory of a target is believed, and for whom.
 *
 * A region is foreign: the target can change every byte of it at any time, and may be hostile.
 * Three things keep the reader safe. The file cannot change its size (seals), is made of ordinary
 * pages (block size) and is as large as its layout says, so a mapping of it has no page beyond its
 * end: it cannot raise SIGBUS, which is what a truncated file or a lack of huge pages would do. The
 * constant part of the header is copied, then checked, then only the copy is used. And what is
 * mapped of one process is capped.
 *
 * A region speaks only for the process that holds it. What a child inherited by fork is not its own
 * and is passed over in silence; a region that names another process without that excuse is a lie,
 * and is refused in words.
 */
#include "probe/hook/reader_region.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probe/clock.h"
#include "probe/hook/reader_copy.h"
#include "probe/process/process.h"
#include "probe/reach/reach.h"

enum {
  FOUND_MOST = IMPASSE_CHAIN_MOST,
  STATUS_BYTES = 16384,
  STAT_BYTES = 4096,
  NAMESPACES_MOST = 32, /* MAX_PID_NS_LEVEL of the kernel */
  ANCESTORS_MOST = 16,
  FOREIGN_MOST = 8, /* looked into; each may cost a look at the maps of all ancestors */
  IDENTITY_BYTES = offsetof(struct impasse_header, arrays), /* differs between any two regions */
};

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* ---- one region ---- */

void reader_region_free(struct reader_region *region)
{
  if (!region)
    return;
  size_t length = region->copied ? 2 * (size_t)IMPASSE_FILE_BYTES : IMPASSE_FILE_BYTES;
  if (region->first && region->address)
    (void)munmap((void *)(uintptr_t)region->first, length); /* ours, whole: cannot fail */
  free(region);
}

/* Is the file such that mapping it is safe? NULL, or what is wrong with it. */
static const char *file_check(int fd)
{
  struct stat file;
  if (fstat(fd, &file) != 0)
    return "its file cannot be looked at";
  if (!S_ISREG(file.st_mode) || file.st_blksize != sysconf(_SC_PAGESIZE))
    return "its file is not made of ordinary pages";
  if (file.st_size != IMPASSE_FILE_BYTES)
    return "its file has another size than its layout (truncated, or of another version)";
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & SEALS) != SEALS)
    return "its file is not sealed against a change of size";
  return NULL;
}

static int map_file(int fd, struct reader_region *region, char reason[READER_REASON_BYTES])
{
  const char *wrong = file_check(fd);
  if (wrong) {
    (void)snprintf(reason, READER_REASON_BYTES, "%s", wrong); /* constant and shorter */
    return -EPROTO;
  }
  void *image = mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  if (image == MAP_FAILED)
    return -errno;
  region->first = region->again = image;
  return 0;
}

static int copy_memory(const struct reach_target *target, const struct reach_memfd *memfd,
                       struct reader_region *region, char reason[READER_REASON_BYTES])
{
  if (memfd->length < IMPASSE_FILE_BYTES) {
    (void)snprintf(reason, READER_REASON_BYTES, "its mapping is shorter than its layout");
    return -EPROTO;
  }
  int error = reader_copy_reserve(region);
  if (error)
    return error;
  ssize_t got =
      reach_read(target, region->address, reader_copy_first(region), IMPASSE_HEADER_BYTES);
  if (got == IMPASSE_HEADER_BYTES)
    return 0;
  reach_explain(reach_pid(target), got < 0 ? (int)got : -EFAULT, reason, READER_REASON_BYTES);
  return got < 0 ? (int)got : -EFAULT;
}

/* Copies the header and checks the copy. */
static int take_header(struct reader_region *region, char reason[READER_REASON_BYTES])
{
  for (size_t at = 0; at < sizeof region->header; at += IMPASSE_LINE_BYTES)
    impasse_line_copy(region->first + at, (char *)&region->header + at);
  const char *wrong = impasse_header_check(&region->header);
  if (!wrong)
    return 0;
  (void)snprintf(reason, READER_REASON_BYTES, "its header is not that of this version: %s", wrong);
  return -EPROTO;
}

static int region_open(const struct reach_target *target, const struct reach_memfd *memfd,
                       struct reader_region **ret_region, char reason[READER_REASON_BYTES])
{
  int fd = -1;
  struct reader_region *region = calloc(1, sizeof *region);
  if (!region)
    return -ENOMEM;
  region->address = memfd->address;
  region->inode = memfd->inode;
  int error = reach_memfd_open(target, memfd, &fd);
  if (error == 0) {
    error = map_file(fd, region, reason);
    (void)close(fd); /* the mapping stays */
  } else if (error == -ENOENT) {
    error = copy_memory(target, memfd, region, reason);
  }
  if (!error)
    error = take_header(region, reason);
  if (error) {
    reader_region_free(region);
    return error;
  }
  *ret_region = region;
  return 0;
}

int reader_region_of_bytes(const unsigned char *image, struct reader_region **ret_region)
{
  char reason[READER_REASON_BYTES];
  struct reader_region *region = calloc(1, sizeof *region);
  if (!region)
    return -ENOMEM;
  region->first = region->again = image;
  int error = take_header(region, reason);
  if (error) {
    reader_region_free(region);
    return error;
  }
  *ret_region = region;
  return 0;
}

/* ---- whose is it? ---- */

/* The id of the process in its own, innermost pid namespace: that by which its
 * library knows itself. */
static int own_pid(const struct reach_target *target, int *ret_pid)
{
  char *status = NULL;
  int ids[NAMESPACES_MOST];
  int error = reach_file(target, "status", STATUS_BYTES, &status, NULL);
  if (error)
    return error;
  int count = process_parse_nspid(status, ids, NAMESPACES_MOST);
  free(status);
  if (count < 1 || count > NAMESPACES_MOST)
    return -EPROTO;
  *ret_pid = ids[count - 1];
  return 0;
}

/* Start times are told in the clock of whoever reads them: they compare only within
 * one time namespace. */
bool reader_regions_same_clock(const struct reach_target *target)
{
  char theirs[64], ours[64];
  ssize_t length = readlink("/proc/self/ns/time", ours, sizeof ours - 1);
  if (length < 0 || reach_link(target, "ns/time", theirs, sizeof theirs) != 0)
    return true; /* a kernel without time namespaces, before Linux 5.6 */
  ours[length] = '\0';
  return strcmp(theirs, ours) == 0;
}

static bool is_own(const struct reach_target *target, const struct impasse_header *header, int pid)
{
  if (header->pid != (uint32_t)pid)
    return false;
  return header->start_ticks == 0 || header->start_ticks == reach_start_ticks(target) ||
         !reader_regions_same_clock(target);
}

/* Was the region made before the process was? Start times count the time that the machine slept,
 * the region's clock does not. */
static bool is_older(const struct reach_target *target, const struct impasse_header *header)
{
  int64_t slept = (int64_t)(clock_read_ns(CLOCK_BOOTTIME) - clock_mono_ns()), start, opened;
  if (__builtin_mul_overflow((int64_t)reach_start_ticks(target), 1000000000 / sysconf(_SC_CLK_TCK),
                             &start) ||
      header->opened_monotonic_ns == 0 || header->opened_monotonic_ns > INT64_MAX)
    return false;
  opened = (int64_t)header->opened_monotonic_ns;
  return opened <= start - slept;
}

/* The regions that a process maps for writing. Whoever maps one for reading only is
 * another reader: ourselves. */
static int list_regions(const struct reach_target *target, struct reach_memfd ret_list[FOUND_MOST])
{
  int kept = 0, count = reach_memfds(target, IMPASSE_REGION_NAME, ret_list, FOUND_MOST);
  for (int i = 0; i < count && i < FOUND_MOST; i++)
    if (ret_list[i].writable)
      ret_list[kept++] = ret_list[i];
  return count < 0 ? count : kept;
}

static bool maps_inode(const struct reach_target *target, uint64_t inode)
{
  struct reach_memfd found[FOUND_MOST];
  int count = list_regions(target, found);
  for (int i = 0; i < count; i++)
    if (found[i].inode == inode)
      return true;
  return false;
}

static pid_t parent_of(const struct reach_target *target)
{
  struct process_stat stat;
  char *text = NULL;
  pid_t parent = 0;
  if (reach_file(target, "stat", STAT_BYTES, &text, NULL) == 0 &&
      process_parse_stat(text, &stat) == 0)
    parent = stat.parent;
  free(text);
  return parent;
}

static bool ancestor_maps(const struct reach_target *target, uint64_t inode)
{
  pid_t pid = parent_of(target);
  for (int i = 0; i < ANCESTORS_MOST && pid > 1; i++) {
    struct reach_target *ancestor;
    if (reach_open(pid, &ancestor) != 0)
      return false;
    bool maps = maps_inode(ancestor, inode);
    pid = parent_of(ancestor);
    reach_close(ancestor);
    if (maps)
      return true;
  }
  return false;
}

/* Does the process that the header names still live? Only where its numbers are ours as well. */
static bool claimed_open(const struct reach_target *target, const struct impasse_header *header,
                         int pid, struct reach_target **ret_claimed)
{
  if (pid != reach_pid(target) || !reader_regions_same_clock(target) ||
      reach_open((pid_t)header->pid, ret_claimed) != 0)
    return false;
  if (reach_start_ticks(*ret_claimed) == header->start_ticks)
    return true;
  reach_close(*ret_claimed);
  return false;
}

/* A fork leaves the child with a mapping that names its parent, until it calls the library itself.
 * So whoever is named maps the same file; where it is gone, or goes by numbers that are not ours,
 * the region is at least older than the child. */
static bool is_inherited(const struct reach_target *target, const struct reader_region *region,
                         int pid)
{
  struct reach_target *claimed;
  if (ancestor_maps(target, region->inode))
    return true;
  if (!claimed_open(target, &region->header, pid, &claimed))
    return is_older(target, &region->header) || !reader_regions_same_clock(target);
  bool maps = maps_inode(claimed, region->inode);
  reach_close(claimed);
  return maps;
}

/* ---- the chain ---- */

static bool known(const struct reader_regions *regions, uint64_t inode)
{
  for (size_t i = 0; i < regions->count; i++)
    if (regions->chain[i]->inode == inode)
      return true;
  return false;
}

/* What became of one candidate. */
struct finding {
  struct reader_region *own[FOUND_MOST]; /* by chain number */
  bool inherited;
  unsigned foreign; /* that are not its own */
  int error;        /* of the first that was refused */
  char reason[READER_REASON_BYTES];
};

/* Keeps the first refusal; its words are cut where they are too long. */
__attribute__((format(printf, 3, 4))) static void refuse(struct finding *finding, int error,
                                                         const char *format, ...)
{
  va_list arguments;
  if (finding->error)
    return;
  finding->error = error;
  va_start(arguments, format);
  (void)vsnprintf(finding->reason, sizeof finding->reason, format, arguments);
  va_end(arguments);
}

static void look_at(const struct reach_target *target, const struct reach_memfd *memfd, int pid,
                    struct finding *finding)
{
  char words[READER_REASON_BYTES] = "";
  int number = (int)reach_pid(target);
  struct reader_region *region = NULL;
  int error = region_open(target, memfd, &region, words);
  if (error == -EPROTO) {
    refuse(finding, error, "the region in %d is refused: %s", number, words);
  } else if (error) {
    if (!words[0])
      reach_explain(number, error, words, sizeof words);
    refuse(finding, error, "%s", words);
  } else if (!is_own(target, &region->header, pid)) {
    if (finding->foreign++ >= FOREIGN_MOST)
      ; /* enough is said of them */
    else if (is_inherited(target, region, pid))
      finding->inherited = true;
    else
      refuse(finding, -EPROTO, "the region in %d claims to be of pid %" PRIu32 "%s", number,
             region->header.pid,
             region->header.pid == (uint32_t)pid ? ", started at another time" : "");
  } else if (finding->own[region->header.chain]) {
    refuse(finding, -EPROTO, "process %d holds two regions with the number %" PRIu32, number,
           region->header.chain);
  } else {
    finding->own[region->header.chain] = region;
    region = NULL;
  }
  reader_region_free(region);
}

/* Appends what continues the chain; frees the rest (they will be found again when the
 * gap is filled). */
static void append(struct reader_regions *regions, struct finding *finding)
{
  for (size_t i = 0; i < FOUND_MOST; i++) {
    if (finding->own[i] && i == regions->count && i < READER_REGIONS_MOST)
      regions->chain[regions->count++] = finding->own[i];
    else
      reader_region_free(finding->own[i]);
    finding->own[i] = NULL;
  }
}

int reader_regions_find(const struct reach_target *target, struct reader_regions *regions,
                        char reason[READER_REASON_BYTES])
{
  struct reach_memfd found[FOUND_MOST];
  struct finding *finding = NULL;
  int pid = 0, count = list_regions(target, found);
  int error = count < 0 ? count : own_pid(target, &pid);
  if (error) {
    reach_explain(reach_pid(target), error, reason, READER_REASON_BYTES);
    return error;
  }
  finding = calloc(1, sizeof *finding);
  if (!finding)
    return -ENOMEM;
  for (int i = 0; i < count; i++)
    if (!known(regions, found[i].inode))
      look_at(target, &found[i], pid, finding);
  append(regions, finding);
  memcpy(reason, finding->reason, READER_REASON_BYTES);
  if (regions->count == 0 && finding->error) {
    error = finding->error;
  } else if (regions->count == 0) {
    error = -ENOENT;
    (void)snprintf(reason, READER_REASON_BYTES, "process %d publishes no region%s: %s",
                   (int)reach_pid(target), finding->inherited ? " of its own" : "",
                   "link it with libimpasse and let it open an actor");
  }
  free(finding);
  return error;
}

int reader_regions_probe(const struct reach_target *target)
{
  char reason[READER_REASON_BYTES];
  struct reader_regions regions = {0};
  int count = reach_memfds(target, IMPASSE_REGION_NAME, NULL, 0);
  if (count <= 0)
    return count;
  int error = reader_regions_find(target, &regions, reason);
  reader_regions_done(&regions);
  return error == -ENOENT || error == -ESRCH ? 0 : 1; /* what is refused is told by `open` */
}

void reader_regions_done(struct reader_regions *regions)
{
  for (size_t i = 0; i < regions->count; i++)
    reader_region_free(regions->chain[i]);
  regions->count = 0;
}

/* ---- before each sweep ---- */

/* How far each shard may be read: the count is foreign and is bounded here, once. */
static void take_fresh_counts(struct reader_region *region)
{
  const struct impasse_shard *shards = (const void *)(region->first + IMPASSE_SHARDS_OFFSET);
  const struct impasse_header *header = (const void *)region->first;
  region->state = __atomic_load_n(&header->state, __ATOMIC_ACQUIRE);
  bool readable = region->state == IMPASSE_REGION_LIVE || region->state == IMPASSE_REGION_CLOSED;
  for (unsigned i = 0; i < IMPASSE_SHARDS; i++) {
    uint32_t count = __atomic_load_n(&shards[i].fresh_count, __ATOMIC_ACQUIRE);
    if (count > IMPASSE_SHARD_SLOTS)
      count = IMPASSE_SHARD_SLOTS;
    region->fresh[i] = readable ? count : 0;
  }
}

void reader_regions_begin(const struct reach_target *target, struct reader_regions *regions)
{
  for (size_t i = 0; i < regions->count; i++) {
    struct reader_region *region = regions->chain[i];
    bool arrived = !region->copied || (target && reader_copy_head(target, region));
    if (arrived)
      take_fresh_counts(region);
    if (arrived && region->copied)
      arrived = reader_copy_slots(target, region);
    if (!arrived)
      memset(region->fresh, 0, sizeof region->fresh);
  }
}

void reader_region_refresh(const struct reach_target *target, struct reader_region *region,
                           uint32_t index)
{
  if (region->copied && target)
    reader_copy_slot(target, region, index);
}

void reader_region_fetch(const struct reach_target *target, struct reader_region *region,
                         uint64_t offset, size_t length)
{
  if (region->copied && target) /* what does not arrive is as old as before */
    (void)reach_read(target, region->address + offset, reader_copy_first(region) + offset, length);
}

bool reader_region_held(const struct reach_target *target, const struct reader_region *region)
{
  unsigned char identity[IDENTITY_BYTES];
  ssize_t got = reach_read(target, region->address, identity, sizeof identity);
  if (got == (ssize_t)sizeof identity && memcmp(identity, &region->header, sizeof identity) == 0)
    return true;
  return maps_inode(target, region->inode);
}

bool reader_regions_locate(const struct reader_regions *regions, uint32_t number,
                           struct reader_region **ret_region, uint32_t *ret_index)
{
  uint32_t chain = number / IMPASSE_SLOTS, index = number % IMPASSE_SLOTS;
  if (chain >= regions->count)
    return false;
  struct reader_region *region = regions->chain[chain];
  if (index % IMPASSE_SHARD_SLOTS >= region->fresh[index / IMPASSE_SHARD_SLOTS])
    return false;
  *ret_region = region;
  *ret_index = index;
  return true;
}
