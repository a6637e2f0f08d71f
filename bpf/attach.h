/*
 * attach.h - a program at a site of a process, by either of the kernel's two ways. Inside this folder
 * only.
 *
 *    perf event      every kernel; CAP_SYS_ADMIN
 *    uprobe multi    Linux 6.12 (from 6.6 on, but first it missed all threads but one); CAP_BPF and CAP_PERFMON
 */
#ifndef IMPASSE_BPF_ATTACH_H
#define IMPASSE_BPF_ATTACH_H

#include <stdbool.h>

#include "bpf/site.h"

struct bpf_program;

/* Before the program is loaded: for the way that this user may go. */
void attach_prepare(struct bpf_program *program);

/* Many sites of one file in one link, each with a number that the program gets (bpf_get_attach_cookie):
 * only the second way has that. */
struct sites_of_file {
  int exe_fd;
  pid_t pid;
  const uint64_t *offsets, *cookies;
  uint32_t count;
};
bool attach_has_many(void);
void attach_prepare_many(struct bpf_program *program); /* before it is loaded */
int attach_put_many(const struct bpf_program *program, const struct sites_of_file *sites);

/* At the site, or where the function that begins there returns. A descriptor, with which the probe goes, or
 * -errno. */
int attach_put(const struct bpf_program *program, const struct site *site, bool at_return);

#endif
