/*
 * load.h - the one place where programs are loaded and attached: it takes capabilities, so it can be
 * done by another process than the one that uses them. What comes back are descriptors (maps, links,
 * perf events): whoever has them reads and detaches without any privilege (Linux 5.19; before that only
 * where kernel.unprivileged_bpf_disabled is 0), and when they are closed all is taken away, also by
 * death. What they do with them are these commands of bpf(2), and mmap: MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM,
 * MAP_DELETE_ELEM, MAP_GET_NEXT_KEY, MAP_LOOKUP_BATCH, OBJ_GET_INFO_BY_FD, LINK_CREATE (of iterators),
 * ITER_CREATE.
 *
 *    burst.c waits.c tasks.c contention.c files.c hook.c --load()--> load_here(), or elsewhere
 */
#ifndef IMPASSE_BPF_LOAD_H
#define IMPASSE_BPF_LOAD_H

#include <stddef.h>
#include <stdint.h>

enum { LOAD_FDS_MOST = 16, LOAD_PARAMETER_BYTES = 256, LOAD_REASON_BYTES = 256 };

enum load_program {
  LOAD_NOTHING, /* what is possible here: for `doctor` */
  LOAD_BURST,
  LOAD_WAITS,
  LOAD_TASKS,
  LOAD_CONTENTION,
  LOAD_FILES,
  LOAD_HOOK,
  LOAD_MAPPED,
};

/* A request is plain bytes and descriptors, so that it can be sent. */
struct load_order {
  uint32_t program; /* enum load_program */
  uint32_t parameter_bytes;
  uint8_t
      parameters[LOAD_PARAMETER_BYTES]; /* a struct of the program's own, checked by its loader */
  int fds[LOAD_FDS_MOST];               /* stay the caller's */
  uint32_t fd_count;
};

struct loaded {
  int fds[LOAD_FDS_MOST]; /* the caller's, in an order that each program documents */
  uint32_t fd_count;
  char reason[LOAD_REASON_BYTES]; /* on failure: which rung is missing, and what to do */
};

typedef int load_fn(void *context, const struct load_order *order, struct loaded *ret_loaded);

/* In this process. 0 or -errno with the reason. Any thread. */
int load_here(void *unused, const struct load_order *order, struct loaded *ret_loaded);

/* As load_here, unless load_elsewhere() named somebody else who does it. */
int load(const struct load_order *order, struct loaded *ret_loaded);

/* The usual order: `bytes` of parameters, at most one descriptor (-1 none), and `fd_count` of them wanted. On
 * failure the reason is never empty. */
int load_program(enum load_program program, const void *parameters, size_t bytes, int fd,
                 uint32_t fd_count, struct loaded *ret_loaded);

void loaded_close(struct loaded *loaded);

/* From now on by `elsewhere`. Once, before there are threads. */
void load_elsewhere(load_fn *elsewhere, void *context);

#endif
