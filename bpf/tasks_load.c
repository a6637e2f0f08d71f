/*
 * tasks_load.c - loads tasks.bpf.c, once for all processes that are read: loading takes 20 ms, a link of one
 * process none. Linux before 6.1 knows no such link: there it is loaded for each process, and passes over
 * the others.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "bpf/loader.h"
#include "bpf/orders.h"
#include "bpf/task_record.h"

#include <tasks.skel.h>

struct program {
  int program_fd, wishes_fd;
};

/* Kept for as long as the process lives; nothing runs of it but through a link. */
static struct {
  pthread_mutex_t mutex;
  struct program program;
  bool loaded;
} shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void program_close(const struct program *program)
{
  if (program->program_fd >= 0)
    (void)close(program->program_fd);
  if (program->wishes_fd >= 0)
    (void)close(program->wishes_fd);
}

static int program_load(pid_t only, struct program *ret_program)
{
  struct tasks_bpf *skeleton = tasks_bpf__open();
  struct program program;
  int error;

  if (!skeleton)
    return -errno;
  skeleton->rodata->only_tgid = (uint32_t)only;
  error = tasks_bpf__load(skeleton);
  if (error)
    goto out;
  program.program_fd = fcntl(bpf_program__fd(skeleton->progs.walk), F_DUPFD_CLOEXEC, 0);
  program.wishes_fd = fcntl(bpf_map__fd(skeleton->maps.wishes), F_DUPFD_CLOEXEC, 0);
  error = program.program_fd < 0 || program.wishes_fd < 0 ? -errno : 0;
  if (error)
    program_close(&program);
  else
    *ret_program = program;
out:
  tasks_bpf__destroy(skeleton);
  return error;
}

/* In the order of orders.h. The link is the loaded's from here on, or an error. */
static int give(const struct program *program, int link, struct loaded *loaded)
{
  int error = loader_hand(loaded, link);

  if (!error)
    error = loader_copy(loaded, program->program_fd);
  return error ? error : loader_copy(loaded, program->wishes_fd);
}

int tasks_load_passing_over(pid_t pid, struct loaded *ret_loaded)
{
  struct program program;
  int error = program_load(pid, &program);

  if (error)
    return error;
  error = give(&program, bpf_link_create(program.program_fd, 0, BPF_TRACE_ITER, NULL), ret_loaded);
  program_close(&program);
  return error;
}

static int shared_get(struct program *ret_program)
{
  int error = 0;

  (void)pthread_mutex_lock(&shared.mutex);
  if (!shared.loaded)
    error = program_load(0, &shared.program);
  if (!error) {
    shared.loaded = true;
    *ret_program = shared.program;
  }
  (void)pthread_mutex_unlock(&shared.mutex);
  return error;
}

int tasks_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct tasks_order tasks;
  union bpf_iter_link_info one = {0};
  DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one,
                      .iter_info_len = sizeof(one));
  struct program program;
  int link, error = loader_read(order, &tasks, sizeof(tasks), 0);

  if (!error && tasks.pid <= 0)
    error = -EINVAL;
  if (!error)
    error = shared_get(&program);
  if (error)
    return error;
  one.task.pid = (uint32_t)tasks.pid;
  link = bpf_link_create(program.program_fd, 0, BPF_TRACE_ITER, &options);
  if (link == -E2BIG || link == -EINVAL)
    return tasks_load_passing_over(tasks.pid, ret_loaded);
  return give(&program, link, ret_loaded);
}
