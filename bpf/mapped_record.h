/*
 * mapped_record.h - what mapped.bpf.c writes of each file that a process maps, for both sides and for
 * whoever uses mapped.h.
 */
#ifndef IMPASSE_BPF_MAPPED_RECORD_H
#define IMPASSE_BPF_MAPPED_RECORD_H

#include <linux/types.h>

enum { MAPPED_PATH_BYTES = 512 };

struct mapped_record {
  __u64 start;      /* address of the mapping */
  __u64 inode;      /* of the file */
  __u64 file_bytes; /* its size */
  __u32 executable;
  __u32 path_length;            /* without the NUL, 0 it could not be told */
  char path[MAPPED_PATH_BYTES]; /* as we see it; "/memfd:NAME (deleted)" */
};

#endif
