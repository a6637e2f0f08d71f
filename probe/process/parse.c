/*
 * parse.c - takes the texts of /proc/PID/{stat,status,cgroup} apart. The name of a process is free
 * text: it may hold
 * ")", blanks and newlines, and is meant to confuse whoever trusts it.
 *
 * Not here: reading the files (process.c).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/process/process.h"

/* Numbers of the fields of /proc/PID/stat as proc(5) counts them, from 1. */
enum {
  STAT_STATE = 3,
  STAT_PPID = 4,
  STAT_UTIME = 14,
  STAT_STIME = 15,
  STAT_NUM_THREADS = 20,
  STAT_STARTTIME = 22,
  STAT_RSS = 24,
  STAT_FIELDS = 25,
};

#define NS_PER_S 1000000000LL

/* The decimal number at `text`, not negative and at most INT64_MAX, ended by a blank or the end. */
static int parse_count(const char *text, int64_t *ret_count)
{
  int64_t count = 0;
  const char *c = text;
  for (; *c >= '0' && *c <= '9'; c++)
    if (__builtin_mul_overflow(count, 10, &count) ||
        __builtin_add_overflow(count, *c - '0', &count))
      return -EINVAL;
  if (c == text || (*c != ' ' && *c != '\n' && *c != '\0'))
    return -EINVAL;
  *ret_count = count;
  return 0;
}

/* Finds the beginnings of the fields from STAT_STATE on. `text` points at the ")" that ends the
 * name. */
static int split_fields(const char *text, const char *ret_fields[STAT_FIELDS])
{
  for (int n = STAT_STATE; n < STAT_FIELDS; n++) {
    text = strchr(text, ' ');
    if (!text)
      return -EINVAL;
    ret_fields[n] = ++text;
  }
  return 0;
}

static void copy_comm(const char *begin, const char *end, char ret_comm[64])
{
  size_t length = (size_t)(end - begin);
  if (length > 63)
    length = 63;
  memcpy(ret_comm, begin, length);
  ret_comm[length] = '\0';
}

int process_parse_stat(const char *text, struct process_stat *ret_stat)
{
  const char *open = strchr(text, '('), *close = strrchr(text, ')');
  const char *fields[STAT_FIELDS];
  if (!open || !close || close < open || split_fields(close, fields) < 0)
    return -EINVAL;

  int64_t parent, utime, stime, threads, start, pages, ticks, cpu_ns, rss_bytes;
  if (parse_count(fields[STAT_PPID], &parent) || parse_count(fields[STAT_UTIME], &utime) ||
      parse_count(fields[STAT_STIME], &stime) || parse_count(fields[STAT_NUM_THREADS], &threads) ||
      parse_count(fields[STAT_STARTTIME], &start) || parse_count(fields[STAT_RSS], &pages))
    return -EINVAL;
  if (parent > INT_MAX || __builtin_add_overflow(utime, stime, &ticks) ||
      __builtin_mul_overflow(ticks, NS_PER_S / sysconf(_SC_CLK_TCK), &cpu_ns) ||
      __builtin_mul_overflow(pages, sysconf(_SC_PAGESIZE), &rss_bytes))
    return -EINVAL;

  *ret_stat = (struct process_stat){
      .state = *fields[STAT_STATE],
      .parent = (int)parent,
      .cpu_ns = cpu_ns,
      .start_ticks = (uint64_t)start,
      .rss_bytes = rss_bytes,
      .thread_count = threads,
  };
  copy_comm(open + 1, close, ret_stat->comm);
  return 0;
}

/* The line after this one, or NULL. */
static const char *next_line(const char *line)
{
  const char *end = strchr(line, '\n');
  return end ? end + 1 : NULL;
}

int process_parse_cgroup(const char *text, char *ret_path, size_t room)
{
  for (const char *line = text; line; line = next_line(line)) {
    if (strncmp(line, "0::/", 4) != 0)
      continue;
    const char *path = line + 3;
    size_t length = strcspn(path, "\n");
    if (length >= room)
      return -EINVAL;
    memcpy(ret_path, path, length);
    ret_path[length] = '\0';
    return 0;
  }
  return -EINVAL;
}

/* The text behind "\nLABEL". The first line is the name of the process, where the kernel writes a
 * newline as \n, so no name can forge a line; the line break in front is asked for all the same. */
static const char *status_field(const char *status, const char *label)
{
  for (const char *line = next_line(status); line; line = next_line(line))
    if (strncmp(line, label, strlen(label)) == 0)
      return line + strlen(label);
  return NULL;
}

/* The next number of a line of numbers, after blanks; -EINVAL at the end of the line or where it is
 * none. */
static int next_id(const char **text, int64_t *ret_id)
{
  *text += strspn(*text, " \t");
  size_t length = strspn(*text, "0123456789");
  char digits[16];
  if (length == 0 || length >= sizeof digits)
    return -EINVAL;
  memcpy(digits, *text, length);
  digits[length] = '\0';
  *text += length;
  return parse_count(digits, ret_id);
}

int process_parse_uid(const char *status, int64_t *ret_uid)
{
  const char *text = status_field(status, "Uid:");
  return text ? next_id(&text, ret_uid) : -EINVAL;
}

int process_parse_nspid(const char *status, int *ret_pids, size_t room)
{
  const char *text = status_field(status, "NSpid:");
  size_t count = 0;
  int64_t id;
  if (!text)
    return -EINVAL;
  for (; next_id(&text, &id) == 0; count++) {
    if (id <= 0 || id > INT_MAX || count == INT_MAX)
      return -EINVAL;
    if (count < room)
      ret_pids[count] = (int)id;
  }
  return count > 0 && (*text == '\n' || *text == '\0') ? (int)count : -EINVAL;
}
