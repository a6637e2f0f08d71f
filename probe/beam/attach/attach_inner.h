/*
 * attach_inner.h - what the files of the attach share, and their tests try by themselves: where the kernel put an
 * executable, what a node looks like from outside, an attach with layouts that were chosen beforehand.
 */
#ifndef IMPASSE_PROBE_BEAM_ATTACH_INNER_H
#define IMPASSE_PROBE_BEAM_ATTACH_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/attach/elf_file.h"
#include "probe/beam/node.h"
#include "probe/reach/reach.h"
#include "probe/source.h"

/* The address that the executable's own addresses are counted from, by where the kernel entered it.
 * -EPROTO where that makes no sense (it was started through a loader), -EACCES, -ESRCH. */
int attach_base(const struct reach_target *target, const struct elf_file *file, uint64_t *ret_base);

/* Does a process with this comm ("beam.smp\n") and these arguments (a NUL behind each) look like a
 * node? */
bool attach_looks_like_node(const char *name, const char *arguments, size_t length);

/* As beam_attach, with the first of these layouts that fits; NULL chooses them by the version. */
int attach_with(struct reach_target *target, struct beam_memory *memory,
                const struct beam_layout *const *layouts, size_t layout_count,
                struct beam_node *ret_node, char reason[SOURCE_REASON_BYTES]);

#endif
