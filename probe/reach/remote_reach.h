/*
 * remote_reach.h - the functions of reach.h as the broker does them. Each has the effect and the errors of its namesake,
 * and -ETIMEDOUT, -ECONNRESET. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_REACH_REMOTE_REACH_H
#define IMPASSE_PROBE_REACH_REMOTE_REACH_H

#include "probe/reach/reach.h"
#include "probe/reach/remote.h"

/* Opens the process of target->pid: sets pidfd, start_ticks and remote. */
int remote_open(struct reach_target *target);

int remote_openat(const struct reach_target *target, const char *name, int flags);
int remote_file(const struct reach_target *target, const char *name, size_t most, char **ret_bytes,
                size_t *ret_length);
int remote_link(const struct reach_target *target, const char *name, char *ret_text, size_t room);
int remote_open_inside(const struct reach_target *target, const char *path, int *ret_fd);
int remote_memfd_open(const struct reach_target *target, const struct reach_memfd *memfd,
                      int *ret_fd);
int remote_fds(const struct reach_target *target, size_t most, struct reach_fd **ret_list,
               size_t *ret_count);
int remote_ending(const struct reach_target *target, int *ret_status);
int remote_mqueue(const struct reach_target *target, int fd, struct reach_mqueue *ret_queue);
int remote_pids(pid_t **ret_pids, size_t *ret_count);

/* Reads in the broker; the bytes that came, or -errno. */
ssize_t remote_read(const struct reach_target *target, uint64_t address, void *ret_bytes,
                    size_t length);
/* At most WIRE_PIECES_MOST of them, none longer than WIRE_READ_BYTES. */
int remote_read_pieces(const struct reach_target *target, struct reach_piece *pieces, size_t count);

struct remote_threads;
int remote_threads_open(const struct reach_target *target, struct remote_threads **ret_threads);
void remote_threads_close(struct remote_threads *threads); /* NULL is fine */
int remote_threads_read(struct remote_threads *threads, const pid_t *tids, size_t tid_count,
                        const struct reach_thread **ret_list, size_t *ret_count);

#endif
