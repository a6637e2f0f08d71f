/*
 * files_load.c - loads files.bpf.c, once for all processes that are read: loading takes milliseconds, a link of one
 * process none. Linux before 6.1 knows no such link, and is refused: to walk the files of all processes for each of
 * them costs more than reading them from /proc.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "bpf/loader.h"
#include "bpf/orders.h"

#include <files.skel.h>

/* Kept for as long as the process lives; nothing runs of it but through a link. */
static struct {
  pthread_mutex_t lock;
  int fd; /* -1 not yet loaded */
} program = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static int program_load(int *ret_fd)
{
  struct files_bpf *skeleton = files_bpf__open();
  int error, fd = -1;

  if (!skeleton)
    return -errno;
  skeleton->rodata->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
  error = files_bpf__load(skeleton);
  if (!error) {
    fd = fcntl(bpf_program__fd(skeleton->progs.each_file), F_DUPFD_CLOEXEC, 0);
    error = fd < 0 ? -errno : 0;
  }
  files_bpf__destroy(skeleton);
  if (!error)
    *ret_fd = fd;
  return error;
}

static int program_get(int *ret_fd)
{
  int error = 0;

  (void)pthread_mutex_lock(&program.lock); /* an ordinary mutex: cannot fail */
  if (program.fd < 0)
    error = program_load(&program.fd);
  *ret_fd = program.fd;
  (void)pthread_mutex_unlock(&program.lock);
  return error;
}

int files_load(const struct load_order *order, struct loaded *ret_loaded)
{
  struct files_order files;
  union bpf_iter_link_info one = {0};
  LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &one, .iter_info_len = sizeof(one));
  int fd, error = loader_read(order, &files, sizeof(files), 0);

  if (!error && files.pid <= 0)
    error = -EINVAL;
  if (!error)
    error = program_get(&fd);
  if (error)
    return error;
  one.task.pid = (uint32_t)files.pid;
  return loader_hand(ret_loaded, bpf_link_create(fd, 0, BPF_TRACE_ITER, &options));
}
