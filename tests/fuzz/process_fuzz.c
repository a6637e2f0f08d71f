/*
 * process_fuzz.c - the parsers of /proc texts on arbitrary bytes: they keep to their buffers, and what they accept is
 * within the ranges that they promise.
 */
#include "tests/fuzz/fuzz.h"

#include <limits.h>
#include <string.h>

#include "probe/process/process.h"

static void check_stat(const char *text)
{
  struct process_stat stat;
  memset(&stat, 'x', sizeof stat);
  if (process_parse_stat(text, &stat) != 0)
    return;
  FUZZ_CHECK(memchr(stat.comm, '\0', sizeof stat.comm));
  FUZZ_CHECK(stat.cpu_ns >= 0 && stat.rss_bytes >= 0 && stat.thread_count >= 0);
  FUZZ_CHECK(stat.start_ticks <= INT64_MAX);
}

static void check_cgroup(const char *text)
{
  char path[64];
  memset(path, 'x', sizeof path);
  if (process_parse_cgroup(text, path, sizeof path) == 0)
    FUZZ_CHECK(path[0] == '/' && memchr(path, '\0', sizeof path) && !strchr(path, '\n'));
}

static void check_status(const char *text)
{
  int pids[4];
  int64_t uid;
  int count = process_parse_nspid(text, pids, 4);
  for (int i = 0; i < count && i < 4; i++)
    FUZZ_CHECK(pids[i] > 0);
  if (process_parse_uid(text, &uid) == 0)
    FUZZ_CHECK(uid >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  char *text = malloc(size + 1);
  FUZZ_CHECK(text);
  if (size)
    memcpy(text, bytes, size);
  text[size] = '\0';
  check_stat(text);
  check_cgroup(text);
  check_status(text);
  free(text);
  return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  static const char *const seeds[] = {
      "42 (cat) S 1 2 3 0 -1 4194560 5 6 7 8 150 50 11 12 20 0 9 0 123456 2867200 300 "
      "18446744073709551615 1 1\n",
      "42 (a) T 1\n (b) S 1 2 3 0 -1 4194560 5 6 7 8 150 50 11 12 20 0 9 0 123456 2867200 300 1\n",
      "12:memory:/old\n1:name=systemd:/x0::/y\n0::/user.slice/user-1000.slice/a b\n",
      "Name:\tcat\nState:\tS "
      "(sleeping)\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t4711\t12\t1\nNSpgid:\t9\n",
  };
  if (number >= sizeof seeds / sizeof *seeds || strlen(seeds[number]) > room)
    return 0;
  memcpy(ret_bytes, seeds[number], strlen(seeds[number]));
  return strlen(seeds[number]);
}
