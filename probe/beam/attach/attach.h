/*
 * attach.h - finding a node in a process: is it one, which OTP, where are its tables, do the
 * layouts fit.
 *
 *    /proc/PID/exe --> version string in .rodata --> layout of that version, or of the nearest
 *                  \-> .dynsym, else a structural scan of the writable segment --> addresses
 *    layout + addresses --> calibration --> validation, each invariant with a name --> struct beam_node
 *
 * An attach is accepted only when every invariant holds; else it is refused in words that name the
 * one that failed.
 */
#ifndef IMPASSE_PROBE_BEAM_ATTACH_H
#define IMPASSE_PROBE_BEAM_ATTACH_H

#include "probe/beam/node.h"
#include "probe/source.h"

struct reach_target;

/* By content, never by file name: SOURCE_MINE, SOURCE_NOT_MINE, SOURCE_MINE_UNREADABLE (its command
 * line looks like a node, its memory is refused; reason says why and what to do) or -errno. Cheap:
 * run for every new process of the machine. */
int beam_attach_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES]);

/* Fills *ret_node; `memory` is lent to it. -errno with the reason: -ENOTSUP a version without a layout
 * or near one, -EPROTO an invariant failed, -EAGAIN the node is booting: try again soon, -EPERM,
 * -ESRCH. A version between those that have layouts is read with its neighbour's, corrected: then
 * .calibrated is set, and .layout.major says whose it was. */
int beam_attach(struct reach_target *target, struct beam_memory *memory, struct beam_node *ret_node,
                char reason[SOURCE_REASON_BYTES]);

#endif
