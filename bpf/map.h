/*
 * map.h - all of a kernel's hash map at once. Inside this folder only.
 */
#ifndef IMPASSE_BPF_MAP_H
#define IMPASSE_BPF_MAP_H

#include <stddef.h>

struct bpf_map;

/* Two malloc'ed arrays of the same length. Entries that change while they are read may be read before
 * or after. -errno. */
int map_read(const struct bpf_map *map, void **ret_keys, void **ret_values, size_t *ret_count);

#endif
