/*
 * map.c - one system call for all entries (Linux 5.6).
 */
#include "bpf/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

int map_read(const struct bpf_map *map, void **ret_keys, void **ret_values, size_t *ret_count)
{
  unsigned count = bpf_map__max_entries(map);
  void *keys = calloc(count, bpf_map__key_size(map));
  void *values = calloc(count, bpf_map__value_size(map));
  __u64 next; /* as large as what any kind of hash map needs here */
  int error = keys && values ? 0 : -ENOMEM;

  if (error)
    goto out;
  error = bpf_map_lookup_batch(bpf_map__fd(map), NULL, &next, keys, values, &count, NULL);
  if (error == -ENOENT) /* that was the last of it */
    error = 0;
  if (error)
    goto out;
  *ret_keys = keys;
  *ret_values = values;
  *ret_count = count;
  keys = values = NULL;
out:
  free(keys);
  free(values);
  return error;
}
