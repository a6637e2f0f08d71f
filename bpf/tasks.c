/*
 * tasks.c - has the iterator loaded (tasks_load.c) and reads it: one walk is one descriptor, read until
 * nothing comes.
 */
#include "bpf/tasks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/orders.h"

enum {
  ROOM_FIRST = 256,    /* records */
  THREADS_A_LINK = 16, /* so many are passed over in the time that a walk over a single one takes */
  SCRAPS_BYTES = 4096, /* where what there is no room for goes */
  TRIES_MOST =
      1000, /* of a read that only went past other processes' threads, a million at a time */
};
/* The scheduler's clock drifts by less than half a millisecond in that time (100 ppm). */
#define SET_CLOCK_EVERY_NS UINT64_C(5000000000)

struct tasks {
  pid_t pid;
  struct loaded loaded;
  size_t threads; /* as last counted */
  struct task_record *list;
  size_t room;
  int64_t clock_ns;      /* from the scheduler's clock to ours */
  uint64_t clock_set_ns; /* when that was seen; 0 not yet */
};

int tasks_open(pid_t pid, struct tasks **ret_tasks, char *reason, size_t room)
{
  struct tasks_order order = {.pid = pid};
  struct tasks *tasks = calloc(1, sizeof(*tasks));
  int error = -ENOMEM;

  if (!tasks) {
    ladder_explain(error, reason, room);
    return error;
  }
  error = load_program(LOAD_TASKS, &order, sizeof(order), -1, TASKS_FDS, &tasks->loaded);
  if (error) {
    (void)snprintf(reason, room, "%s", tasks->loaded.reason); /* cut is fine */
    tasks_close(tasks);
    return error;
  }
  tasks->pid = pid;
  *ret_tasks = tasks;
  return 0;
}

void tasks_close(struct tasks *tasks)
{
  if (!tasks)
    return;
  loaded_close(&tasks->loaded);
  free(tasks->list);
  free(tasks);
}

static int grow(struct tasks *tasks, size_t most)
{
  size_t room = tasks->room ? 2 * tasks->room : ROOM_FIRST;
  struct task_record *list;

  if (room > most)
    room = most;
  list = reallocarray(tasks->list, room, sizeof(*list));
  if (!list)
    return -ENOMEM;
  tasks->list = list;
  tasks->room = room;
  return 0;
}

static ssize_t read_some(int walk, void *bytes, size_t room)
{
  ssize_t length = -1;

  for (int i = 0; i < TRIES_MOST; i++) {
    length = read(walk, bytes, room);
    if (length >= 0 || (errno != EAGAIN && errno != EINTR))
      break;
  }
  return length < 0 ? -errno : length;
}

/* Where the next bytes of a walk belong: behind those that there are, as long as there is room for `most`
 * records. */
static int next_place(struct tasks *tasks, size_t most, uint64_t bytes, char **ret_place,
                      size_t *ret_room)
{
  if (bytes >= tasks->room * sizeof(*tasks->list) && tasks->room < most) {
    int error = grow(tasks, most);
    if (error)
      return error;
  }
  *ret_room = (tasks->room < most ? tasks->room : most) * sizeof(*tasks->list);
  *ret_room = *ret_room > bytes ? *ret_room - bytes : 0;
  *ret_place = *ret_room ? (char *)tasks->list + bytes : NULL;
  return 0;
}

/* Adds the bytes of a walk: those of `most` records are kept, the others are counted as well. */
static int read_walk(struct tasks *tasks, int link, size_t most, uint64_t *ret_bytes)
{
  int walk = bpf_iter_create(link), error = 0;
  char scraps[SCRAPS_BYTES], *place;
  ssize_t length = 1;
  size_t room;

  if (walk < 0)
    return walk;
  while (length > 0 && (error = next_place(tasks, most, *ret_bytes, &place, &room)) == 0) {
    length = place ? read_some(walk, place, room) : read_some(walk, scraps, sizeof(scraps));
    *ret_bytes += length > 0 ? (uint64_t)length : 0;
  }
  (void)close(walk);
  return error ? error : (int)length;
}

/* Who has just slept got its processor a moment ago: what it then sees of the clocks is good. */
static bool sleep_to_set_clock(const struct tasks *tasks)
{
  if (tasks->clock_set_ns && clock_ns() - tasks->clock_set_ns < SET_CLOCK_EVERY_NS)
    return false;
  (void)nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
  return true;
}

