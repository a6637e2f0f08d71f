/*
 * threads.c - the kernel's words about the threads of a target, again and again: a descriptor that is kept and read at 0
 * gives the words of now for a third of the price, and names the very thread, never the next one of its number (then it
 * reads -ESRCH).
 *
 * Who has not run since the last read, and slept then, is still in the call in which it was: of most threads of a stuck
 * program only how often and how long it ran is read. That is read before the call: what lies between two equal readings
 * is one sleep. A kernel that does not count it tells zeros, which say nothing.
 *
 * Descriptors are the process's, and each keeps a page in the kernel: a target has at most KEPT_FDS_MOST, all targets
 * together half of what may be open; where that is too few, schedstat comes first. Of the threads beyond them each file is
 * opened, read and closed; that another thread got the number of one of these shows only where it ran less often than the
 * one before.
 *
 * Not here: what the words mean.
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "probe/reach/numbers.h"
#include "probe/reach/remote_reach.h"

enum { SCHEDSTAT_BYTES = sizeof((struct reach_thread *)NULL)->schedstat };
enum { KEPT_FDS_MOST = 4096, OPEN_FDS_DEFAULT = 1024 };

enum word { WORD_SYSCALL, WORD_SCHEDSTAT, WORDS };
static const char *const word_names[WORDS] = {"syscall", "schedstat"};

struct kept {
  pid_t tid;
  int fds[WORDS];                  /* -1: not kept */
  uint64_t runs;                   /* as last read */
  char schedstat[SCHEDSTAT_BYTES]; /* before that read ... */
  char *call;  /* ... and the call in which it slept then; NULL: it ran, or that is not known */
  bool wanted; /* by the read under way */
  bool gone;
  bool fresh;
};

struct reach_threads {
  const struct reach_target *target;
  struct remote_threads *remote; /* the broker reads them; NULL: we ourselves */
  int task_fd;                   /* O_PATH of /proc/PID/task */
  struct kept *kept;
  size_t kept_count;
  struct reach_thread *list;
  size_t list_room;
  size_t fds, fds_most;
};

static atomic_size_t all_fds; /* of all targets: the limit is that of the process */

static size_t fds_of_process(void)
{
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : OPEN_FDS_DEFAULT;
}

int reach_threads_open(const struct reach_target *target, struct reach_threads **ret_threads)
{
  struct reach_threads *threads = calloc(1, sizeof *threads);
  if (!threads)
    return -ENOMEM;
  *threads = (struct reach_threads){.target = target, .task_fd = -1, .fds_most = KEPT_FDS_MOST};
  int error = 0;
  if (target->remote)
    error = remote_threads_open(target, &threads->remote);
  else if ((threads->task_fd = reach_openat(target, "task", O_PATH | O_DIRECTORY)) < 0)
    error = threads->task_fd;
  if (error)
    free(threads);
  else
    *ret_threads = threads;
  return error;
}

/* --- descriptors --- */

static bool may_keep(const struct reach_threads *threads, enum word word)
{
  bool all_fit = threads->kept_count * WORDS <= threads->fds_most;
  return (word == WORD_SCHEDSTAT || all_fit) && threads->fds < threads->fds_most;
}

static void keep_fd(struct reach_threads *threads, enum word word, int *slot, int fd)
{
  size_t all = atomic_fetch_add(&all_fds, 1);
  if (may_keep(threads, word) && all < fds_of_process() / 2) {
    *slot = fd;
    threads->fds++;
    return;
  }
  atomic_fetch_sub(&all_fds, 1);
  (void)close(fd); /* only read */
}

static void forget(struct reach_threads *threads, struct kept *kept)
{
  free(kept->call);
  kept->call = NULL;
  for (int w = 0; w < WORDS; w++) {
    if (kept->fds[w] < 0)
      continue;
    (void)close(kept->fds[w]); /* only read */
    kept->fds[w] = -1;
    threads->fds--;
    atomic_fetch_sub(&all_fds, 1);
  }
}

