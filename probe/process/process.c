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
  if (reach_public_file(target, "stat", STAT_BYTES, &text, NULL) == 0 &&
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

static void read_uid(const struct reach_target *target, struct process_kept *kept)
{
  char *text = NULL;
  int64_t uid;
  if (reach_public_file(target, "status", STATUS_BYTES, &text, NULL) == 0 &&
      process_parse_uid(text, &uid) == 0)
    kept->uid = uid;
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

static void read_cgroup(const struct reach_target *target, struct process_kept *kept)
{
  char *text = NULL, path[PATH_MAX];
  int64_t limit = VALUE_UNKNOWN;
  if (reach_public_file(target, "cgroup", CGROUP_BYTES, &text, NULL) == 0 &&
      process_parse_cgroup(text, path, sizeof path) == 0) {
    kept->cgroup = strdup(path); /* without memory it is unknown for a while */
    limit = limit_of_cgroup(CGROUP_ROOT, path);
  }
  kept->memory_limit_bytes = limit_first(limit, machine_limit());
  free(text);
}

static void renew(const struct reach_target *target, struct process_kept *kept, uint64_t now_ns)
{
  process_kept_done(kept);
  *kept = (struct process_kept){
      .read_ns = now_ns, .uid = VALUE_UNKNOWN, .memory_limit_bytes = VALUE_UNKNOWN};
  read_uid(target, kept);
  read_cgroup(target, kept);
}

void process_kept_done(struct process_kept *kept)
{
  free(kept->cgroup);
  *kept = (struct process_kept){0};
}

int process_fill_kept(const struct reach_target *target, struct process_kept *kept,
                      struct sweep *sweep)
{
  if (!kept->read_ns || sweep->end_ns - kept->read_ns >= PROCESS_KEPT_NS)
    renew(target, kept, sweep->end_ns);
  fill_stat(target, sweep);
  sweep->target.uid = kept->uid;
  sweep->target.memory_limit_bytes = kept->memory_limit_bytes;
  if (kept->cgroup)
    sweep->target.cgroup = sweep_add_text(sweep, kept->cgroup, strlen(kept->cgroup));
  return reach_alive(target) ? 0 : -ESRCH;
}

int process_fill(const struct reach_target *target, struct sweep *sweep)
{
  struct process_kept kept = {0};
  int error = process_fill_kept(target, &kept, sweep);
  process_kept_done(&kept);
  return error;
}
