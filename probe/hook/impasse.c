/*
 * impasse.c - the part of the hook library that is not inlined: starting, growing, opening, closing, and what blocks.
 * Runs inside the watched program, so: no lock, no allocation, no output, no abort, errno as it was; on any trouble the
 * library switches itself off. The layout and who may write what stand in region.h, the calls in impasse.h.
 *
 * Process-wide state stands in one private page that a fork wipes (MADV_WIPEONFORK, which raw clone obeys too):
 *
 *    impasse_gate -> struct process    epoch, phase, regions[]     child sees zeros = not started
 *    inherited[]  (plain static data)  where regions are mapped    child sees its parent's, and puts zeros in their place
 *
 * A handle carries the epoch, so it is inert in a child until the child starts; from then on it points to zeros, whose
 * generation 0 is nobody's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<sys/sdt.h>)
#define IMPASSE_USDT
#endif
#include "probe/hook/impasse.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 8U
#endif
#ifndef MADV_WIPEONFORK /* Linux 4.14 */
#define MADV_WIPEONFORK 18
#endif

enum {
  VERSION = 0 << 16 | 1 << 8 | 0,
  SLOTS_MOST_DEFAULT = 1 << 22,
  RESTING_MOST = 1024,  /* closed slots of a shard that may wait out their rest */
  PATIENCE = 100 * 1000 /* times a thread yields to another one that starts or grows */
};
#define REST_NS UINT64_C(2000000000)
#define HEARTBEAT_NS UINT64_C(10000000)
#define GROWTH_PAUSE_NS UINT64_C(1000000000)

enum phase { PHASE_UNSTARTED, PHASE_STARTING, PHASE_ON, PHASE_OFF };

struct process {
  struct impasse_gate gate; /* epoch 0 unless phase is ON */
  uint32_t phase;           /* enum phase */
  int32_t error;            /* phase OFF: why */
  uint32_t slots_most;
  uint32_t region_count;
  uint32_t growing;
  uint64_t growth_failed_ns;
  uint32_t
      place[IMPASSE_SHARDS]; /* region * IMPASSE_SHARDS + shard that last had room, by home shard */
  struct impasse_header *regions[IMPASSE_CHAIN_MOST];
};
_Static_assert(sizeof(struct process) <= 4096, "the page that a fork wipes");
_Static_assert(sizeof(void *) == 8, "64-bit processors only");

static struct impasse_gate closed_gate;
struct impasse_gate *impasse_gate = &closed_gate;

/* Survives a fork, unlike struct process. Written by the one thread that starts or grows. */
static struct {
  uint32_t epoch;
  uint32_t count;
  struct {
    void *address;
    int fd;
    dev_t device;
    ino_t inode;
  } regions[IMPASSE_CHAIN_MOST + 1]; /* a parent's whole chain, and the first region of the child */
} inherited;