void reach_threads_close(struct reach_threads *threads)
{
  if (!threads)
    return;
  for (size_t i = 0; i < threads->kept_count; i++)
    forget(threads, &threads->kept[i]);
  remote_threads_close(threads->remote);
  if (threads->task_fd >= 0)
    (void)close(threads->task_fd); /* only read */
  free(threads->kept);
  free(threads->list);
  free(threads);
}

/* --- one thread --- */

/* A line of the kernel's without its end. */
static int read_line(int fd, char *ret_text, size_t room)
{
  ssize_t got;
  do
    got = pread(fd, ret_text, room - 1, 0);
  while (got < 0 && errno == EINTR);
  ret_text[got < 0 ? 0 : got] = '\0';
  ret_text[strcspn(ret_text, "\n")] = '\0';
  return got < 0 ? -errno : 0;
}

/* 0, -ESRCH the thread has gone, or what the kernel refuses it with. */
static int read_word(struct reach_threads *threads, struct kept *kept, enum word word,
                     char *ret_text, size_t room)
{
  char path[32];
  if (kept->fds[word] >= 0)
    return read_line(kept->fds[word], ret_text, room);
  ret_text[0] = '\0';
  (void)snprintf(path, sizeof path, "%d/%s", (int)kept->tid, word_names[word]); /* always fits */
  int fd = openat(threads->task_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  int error = read_line(fd, ret_text, room);
  if (error)
    (void)close(fd); /* only read */
  else
    keep_fd(threads, word, &kept->fds[word], fd);
  return error;
}

/* How often it was put on a processor: the third number of schedstat. */
static uint64_t runs_of(const char *schedstat)
{
  const char *text = schedstat;
  for (int skipped = 0; skipped < 2 && text; skipped++)
    text = (text = strchr(text, ' ')) ? text + 1 : NULL;
  return text ? strtoull(text, NULL, 10) : 0;
}

/* What the next read may compare with. */
static void remember(struct kept *kept, const struct reach_thread *thread, uint64_t runs, bool told)
{
  bool slept = told && runs > 0 && strncmp(thread->syscall, "running", 7) != 0;
  kept->runs = runs;
  memcpy(kept->schedstat, thread->schedstat, sizeof kept->schedstat);
  if (!slept || !kept->call || strcmp(kept->call, thread->syscall) != 0) {
    free(kept->call);
    kept->call = slept ? strdup(thread->syscall) : NULL; /* without memory it is read again */
  }
}

/* 0, -ESRCH it has gone, or why its system call is not told. */
static int read_once(struct reach_threads *threads, struct kept *kept, struct reach_thread *thread)
{
  if (read_word(threads, kept, WORD_SCHEDSTAT, thread->schedstat, sizeof thread->schedstat) ==
      -ESRCH)
    return -ESRCH;
  uint64_t runs = runs_of(thread->schedstat);
  int error = 0;
  if (kept->call && strcmp(thread->schedstat, kept->schedstat) == 0)
    (void)snprintf(thread->syscall, sizeof thread->syscall, "%s", kept->call); /* it fitted */
  else
    error = read_word(threads, kept, WORD_SYSCALL, thread->syscall, sizeof thread->syscall);
  if (error == -ESRCH)
    return error;
  thread->fresh = kept->fresh || runs < kept->runs;
  remember(kept, thread, runs, error == 0);
  return error;
}

static int read_thread(struct reach_threads *threads, struct kept *kept,
                       struct reach_thread *thread)
{
  bool named = kept->fds[WORD_SYSCALL] >= 0 || kept->fds[WORD_SCHEDSTAT] >= 0;
  int error = read_once(threads, kept, thread);
  if (error == -ESRCH && named) { /* that thread: another may have its number */
    forget(threads, kept);
    kept->fresh = true;
    error = read_once(threads, kept, thread);
  }
  if (error == -ESRCH) {
    forget(threads, kept);
    kept->gone = true;
    return error;
  }
  thread->tid = kept->tid;
  kept->fresh = false;
  return error;
}

/* --- all of them --- */

/* Makes the kept ones those of before and those that are wanted now, ascending. What is not wanted goes where `all` are
 * listed, else it stays for the next time. */
static int merge(struct reach_threads *threads, const pid_t *tids, size_t count, bool all)
{
  struct kept *merged = calloc(threads->kept_count + count + 1, sizeof *merged);
  size_t n = 0, old = 0;
  if (!merged)
    return -ENOMEM;
  for (size_t i = 0; i <= count; i++) {
    for (; old < threads->kept_count && (i == count || threads->kept[old].tid < tids[i]); old++) {
      if (all) {
        forget(threads, &threads->kept[old]);
        continue;
      }
      merged[n] = threads->kept[old];
      merged[n++].wanted = false;
    }
    if (i == count || (i > 0 && tids[i] <= tids[i - 1]))
      continue; /* the end, or no ascending list */
    if (old < threads->kept_count && threads->kept[old].tid == tids[i])
      merged[n] = threads->kept[old++];
    else
      merged[n] = (struct kept){.tid = tids[i], .fds = {-1, -1}, .fresh = true};
    merged[n++].wanted = true;
  }
  free(threads->kept);
  threads->kept = merged;
  threads->kept_count = n;
  return 0;
}

static void forget_gone(struct reach_threads *threads)
{
  size_t n = 0;
  for (size_t i = 0; i < threads->kept_count; i++)
    if (!threads->kept[i].gone)
      threads->kept[n++] = threads->kept[i];
  threads->kept_count = n;
}

/* Reads those that are wanted; 0 where at least one was read or there is none, else why not. */
static int read_wanted(struct reach_threads *threads, size_t *ret_count)
{
  size_t n = 0, told = 0;
  int refused = 0;
  for (size_t i = 0; i < threads->kept_count; i++) {
    if (!threads->kept[i].wanted)
      continue;
    int error = read_thread(threads, &threads->kept[i], &threads->list[n]);
    if (error == -ESRCH)
      continue;
    n++;
    told += error == 0;
    refused = error ? error : refused;
  }
  forget_gone(threads);
  *ret_count = n;
  return told > 0 || n == 0 ? 0 : refused == -EACCES ? -EPERM : refused;
}

static int make_room(struct reach_threads *threads, size_t count)
{
  if (count <= threads->list_room)
    return 0;
  struct reach_thread *larger = reallocarray(NULL, count, sizeof *larger);
  if (!larger)
    return -ENOMEM;
  free(threads->list); /* nothing of the last read is needed */
  threads->list = larger;
  threads->list_room = count;
  return 0;
}

/* The numbers of all threads, bounded. */
static int list_all(const struct reach_threads *threads, pid_t **ret_tids, size_t *ret_count)
{
  int fd = openat(threads->task_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  int error = numbers_list(fd, REACH_THREADS_MOST, ret_tids, ret_count);
  return error == -E2BIG ? 0 : error;
}

int reach_threads_read(struct reach_threads *threads, const pid_t *tids, size_t tid_count,
                       const struct reach_thread **ret_list, size_t *ret_count)
{
  if (threads->remote)
    return remote_threads_read(threads->remote, tids, tid_count, ret_list, ret_count);
  pid_t *listed = NULL;
  size_t count = tid_count < REACH_THREADS_MOST ? tid_count : REACH_THREADS_MOST, read = 0;
  int error = tids ? 0 : list_all(threads, &listed, &count);
  if (!error)
    error = make_room(threads, count);
  if (!error)
    error = merge(threads, tids ? tids : listed, count, !tids);
  if (!error)
    error = read_wanted(threads, &read);
  if (!reach_alive(threads->target))
    error = -ESRCH;
  free(listed);
  if (error)
    return error;
  *ret_list = threads->list;
  *ret_count = read;
  return 0;
}
