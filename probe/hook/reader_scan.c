/* reader_scan.c - the growing arrays of a sweep in the making. */
#include "probe/hook/reader_scan.h"

#include <stdlib.h>

void *reader_scan_add(struct reader_scan *scan, struct reader_array *array, size_t size)
{
  if (array->count == array->room) {
    size_t wanted = array->room ? array->room * 2 : 64;
    void *larger = reallocarray(array->rows, wanted, size);
    if (!larger) {
      scan->no_memory = true;
      return NULL;
    }
    array->rows = larger;
    array->room = wanted;
  }
  return (char *)array->rows + size * array->count++;
}

void reader_scan_done(struct reader_scan *scan)
{
  free(scan->holds.rows);
  free(scan->pending.rows);
  free(scan->mailboxes.rows);
  free(scan->adopted.rows);
}
