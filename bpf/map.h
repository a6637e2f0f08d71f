/*
 * map.h - the kernel's maps by their descriptors: all of a hash map at once, or variables in our own
 * memory. Takes no capability. Inside this folder only.
 */
#ifndef IMPASSE_BPF_MAP_H
#define IMPASSE_BPF_MAP_H

#include <stddef.h>

/* Two malloc'ed arrays of the same length. Entries that change while they are read may be read before
 * or after. -EPROTO its keys or values are of another size; -errno. */
int map_read(int fd, size_t key_bytes, size_t value_bytes, void **ret_keys, void **ret_values,
             size_t *ret_count);

/* The variables of a program (one map), to be seen and set as they change. */
int map_show(int fd, size_t bytes, void **ret_variables);
void map_hide(void *variables, size_t bytes); /* NULL is fine */

#endif
