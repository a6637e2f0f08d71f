/*
 * attach.c - see attach.h. Both ways are bare system calls: libbpf's links cannot be handed on (they switch the event off
 * when they are destroyed), and the second way is younger than the libbpf and the kernel headers of Debian 12.
 */
#include "bpf/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/ioctl.h>
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

/* The kernel's number for events that are uprobes. */
static int event_type(void)
{
  FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
  int type;

  if (!file)
    return -ENOTSUP;
  if (fscanf(file, "%d", &type) != 1)
    type = -ENOTSUP;
  (void)fclose(file);
  return type;
}

static int put_multi(const struct bpf_program *program, const struct sites_of_file *sites,
                     const char *path, bool at_return)
{
  struct link_create create = {
      .program_fd = (uint32_t)bpf_program__fd(program),
      .type = UPROBE_MULTI,
      .path = (uint64_t)(uintptr_t)path,
      .offsets = (uint64_t)(uintptr_t)sites->offsets,
      .cookies = (uint64_t)(uintptr_t)sites->cookies,
      .count = sites->count,
      .multi_flags = at_return ? AT_RETURN : 0,
      .pid = (uint32_t)sites->pid,
  };
  long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

  return fd < 0 ? -errno : (int)fd;
}

bool attach_has_many(void)
{
  return kernel_has_multi();
}

void attach_prepare_many(struct bpf_program *program)
{
  (void)bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)UPROBE_MULTI);
}

int attach_put_many(const struct bpf_program *program, const struct sites_of_file *sites)
{
  char path[PATH_ROOM];

  (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", sites->exe_fd);
  return put_multi(program, sites, path, false);
}

/* The link keeps the event. Before Linux 5.15 the event is all there is, and keeps the program. */
static int put_event(const struct bpf_program *program, const struct site *site, const char *path,
                     bool at_return)
{
  int type = event_type(), program_fd = bpf_program__fd(program), event, link, error;
  struct perf_event_attr attributes = {.size = sizeof(attributes),
                                       .type = (uint32_t)type,
                                       .config = at_return ? AT_RETURN : 0,
                                       .config1 = (uint64_t)(uintptr_t)path,
                                       .config2 = site->offset};

  if (type < 0)
    return type;
  event = (int)syscall(SYS_perf_event_open, &attributes, site->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (event < 0)
    return -errno;
  link = bpf_link_create(program_fd, event, BPF_PERF_EVENT, NULL);
  error = link >= 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, program_fd) == 0 ? 0 : -errno;
  if (!error && ioctl(event, PERF_EVENT_IOC_ENABLE, 0) != 0)
    error = -errno;
  if (link >= 0 || error)
    (void)close(event);
  if (link >= 0 && error)
    (void)close(link);
  return error ? error : link >= 0 ? link : event;
}

int attach_put(const struct bpf_program *program, const struct site *site, bool at_return)
{
  char path[PATH_ROOM];

  (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", site->exe_fd);
  if ((int)bpf_program__expected_attach_type(program) == UPROBE_MULTI)
    return put_multi(
        program,
        &(struct sites_of_file){
            .exe_fd = site->exe_fd, .pid = site->pid, .offsets = &site->offset, .count = 1},
        path, at_return);
  return put_event(program, site, path, at_return);
}
