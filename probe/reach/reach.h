/*
 * reach.h - the only way to read another process, its files and its shared memory. It gives bytes
 * and no meaning: whoever parses stands above. (Two exceptions, both needed to know whom we read:
 * field 22 of /proc/PID/stat, and the addresses and names in /proc/PID/maps.)
 *
 * An open target is a pidfd, a directory descriptor of /proc/PID and the start time; what was read
 * counts only if reach_alive() is still true afterwards. Nothing here writes to, stops or blocks a
 * target.
 *
 * Threads: functions on different targets are independent; one target is used by one thread at a
 * time, except reach_alive(), which any thread may call.
 */
#ifndef IMPASSE_PROBE_REACH_REACH_H
#define IMPASSE_PROBE_REACH_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct reach_target;

/* Opens a process. -ESRCH it is gone, -EACCES/-EPERM the kernel refuses. Needs Linux 5.3
 * (pidfd_open). */
int reach_open(pid_t pid, struct reach_target **ret_target);
void reach_close(struct reach_target *target); /* NULL is fine */

pid_t reach_pid(const struct reach_target *target);
uint64_t reach_start_ticks(const struct reach_target *target); /* clock ticks since boot */
int reach_pidfd(
    const struct reach_target *target); /* becomes readable when it exits; not yours to close */
bool reach_alive(
    const struct reach_target *target); /* the very process that was opened still exists */

/* How a process ended, in the format of waitpid(2). -EAGAIN it has not, -ENODATA the kernel does not tell: it does as long
 * as its parent has not waited for it, to whom it may be read, and from Linux 6.15 on also afterwards. */
int reach_ending(const struct reach_target *target, int *ret_status);

/* Reads the whole of a small /proc/PID file ("stat", "status", "task/12/syscall") into a malloc'ed,
 * NUL-terminated buffer; more than `most` bytes is -EFBIG. */
int reach_file(const struct reach_target *target, const char *name, size_t most, char **ret_bytes,
               size_t *ret_length);

/* As reach_file, for files that anybody may read of anybody: needs no broker. For stat without those of its fields that only
 * who may read the target is told (0 instead). */
int reach_public_file(const struct reach_target *target, const char *name, size_t most,
                      char **ret_bytes, size_t *ret_length);

/* Tells an exec at the price of one system call: a descriptor of the address space that the target has now; to be
 * closed. What a target shares with its parent (vfork) lives on after its exec. -EACCES refused. */
int reach_space_open(const struct reach_target *target, int *ret_fd);
bool reach_space_lives(int fd);

/* Reads a link of /proc/PID ("exe", "ns/pid", "fd/3"). */
int reach_link(const struct reach_target *target, const char *name, char *ret_text, size_t room);

/* Opens the file that the target executes, read-only, also when it was deleted or lies in another mount
 * namespace; to be closed. -ENOENT it has none (a kernel thread), -EACCES refused, -EINVAL not a
 * regular file. */
int reach_exe_open(const struct reach_target *target, int *ret_fd);

/* Opens /proc/PID/pagemap: 8 bytes a page of the address space, at offset page * 8; to be closed. Of a
 * process that may be read it tells even the unprivileged which pages are swapped out. */
int reach_pagemap_open(const struct reach_target *target, int *ret_fd);

/* Copies memory of the target (process_vm_readv). Returns the bytes read, which may be fewer at the
 * end of a mapping, or -errno: -EFAULT nothing there, -EPERM refused (Yama, another user, not
 * dumpable), -ESRCH gone. */
ssize_t reach_read(const struct reach_target *target, uint64_t address, void *ret_bytes,
                   size_t length);

/* Many small reads at once, done in the order in which they stand. */
struct reach_piece {
  uint64_t address;
  void *bytes;
  size_t length;
  bool read; /* set: all of it arrived */
};
/* Reads the pieces; those that are not there are left out (read = false). 0, or -EPERM, -ESRCH when none can be read. */
int reach_read_pieces(const struct reach_target *target, struct reach_piece *pieces, size_t count);

/* One shared memory file of the target, found by the name it was made with ("/memfd:NAME (deleted)"
 * in its maps). */
struct reach_memfd {
  uint64_t address; /* where the target maps its beginning */
  uint64_t length;  /* of that mapping */
  uint64_t inode;
  bool writable; /* the target maps it for writing */
};

/* Lists the mappings of memfds called `name`, at most `room`; returns how many there are. */
int reach_memfds(const struct reach_target *target, const char *name, struct reach_memfd *ret_list,
                 size_t room);

/* Opens one of them read-only through /proc/PID/fd (or map_files). -ENOENT: the target closed its
 * descriptor; then reach_read() at .address still works. */
