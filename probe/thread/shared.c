/* shared.c - see shared.h. */
#include "probe/thread/shared.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/sweep.h"
#include "probe/clock.h"
#include "probe/process/process.h"

#define ANEW_NS (5 * CLOCK_NS_PER_S)

enum {
  STAT_BYTES = 4096,
  STATUS_BYTES = 16384,
  MAPS_BYTES = 32 << 20,
  NAMESPACES_MOST = 32,
  PROCESSES_MOST = 16384, /* looked at for a number of another namespace */
  LINK_BYTES = 64,
};

/* ---- what a lock lies in ---- */

struct place {
  unsigned major, minor;
  uint64_t inode, offset;
};

struct mapping {
  uint64_t start, end;
  struct place place; /* of its beginning */
};

/* "START-END PERM OFFSET MAJOR:MINOR INODE PATH" (fs/proc/task_mmu.c). True: shared, and of a file. */
static bool parse_mapping(const char *line, struct mapping *ret_mapping)
{
  struct mapping m;
  char permissions[5];
  return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &m.start, &m.end,
                permissions, &m.place.offset, &m.place.major, &m.place.minor,
                &m.place.inode) == 7 &&
         m.start < m.end && m.place.inode != 0 && strlen(permissions) == 4 &&
         permissions[3] == 's' && (*ret_mapping = m, true);
}

static const char *next_line(const char *line)
{
  const char *end = strchr(line, '\n');
  return end && end[1] ? end + 1 : NULL;
}

static bool find_place(const struct reach_target *target, uint64_t address, struct place *ret_place)
{
  char *maps = NULL;
  bool found = false;
  if (reach_file(target, "maps", MAPS_BYTES, &maps, NULL) != 0)
    return false;
  for (const char *line = maps; line && !found; line = next_line(line)) {
    struct mapping m;
    found = parse_mapping(line, &m) && m.start <= address && address < m.end;
    if (!found)
      continue;
    *ret_place = m.place;
    ret_place->offset += address - m.start;
  }
  free(maps);
  return found;
}

/* Does the process share the place? */
static bool maps_place(const struct reach_target *target, const struct place *place)
{
  char *maps = NULL;
  bool found = false;
  if (reach_file(target, "maps", MAPS_BYTES, &maps, NULL) != 0)
    return false;
  for (const char *line = maps; line && !found; line = next_line(line)) {
    struct mapping m;
    found = parse_mapping(line, &m) && m.place.major == place->major &&
            m.place.minor == place->minor && m.place.inode == place->inode &&
            m.place.offset <= place->offset && place->offset - m.place.offset < m.end - m.start;
  }
  free(maps);
  return found;
}

/* ---- whom a number means ---- */

static bool same_namespace(const struct reach_target *a, const struct reach_target *b)
{
  char mine[LINK_BYTES], its[LINK_BYTES];
  return reach_link(a, "ns/pid", mine, sizeof mine) == 0 &&
         reach_link(b, "ns/pid", its, sizeof its) == 0 && strcmp(mine, its) == 0;
}

/* The process of a thread; 0 where there is none. The name in front of it holds no line breaks. */
static pid_t process_of(pid_t tid)
{
  char path[48], *status = NULL;
  int pid = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/status", (int)tid); /* always fits */
  if (reach_machine_file(path, STATUS_BYTES, &status, NULL) != 0)
    return 0;
  const char *line = strstr(status, "\nTgid:");
  if (!line || sscanf(line, "\nTgid: %d", &pid) != 1 || pid < 0)
    pid = 0;
  free(status);
  return pid;
}

/* The thread of the process whose innermost number it is, in our numbers; 0 none. */
static pid_t find_inside(const struct reach_target *process, uint32_t number)
{
  pid_t *tids = NULL, found = 0;
  size_t count = 0;
  if (reach_tids(process, &tids, &count) != 0)
    return 0;
  for (size_t i = 0; i < count && !found; i++) {
    char name[48], *status = NULL;
    int ids[NAMESPACES_MOST], levels = 0;
    (void)snprintf(name, sizeof name, "task/%d/status", (int)tids[i]); /* always fits */
    if (reach_file(process, name, STATUS_BYTES, &status, NULL) == 0)
      levels = process_parse_nspid(status, ids, NAMESPACES_MOST);
    free(status);
    if (levels >= 1 && levels <= NAMESPACES_MOST && (uint32_t)ids[levels - 1] == number)
      found = tids[i];
  }
  free(tids);
  return found;
}

