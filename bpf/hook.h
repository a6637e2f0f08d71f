/*
 * hook.h - what a hooked program publishes of itself, copied by probes at its USDT sites where it changes
 * (hook.bpf.c): for programs whose memory may not be read. Not for finding the sites, nor for knowing what
 * the lines mean.
 *
 * Needs CAP_BPF and CAP_PERFMON to open (load.h), nothing to read. Linux 6.12 (several sites in one link).
 *
 * Threads: one at a time, except hook_totals, and hook_detach beside hook_collect.
 */
#ifndef IMPASSE_BPF_HOOK_H
#define IMPASSE_BPF_HOOK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/hook_record.h"

enum { HOOK_FILES_MOST = 8, HOOK_HIT_NS = 1200 /* what a hit costs the target, about */ };

struct hook_at {
  pid_t pid;
  const int *files; /* executables and libraries, open */
  size_t file_count;
  const struct hook_site *sites; /* ascending by file */
  size_t site_count;
};

/* Everything so far, in no order. */
struct hook_copy {
  uint32_t *numbers;
  struct hook_slot *slots; /* of the same numbers */
  size_t slot_count;
  struct hook_region *regions; /* HOOK_REGIONS */
  struct hook_class *classes;  /* HOOK_CLASSES */
};

struct hook;

int hook_open(const struct hook_at *at, struct hook **ret_hook, char *reason, size_t room);
void hook_close(struct hook *hook); /* NULL is fine */

/* Takes the probes away; what was copied stays. */
void hook_detach(struct hook *hook);

/* Any thread. */
struct hook_totals hook_totals(const struct hook *hook);

/* Slots may change while they are copied: see struct hook_slot. */
int hook_collect(const struct hook *hook, struct hook_copy *ret_copy);
/* Copies one slot once more. */
int hook_again(const struct hook *hook, uint32_t number, struct hook_slot *ret_slot);
void hook_copy_done(struct hook_copy *copy);

#endif
