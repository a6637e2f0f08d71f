/*
 * records.c - see records.h.
 */
#include "probe/queue/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int records_add(struct records *records, const struct file_record *record)
{
  if (records->count == RECORDS_MOST) {
    records->left_out++;
    return 0;
  }
  if (records->count == records->room) {
    size_t room = records->room ? records->room * 2 : 64;
    struct file_record *larger = reallocarray(records->list, room, sizeof *larger);
    if (!larger)
      return -ENOMEM;
    records->list = larger;
    records->room = room;
  }
  records->list[records->count++] = *record;
  return 0;
}

static int compare(const void *left, const void *right)
{
  const struct file_record *a = left, *b = right;
  if (a->inode != b->inode)
    return a->inode < b->inode ? -1 : 1;
  return a->kind - b->kind; /* a Unix socket last: its text can be forged */
}

void records_sort(struct records *records)
{
  if (records->count > 1)
    qsort(records->list, records->count, sizeof *records->list, compare);
}

const struct file_record *records_find(const struct records *records, uint64_t inode)
{
  size_t low = 0, high = records->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (records->list[middle].inode < inode)
      low = middle + 1;
    else
      high = middle;
  }
  return low < records->count && records->list[low].inode == inode ? &records->list[low] : NULL;
}

void records_done(struct records *records)
{
  free(records->list);
  *records = (struct records){0};
}
