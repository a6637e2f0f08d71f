/*
 * attach_base.h - where the kernel put an executable, and what a node looks like from outside. Inside attach*.c and its
 * tests only.
 */
#ifndef IMPASSE_PROBE_BEAM_ATTACH_BASE_H
#define IMPASSE_PROBE_BEAM_ATTACH_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/elf_file.h"
#include "probe/reach/reach.h"

/* The address that the executable's own addresses are counted from, by where the kernel entered it.
 * -EPROTO where that makes no sense (it was started through a loader), -EACCES, -ESRCH. */
int attach_base(const struct reach_target *target, const struct elf_file *file, uint64_t *ret_base);

/* Does a process with this comm ("beam.smp\n") and these arguments (a NUL behind each) look like a
 * node? */
bool attach_looks_like_node(const char *name, const char *arguments, size_t length);

#endif
