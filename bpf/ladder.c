/*
 * ladder.c - what probes need, tried and told.
 */
#include "bpf/ladder.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/loader.h"

/* Not all in the headers of every machine. */
enum { SYS_PTRACE = 19, SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };

static uint64_t capabilities(void)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

  if (syscall(SYS_capget, &header, data) != 0)
    return 0;
  return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static bool has(uint64_t set, unsigned capability)
{
  return set >> capability & 1;
}

static bool may_probe(uint64_t set)
{
  return has(set, SYS_ADMIN) || (has(set, BPF) && has(set, PERFMON));
}

bool ladder_is_admin(void)
{
  return has(capabilities(), SYS_ADMIN);
}

void ladder_explain(int error, char *ret_text, size_t room)
{
  bool refused = error == -EPERM || error == -EACCES;
  const char *words;

  if (refused && !may_probe(capabilities()))
    words = "probes need CAP_BPF and CAP_PERFMON (for processes of other users CAP_SYS_PTRACE "
            "too): run as root, "
            "or ask a recorder of root";
  else if (refused)
    words = "the kernel refuses probes although CAP_BPF and CAP_PERFMON are there: before Linux "
            "6.12 they take root, and "
            "in a container's own user namespace or under kernel lockdown they are for nobody; run "
            "impasse on the host";
  else if (error == -EOPNOTSUPP)
    words = "this impasse was built without probes (IMPASSE_BPF=OFF)";
  else if (error == -EINVAL || error == -ENOSYS || error == -ENOTSUP)
    words = "this kernel does not take the probe: Linux 5.12 or later with CONFIG_BPF_SYSCALL and "
            "CONFIG_UPROBE_EVENTS "
            "is needed";
  else if (error == -ESRCH)
    words = "the process is gone";
  else
    words = strerror(-error);
  (void)snprintf(ret_text, room, "%s", words); /* cut is fine */
}

int ladder_try(char *ret_text, size_t room)
{
  int error = burst_load_try();

  if (error)
    ladder_explain(error, ret_text, room);
  else
    (void)snprintf(
        ret_text, room, "probes can be loaded%s",
        has(capabilities(), SYS_PTRACE) ? "" : ", for your own processes (no CAP_SYS_PTRACE)");
  return error;
}
