/*
 * space.h - the address space of a target with its images, each opened when the first name in it is asked for, and
 * read again when it changed. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_SPACE_H
#define IMPASSE_PROBE_THREAD_STACK_SPACE_H

#include "probe/thread/stack/image.h"

/* At once and for one target: so many images are open, and take so much memory; beyond them the others stay without
 * names. */
enum { SPACE_OPEN_MOST = 1024, SPACE_BYTES_MOST = 128 * 1024 * 1024 };

struct space_slot { /* of an image of the mapping */
  struct image *image;
  bool tried;
};

struct space {
  const struct reach_target *target;
  struct mapping mapping;
  struct space_slot *slots; /* one an image */
  size_t open_count, open_bytes;
  uint64_t read_ns;     /* CLOCK_MONOTONIC, of the mapping; 0 never */
  uint64_t size_bytes;  /* of the address space when it was read */
  uint64_t stack_start; /* where the kernel put the first stack: another one after an exec */
  bool check;           /* it may have changed since it was looked at */
};

void space_init(struct space *space, const struct reach_target *target);
void space_done(struct space *space);

/* Looks whether the mapping is still what it was and reads it again if not. True: other images are there now, so what
 * was derived from them is to be forgotten. To be called before the look-ups below; costs nothing unless .check is set. */
bool space_renew(struct space *space);

/* The image at an address, opened; NULL there is none or it says nothing. *ret_mapped (may be NULL) is set whenever
 * something of a file is there. */
const struct image *space_image(struct space *space, uint64_t address,
                                const struct mapping_image **ret_mapped);

#endif
