/*
 * dump_snapshot.c - see dump_snapshot.h.
 *
 * A finding has to last before it is an alert. The node of a dump stands still for ever, so the model is given a clock on
 * which it has stood still for longer than a deadlock needs: one sweep that lasts STILL_NS, a tick at its begin and one
 * at its end. What takes more than that to tell (growth, a bottleneck) is not told.
 */
#include "collector/dump_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/sweep.h"
#include "model/tick.h"
#include "probe/beam/dump/dump.h"

#define BEGIN_NS UINT64_C(1000000000)
#define STILL_NS UINT64_C(3000000000)

struct telling {
  uint64_t size; /* of the file; 0 unknown */
  bool told;
};

static void on_progress(void *context, uint64_t bytes)
{
  struct telling *telling = context;

  if (telling->size)
    (void)fprintf(stderr, "\rread %llu of %llu MB (%u %%)", (unsigned long long)(bytes >> 20),
                  (unsigned long long)(telling->size >> 20),
                  (unsigned)((double)bytes * 100 / (double)telling->size));
  else
    (void)fprintf(stderr, "\rread %llu MB", (unsigned long long)(bytes >> 20));
  telling->told = true;
}

static int open_file(const char *path, int *ret_fd, struct complaint *complaint)
{
  if (strcmp(path, "-") == 0) {
    *ret_fd = STDIN_FILENO;
    return 0;
  }
  *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
  return *ret_fd < 0 ? complaint_set(complaint, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int read_file(const char *path, struct dump_result *ret_result, struct complaint *complaint)
{
  struct telling telling = {0};
  struct stat stat;
  int fd, error = open_file(path, &fd, complaint);

  if (error < 0)
    return error;
  if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
    telling.size = (uint64_t)stat.st_size;
  error = dump_read(fd, isatty(STDERR_FILENO) ? on_progress : NULL, &telling, ret_result);
  if (telling.told)
    (void)fprintf(stderr, "\r\033[K");
  if (fd != STDIN_FILENO)
    (void)close(fd);
  if (error == -EINVAL)
    return complaint_set(complaint, error, "%s: not an Erlang crash dump", path);
  return error < 0 ? complaint_set(complaint, error, "%s: %s", path, strerror(-error)) : 0;
}

/* The machine that a node's name speaks of: "rabbit@host". */
static const char *host_of(const struct sweep *sweep)
{
  const char *name = sweep_text(sweep, sweep->target.name);
  const char *at = name ? strchr(name, '@') : NULL;

  return at ? at + 1 : "";
}

static int tick(struct tick_state *state, struct sweep *sweep, struct tick_clock now,
                struct snapshot **ret_snapshot)
{
  return tick_step(state, &sweep, sweep != NULL, now, ret_snapshot);
}

int dump_snapshot(const char *path, struct snapshot **ret_snapshot, struct complaint *complaint)
{
  struct tick_clock end = {.mono_ns = BEGIN_NS + STILL_NS};
  struct tick_state *state = NULL;
  struct snapshot *first = NULL;
  struct dump_result dump;
  int error = read_file(path, &dump, complaint);

  if (error < 0)
    return error;
  state = tick_state_new(host_of(dump.sweep), "");
  if (!state) {
    sweep_free(dump.sweep);
    error = -ENOMEM;
    goto out;
  }
  end.wall_ms = dump.wall_ms == VALUE_UNKNOWN ? 0 : dump.wall_ms;
  dump.sweep->begin_ns = BEGIN_NS;
  dump.sweep->end_ns = end.mono_ns;
  error = tick(state, dump.sweep, (struct tick_clock){BEGIN_NS, end.wall_ms}, &first);
  if (error == 0)
    error = tick(state, NULL, end, ret_snapshot);
out:
  snapshot_unref(first);
  tick_state_free(state);
  return error < 0 ? complaint_set(complaint, error, "%s: %s", path, strerror(-error)) : 0;
}
