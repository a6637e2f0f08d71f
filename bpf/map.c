/*
 * map.c - one system call for all entries (Linux 5.6).
 */
#include "bpf/map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int map_read(int fd, size_t key_bytes, size_t value_bytes, void **ret_keys, void **ret_values,
             size_t *ret_count)
{
  struct bpf_map_info info = {0};
  __u32 info_bytes = sizeof(info), count;
  void *keys = NULL, *values = NULL;
  __u64 next; /* as large as what any kind of hash map needs here */
  int error = bpf_obj_get_info_by_fd(fd, &info, &info_bytes);

  if (!error && (info.key_size != key_bytes || info.value_size != value_bytes))
    error = -EPROTO;
  if (error)
    goto out;
  count = info.max_entries;
  keys = calloc(count, key_bytes);
  values = calloc(count, value_bytes);
  error = keys && values ? 0 : -ENOMEM;
  if (error)
    goto out;
  error = bpf_map_lookup_batch(fd, NULL, &next, keys, values, &count, NULL);
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

int map_show(int fd, size_t bytes, void **ret_variables)
{
  void *variables = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  if (variables == MAP_FAILED)
    return -errno;
  *ret_variables = variables;
  return 0;
}

void map_hide(void *variables, size_t bytes)
{
  if (variables)
    (void)munmap(variables, bytes);
}
