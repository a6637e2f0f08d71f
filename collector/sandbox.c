/* sandbox.c - see sandbox.h. */
#include "collector/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/load.h"
#include "collector/broker_load.h"
#include "collector/paths.h"
#include "probe/reach/broker.h"
#include "probe/reach/guard.h"
#include "probe/reach/reach.h"

enum { GROUPS_MOST = 65536 };

static bool entered; /* written before there are threads */

/* The leak check of AddressSanitizer stops all threads by ptrace. */
#if defined(__SANITIZE_ADDRESS__)
#define PTRACE_CALL -1
#else
#define PTRACE_CALL SCMP_SYS(ptrace)
#endif

/* What reading alone would not take, beyond what nobody needs (guard.h). */
static const int forbidden[] = {
    PTRACE_CALL,
    SCMP_SYS(perf_event_open),
};

/* --- parsers --- */

static const int parser_calls[] = {
    /* what is open is read */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(fstatfs),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(flock),
    SCMP_SYS(dup),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    /* complaints, and waking others */
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(eventfd2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    /* memory and threads */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(memfd_create), /* orders that are too long for a message */
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    /* facts */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getcpu),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(capget),
};

/* Allowed where (argument & mask) == value. */
struct rule {
  int call;
  unsigned argument;
  uint64_t mask, value;
};

#define WRITES ((uint64_t)(O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY)))
#define THREAD ((uint64_t)(CLONE_VM | CLONE_THREAD))
#define ALL UINT64_MAX
enum {
  SOCKET_TYPE = 0xf,
  IOCTL_TYPE = 0xff00,
  IOCTL_OF_PIDFD = 0xff00,
  IOCTL_OF_PERF = '$' << 8,
  SET_VMA = 0x53564d41, /* PR_SET_VMA: names of mappings */
};

static const struct rule parser_rules[] = {
    {SCMP_SYS(open), 1, WRITES, 0},
    {SCMP_SYS(openat), 2, WRITES, 0},
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    {SCMP_SYS(clone), 0, THREAD, THREAD},
    {SCMP_SYS(socketpair), 1, SOCKET_TYPE,
     SOCK_STREAM},                        /* of the broker; not datagrams, which have addresses */
    {SCMP_SYS(kill), 1, ALL, 0},          /* asks whether there is a process */
    {SCMP_SYS(prlimit64), 2, ALL, 0},     /* asks, sets none */
    {SCMP_SYS(mq_getsetattr), 1, ALL, 0}, /* asks, sets none */
    {SCMP_SYS(prctl), 0, ALL, PR_SET_NAME},
    {SCMP_SYS(prctl), 0, ALL, SET_VMA},
    {SCMP_SYS(ioctl), 1, IOCTL_TYPE, IOCTL_OF_PIDFD},
    {SCMP_SYS(ioctl), 1, IOCTL_TYPE, IOCTL_OF_PERF},
    {SCMP_SYS(fcntl), 1, ALL, F_DUPFD},
    {SCMP_SYS(fcntl), 1, ALL, F_DUPFD_CLOEXEC},
    {SCMP_SYS(fcntl), 1, ALL, F_GETFD},
    {SCMP_SYS(fcntl), 1, ALL, F_SETFD},
    {SCMP_SYS(fcntl), 1, ALL, F_GETFL},
    {SCMP_SYS(fcntl), 1, ALL, F_SETFL},
    {SCMP_SYS(fcntl), 1, ALL, F_GET_SEALS},
};

/* Of bpf(2): what is done to maps and links that one has. */
static const int bpf_commands[] = {
    BPF_MAP_LOOKUP_ELEM,
    BPF_MAP_UPDATE_ELEM,
    BPF_MAP_DELETE_ELEM,
    BPF_MAP_GET_NEXT_KEY,
    BPF_MAP_LOOKUP_AND_DELETE_ELEM,
    BPF_MAP_LOOKUP_BATCH,
    BPF_MAP_LOOKUP_AND_DELETE_BATCH,
    BPF_MAP_UPDATE_BATCH,
    BPF_MAP_DELETE_BATCH,
    BPF_OBJ_GET_INFO_BY_FD,
    BPF_LINK_CREATE,
    BPF_ITER_CREATE,
};

