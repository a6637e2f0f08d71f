/*
 * loader.h - what the loaders of single programs (X_load.c) are made of. Inside this folder only.
 *
 * A loader opens its skeleton, sets the constants, loads, attaches, gives copies of the descriptors and
 * destroys the skeleton. What it gave before it failed is closed for it.
 */
#ifndef IMPASSE_BPF_LOADER_H
#define IMPASSE_BPF_LOADER_H

#include <sys/types.h>

#include "bpf/load.h"

/* 0 or -errno; where it leaves the reason empty, ladder_explain gives the words. */
typedef int loader_fn(const struct load_order *order, struct loaded *ret_loaded);
loader_fn ladder_load, burst_load, waits_load, tasks_load, contention_load, files_load, hook_load,
    mapped_load;

/* As ladder_explain, of a program that takes such a kernel ("Linux 6.1 or later"). */
#define LADDER_UPROBE_NEEDS "Linux 5.12 or later with CONFIG_BPF_SYSCALL and CONFIG_UPROBE_EVENTS"
void ladder_explain_needs(int error, const char *needs, char *ret_text, size_t room);

/* Loads a uprobe, attaches it to nothing, and takes it away again. */
int burst_load_try(void);

/* As Linux before 6.1 needs it: a walk over all processes, of which the program passes over all but one. */
int tasks_load_passing_over(pid_t pid, struct loaded *ret_loaded);

/* The order's parameters, which must be just so many bytes, with just so many descriptors. -EINVAL */
int loader_read(const struct load_order *order, void *ret_parameters, size_t bytes,
                uint32_t fd_count);

/* One more for the caller: a copy of it, or the descriptor itself, which may be an error instead. */
int loader_copy(struct loaded *loaded, int fd);
int loader_hand(struct loaded *loaded, int fd);

#endif
