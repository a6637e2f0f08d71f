/* paths_test.c - where things are, by environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/paths.h"

static int clean_environment(void **state)
{
  (void)state;
  unsetenv("XDG_STATE_HOME");
  unsetenv("XDG_RUNTIME_DIR");
  setenv("HOME", "/home/somebody", 1);
  return 0;
}

static void a_recording_is_in_the_state_folder(void **state)
{
  char path[PATHS_ROOM];

  (void)state;
  setenv("XDG_STATE_HOME", "/state", 1);
  assert_int_equal(paths_own_db(path), 0);
  assert_string_equal(path, "/state/impasse");
  setenv("XDG_STATE_HOME", "relative", 1); /* does not count */
  assert_int_equal(paths_own_db(path), 0);
  assert_string_equal(path,
                      geteuid() == 0 ? "/var/lib/impasse" : "/home/somebody/.local/state/impasse");
}

static void without_a_home_there_is_no_place(void **state)
{
  char path[PATHS_ROOM];

  (void)state;
  unsetenv("HOME");
  assert_int_equal(paths_own_db(path), geteuid() == 0 ? 0 : -ENOENT);
}

static void ones_own_recorder_is_asked_before_the_services(void **state)
{
  char path[PATHS_ROOM];

  (void)state;
  setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  assert_int_equal(paths_own_socket(path), 0);
  assert_string_equal(path, "/run/user/7/impasse/snapshot.sock");
  assert_int_equal(paths_socket(0, path), 0);
  assert_string_equal(path, "/run/user/7/impasse/snapshot.sock");
  assert_int_equal(paths_socket(1, path), 0);
  assert_string_equal(path, "/run/impasse/snapshot.sock");
  assert_int_equal(paths_socket(2, path), -ENOENT);
}

static void no_socket_is_asked_twice(void **state)
{
  char first[PATHS_ROOM], second[PATHS_ROOM];

  (void)state;
  assert_int_equal(paths_socket(0, first), 0);
  if (paths_socket(1, second) == 0)
    assert_string_not_equal(first, second);
}

static void too_long_a_path_is_refused(void **state)
{
  char path[PATHS_ROOM], *folder = malloc(PATHS_ROOM + 1);

  (void)state;
  assert_non_null(folder);
  memset(folder, '/', PATHS_ROOM);
  folder[PATHS_ROOM] = '\0';
  setenv("XDG_STATE_HOME", folder, 1);
  assert_int_equal(paths_own_db(path), -ENAMETOOLONG);
  assert_int_equal(paths_make_folder(folder), -ENAMETOOLONG);
  free(folder);
}

static void folders_are_made_for_the_owner_and_the_group(void **state)
{
  char root[] = "/tmp/impasse-paths-XXXXXX", path[128];
  struct stat made;

  (void)state;
  assert_non_null(mkdtemp(root));
  (void)umask(022);
  strcpy(path, root);
  strcat(path, "/a/b");
  assert_int_equal(paths_make_folder(path), 0);
  assert_int_equal(paths_make_folder(path), 0); /* again: nothing to do */
  assert_int_equal(stat(path, &made), 0);
  assert_int_equal(made.st_mode & 0777, 0750);
  assert_int_equal(rmdir(path), 0);
  *strrchr(path, '/') = '\0';
  assert_int_equal(rmdir(path), 0);
  assert_int_equal(rmdir(root), 0);
  assert_int_equal(paths_make_folder("/dev/null/impasse"), -ENOTDIR);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_recording_is_in_the_state_folder, clean_environment),
      cmocka_unit_test_setup(without_a_home_there_is_no_place, clean_environment),
      cmocka_unit_test_setup(ones_own_recorder_is_asked_before_the_services, clean_environment),
      cmocka_unit_test_setup(no_socket_is_asked_twice, clean_environment),
      cmocka_unit_test_setup(too_long_a_path_is_refused, clean_environment),
      cmocka_unit_test_setup(folders_are_made_for_the_owner_and_the_group, clean_environment),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
