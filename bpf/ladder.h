/*
 * ladder.h - what probes need of the kernel and of the user, rung by rung, and words for what is
 * missing. Nothing is assumed from a version or a setting: whoever wants a probe tries it, and asks
 * here for words when it was refused.
 *
 *    Linux 5.12                          atomic operations that return what was there
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

/* For `doctor`: loads a program, attaches it to nothing, and takes it away again. 0 with what is
 * possible in words, or -errno with those of ladder_explain. */
int ladder_try(char *ret_text, size_t room);

#endif
