/*
 * files.h - the queues behind the descriptors of a process, read by the kernel's iterator over files
 * (files.bpf.c): sockets, pipes, POSIX message queues, whatever namespace they are of. Not for knowing
 * what they are called.
 *
 * Nothing is opened or read. The kernel holds each file for the microsecond in which it is looked at, as it does
 * for who reads a link of /proc/PID/fd: what the process closes right then ends with our read (a few ms
 * where it has 10,000 files).
 *
 * Needs what tasks.h needs; Linux 6.1, for the kernel to walk one process only.
 */
#ifndef IMPASSE_BPF_FILES_H
#define IMPASSE_BPF_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "bpf/file_record.h"

struct files;

int files_open(pid_t pid, struct files **ret_files, char *reason, size_t room);
void files_close(struct files *files); /* NULL is fine */

/* Those that are worth showing (file_record_counts), a descriptor each, at most `most`. The list is valid until the next
 * call. 0 or -errno. */
int files_read(struct files *files, size_t most, const struct file_record **ret_list,
               size_t *ret_count);

#endif