static uint64_t clock_ns(clockid_t clock)
{
  struct timespec now = {0, 0};
  (void)clock_gettime(clock, &now); /* cannot fail for the clocks used here */
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whether less than `age_ns` has passed; other threads and clocks may be a little ahead of `now_ns`. */
static bool younger(uint64_t since_ns, uint64_t age_ns, uint64_t now_ns)
{
  return now_ns < since_ns + age_ns;
}

/* The process state, or NULL as long as nothing was ever started here or in a parent. */
static struct process *process_now(void)
{
  struct impasse_gate *gate = __atomic_load_n(&impasse_gate, __ATOMIC_ACQUIRE);
  return gate == &closed_gate ? NULL : (struct process *)(void *)gate;
}

/* The same when the library works, else NULL. */
static struct process *process_on(void)
{
  struct process *process = process_now();
  return process && __atomic_load_n(&process->gate.epoch, __ATOMIC_ACQUIRE) ? process : NULL;
}

static void loss_add(struct process *process, enum impasse_loss loss)
{
  __atomic_fetch_add(&process->regions[0]->losses[loss], 1, __ATOMIC_RELAXED);
}

static void heartbeat(struct process *process, uint64_t now_ns)
{
  uint64_t *beat = &process->regions[0]->heartbeat_ns;
  if (!younger(__atomic_load_n(beat, __ATOMIC_RELAXED), HEARTBEAT_NS, now_ns))
    __atomic_store_n(beat, now_ns, __ATOMIC_RELAXED);
}

/* Stores whole words, so that a reader at the same instant sees old or new ones and nothing else. */
static void line_store(void *line, const void *from, unsigned first_word)
{
  for (unsigned i = first_word; i < IMPASSE_LINE_BYTES / 8; i++) {
    uint64_t value;
    memcpy(&value, (const char *)from + 8 * (size_t)i, sizeof value);
    __atomic_store_n((uint64_t *)line + i, value, __ATOMIC_RELAXED);
  }
}

/* ---- Regions ---- */

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
  if (fd <=
      STDERR_FILENO) { /* the program closed a standard one: nobody may write into ours by mistake */
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

/* Maps it without filling it, even under mlockall(MCL_FUTURE), which fills what is writable when it is mapped. */
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
  header->opened_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
  header->opened_realtime_ns = clock_ns(CLOCK_REALTIME);
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

/* Makes the next region of the chain and publishes it. */
static int region_add(struct process *process)
{
  uint32_t chain = process->region_count;
  uint32_t before = chain * IMPASSE_SLOTS;
  struct impasse_header *header = NULL;
  if (chain == IMPASSE_CHAIN_MOST || before >= process->slots_most)
    return -ENOSPC;
  int fd = region_file();
  if (fd < 0)
    return fd;
  int error = region_map(fd, &header);
  if (error) {
    (void)close(fd);
    return error;
  }
  uint32_t left = process->slots_most - before;
  region_describe(header, chain, left < IMPASSE_SLOTS ? left : IMPASSE_SLOTS);
  region_remember(header, fd);
  __atomic_store_n(&process->regions[chain], header, __ATOMIC_RELEASE);
  __atomic_store_n(&process->region_count, chain + 1, __ATOMIC_RELEASE);
  __atomic_store_n(&header->state, (uint32_t)IMPASSE_REGION_LIVE, __ATOMIC_RELEASE);
  __atomic_store_n(&process->regions[0]->region_count, chain + 1, __ATOMIC_RELEASE);
  return 0;
}

static struct impasse_class_entry *class_entries(struct impasse_header *header)
{
  return (struct impasse_class_entry *)(void *)((char *)header + IMPASSE_CLASSES_OFFSET);
}

/* The numbers of name classes stay good in a forked child: it takes them over, up to the first that is free. */
static void classes_inherit(struct impasse_header *from, struct impasse_header *to)
{
  struct impasse_class_entry *old = class_entries(from), *new = class_entries(to);
  for (uint32_t i = 0; i < IMPASSE_CLASSES; i++) {
    uint32_t state = __atomic_load_n(&old[i].state, __ATOMIC_ACQUIRE);
    if (state == 0)
      return;
    if (state == 2)
      new[i] = old[i];
  }
}

/* In a forked child: puts zeros where the parent's regions are mapped, and closes their descriptors if they still are
 * what they were. */
static void inherited_replace(uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    struct stat status;
    int fd = inherited.regions[i].fd;
    (void)mmap(inherited.regions[i].address, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
               0); /* or stays as it is: epoch guards */
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == inherited.regions[i].device &&
        status.st_ino == inherited.regions[i].inode)
      (void)close(fd);
  }
  memmove(inherited.regions, inherited.regions + count,
          (inherited.count - count) * sizeof inherited.regions[0]);
  inherited.count -= count;
}

/* ---- Starting and stopping ---- */