/* Where the target's numbers are ours. */
static struct reach_target *find_here(const struct reach_target *target, uint32_t number,
                                      pid_t *ret_tid)
{
  struct reach_target *other = NULL;
  pid_t pid = process_of((pid_t)number);
  if (!pid || reach_open(pid, &other) != 0)
    return NULL;
  if (same_namespace(target, other)) {
    *ret_tid = (pid_t)number;
    return other;
  }
  reach_close(other);
  return NULL;
}

/* Where they are not: all processes of its namespace are asked. */
static struct reach_target *find_nested(const struct reach_target *target, uint32_t number,
                                        pid_t *ret_tid)
{
  struct reach_target *found = NULL;
  pid_t *pids = NULL;
  size_t count = 0;
  if (reach_pids(&pids, &count) != 0)
    return NULL;
  for (size_t i = 0; i < count && i < PROCESSES_MOST && !found; i++) {
    struct reach_target *other = NULL;
    if (pids[i] == reach_pid(target) || reach_open(pids[i], &other) != 0)
      continue;
    pid_t tid = same_namespace(target, other) ? find_inside(other, number) : 0;
    if (tid) {
      found = other;
      *ret_tid = tid;
    } else {
      reach_close(other);
    }
  }
  free(pids);
  return found;
}

/* ---- owners that were found ---- */

/* When the thread began; 0 it does not live. */
static uint64_t read_start(const struct reach_target *process, pid_t tid)
{
  struct process_stat stat = {0};
  char name[48], *text = NULL;
  (void)snprintf(name, sizeof name, "task/%d/stat", (int)tid); /* always fits */
  if (reach_file(process, name, STAT_BYTES, &text, NULL) == 0)
    (void)process_parse_stat(text, &stat); /* untouched where it cannot be told */
  free(text);
  return stat.start_ticks;
}

static void forget(struct shared_owner *owner)
{
  reach_close(owner->other);
  *owner = (struct shared_owner){0};
}

/* That of the lock and number, else the one to be replaced. */
static struct shared_owner *place_of(struct shared *shared, uint64_t lock, uint32_t number)
{
  struct shared_owner *oldest = shared->owners;
  for (size_t i = 0; i < SHARED_OWNERS_MOST; i++) {
    struct shared_owner *owner = &shared->owners[i];
    if (owner->sought_ns && owner->lock == lock && owner->number == number)
      return owner;
    if (owner->sought_ns < oldest->sought_ns)
      oldest = owner;
  }
  return oldest;
}

static void seek(struct shared_owner *owner, const struct reach_target *target, bool nested,
                 uint64_t now_ns)
{
  struct place place = {0};
  owner->sought_ns = now_ns;
  if (!find_place(target, owner->lock, &place))
    return;
  owner->other = nested ? find_nested(target, owner->number, &owner->tid)
                        : find_here(target, owner->number, &owner->tid);
  if (!owner->other)
    return;
  owner->start_ticks = read_start(owner->other, owner->tid);
  if (owner->start_ticks && maps_place(owner->other, &place))
    return;
  reach_close(owner->other);
  owner->other = NULL;
}

bool shared_find(struct shared *shared, const struct reach_target *target, bool nested,
                 uint64_t lock, uint32_t number, uint64_t *ret_target, uint64_t *ret_thread)
{
  uint64_t now_ns = clock_mono_ns();
  struct shared_owner *owner = place_of(shared, lock, number);
  bool known = owner->sought_ns && owner->lock == lock && owner->number == number &&
               now_ns - owner->sought_ns < ANEW_NS;
  if (known && owner->other && read_start(owner->other, owner->tid) != owner->start_ticks)
    known = false;
  if (!known) {
    forget(owner);
    owner->lock = lock;
    owner->number = number;
    seek(owner, target, nested, now_ns);
  }
  if (!owner->other)
    return false;
  struct thread_state thread = {.tid = owner->tid, .start_ticks = owner->start_ticks};
  *ret_target = TARGET_KEY(reach_start_ticks(owner->other), reach_pid(owner->other));
  *ret_thread = thread_key(&thread);
  return true;
}

void shared_done(struct shared *shared)
{
  for (size_t i = 0; i < SHARED_OWNERS_MOST; i++)
    forget(&shared->owners[i]);
}