static void set_clock(struct tasks *tasks, size_t count, bool anew)
{
  if (anew && count > 0) {
    tasks->clock_ns = INT64_MAX;
    tasks->clock_set_ns = clock_ns();
  }
  for (size_t i = 0; i < count; i++)
    if (tasks->list[i].clock_ns < tasks->clock_ns)
      tasks->clock_ns = tasks->list[i].clock_ns;
}

/* To our clock; and what cannot be is not told. */
static void finish(struct task_record *record, int64_t offset_ns, uint64_t now_ns)
{
  record->comm[sizeof(record->comm) - 1] = '\0';
  if (record->since_ns)
    record->since_ns += (uint64_t)offset_ns;
  if (record->since_ns > now_ns)
    record->since_ns = now_ns;
  if (record->activity == TASK_RUNS) {
    record->since_ns = 0;
    record->call = -1;
    record->lock_read = 0;
  }
}

/* A wish that cannot be laid down is not followed. Returns whether it was. */
static bool wish(const struct tasks *tasks, uint32_t reader, const pid_t *tids, size_t tid_count)
{
  struct task_wish wish = {.count = (uint32_t)tid_count};

  if (!tids || tid_count > TASK_WISH_MOST)
    return false;
  for (size_t i = 0; i < tid_count; i++)
    wish.tid[i] = (uint32_t)tids[i];
  return bpf_map_update_elem(tasks->loaded.fds[TASKS_WISHES], &reader, &wish, BPF_ANY) == 0;
}

/* One walk over all, of which perhaps only some are wanted. */
static int read_all(struct tasks *tasks, const pid_t *tids, size_t tid_count, size_t most,
                    uint64_t *ret_bytes)
{
  uint32_t reader = (uint32_t)syscall(SYS_gettid);
  bool wished = wish(tasks, reader, tids, tid_count);
  int error = read_walk(tasks, tasks->loaded.fds[TASKS_WALK], most, ret_bytes);

  if (wished) /* it was there, so it goes */
    (void)bpf_map_delete_elem(tasks->loaded.fds[TASKS_WISHES], &reader);
  if (!error && !tids)
    tasks->threads = *ret_bytes / sizeof(*tasks->list);
  return error;
}

/* A walk over each of few. */
static int read_each(struct tasks *tasks, const pid_t *tids, size_t tid_count, size_t most,
                     uint64_t *ret_bytes)
{
  union bpf_iter_link_info one = {0};
  DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one,
                      .iter_info_len = sizeof(one));
  int error = 0;

  for (size_t i = 0; i < tid_count && !error; i++) {
    int link;
    one.task.tid = (uint32_t)tids[i];
    link = bpf_link_create(tasks->loaded.fds[TASKS_PROGRAM], 0, BPF_TRACE_ITER, &options);
    if (link < 0)
      return link;
    error = read_walk(tasks, link, most, ret_bytes);
    (void)close(link);
  }
  return error;
}

/* A number may by now be of another process's thread. Returns how many are left. */
static size_t keep_own(const struct tasks *tasks, size_t count)
{
  size_t kept = 0;

  for (size_t i = 0; i < count; i++)
    if (tasks->list[i].tgid == (uint32_t)tasks->pid)
      tasks->list[kept++] = tasks->list[i];
  return kept;
}

int tasks_read(struct tasks *tasks, const pid_t *tids, size_t tid_count, size_t most,
               const struct task_record **ret_list, size_t *ret_count, uint64_t *ret_lost)
{
  bool few = tids && tid_count * THREADS_A_LINK < tasks->threads;
  bool slept = sleep_to_set_clock(tasks);
  uint64_t bytes = 0, now_ns;
  size_t count;
  int error = (few ? read_each : read_all)(tasks, tids, tid_count, most, &bytes);

  if (error && few) { /* Linux before 6.1 */
    bytes = 0;
    error = read_all(tasks, tids, tid_count, most, &bytes);
  }
  if (error)
    return error;
  count = bytes / sizeof(*tasks->list);
  *ret_lost = count > most ? count - most : 0;
  count -= *ret_lost;
  count = keep_own(tasks, count);
  set_clock(tasks, count, slept);
  now_ns = clock_ns();
  for (size_t i = 0; i < count; i++)
    finish(&tasks->list[i], tasks->clock_ns, now_ns);
  *ret_list = tasks->list;
  *ret_count = count;
  return 0;
}