static int process_new(struct process **ret_process)
{
  void *page = mmap(NULL, sizeof(struct process), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return -errno;
  if (madvise(page, sizeof(struct process), MADV_WIPEONFORK) < 0) {
    int error = -errno;
    (void)munmap(page, sizeof(struct process));
    return error;
  }
  struct impasse_gate *expected = &closed_gate;
  if (!__atomic_compare_exchange_n(&impasse_gate, &expected, (struct impasse_gate *)page, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    (void)munmap(page, sizeof(struct process)); /* another thread was faster */
    page = expected;
  }
  *ret_process = page;
  return 0;
}

static uint32_t slots_most(const struct impasse_options *options)
{
  uint32_t all = IMPASSE_CHAIN_MOST * IMPASSE_SLOTS;
  uint32_t most = options && options->slots_most ? options->slots_most : SLOTS_MOST_DEFAULT;
  return most < all ? most : all;
}

static int process_start(struct process *process, const struct impasse_options *options)
{
  uint32_t parents = inherited.count;
  process->slots_most = slots_most(options);
  for (unsigned i = 0; i < IMPASSE_SHARDS; i++)
    process->place[i] = i;
  int error = region_add(process);
  if (error)
    return error;
  if (parents)
    classes_inherit(inherited.regions[0].address, process->regions[0]);
  inherited_replace(parents);
  inherited.epoch = inherited.epoch % 254 + 1;
  __atomic_store_n(&process->gate.epoch, inherited.epoch, __ATOMIC_RELEASE);
  return 0;
}

static int phase_result(const struct process *process, uint32_t phase)
{
  if (phase == PHASE_ON)
    return 0;
  return phase == PHASE_OFF ? __atomic_load_n(&process->error, __ATOMIC_RELAXED) : -EAGAIN;
}

/* One thread starts, the others wait for it, but not for ever: it may be a signal handler that interrupted it. */
static int process_start_once(struct process *process, const struct impasse_options *options)
{
  uint32_t phase = PHASE_UNSTARTED;
  if (__atomic_compare_exchange_n(&process->phase, &phase, (uint32_t)PHASE_STARTING, false,
                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    int error = process_start(process, options);
    __atomic_store_n(&process->error, error, __ATOMIC_RELAXED);
    phase = error ? PHASE_OFF : PHASE_ON;
    __atomic_store_n(&process->phase, phase, __ATOMIC_RELEASE);
  }
  for (int i = 0; phase == PHASE_STARTING && i < PATIENCE; i++) {
    (void)sched_yield(); /* cannot fail */
    phase = __atomic_load_n(&process->phase, __ATOMIC_ACQUIRE);
  }
  return phase_result(process, phase);
}

int impasse_start_abi(uint64_t abi, const struct impasse_options *options)
{
  if (abi != IMPASSE_ABI)
    return -EPROTO;
  int saved = errno, error = 0;
  struct process *process = process_now();
  if (!process)
    error = process_new(&process);
  if (!error)
    error = process_start_once(process, options);
  errno = saved;
  return error;
}

/* The process state of a library that works, started if need be; else NULL. */
static struct process *process_ready(uint64_t abi)
{
  if (abi != IMPASSE_ABI)
    return NULL;
  struct process *process = process_on();
  if (!process && impasse_start_abi(abi, NULL) == 0)
    process = process_on();
  return process;
}

void impasse_stop_now(void)
{
  struct process *process = process_on();
  if (!process)
    return;
  __atomic_store_n(&process->error, -ESHUTDOWN, __ATOMIC_RELAXED);
  __atomic_store_n(&process->phase, (uint32_t)PHASE_OFF, __ATOMIC_RELEASE);
  __atomic_store_n(&process->gate.epoch, 0, __ATOMIC_RELEASE);
  uint32_t count = __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < count; i++)
    __atomic_store_n(&process->regions[i]->state, (uint32_t)IMPASSE_REGION_CLOSED,
                     __ATOMIC_RELEASE);
}

__attribute__((destructor)) static void process_exits(void)
{
  impasse_stop_now();
}

int impasse_status_now(void)
{
  const struct process *process = process_now();
  if (!process)
    return -EAGAIN;
  return phase_result(process, __atomic_load_n(&process->phase, __ATOMIC_ACQUIRE));
}

/* ---- Slots ---- */

static struct impasse_shard *shard_at(struct impasse_header *header, uint32_t shard)
{
  return (struct impasse_shard *)(void *)((char *)header + IMPASSE_SHARDS_OFFSET) + shard;
}

static struct impasse_cell *cell_at(struct impasse_header *header, uint32_t shard,
                                    uint64_t position)
{
  struct impasse_cell *cells =
      (struct impasse_cell *)(void *)((char *)header + IMPASSE_CELLS_OFFSET);
  return &cells[shard * IMPASSE_SHARD_SLOTS + position % IMPASSE_SHARD_SLOTS];
}

static struct impasse_hot *hot_at(struct impasse_header *header, uint32_t index)
{
  return (struct impasse_hot *)(void *)((char *)header + IMPASSE_HOT_OFFSET) + index;
}

static struct impasse_header *region_of(const struct process *process, uint32_t number)
{
  return __atomic_load_n(&process->regions[number / IMPASSE_SLOTS], __ATOMIC_ACQUIRE);
}

/* Takes the oldest closed slot of a shard: when it has rested, when too many rest behind it, or in any case when
 * `hungry`. A cell whose turn has not come belongs to a thread that is still at it: as good as none. */
static bool ring_take(struct impasse_header *header, uint32_t shard_number, uint64_t now_ns,
                      bool hungry, uint32_t *ret_index)
{
  struct impasse_shard *shard = shard_at(header, shard_number);
  uint64_t head = __atomic_load_n(&shard->head_count, __ATOMIC_ACQUIRE);
  for (;;) {
    struct impasse_cell *cell = cell_at(header, shard_number, head);
    uint32_t turn = (uint32_t)(head / IMPASSE_SHARD_SLOTS) * 2;
    if (__atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE) != turn + 1)
      return false;
    uint64_t closed_ns = __atomic_load_n(&cell->closed_ns, __ATOMIC_RELAXED);
    uint32_t index = __atomic_load_n(&cell->index, __ATOMIC_RELAXED);
    if (!hungry && younger(closed_ns, REST_NS, now_ns) &&
        __atomic_load_n(&shard->tail_count, __ATOMIC_RELAXED) - head <= RESTING_MOST)
      return false;
    if (__atomic_compare_exchange_n(&shard->head_count, &head, head + 1, true, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      __atomic_store_n(&cell->turn, turn + 2, __ATOMIC_RELEASE);
      *ret_index = index;
      return true;
    }
  }
}

/* Never full: it has a cell for each slot of the shard, and a slot is in it at most once. For the same reason the cell
 * at the tail is empty by now. */
static void ring_put(struct impasse_header *header, uint32_t index, uint64_t now_ns)
{
  uint32_t shard_number = index / IMPASSE_SHARD_SLOTS;
  struct impasse_shard *shard = shard_at(header, shard_number);
  uint64_t tail = __atomic_fetch_add(&shard->tail_count, 1, __ATOMIC_RELAXED);
  struct impasse_cell *cell = cell_at(header, shard_number, tail);
  __atomic_store_n(&cell->closed_ns, now_ns, __ATOMIC_RELAXED);
  __atomic_store_n(&cell->index, index, __ATOMIC_RELAXED);
  __atomic_store_n(&cell->turn, (uint32_t)(tail / IMPASSE_SHARD_SLOTS) * 2 + 1, __ATOMIC_RELEASE);
}

static bool fresh_take(struct impasse_header *header, uint32_t shard_number, uint32_t *ret_index)
{
  struct impasse_shard *shard = shard_at(header, shard_number);
  uint32_t limit = (header->slot_limit + IMPASSE_SHARDS - 1 - shard_number) / IMPASSE_SHARDS;
  uint32_t used = __atomic_load_n(&shard->fresh_count, __ATOMIC_RELAXED);
  while (used < limit)
    if (__atomic_compare_exchange_n(&shard->fresh_count, &used, used + 1, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
      *ret_index = shard_number * IMPASSE_SHARD_SLOTS + used;
      return true;
    }
  return false;
}

/* Tries one shard of one region: place = region * IMPASSE_SHARDS + shard. */
static struct impasse_hot *place_take(struct process *process, uint32_t place, uint64_t now_ns,
                                      bool hungry)
{
  struct impasse_header *header = region_of(process, place / IMPASSE_SHARDS * IMPASSE_SLOTS);
  uint32_t shard = place % IMPASSE_SHARDS, index;
  if (!ring_take(header, shard, now_ns, hungry, &index) && !fresh_take(header, shard, &index))
    return NULL;
  struct impasse_hot *hot = hot_at(header, index);
  if (!hot->number && header->first_slot + index)
    __atomic_store_n(&hot->number, header->first_slot + index, __ATOMIC_RELAXED);
  return hot;
}

/* All shards, the newest region first. */
static struct impasse_hot *anywhere_take(struct process *process, uint32_t *place, uint64_t now_ns,
                                         bool hungry)
{
  uint32_t count = __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE) * IMPASSE_SHARDS;
  for (uint32_t i = count; i-- > 0;) {
    struct impasse_hot *hot = place_take(process, i, now_ns, hungry);
    if (hot) {
      __atomic_store_n(place, i, __ATOMIC_RELEASE);
      return hot;
    }
  }
  return NULL;
}

/* Adds a region, or lets another thread do so. True when it is worth another look. */
static bool process_grow(struct process *process, uint64_t now_ns)
{
  uint32_t count = __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE), idle = 0;
  uint64_t failed_ns = __atomic_load_n(&process->growth_failed_ns, __ATOMIC_RELAXED);
  if ((uint64_t)count * IMPASSE_SLOTS >= process->slots_most || count == IMPASSE_CHAIN_MOST ||
      (failed_ns && younger(failed_ns, GROWTH_PAUSE_NS, now_ns)))
    return false;
  if (__atomic_compare_exchange_n(&process->growing, &idle, 1, false, __ATOMIC_ACQUIRE,
                                  __ATOMIC_RELAXED)) {
    int saved = errno;
    int error = process->region_count == count ? region_add(process) : 0;
    errno = saved;
    if (error)
      loss_add(process, IMPASSE_LOSS_GROWTH);
    __atomic_store_n(&process->growth_failed_ns, error ? now_ns : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&process->growing, 0, __ATOMIC_RELEASE);
    return !error;
  }
  for (int i = 0; i < PATIENCE && __atomic_load_n(&process->growing, __ATOMIC_ACQUIRE); i++)
    (void)sched_yield();
  return __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE) > count;
}

