/* inside_test.c - files by the paths that they have for a target, and no way out of its root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

struct tree {
  char root[64];
};

static void put(const struct tree *tree, const char *name, char ret_path[PATH_MAX])
{
  (void)snprintf(ret_path, PATH_MAX, "%s/%s", tree->root, name);
}

static void put_file(const struct tree *tree, const char *name, const char *text)
{
  char path[PATH_MAX];
  put(tree, name, path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  assert_int_equal(close(fd), 0);
}

static const char *const names[] = {"text", "file", "out", "pipe", "in", "up"};

static void make_tree(struct tree *tree)
{
  char path[PATH_MAX];
  strcpy(tree->root, "/tmp/impasse-inside-XXXXXX");
  assert_non_null(mkdtemp(tree->root));
  put_file(tree, "file", "\177ELF and so on");
  put_file(tree, "text", "secrets");
  put(tree, "out", path);
  assert_int_equal(symlink("/etc/passwd", path), 0);
  put(tree, "in", path);
  assert_int_equal(symlink("/file", path), 0);
  put(tree, "up", path);
  assert_int_equal(symlink("../../../../etc/passwd", path), 0);
  put(tree, "pipe", path);
  assert_int_equal(mkfifo(path, 0600), 0);
}

static void remove_tree(const struct tree *tree)
{
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    put(tree, names[i], path);
    assert_int_equal(unlink(path), 0);
  }
  assert_int_equal(rmdir(tree->root), 0);
}

static void change_root(void *context, int in, int out)
{
  const struct tree *tree = context;
  (void)in, (void)out;
  if (chroot(tree->root) != 0 || chdir("/") != 0)
    _exit(1);
}

static void assert_holds(int fd, const char *text)
{
  char bytes[64] = "";
  assert_true(read(fd, bytes, sizeof bytes - 1) > 0);
  assert_string_equal(bytes, text);
  assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  assert_int_equal(close(fd), 0);
}

static void a_file_is_opened_by_its_path(void **state)
{
  (void)state;
  struct tree tree;
  char path[PATH_MAX];
  int fd = -1;
  make_tree(&tree);
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target;
  assert_int_equal(reach_open(child.pid, &target), 0);
  put(&tree, "file", path);
  assert_int_equal(reach_open_inside(target, path, &fd), 0);
  assert_holds(fd, "\177ELF and so on");
  strcat(path, " (deleted)");
  assert_int_equal(reach_open_inside(target, path, &fd), -ENOENT);
  put(&tree, "text", path);
  assert_int_equal(reach_open_inside(target, path, &fd), -EINVAL);
  put(&tree, "pipe", path);
  assert_int_equal(reach_open_inside(target, path, &fd), -EINVAL);
  assert_int_equal(reach_open_inside(target, "/dev/null", &fd), -EINVAL);
  assert_int_equal(reach_open_inside(target, tree.root, &fd), -EINVAL);
  assert_int_equal(reach_open_inside(target, "etc/passwd", &fd), -EINVAL);
  assert_int_equal(reach_open_inside(target, "/proc/self/exe", &fd), -ELOOP);
  test_child_kill(&child);
  put(&tree, "file", path);
  assert_int_equal(reach_open_inside(target, path, &fd), -ESRCH);
  reach_close(target);
  remove_tree(&tree);
}

static void nothing_leads_out_of_the_targets_root(void **state)
{
  (void)state;
  struct tree tree;
  char path[PATH_MAX];
  int fd = -1;
  if (geteuid() != 0) {
    print_message("skipped: only root may change its root\n");
    skip();
  }
  make_tree(&tree);
  struct test_child child = test_child_start(change_root, &tree, false);
  struct reach_target *target;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(reach_open_inside(target, "/file", &fd), 0);
  assert_holds(fd, "\177ELF and so on");
  put(&tree, "file", path); /* as maps tells it to us */
  assert_int_equal(reach_open_inside(target, path, &fd), 0);
  assert_holds(fd, "\177ELF and so on");
  assert_int_equal(reach_open_inside(target, "/in", &fd), 0);
  assert_holds(fd, "\177ELF and so on");
  assert_int_equal(reach_open_inside(target, "/out", &fd), -ENOENT);
  assert_int_equal(reach_open_inside(target, "/up", &fd), -ENOENT);
  assert_int_equal(reach_open_inside(target, "/../../../etc/passwd", &fd), -ENOENT);
  reach_close(target);
  test_child_kill(&child);
  remove_tree(&tree);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_opened_by_its_path),
      cmocka_unit_test(nothing_leads_out_of_the_targets_root),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