int reach_memfd_open(const struct reach_target *target, const struct reach_memfd *memfd,
                     int *ret_fd);

/* All process ids now (names of /proc only, not one file is opened), ascending, malloc'ed. */
int reach_pids(pid_t **ret_pids, size_t *ret_count);

/* The threads of a process now, as the collector numbers them, malloc'ed. */
int reach_tids(const struct reach_target *target, pid_t **ret_tids, size_t *ret_count);

/* The kernel's words about threads of a target, from descriptors that are kept open as far as the limit of
 * descriptors allows: reading 1000 threads again takes 3 to 4 ms. */
struct reach_threads;
enum { REACH_THREADS_MOST = 100000 }; /* of a target: those beyond are not read */
struct reach_thread {
  pid_t tid;
  bool fresh;         /* seen for the first time, also where the number was used before */
  char syscall[160];  /* of task/TID/syscall: "running", or the numbers; "" unreadable */
  char schedstat[64]; /* of task/TID/schedstat; "" unreadable */
};
int reach_threads_open(const struct reach_target *target, struct reach_threads **ret_threads);
void reach_threads_close(struct reach_threads *threads); /* NULL is fine */
/* All threads now (tids NULL), or those of the ascending list; ascending, valid until the next call. Who
 * has gone is left out. 0, -ESRCH the process is gone, -EPERM not even one may be read. */
int reach_threads_read(struct reach_threads *threads, const pid_t *tids, size_t tid_count,
                       const struct reach_thread **ret_list, size_t *ret_count);

/* The links of /proc/PID/fd ("socket:[123]"), ascending by descriptor, at most `most`; malloc'ed. Returns
 * -E2BIG with the first `most` where there are more. */
struct reach_fd {
  int fd;
  char link[108]; /* cut where it is longer */
};
int reach_fds(const struct reach_target *target, size_t most, struct reach_fd **ret_list,
              size_t *ret_count);

/* Opens an object file (ELF) by the path that it has inside the target (of its maps), beneath the target's
 * own root, read-only, never through a link that leads out of it; to be closed. -EINVAL no regular file, or no
 * object file. */
int reach_open_inside(const struct reach_target *target, const char *path, int *ret_fd);

/* Asks the kernel's sock_diag for a list of the sockets of our own network namespace: `request` is a netlink message
 * with NLM_F_REQUEST | NLM_F_DUMP, whose sequence number is filled in here. Each message of the answer is handed over,
 * header included; what `take` returns other than 0 ends the handing over and is returned. The socket is opened
 * by the first call of either function: whoever will not be allowed to open one later prepares. Any thread; one list
 * at a time. 0 or -errno: -ENOENT the kernel has no such list, -ETIMEDOUT. */
typedef int reach_take_fn(void *context, const void *message, size_t length);
int reach_sock_diag_prepare(void);
int reach_sock_diag(void *request, size_t length, reach_take_fn *take, void *context);
/* The inode number of the network namespace whose sockets are listed ("net:[N]"); 0 unknown. */
uint64_t reach_sock_diag_namespace(void);

/* A POSIX message queue, from its attributes: no message is taken, and nobody notices. */
struct reach_mqueue {
  uint64_t inode;
  int64_t messages, most_messages; /* -1: its mode does not allow us to read them */
};
/* Of the queue behind a descriptor of the target. -EINVAL it is none: then it is not opened. */
int reach_mqueue(const struct reach_target *target, int fd, struct reach_mqueue *ret_queue);

/* Claims the target for a kind of reading that only one process of a host should do at a time (there is one kind: the
 * sampling of an Erlang node's locks). The claim ends when the descriptor is closed, or we die. -EBUSY: another process
 * has it, *ret_claimant is its pid where that is known, else 0; -EACCES, -EPERM, -ESRCH. */
int reach_claim(const struct reach_target *target, int *ret_fd, pid_t *ret_claimant);

/* Why reading the target is refused, in words with the remedy: another user, Yama, hidepid,
 * capabilities of the target, non-dumpable. `error` is what reach_read or reach_open gave. */
void reach_explain(pid_t pid, int error, char *ret_text, size_t room);

/* Reads a file of the machine ("/proc/meminfo", "/sys/fs/cgroup/..."), as reach_file does. */
int reach_machine_file(const char *path, size_t most, char **ret_bytes, size_t *ret_length);

/* Opens a regular file of the machine, read-only, where it is the one that has this inode number and this
 * size: for files that a target is known to map and whose root may not be entered; to be closed. -ESTALE
 * it is another, -EINVAL no regular file. */
int reach_machine_open(const char *path, uint64_t inode, uint64_t bytes, int *ret_fd);

#endif