/* Threads are told apart by where their stacks are, since there is no state in them. */
static uint32_t home_shard(void)
{
  uint64_t stack = (uint64_t)(uintptr_t)__builtin_frame_address(0) >> 20;
  return (uint32_t)(stack * UINT64_C(0x9e3779b97f4a7c15) >> 32) % IMPASSE_SHARDS;
}

/* A free slot with an even generation that nobody else has; NULL and counted when there is none. */
static struct impasse_hot *slot_take(struct process *process, uint64_t now_ns)
{
  uint32_t *place = &process->place[home_shard()];
  struct impasse_hot *hot =
      place_take(process, __atomic_load_n(place, __ATOMIC_ACQUIRE), now_ns, false);
  while (!hot) {
    hot = anywhere_take(process, place, now_ns, false);
    if (!hot && !process_grow(process, now_ns))
      break;
  }
  if (!hot)
    hot = anywhere_take(process, place, now_ns, true);
  if (!hot)
    loss_add(process, IMPASSE_LOSS_ACTORS);
  return hot;
}

static bool kind_is_actor(uint32_t kind)
{
  return kind == IMPASSE_KIND_ACTOR || kind == IMPASSE_KIND_QUEUE;
}

/* ---- Opening and closing ---- */

/* Copies at most room - 1 bytes and a NUL; counts what was cut. */
static uint32_t text_store(struct process *process, char *ret_text, size_t room, const char *text)
{
  size_t length = strnlen(text, room);
  if (length == room) {
    length = room - 1;
    loss_add(process, IMPASSE_LOSS_NAMES);
  }
  memset(ret_text, 0, room);
  memcpy(ret_text, text, length);
  return (uint32_t)length;
}

