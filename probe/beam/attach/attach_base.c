/* attach_base.c - see attach_inner.h. */
#include "probe/beam/attach/attach_inner.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { AUXV_BYTES = 4096, PAGE = 4096 };

int attach_base(const struct reach_target *target, const struct elf_file *file, uint64_t *ret_base)
{
  char *bytes = NULL;
  size_t length = 0;
  uint64_t entry = 0;
  int error = reach_file(target, "auxv", AUXV_BYTES, &bytes, &length);
  if (error)
    return error;
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= length; at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t value;
    memcpy(&value, bytes + at, sizeof value);
    if (value.a_type == AT_ENTRY)
      entry = value.a_un.a_val;
  }
  free(bytes);
  if (entry < file->entry || (entry - file->entry) % PAGE != 0)
    return -EPROTO;
  *ret_base = entry - file->entry;
  return 0;
}
