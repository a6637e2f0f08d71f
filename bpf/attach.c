/*
 * attach.c - see attach.h. The second way is a bare system call: it is younger than the libbpf and the kernel headers of
 * Debian 12.
 */
#include "bpf/attach.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/ladder.h"

enum { PATH_ROOM = 64, UPROBE_MULTI = 48, AT_RETURN = 1 };

/* union bpf_attr of BPF_LINK_CREATE, as include/uapi/linux/bpf.h has it from 6.6 on. */
struct link_create {
  uint32_t program_fd, target_fd, type, flags;
  uint64_t path, offsets, reference_counters, cookies;
  uint32_t count, multi_flags, pid, unused;
};
_Static_assert(sizeof(struct link_create) == 64, "as the kernel lays it out");

static bool kernel_has_multi(void)
{
  struct utsname name;
  unsigned major, minor;

  return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
         (major > 6 || (major == 6 && minor >= 12));
}

void attach_prepare(struct bpf_program *program)
{
  if (!ladder_is_admin() && kernel_has_multi())
    (void)bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)UPROBE_MULTI);
}

static int put_multi(const struct bpf_program *program, const struct site *site, const char *path,
                     bool at_return)
{
  struct link_create create = {
      .program_fd = (uint32_t)bpf_program__fd(program),
      .type = UPROBE_MULTI,
      .path = (uint64_t)(uintptr_t)path,
      .offsets = (uint64_t)(uintptr_t)&site->offset,
      .count = 1,
      .multi_flags = at_return ? AT_RETURN : 0,
      .pid = (uint32_t)site->pid,
  };
  long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

  return fd < 0 ? -errno : (int)fd;
}

int attach_put(const struct bpf_program *program, const struct site *site, bool at_return,
               struct attach *ret_attach)
{
  char path[PATH_ROOM];
  int fd;

  (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", site->exe_fd);
  if ((int)bpf_program__expected_attach_type(program) != UPROBE_MULTI) {
    ret_attach->link =
        bpf_program__attach_uprobe(program, at_return, site->pid, path, site->offset);
    return ret_attach->link ? 0 : -errno;
  }
  fd = put_multi(program, site, path, at_return);
  if (fd < 0)
    return fd;
  ret_attach->fd = fd;
  return 0;
}

void attach_take(struct attach *attach)
{
  (void)bpf_link__destroy(attach->link); /* closes what it holds, whatever it says; NULL is fine */
  if (attach->fd > 0)
    (void)close(attach->fd);
  *attach = (struct attach){0};
}