static void cold_fill(struct process *process, struct impasse_hot *hot,
                      const struct impasse_opening *opening, uint64_t now_ns)
{
  struct impasse_cold cold = {0};
  cold.parent = impasse_ref_word(opening->parent);
  cold.pool = impasse_ref_word(opening->pool);
  cold.owner = impasse_ref_word(opening->owner);
  cold.name_flags = (uint8_t)opening->name.flags;
  cold.table_kind = (uint8_t)opening->table_kind;
  cold.opened_ns = now_ns;
  cold.capacity = opening->capacity;
  if (opening->name.text) {
    char text[IMPASSE_TEXT_BYTES];
    cold.name_kind = IMPASSE_NAME_TEXT;
    (void)text_store(process, text, sizeof text, opening->name.text);
    line_store(impasse_line(hot, IMPASSE_ARRAY_TEXT), text, 0);
  } else if (opening->name.class_id) {
    cold.name_kind = IMPASSE_NAME_NUMBERED;
    cold.class_id = opening->name.class_id;
    cold.number = opening->name.number;
  }
  line_store(impasse_line(hot, IMPASSE_ARRAY_COLD), &cold, 0);
}

/* Lines BOX and behind, as the kind needs them. */
static void body_fill(struct impasse_hot *hot, uint32_t kind, uint32_t generation)
{
  static const uint64_t zeros[IMPASSE_LINE_BYTES / 8];
  struct impasse_box box = {.generation = generation};
  struct impasse_table_line table = {.generation = generation};
  table.items = table.bytes = INT64_MIN;
  bool is_table = kind == IMPASSE_KIND_TABLE;
  line_store(impasse_line(hot, IMPASSE_ARRAY_BOX), is_table ? (void *)&table : (void *)&box, 0);
  if (is_table)
    line_store(impasse_line(hot, IMPASSE_ARRAY_WAIT0), zeros, 0);
  if (kind == IMPASSE_KIND_SERVICE || kind == IMPASSE_KIND_LIST)
    for (unsigned i = 0; i < IMPASSE_LIST_REFS; i += 8)
      line_store(impasse_list_ref(hot, i), zeros, 0);
}

static struct impasse_ref slot_open(struct process *process, const struct impasse_opening *opening)
{
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
  struct impasse_hot *hot = slot_take(process, now_ns);
  if (!hot)
    return impasse_unknown();
  struct impasse_hot fill = {0};
  uint32_t generation = hot->generation + 1;
  fill.number = hot->number;
  fill.kind = (uint8_t)opening->kind;
  fill.memory_bytes = INT64_MIN;
  fill.run = impasse_ref_usable(opening->pool) ? IMPASSE_RECEIVE : IMPASSE_RUNNING;
  cold_fill(process, hot, opening, now_ns);
  body_fill(hot, opening->kind, generation);
  line_store(hot, &fill, 1);
  __atomic_store_n(&hot->sequence, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&hot->generation, generation, __ATOMIC_RELEASE);
  if (kind_is_actor(opening->kind)) {
    uint32_t shard = fill.number % IMPASSE_SLOTS / IMPASSE_SHARD_SLOTS;
    __atomic_fetch_add(&shard_at(region_of(process, fill.number), shard)->born_count, 1,
                       __ATOMIC_RELAXED);
  }
  heartbeat(process, now_ns);
  IMPASSE_PROBE(open, fill.number, opening->kind);
  struct impasse_ref ref = {hot, generation, (process->gate.epoch + 1) << 24 | fill.number};
  return ref;
}

struct impasse_ref impasse_open_abi(uint64_t abi, const struct impasse_opening *opening)
{
  struct process *process = process_ready(abi);
  if (!process || !opening || opening->kind == IMPASSE_KIND_NONE ||
      opening->kind >= IMPASSE_KIND_COUNT || opening->table_kind >= IMPASSE_TABLE_KIND_COUNT)
    return impasse_unknown();
  return slot_open(process, opening);
}

/* Handle of the slot that a reference in shared memory names; inert when it is out of range. */
static struct impasse_ref ref_of_word(const struct process *process, uint64_t word)
{
  uint32_t number = IMPASSE_REF_NUMBER(word);
  struct impasse_header *header = region_of(process, number);
  if (!header)
    return impasse_unknown();
  struct impasse_ref ref = {hot_at(header, number % IMPASSE_SLOTS), IMPASSE_REF_GENERATION(word),
                            (process->gate.epoch + 1) << 24 | number};
  return ref;
}

/* Closes the lists that belong to a slot: what a service or list goes on with, the holders of open waits. The slot is
 * closed already, and nobody else has it yet. */
static void lists_close(const struct process *process, const struct impasse_hot *hot, uint32_t kind)
{
  const struct impasse_cold *cold = impasse_line(hot, IMPASSE_ARRAY_COLD);
  bool goes_on = kind == IMPASSE_KIND_SERVICE || kind == IMPASSE_KIND_LIST;
  uint64_t next = goes_on ? __atomic_load_n(&cold->next, __ATOMIC_ACQUIRE) : 0;
  if (next)
    impasse_close_ref(ref_of_word(process, next));
  for (unsigned i = 0; hot->wait_mask >> i; i++)
    if (hot->wait_mask >> i & 1 && impasse_wait_line_of(hot, i)->list)
      impasse_close_ref(ref_of_word(process, impasse_wait_line_of(hot, i)->holders[2]));
}

