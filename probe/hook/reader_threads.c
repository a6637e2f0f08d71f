/*
 * reader_threads.c - see reader_threads.h. Where both are in one namespace nothing is looked
 * up; elsewhere the list of threads is read when a number is met that is not in it, at most
 * once a sweep.
 */
#include "probe/hook/reader_threads.h"

#include <stdio.h>
#include <stdlib.h>

#include "probe/process/process.h"
#include "probe/reach/reach.h"

enum { STATUS_BYTES = 16384, NAMESPACES_MOST = 32 };

struct reader_thread {
  uint32_t inner, outer;
};

/* The outermost and innermost number in a status file. Returns in how many namespaces it has one; 0
 * where the file does not tell. */
static int read_numbers(const struct reach_target *target, const char *name, int *ret_outer,
                        int *ret_inner)
{
  char *status = NULL;
  int ids[NAMESPACES_MOST], count = 0;
  if (reach_file(target, name, STATUS_BYTES, &status, NULL) == 0)
    count = process_parse_nspid(status, ids, NAMESPACES_MOST);
  free(status);
  if (count < 1 || count > NAMESPACES_MOST)
    return 0;
  *ret_outer = ids[0];
  *ret_inner = ids[count - 1];
  return count;
}

static int compare_inner(const void *left, const void *right)
{
  const struct reader_thread *a = left, *b = right;
  return (a->inner > b->inner) - (a->inner < b->inner);
}

static void refresh(struct reader_threads *threads, const struct reach_target *target)
{
  pid_t *tids = NULL;
  size_t count = 0;
  threads->refreshed = true;
  if (reach_tids(target, &tids, &count) != 0 || count == 0)
    goto out;
  struct reader_thread *list = calloc(count, sizeof *list);
  if (!list)
    goto out; /* numbers stay as they were known */
  free(threads->list);
  threads->list = list;
  threads->count = 0;
  for (size_t i = 0; i < count; i++) {
    char name[48];
    int outer, inner;
    (void)snprintf(name, sizeof name, "task/%d/status", (int)tids[i]); /* always fits */
    if (read_numbers(target, name, &outer, &inner) > 0)
      list[threads->count++] = (struct reader_thread){(uint32_t)inner, (uint32_t)outer};
  }
  qsort(list, threads->count, sizeof *list, compare_inner);
out:
  free(tids);
}

void reader_threads_begin(struct reader_threads *threads, const struct reach_target *target)
{
  int outer, inner;
  threads->refreshed = false;
  int count = threads->looked ? 0 : read_numbers(target, "status", &outer, &inner);
  if (count == 0)
    return;
  threads->looked = true;
  threads->differ = count > 1;
}

static uint32_t find(const struct reader_threads *threads, uint32_t tid)
{
  struct reader_thread key = {tid, 0};
  const struct reader_thread *found =
      threads->count == 0 ? NULL
                          : bsearch(&key, threads->list, threads->count, sizeof key, compare_inner);
  return found ? found->outer : 0;
}

uint32_t reader_threads_outer(struct reader_threads *threads, const struct reach_target *target,
                              uint32_t tid)
{
  if (tid == 0 || !threads->looked)
    return 0;
  if (!threads->differ)
    return tid;
  uint32_t outer = find(threads, tid);
  if (outer == 0 && !threads->refreshed) {
    refresh(threads, target);
    outer = find(threads, tid);
  }
  return outer;
}

void reader_threads_done(struct reader_threads *threads)
{
  free(threads->list);
  *threads = (struct reader_threads){0};
}
