/*
 * limit.c - which memory limit comes first: a control group may be roomy itself and sit in a tight
 * one, so every memory.max up the tree counts, and the machine's memory last.
 *
 * Not here: memory.high (it slows down, it does not kill) and cgroup v1.
 */
#include "probe/process/limit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/dictionary.h"
#include "probe/reach/reach.h"

enum { LIMIT_FILE_BYTES = 64 };

int64_t limit_first(int64_t a, int64_t b)
{
  if (a == VALUE_UNKNOWN || b == VALUE_UNKNOWN)
    return a == VALUE_UNKNOWN ? b : a;
  return a < b ? a : b;
}

/* "max" means none. */
static int64_t parse_limit(const char *text)
{
  char *end;
  errno = 0;
  long long bytes = strtoll(text, &end, 10);
  return errno || end == text || bytes < 0 ? VALUE_UNKNOWN : bytes;
}

static int64_t read_limit(const char *group)
{
  char path[PATH_MAX], *text = NULL;
  int64_t limit = VALUE_UNKNOWN;
  int length = snprintf(path, sizeof path, "%s/memory.max", group);
  if (length > 0 && (size_t)length < sizeof path &&
      reach_machine_file(path, LIMIT_FILE_BYTES, &text, NULL) == 0)
    limit = parse_limit(text);
  free(text);
  return limit;
}

/* A process outside of our cgroup namespace shows as "/../..": that tree is not ours to read. */
static bool leads_out(const char *path)
{
  for (const char *part = path; (part = strstr(part, "/..")); part++)
    if (part[3] == '/' || part[3] == '\0')
      return true;
  return false;
}

int64_t limit_of_cgroup(const char *root, const char *path)
{
  char group[PATH_MAX];
  int64_t limit = VALUE_UNKNOWN;
  size_t root_length = strlen(root);
  int length = snprintf(group, sizeof group, "%s%s", root, path);
  if (length < 0 || (size_t)length >= sizeof group || path[0] != '/' || leads_out(path))
    return VALUE_UNKNOWN;
  /* Upwards, one name less each time; the topmost group has no memory.max. */
  while (strlen(group) > root_length + 1) {
    limit = limit_first(limit, read_limit(group));
    *strrchr(group, '/') = '\0';
  }
  return limit;
}

int64_t limit_of_machine(const char *meminfo)
{
  const char *line = strstr(meminfo, "MemTotal:");
  int64_t bytes;
  if (!line)
    return VALUE_UNKNOWN;
  int64_t kib = parse_limit(line + strlen("MemTotal:"));
  if (kib == VALUE_UNKNOWN || __builtin_mul_overflow(kib, 1024, &bytes))
    return VALUE_UNKNOWN;
  return bytes;
}