void impasse_close_ref(struct impasse_ref ref)
{
  struct process *process = process_on();
  if (!process || !impasse_ref_usable(ref))
    return;
  struct impasse_hot *hot = ref.slot;
  uint32_t generation = ref.generation, kind = hot->kind;
  if (!(generation & 1) ||
      !__atomic_compare_exchange_n(&hot->generation, &generation, generation + 1, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return; /* was closed already */
  uint32_t number = ref.stamp & 0xffffffu, index = number % IMPASSE_SLOTS;
  struct impasse_header *header = region_of(process, number);
  struct impasse_box *box = impasse_line(hot, IMPASSE_ARRAY_BOX); /* or table: begins likewise */
  __atomic_store_n(&box->generation, generation + 1, __ATOMIC_RELEASE);
  lists_close(process, hot, kind);
  if (kind_is_actor(kind))
    __atomic_fetch_add(&shard_at(header, index / IMPASSE_SHARD_SLOTS)->died_count, 1,
                       __ATOMIC_RELAXED);
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
  ring_put(header, index, now_ns);
  heartbeat(process, now_ns);
  IMPASSE_PROBE(close, number, kind);
}

/* ---- Names ---- */

/* The entry for `text` at this place: taken when free, awaited when another thread writes it. */
static bool class_is(struct impasse_class_entry *entry, const struct impasse_class_entry *wanted)
{
  uint32_t state = 0;
  if (__atomic_compare_exchange_n(&entry->state, &state, 1, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE)) {
    entry->length = wanted->length;
    memcpy(entry->text, wanted->text, sizeof entry->text);
    __atomic_store_n(&entry->state, 2, __ATOMIC_RELEASE);
    return true;
  }
  for (int i = 0; state == 1 && i < PATIENCE; i++) {
    (void)sched_yield();
    state = __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE);
  }
  return state == 2 && memcmp(entry->text, wanted->text, sizeof entry->text) == 0;
}

uint32_t impasse_class_abi(uint64_t abi, const char *text)
{
  struct impasse_class_entry wanted = {0};
  struct process *process = process_ready(abi);
  if (!process || !text || !*text)
    return 0;
  wanted.length = text_store(process, wanted.text, sizeof wanted.text, text);
  struct impasse_class_entry *entries = class_entries(process->regions[0]);
  for (uint32_t i = 0; i < IMPASSE_CLASSES; i++)
    if (class_is(&entries[i], &wanted))
      return i + 1;
  loss_add(process, IMPASSE_LOSS_CLASSES);
  return 0;
}

/* ---- Waits ---- */

uint64_t impasse_wait_clock(void)
{
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
  struct process *process = process_on();
  if (process)
    heartbeat(process, now_ns);
  return now_ns;
}

void impasse_wait_lost(void)
{
  struct process *process = process_on();
  if (process)
    loss_add(process, IMPASSE_LOSS_WAITS);
}

/* Puts the holders from the third on into a list of their own. Returns its reference, 0 when there is no slot. */
static uint64_t holders_list(struct process *process, const uint64_t *words, uint32_t count)
{
  struct impasse_opening opening = {0};
  opening.kind = IMPASSE_KIND_LIST;
  struct impasse_ref list = slot_open(process, &opening);
  for (uint32_t i = 0; list.slot && i < count; i++)
    __atomic_store_n(impasse_list_ref(list.slot, i), words[i], __ATOMIC_RELEASE);
  return impasse_ref_word(list);
}

/* References of the known holders, at most `room`; says whether that is all of them. */
static uint32_t holders_known(struct process *process, const struct impasse_wait_request *request,
                              uint64_t *ret_words, uint32_t room, bool *ret_all)
{
  uint32_t count = 0;
  *ret_all = true;
  for (uint32_t i = 0; i < request->holder_count; i++) {
    uint64_t word = impasse_ref_word(request->holders[i]);
    if (!word) {
      *ret_all = false;
    } else if (count < room) {
      ret_words[count++] = word;
    } else {
      *ret_all = false;
      loss_add(process, IMPASSE_LOSS_HOLDERS);
    }
  }
  return count;
}

struct impasse_wait impasse_wait_begin_many(struct impasse_ref waiter,
                                            const struct impasse_wait_request *request)
{
  uint64_t words[2 + IMPASSE_LIST_REFS] = {0};
  struct impasse_wait_line fill = {0};
  struct impasse_wait none = {impasse_unknown(), 0};
  struct process *process = process_on();
  struct impasse_hot *hot = impasse_ref_slot(waiter);
  bool all;
  if (!process || !hot || !request || request->via >= IMPASSE_VIA_COUNT)
    return none;
  bool full = hot->wait_mask == (1u << IMPASSE_WAITS_MOST) - 1;
  fill.holder_count = holders_known(process, request, words, 2 + IMPASSE_LIST_REFS, &all);
  if (fill.holder_count > IMPASSE_HOLDERS_INLINE && !full) {
    uint64_t list = holders_list(process, words + 2, fill.holder_count - 2);
    fill.list = list != 0;
    if (list)
      words[2] = list;
    else
      all = false;
  }
  if (!fill.list && fill.holder_count > IMPASSE_HOLDERS_INLINE)
    fill.holder_count = IMPASSE_HOLDERS_INLINE;
  memcpy(fill.holders, words, sizeof fill.holders);
  fill.via = (uint8_t)request->via;
  fill.flags = (uint8_t)((request->flags & IMPASSE_WAIT_FLAGS) | (all ? 0 : IMPASSE_WAIT_OPEN));
  fill.object = request->object;
  fill.timeout_ns = request->timeout_ns;
  fill.since_ns = impasse_wait_clock();
  IMPASSE_PROBE(wait_begin, waiter.stamp & 0xffffffu, fill.holder_count);
  return impasse_wait_publish(waiter, &fill);
}

void impasse_wait_list_close(uint64_t list)
{
  struct process *process = process_on();
  if (process)
    impasse_close_ref(ref_of_word(process, list));
}

/* ---- Pools and services ---- */

struct impasse_worker impasse_worker_of(struct impasse_ref pool)
{
  struct process *process = process_ready(IMPASSE_ABI);
  struct impasse_worker worker = {pool, 0, 0};
  if (process) {
    worker.tid = (uint32_t)syscall(SYS_gettid); /* cannot fail */
    worker.stamp = process->gate.epoch + 1;
  }
  return worker;
}

/* In the list that begins at `hot`, puts `to` in the place of the first `from`. Returns whether there was one, and the
 * slot where the list ends. */
static bool list_replace(const struct process *process, struct impasse_hot *hot, uint64_t from,
                         uint64_t to, struct impasse_hot **ret_last)
{
  for (unsigned depth = 0; hot && depth < IMPASSE_LIST_CHAIN_MOST; depth++) {
    for (unsigned i = 0; i < IMPASSE_LIST_REFS; i++) {
      uint64_t expected = from;
      if (__atomic_compare_exchange_n(impasse_list_ref(hot, i), &expected, to, false,
                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return true;
    }
    const struct impasse_cold *cold = impasse_line(hot, IMPASSE_ARRAY_COLD);
    uint64_t next = __atomic_load_n(&cold->next, __ATOMIC_ACQUIRE);
    *ret_last = next ? NULL : hot;
    hot = next ? ref_of_word(process, next).slot : NULL;
  }
  return false;
}

void impasse_member_add(struct impasse_ref service, uint64_t member)
{
  struct process *process = process_on();
  struct impasse_hot *hot = impasse_ref_slot(service), *last = NULL;
  if (!process || !hot || !member)
    return;
  while (!list_replace(process, hot, 0, member, &last)) {
    uint64_t list = last ? holders_list(process, NULL, 0) : 0, none = 0;
    if (!list) {
      loss_add(process, IMPASSE_LOSS_HOLDERS);
      return;
    }
    struct impasse_cold *cold = impasse_line(last, IMPASSE_ARRAY_COLD);
    if (!__atomic_compare_exchange_n(&cold->next, &none, list, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
      impasse_wait_list_close(list); /* another thread has made it longer */
  }
}

void impasse_member_remove(struct impasse_ref service, uint64_t member)
{
  const struct process *process = process_on();
  struct impasse_hot *hot = impasse_ref_slot(service), *last;
  if (process && hot && member)
    (void)list_replace(process, hot, member, 0, &last); /* not a member: nothing to do */
}

/* ---- Tables ---- */

static uint64_t episode_units(const struct process *process, struct impasse_ref table,
                              uint64_t now_ns)
{
  uint64_t opened_ns = region_of(process, table.stamp & 0xffffffu)->opened_monotonic_ns;
  return now_ns > opened_ns ? (now_ns - opened_ns) / IMPASSE_EPISODE_UNIT_NS : 0;
}

/* One more waits, or holds: since now, when it is the first. */
static void episode_begin(uint64_t *word, uint64_t now_units)
{
  uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED), next;
  do {
    if (IMPASSE_EPISODE_COUNT(old) == IMPASSE_EPISODE_COUNT(UINT64_MAX))
      return;
    next = IMPASSE_EPISODE_COUNT(old) ? old + 1 : now_units << 20 | 1;
  } while (
      !__atomic_compare_exchange_n(word, &old, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

/* One less; after the last the time since the first goes into the sum. */
static void episode_end(uint64_t *word, uint64_t now_units, uint64_t *sum)
{
  uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED), next;
  do {
    if (!IMPASSE_EPISODE_COUNT(old))
      return;
    next = IMPASSE_EPISODE_COUNT(old) > 1 ? old - 1 : 0;
  } while (
      !__atomic_compare_exchange_n(word, &old, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  if (!next && now_units > IMPASSE_EPISODE_SINCE(old))
    __atomic_fetch_add(sum, now_units - IMPASSE_EPISODE_SINCE(old), __ATOMIC_RELEASE);
}

static struct impasse_table_line *table_line(struct impasse_ref table)
{
  return impasse_line(table.slot, IMPASSE_ARRAY_BOX);
}

static struct impasse_table_sums *table_sums(struct impasse_ref table)
{
  return impasse_line(table.slot, IMPASSE_ARRAY_WAIT0);
}

void impasse_table_wait_opened(struct impasse_ref table, bool write, uint64_t now_ns)
{
  const struct process *process = process_on();
  if (!process)
    return;
  struct impasse_table_line *line = table_line(table);
  __atomic_fetch_add(write ? &line->write_waiters : &line->read_waiters, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&table_sums(table)->contended, 1, __ATOMIC_RELAXED);
  episode_begin(&line->waiting, episode_units(process, table, now_ns));
  IMPASSE_PROBE(table_wait_begin, table.stamp & 0xffffffu, write);
}

void impasse_table_wait_closed(struct impasse_ref table, bool write, uint64_t since_ns)
{
  struct process *process = process_on();
  if (!process)
    return;
  struct impasse_table_line *line = table_line(table);
  struct impasse_table_sums *sums = table_sums(table);
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
  uint64_t waited_ns = now_ns - since_ns;
  uint64_t most_ns = __atomic_load_n(&sums->max_wait_ns, __ATOMIC_RELAXED);
  __atomic_fetch_sub(write ? &line->write_waiters : &line->read_waiters, 1, __ATOMIC_RELAXED);
  episode_end(&line->waiting, episode_units(process, table, now_ns), &sums->waited_units);
  while (waited_ns > most_ns &&
         !__atomic_compare_exchange_n(&sums->max_wait_ns, &most_ns, waited_ns, true,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    ;
  heartbeat(process, now_ns);
  IMPASSE_PROBE(table_wait_end, table.stamp & 0xffffffu, waited_ns);
}

static uint64_t *held_entry(const struct impasse_hot *hot, unsigned i)
{
  return (uint64_t *)impasse_line(hot, IMPASSE_ARRAY_HELD) + i;
}

static void held_change(struct impasse_hot *hot, unsigned i, uint64_t entry)
{
  unsigned mask = entry ? hot->held_mask | 1u << i : hot->held_mask & ~(1u << i);
  impasse_edit_begin(hot);
  __atomic_store_n(held_entry(hot, i), entry, __ATOMIC_RELEASE);
  __atomic_store_n(&hot->held_mask, (uint8_t)mask, __ATOMIC_RELEASE);
  impasse_edit_end(hot);
}

void impasse_table_acquired_ref(struct impasse_ref table, struct impasse_ref actor, bool write)
{
  struct process *process = process_on();
  if (!process)
    return;
  struct impasse_hot *hot = impasse_ref_slot(actor);
  struct impasse_table_line *line = table_line(table);
  if (hot && hot->held_mask != (1u << IMPASSE_HELD_MOST) - 1) {
    held_change(hot, (unsigned)__builtin_ctz(~(unsigned)hot->held_mask),
                impasse_ref_word(table) | (write ? IMPASSE_HELD_WRITE : 0));
  } else {
    __atomic_fetch_add(&line->unlisted, 1, __ATOMIC_RELEASE);
    if (hot)
      loss_add(process, IMPASSE_LOSS_HELD);
  }
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
  episode_begin(&line->holding, episode_units(process, table, now_ns));
  IMPASSE_PROBE(table_acquired, table.stamp & 0xffffffu, actor.stamp & 0xffffffu);
}

/* The entry of its held line where the actor holds the table, or -1. */
static int held_find(const struct impasse_hot *hot, uint64_t table)
{
  for (int i = 0; hot && i < (int)IMPASSE_HELD_MOST; i++)
    if (hot->held_mask >> i & 1 && (*held_entry(hot, (unsigned)i) & IMPASSE_REF_MASK) == table)
      return i;
  return -1;
}

void impasse_table_released_ref(struct impasse_ref table, struct impasse_ref actor)
{
  const struct process *process = process_on();
  if (!process)
    return;
  struct impasse_hot *hot = impasse_ref_slot(actor);
  struct impasse_table_line *line = table_line(table);
  int held = held_find(hot, impasse_ref_word(table));
  uint32_t unlisted = __atomic_load_n(&line->unlisted, __ATOMIC_RELAXED);
  if (held >= 0)
    held_change(hot, (unsigned)held, 0);
  while (held < 0 && unlisted &&
         !__atomic_compare_exchange_n(&line->unlisted, &unlisted, unlisted - 1, true,
                                      __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    ;
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
  episode_end(&line->holding, episode_units(process, table, now_ns),
              &table_sums(table)->held_units);
  IMPASSE_PROBE(table_released, table.stamp & 0xffffffu, actor.stamp & 0xffffffu);
}

void impasse_table_size_ref(struct impasse_ref table, int64_t items, int64_t bytes)
{
  struct impasse_table_line *line = table_line(table);
  __atomic_store_n(&line->items, items, __ATOMIC_RELAXED);
  __atomic_store_n(&line->bytes, bytes, __ATOMIC_RELAXED);
}
