/*
 * process.c - fills in what every target has because it is a Linux process.
 *
 * Not here: how the texts are taken apart (parse.c), which memory limit counts (limit.c), anything
 * about actors.
 */
#include "probe/process/process.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "probe/process/limit.h"

enum {
  STAT_BYTES = 4096,
  STATUS_BYTES = 16384,
  CGROUP_BYTES = 65536, /* up to a line for each v1 hierarchy, each with a path */
  MEMINFO_BYTES = 65536,
};

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Letters of field 3 of stat (fs/proc/array.c): T stopped by a signal, t by a debugger. */
static uint8_t state_of_letter(char letter)
{
  if (letter == 'T' || letter == 't')
    return TARGET_STOPPED;
  if (letter == 'Z' || letter == 'X' || letter == 'x')
    return TARGET_GONE;
  return TARGET_RUNNING;
}

static void fill_stat(const struct reach_target *target, struct sweep *sweep)
{
  struct process_stat stat;
  char *text = NULL;
  if (reach_file(target, "stat", STAT_BYTES, &text, NULL) == 0 &&
      process_parse_stat(text, &stat) == 0) {
    struct sweep_target *facts = &sweep->target;
    if (!facts->name)
      facts->name = sweep_add_text(sweep, stat.comm, strlen(stat.comm));
    facts->cpu_ns = stat.cpu_ns;
    facts->rss_bytes = stat.rss_bytes;
    if (facts->state == ENUM_UNKNOWN)
      facts->state = state_of_letter(stat.state);
  }
  free(text);
}

static void fill_uid(const struct reach_target *target, struct sweep *sweep)
{
  char *text = NULL;
  int64_t uid;
  if (reach_file(target, "status", STATUS_BYTES, &text, NULL) == 0 &&
      process_parse_uid(text, &uid) == 0)
    sweep->target.uid = uid;
  free(text);
}

static int64_t machine_limit(void)
{
  char *text = NULL;
  int64_t limit = VALUE_UNKNOWN;
  if (reach_machine_file("/proc/meminfo", MEMINFO_BYTES, &text, NULL) == 0)
    limit = limit_of_machine(text);
  free(text);
  return limit;
}

static void fill_cgroup(const struct reach_target *target, struct sweep *sweep)
{
  char *text = NULL, path[PATH_MAX];
  int64_t limit = VALUE_UNKNOWN;
  if (reach_file(target, "cgroup", CGROUP_BYTES, &text, NULL) == 0 &&
      process_parse_cgroup(text, path, sizeof path) == 0) {
    sweep->target.cgroup = sweep_add_text(sweep, path, strlen(path));
    limit = limit_of_cgroup(CGROUP_ROOT, path);
  }
  sweep->target.memory_limit_bytes = limit_first(limit, machine_limit());
  free(text);
}

int process_fill(const struct reach_target *target, struct sweep *sweep)
{
  fill_stat(target, sweep);
  fill_uid(target, sweep);
  fill_cgroup(target, sweep);
  return reach_alive(target) ? 0 : -ESRCH;
}
