/*
 * process.h - what every target has because it is a Linux process: command, user, memory, processor
 * time, control group and its limit, state. Parses /proc/PID/{stat,status,cgroup} and the cgroup
 * files that reach.h reads.
 *
 * Not here: anything about actors.
 */
#ifndef IMPASSE_PROBE_PROCESS_PROCESS_H
#define IMPASSE_PROBE_PROCESS_PROCESS_H

#include "model/sweep.h"
#include "probe/reach/reach.h"

/* What seldom changes of a process (user, control group, limit) is read again every PROCESS_KEPT_NS, and kept meanwhile.
 * Begins as zeros. */
#define PROCESS_KEPT_NS UINT64_C(30000000000)
struct process_kept {
  uint64_t read_ns; /* 0: not yet */
  int64_t uid, memory_limit_bytes;
  char *cgroup; /* NULL unknown */
};
void process_kept_done(struct process_kept *kept);

/* Fills name (where the source gave none), uid, cgroup, cpu_ns, rss_bytes, memory_limit_bytes and,
 * where the source left it unknown, state (running, stopped) of sweep->target. Parts that cannot be
 * read stay unknown. 0 or -ESRCH when the process is gone. */
int process_fill(const struct reach_target *target, struct sweep *sweep);
/* The same, again and again for one target; sweep->end_ns tells how old is what was kept. */
int process_fill_kept(const struct reach_target *target, struct process_kept *kept,
                      struct sweep *sweep);

/* The parsers, public for their tests and fuzzers; the input is NUL-terminated and untrusted. 0 or
 * -EINVAL. */
struct process_stat {
  char comm[64];
  char state;     /* R S D T t Z ... */
  int parent;     /* process id of the parent; 0 = none in our pid namespace */
  int64_t cpu_ns; /* utime + stime */
  uint64_t start_ticks;
  int64_t rss_bytes;
  int64_t thread_count;
};
int process_parse_stat(const char *text, struct process_stat *ret_stat);
/* The v2 path ("0::/...") of /proc/PID/cgroup. */
int process_parse_cgroup(const char *text, char *ret_path, size_t room);
/* The real user id ("Uid:" of status). */
int process_parse_uid(const char *status, int64_t *ret_uid);
/* The ids of the process in each nested pid namespace, outermost first ("NSpid:" of status);
 * returns how many there
 * are, of which at most `room` are filled in. */
int process_parse_nspid(const char *status, int *ret_pids, size_t room);

#endif
