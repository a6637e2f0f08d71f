/* The memory limit that comes first, on a made-up tree of control groups. */
#include "probe/process/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/dictionary.h"

static char root[] = "/tmp/impasse-limit-XXXXXX";

static void make_group(const char *path, const char *limit)
{
  char name[PATH_MAX];
  (void)snprintf(name, sizeof name, "%s%s", root, path);
  assert_int_equal(mkdir(name, 0700), 0);
  if (!limit)
    return;
  (void)snprintf(name, sizeof name, "%s%s/memory.max", root, path);
  FILE *file = fopen(name, "w");
  assert_non_null(file);
  assert_true(fputs(limit, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static int make_tree(void **state)
{
  (void)state;
  if (!mkdtemp(root))
    return -1;
  make_group("/tight", "1000\n");
  make_group("/tight/roomy", "5000\n");
  make_group("/tight/roomy/free", "max\n");
  make_group("/free", "max\n");
  make_group("/free/bare", NULL);
  make_group("/free/broken", "nonsense\n");
  make_group("/a..b", "7\n");
  return 0;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *place)
{
  (void)facts, (void)type, (void)place;
  return remove(path);
}

static int remove_tree(void **state)
{
  (void)state;
  return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void the_tightest_group_up_the_tree_counts(void **state)
{
  (void)state;
  assert_int_equal(limit_of_cgroup(root, "/tight/roomy/free"), 1000);
  assert_int_equal(limit_of_cgroup(root, "/tight/roomy"), 1000);
  assert_int_equal(limit_of_cgroup(root, "/tight"), 1000);
  assert_int_equal(limit_of_cgroup(root, "/a..b"), 7);
}

static void no_limit_is_unknown_and_not_zero(void **state)
{
  (void)state;
  static const char *const paths[] = {"/", "/free", "/free/bare", "/free/broken", "/not-there", ""};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    if (limit_of_cgroup(root, paths[i]) != VALUE_UNKNOWN)
      fail_msg("got a limit for \"%s\"", paths[i]);
}

static void paths_that_lead_out_are_not_followed(void **state)
{
  (void)state;
  assert_true(limit_of_cgroup(root, "/../tight") == VALUE_UNKNOWN);
  assert_true(limit_of_cgroup(root, "/free/../tight") == VALUE_UNKNOWN);
  assert_true(limit_of_cgroup(root, "/tight/..") == VALUE_UNKNOWN);
}

static void the_machine_s_memory_is_in_bytes(void **state)
{
  (void)state;
  assert_true(limit_of_machine("MemTotal:       16384 kB\nMemFree: 1 kB\n") == 16384 * 1024);
  assert_true(limit_of_machine("MemFree: 1 kB\n") == VALUE_UNKNOWN);
  assert_true(limit_of_machine("MemTotal: 9223372036854775807 kB\n") == VALUE_UNKNOWN);
  assert_true(limit_of_machine("MemTotal: x") == VALUE_UNKNOWN);
}

static void the_first_of_two_limits(void **state)
{
  (void)state;
  assert_int_equal(limit_first(3, 2), 2);
  assert_int_equal(limit_first(VALUE_UNKNOWN, 2), 2);
  assert_int_equal(limit_first(3, VALUE_UNKNOWN), 3);
  assert_true(limit_first(VALUE_UNKNOWN, VALUE_UNKNOWN) == VALUE_UNKNOWN);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_tightest_group_up_the_tree_counts),
      cmocka_unit_test(no_limit_is_unknown_and_not_zero),
      cmocka_unit_test(paths_that_lead_out_are_not_followed),
      cmocka_unit_test(the_machine_s_memory_is_in_bytes),
      cmocka_unit_test(the_first_of_two_limits),
  };
  return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
