/*
 * image.h - one program or library as the target has it in memory: its symbols and the rules by which its frames
 * are unwound. Inside this folder only.
 *
 * The file is opened beneath the target's root and counts only if it begins with the very bytes that the target
 * has mapped: a package upgrade puts another file under the name. It is never mapped by us, for its owner could cut
 * it short and so kill whoever looks at the mapping; libelf reads the few sections that are needed, and the
 * descriptor is closed again. Where no such file is found, what the target has in its memory is taken (names of
 * static functions and variables are then missing).
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_IMAGE_H
#define IMPASSE_PROBE_THREAD_STACK_IMAGE_H

#include <elfutils/libdw.h>
#include <libelf.h>

#include "probe/reach/reach.h"
#include "probe/thread/stack/mapping.h"
#include "probe/thread/stack/symbols.h"

/* Rules for unwinding that are larger are not read. Of a file only parts are read, so its size costs nothing; the
 * limit is for those whose header promises millions of sections while libelf looks. */
#define IMAGE_RULES_BYTES_MOST (UINT64_C(64) << 20)
#define IMAGE_FILE_BYTES_MOST (UINT64_C(4) << 30)
enum { IMAGE_ID_BYTES = 64 };

struct image {
  uint64_t bias; /* address in the target = address in the file + bias */
  struct symbols symbols;
  uint8_t id[IMAGE_ID_BYTES]; /* what its linker called it */
  size_t id_bytes;            /* 0: nothing */
  Dwarf_CFI *rules;           /* NULL: none, or broken */
  Elf *elf;                   /* below the rules */
  size_t rules_bytes;         /* about */
  void *memory;               /* below the Elf, of an image that was read from memory; mmap'ed */
  size_t memory_bytes;
};

/* Opens what the target has mapped there. -ENOENT nothing that could be read, -ENOEXEC not an ELF file of this
 * processor, -EPROTO a broken one, -ENOMEM. */
int image_open(const struct reach_target *target, const struct mapping *mapping,
               const struct mapping_image *mapped, struct image **ret_image);

/* The same of an ELF file that is open already (fuzzers); `start` and `offset`: its first mapping. Does not close
 * it. */
int image_of_file(int fd, uint64_t start, uint64_t offset, struct image **ret_image);

/* Opens a file that libelf may look at; elf_end() ends it, close() of the descriptor is the caller's. NULL: it may
 * not. */
Elf *image_elf_begin(int fd);

/* The build id of a file; 0 it has none. */
size_t image_elf_id(Elf *elf, uint8_t ret_id[IMAGE_ID_BYTES]);

/* May libelf look at what has this header? 0, -ENOEXEC or -EPROTO. */
int image_check_header(const Elf64_Ehdr *header);

size_t image_bytes(const struct image *image); /* of memory, about */

void image_close(struct image *image); /* NULL is fine */

#endif
