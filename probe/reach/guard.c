/* guard.c - see guard.h. */
#include "probe/reach/guard.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITIES_MOST = 64 };

/* Being uid 0 gives none, nor does an ambient set. */
#define SECUREBITS                                                                                 \
  (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | \
   SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

uint64_t guard_capabilities(void)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  if (syscall(SYS_capget, &header, data) != 0)
    return 0;
  return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* To empty the bounding set and to lock takes CAP_SETPCAP: who has not got it has no more to lose by exec than before,
 * for no_new_privs stands. */
int guard_keep_capabilities(uint64_t set)
{
  bool may_lock = guard_capabilities() >> CAP_SETPCAP & 1;
  capng_clear(CAPNG_SELECT_ALL);
  for (unsigned capability = 0; capability < CAPABILITIES_MOST; capability++)
    if (set >> capability & 1 &&
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability) != 0)
      return -EINVAL;
  if (may_lock && prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) != 0)
    return -errno;
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* Linux 4.3 */
  if (may_lock && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
    return -EPERM;
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    return -EPERM;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

/* Calls that this processor does not have are none to forbid. */
static int forbid(scmp_filter_ctx filter, const int *calls, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    int error = calls[i] < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
    if (error)
      return error;
  }
  return 0;
}

/* To start programs, to change other processes, the machine's mounts, modules, clocks or keys. */
static const int nobody_needs[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
};

static int forbid_both(const int *calls, size_t count, const int *more, size_t more_count)
{
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (!filter)
    return -ENOMEM;
  int error = forbid(filter, calls, count);
  if (!error)
    error = forbid(filter, more, more_count);
  if (!error)
    error = seccomp_load(filter);
  seccomp_release(filter);
  return error;
}

int guard_forbid(const int *calls, size_t count)
{
  return forbid_both(calls, count, NULL, 0);
}

int guard_harden(const int *more, size_t count)
{
  return forbid_both(nobody_needs, sizeof nobody_needs / sizeof nobody_needs[0], more, count);
}

static const int broker_needs_not[] = {
    SCMP_SYS(fork),        SCMP_SYS(vfork),         SCMP_SYS(ptrace),
    SCMP_SYS(kill),        SCMP_SYS(tkill),         SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(socket),      SCMP_SYS(connect),       SCMP_SYS(bind),
    SCMP_SYS(listen),      SCMP_SYS(accept),        SCMP_SYS(accept4),
    SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(quotactl),
    SCMP_SYS(acct),        SCMP_SYS(iopl),          SCMP_SYS(ioperm),
    SCMP_SYS(mknod),       SCMP_SYS(mknodat),       SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),    SCMP_SYS(rename),        SCMP_SYS(renameat),
    SCMP_SYS(renameat2),   SCMP_SYS(link),          SCMP_SYS(linkat),
    SCMP_SYS(symlink),     SCMP_SYS(symlinkat),     SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),     SCMP_SYS(rmdir),         SCMP_SYS(truncate),
    SCMP_SYS(ftruncate),   SCMP_SYS(chmod),         SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),    SCMP_SYS(chown),         SCMP_SYS(fchown),
    SCMP_SYS(lchown),      SCMP_SYS(fchownat),      SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),   SCMP_SYS(fsetxattr),     SCMP_SYS(creat),
};

int guard_broker(void)
{
  return guard_harden(broker_needs_not, sizeof broker_needs_not / sizeof broker_needs_not[0]);
}
