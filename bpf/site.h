/*
 * site.h - an instruction of an executable file where a probe may be put, and what each hit of it
 * costs the target. Not for attaching (burst.h, waits.h).
 *
 * A uprobe replaces the instruction by a trap. What happens next decides the price: a few kinds of
 * instructions are emulated by the kernel, all others are executed out of line with a second trap
 * behind them, ten times as dear (arch/x86/kernel/uprobes.c). So the first bytes are looked at before
 * a probe is put anywhere.
 */
#ifndef IMPASSE_BPF_SITE_H
#define IMPASSE_BPF_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  SITE_CODE_BYTES = 16,  /* what site_judge wants to see */
  SITE_HIT_NS = 1000,    /* a hit that is emulated, with the program of this folder behind it */
  SITE_STEP_NS = 9000,   /* one that is stepped over */
  SITE_RETURN_NS = 1100, /* more where the return is probed as well */
};

struct site {
  int exe_fd;      /* of the executable that was looked at: the probe is put into that very file */
  pid_t pid;       /* the one process that is probed, all threads of it */
  uint64_t offset; /* in the file */
};

/* Looks at the code of a function: how many bytes further a probe belongs (a mark for indirect jumps
 * is passed over), and whether its instruction must be stepped over. Pure. */
void site_judge(const uint8_t code[SITE_CODE_BYTES], unsigned *ret_skip, bool *ret_stepped);

#endif
