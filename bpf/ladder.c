/*
 * ladder.c - what probes need, tried and told.
 */
#include "bpf/ladder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/load.h"
#include "bpf/loader.h"
#include "bpf/orders.h"

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

static bool file_has(const char *path, const char *word)
{
  char text[256] = "";
  FILE *file = fopen(path, "re");
  bool has_word = file && fgets(text, sizeof(text), file) && strstr(text, word);

  if (file)
    (void)fclose(file);
  return has_word;
}

static bool file_is_there(const char *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd >= 0)
    (void)close(fd);
  return fd >= 0;
}

static const char *words_of_refusal(void)
{
  if (!may_probe(capabilities()))
    return "probes need CAP_BPF and CAP_PERFMON (for processes of other users CAP_SYS_PTRACE "
           "too): run as root, or ask a recorder of root";
  if (file_has("/sys/kernel/security/lockdown", "[confidentiality]"))
    return "kernel lockdown (confidentiality) keeps programs from reading the kernel's memory: "
           "boot with lockdown=integrity";
  return "the kernel refuses probes although CAP_BPF and CAP_PERFMON are there: before Linux 6.12 "
         "they take root, and in a container's own user namespace or under kernel lockdown they "
         "are for nobody; run impasse on the host";
}

void ladder_explain_needs(int error, const char *needs, char *ret_text, size_t room)
{
  const char *words;

  if (error == -EPERM || error == -EACCES)
    words = words_of_refusal();
  else if (error == -EOPNOTSUPP)
    words = "this impasse was built without probes (IMPASSE_BPF=OFF)";
  else if ((error == -ESRCH || error == -ENOENT || error == -EINVAL) &&
           !file_is_there("/sys/kernel/btf/vmlinux")) /* as libbpf and the kernel put it */
    words = "this kernel tells nothing of its own types (/sys/kernel/btf/vmlinux is missing): one "
            "with CONFIG_DEBUG_INFO_BTF is needed";
  else if (error == -EINVAL || error == -ENOSYS || error == -ENOTSUP || error == -E2BIG) {
    (void)snprintf(ret_text, room, "this kernel does not take the probe: %s is needed", needs);
    return;
  } else if (error == -ESRCH)
    words = "the process is gone";
  else
    words = strerror(-error);
  (void)snprintf(ret_text, room, "%s", words); /* cut is fine */
}

void ladder_explain(int error, char *ret_text, size_t room)
{
  ladder_explain_needs(error, LADDER_UPROBE_NEEDS, ret_text, room);
}

int ladder_load(const struct load_order *order, struct loaded *ret_loaded)
{
  int error = loader_read(order, NULL, 0, 0);

  if (!error)
    error = burst_load_try();
  if (!error)
    (void)snprintf(
        ret_loaded->reason, sizeof(ret_loaded->reason), "probes can be loaded%s",
        has(capabilities(), SYS_PTRACE) ? "" : ", for your own processes (no CAP_SYS_PTRACE)");
  return error;
}

int ladder_try(char *ret_text, size_t room)
{
  struct loaded loaded;
  int error = load_program(LOAD_NOTHING, NULL, 0, -1, 0, &loaded);

  (void)snprintf(ret_text, room, "%s", loaded.reason); /* cut is fine */
  return error;
}

/* What is tried, from the bottom up: each really is loaded and attached, for ourselves or for an instant. */
static const struct rung {
  const char *name;
  enum load_program program;
  size_t parameter_bytes; /* our pid first, where there are any */
  uint32_t fd_count;
  const char *possible; /* NULL: told by whom loads it */
  const char *without;
} RUNGS[] = {
    {"bpf", LOAD_NOTHING, 0, 0, NULL,
     "without them show senders, show exits and --exact of Erlang nodes are refused"},
    {"bpf threads", LOAD_TASKS, sizeof(struct tasks_order), TASKS_FDS,
     "threads are read by the kernel's iterator",
     "threads are read through /proc instead: slower, and without the instant a wait began"},
    {"bpf switches", LOAD_CONTENTION, 0, CONTENTION_FDS,
     "waits of threads can be counted at context switches",
     "without them --exact and show locks of threads are refused"},
    {"bpf queues", LOAD_FILES, sizeof(struct files_order), FILES_FDS,
     "queues behind descriptors are read by the kernel's iterator",
     "they are read through sock_diag and /proc instead"},
    {"bpf mappings", LOAD_MAPPED, sizeof(struct mapped_order), MAPPED_FDS,
     "hooked programs are found also where their memory may not be read",
     "without them such programs are not read"},
};
_Static_assert(sizeof(RUNGS) / sizeof(RUNGS[0]) <= LADDER_RUNGS_MOST, "room for all");

static void climb(const struct rung *rung, struct ladder_rung *ret_rung)
{
  struct tasks_order self = {.pid = getpid()};
  struct loaded loaded;
  int error =
      load_program(rung->program, &self, rung->parameter_bytes, -1, rung->fd_count, &loaded);
  const char *words = error || !rung->possible ? loaded.reason : rung->possible;

  *ret_rung = (struct ladder_rung){.name = rung->name, .without = rung->without, .error = error};
  (void)snprintf(ret_rung->words, sizeof(ret_rung->words), "%s", words); /* cut is fine */
  if (!error)
    loaded_close(&loaded);
}

size_t ladder_climb(struct ladder_rung ret_rungs[LADDER_RUNGS_MOST])
{
  size_t count = sizeof(RUNGS) / sizeof(RUNGS[0]);

  for (size_t i = 0; i < count; i++)
    climb(&RUNGS[i], &ret_rungs[i]);
  return count;
}
