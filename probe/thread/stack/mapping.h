/*
 * mapping.h - the address space of a target as /proc/PID/maps tells it: which addresses belong to which
 * mapped file, and where code may lie. Text in, ranges out; nothing is opened here. Inside this folder only.
 *
 *    55d0a000-55d0b000 r--p 0000 /usr/bin/prog  \
 *    55d0b000-55d0c000 r-xp 1000 /usr/bin/prog   |  one image: the ranges of one file in a row
 *    55d0c000-55d0d000 rw-p 2000 /usr/bin/prog   |
 *    55d0d000-55d0e000 rw-p 0000                /   what follows it without a gap and has no file: its .bss, perhaps
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_MAPPING_H
#define IMPASSE_PROBE_THREAD_STACK_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More mappings than the kernel allows by default are not looked at; nor more images than a program has any use for. */
enum { MAPPING_RANGES_MOST = 1 << 17, MAPPING_IMAGES_MOST = 8192 };

#define MAPPING_NO_IMAGE UINT32_MAX

struct mapping_range {
  uint64_t start, end;
  uint64_t offset; /* in the file of its image; of a .bss 0 */
  uint32_t image;  /* MAPPING_NO_IMAGE: of none */
  bool executable, readable, of_file;
};

struct mapping_image {
  uint64_t inode;
  uint32_t first, count; /* its ranges, those of none in between included */
  bool executable;       /* has code */
  bool deleted;          /* its path is of no use: the file was deleted, or replaced */
  char *path;            /* as the kernel writes it, without " (deleted)" */
};

struct mapping {
  struct mapping_range *ranges; /* ascending, never overlapping */
  size_t range_count;
  struct mapping_image *images; /* ascending by their first range */
  size_t image_count;
  bool cut; /* there is more than was looked at */
};

/* Takes the text apart; lines that make no sense are left out. 0 or -ENOMEM. */
int mapping_parse(const char *text, struct mapping *ret_mapping);
void mapping_done(struct mapping *mapping);

/* The range that holds the address, or NULL. */
const struct mapping_range *mapping_find(const struct mapping *mapping, uint64_t address);

/* Where the first range of an image lies. */
uint64_t mapping_start(const struct mapping *mapping, const struct mapping_image *image);

#endif
