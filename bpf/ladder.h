/*
 * ladder.h - what probes need of the kernel and of the user, rung by rung, and words for what is
 * missing. Nothing is assumed from a version or a setting: whoever wants a probe tries it, and asks
 * here for words when it was refused.
 *
 *    Linux 5.12                          atomic operations that return what was there: probes on functions
 *    Linux 5.18 and the kernel's types   iterators over threads that may read a process's memory
 *    Linux 6.1                           iterators of one process; counting at context switches
 *    CAP_SYS_ADMIN (root)                to load a program and to attach it; from Linux 6.12 on
 *    CAP_BPF + CAP_PERFMON               are enough for both
 *    CAP_SYS_PTRACE                      for processes of other users
 *    the kernel's own user namespace     capabilities inside a container's do not count
 */
#ifndef IMPASSE_BPF_LADDER_H
#define IMPASSE_BPF_LADDER_H

#include <stdbool.h>
#include <stddef.h>

/* Why loading or attaching gave `error` (negative), and what to do. */
void ladder_explain(int error, char *ret_text, size_t room);

/* CAP_SYS_ADMIN, without which one of the two ways to attach is closed (attach.h). */
bool ladder_is_admin(void);

/* Can a function be probed? Loads a program, attaches it to nothing, and takes it away again. 0 with what is
 * possible in words, or -errno with those of ladder_explain. */
int ladder_try(char *ret_text, size_t room);

/* For `doctor`: every rung, each tried by whoever loads programs for us (load.h). */
enum { LADDER_RUNGS_MOST = 8, LADDER_WORDS_BYTES = 256 };

struct ladder_rung {
  const char *name;               /* "bpf threads" */
  const char *without;            /* what it is like without it */
  int error;                      /* 0 it is there */
  char words[LADDER_WORDS_BYTES]; /* what is possible, or why not and what to do */
};

/* Returns how many there are. */
size_t ladder_climb(struct ladder_rung ret_rungs[LADDER_RUNGS_MOST]);

#endif