static int allow(scmp_filter_ctx filter, const struct rule *rule)
{
  const struct scmp_arg_cmp compare =
      rule->mask == ALL ? SCMP_CMP(rule->argument, SCMP_CMP_EQ, rule->value)
                        : SCMP_CMP(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value);

  if (rule->call < 0)
    return 0; /* not of this processor */
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, 1, &compare);
}

static int allow_bpf(scmp_filter_ctx filter)
{
  int error = 0;

  for (size_t i = 0; i < sizeof(bpf_commands) / sizeof(bpf_commands[0]) && error == 0; i++)
    error =
        allow(filter, &(struct rule){SCMP_SYS(bpf), 0, ALL, (uint64_t)(unsigned)bpf_commands[i]});
  return error;
}

/* abort() signals its own process. The way around a root of a target's (openat2) cannot be looked into: where there is a
 * broker it goes there. For clone3 neither: the C library takes clone where it is missing. */
static int allow_special(scmp_filter_ctx filter)
{
  int error = allow(filter, &(struct rule){SCMP_SYS(tgkill), 0, ALL, (uint64_t)getpid()});

  if (error == 0 && !broker_runs())
    error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat2), 0);
  if (error == 0)
    error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  return error;
}

static int fill_parser_filter(scmp_filter_ctx filter)
{
  int error = 0;

  for (size_t i = 0; i < sizeof(parser_calls) / sizeof(parser_calls[0]) && error == 0; i++)
    if (parser_calls[i] >= 0)
      error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, parser_calls[i], 0);
  for (size_t i = 0; i < sizeof(parser_rules) / sizeof(parser_rules[0]) && error == 0; i++)
    error = allow(filter, &parser_rules[i]);
  if (error == 0)
    error = allow_bpf(filter);
  return error < 0 ? error : allow_special(filter);
}

void sandbox_enter_parser(void)
{
  scmp_filter_ctx filter = entered ? seccomp_init(SCMP_ACT_ERRNO(EPERM)) : NULL;

  if (!filter)
    return;
  if (fill_parser_filter(filter) == 0)
    (void)seccomp_load(filter); /* no seccomp here: the capabilities are gone all the same */
  seccomp_release(filter);
}

/* --- the process --- */

static int forbid_bpf(void)
{
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  int error;

  if (!filter)
    return -ENOMEM;
  error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(bpf), 1,
                           SCMP_A0(SCMP_CMP_EQ, BPF_PROG_LOAD));
  if (error == 0)
    error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(bpf), 1,
                             SCMP_A0(SCMP_CMP_EQ, BPF_MAP_CREATE));
  if (error == 0)
    error = seccomp_load(filter);
  seccomp_release(filter);
  return error;
}

/* So that the socket and the recording can be handed to the group when nothing gives us the right any more. Without the
 * capability for it the caller is a member, or it is not handed over. */
static void join_group(void)
{
  gid_t group = paths_group(), *groups;
  int count = getgroups(0, NULL);

  if (group == (gid_t)-1 || count < 0 || count >= GROUPS_MOST)
    return;
  groups = calloc((size_t)count + 1, sizeof(*groups));
  if (!groups)
    return;
  count = getgroups(count, groups);
  for (int i = 0; i < count; i++)
    if (groups[i] == group)
      count = -1;
  if (count >= 0) {
    groups[count] = group;
    (void)setgroups((size_t)count + 1, groups); /* see above */
  }
  free(groups);
}

static int give_up_capabilities(void)
{
  int error;

  if (!(guard_capabilities() & GUARD_BROKER_CAPABILITIES))
    return guard_keep_capabilities(0);
  join_group();
  error = broker_start(broker_load_serve);
  if (error == 0)
    load_elsewhere(broker_load, NULL);
  return error;
}

int sandbox_enter(void)
{
  int error;

  if (entered)
    return 0;
  error = give_up_capabilities();
  if (error < 0)
    return error;
  (void)
      reach_sock_diag_prepare(); /* parsers cannot; without it lists of sockets are read as texts */
  entered = true;
  /* A kernel or a container without seccomp: what is left has no capabilities all the same. */
  (void)guard_harden(forbidden, sizeof(forbidden) / sizeof(forbidden[0]));
  (void)forbid_bpf();
  return 0;
}
