/* Finding and opening the shared memory files of real processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "probe/reach/maps.h"
#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

#define NAME "impasse-reach-test"

enum { PAGES = 4, MANY = 200 };

struct published {
  bool close_fd;
  bool cut; /* protect one page in the middle, so that the kernel cuts the mapping in three */
  bool many;
};

static size_t page_size(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

static void publish_one(const struct published *how, unsigned char mark)
{
  size_t size = PAGES * page_size();
  int fd = memfd_create(NAME, MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
    _exit(1);
  unsigned char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED)
    _exit(1);
  bytes[0] = mark;
  bytes[size - 1] = mark;
  if (how->cut && mprotect(bytes + page_size(), page_size(), PROT_READ) != 0)
    _exit(1);
  if (how->close_fd)
    (void)close(fd);
}

static void publish(void *context, int in, int out)
{
  (void)in, (void)out;
  const struct published *how = context;
  for (int i = 0; how->many && i < MANY; i++)
    if (open("/dev/null", O_RDONLY) < 0 || memfd_create("impasse-other", 0) < 0)
      _exit(1);
  publish_one(how, 1);
  if (how->many)
    publish_one(how, 2);
}

static struct test_child start(struct published how, struct reach_target **ret_target)
{
  struct test_child child = test_child_start(publish, &how, false);
  assert_int_equal(reach_open(child.pid, ret_target), 0);
  return child;
}

static void a_published_file_is_found_and_opened(void **state)
{
  (void)state;
  struct reach_memfd found[2];
  struct reach_target *target;
  struct stat facts;
  unsigned char byte = 0;
  int fd = -1;
  struct test_child child = start((struct published){0}, &target);
  assert_int_equal(reach_memfds(target, NAME, found, 2), 1);
  assert_int_equal(found[0].length, PAGES * page_size());
  assert_true(found[0].writable);
  assert_int_equal(reach_memfd_open(target, &found[0], &fd), 0);
  assert_int_equal(fstat(fd, &facts), 0);
  assert_int_equal(facts.st_size, PAGES * page_size());
  assert_int_equal(pread(fd, &byte, 1, 0), 1);
  assert_int_equal(byte, 1);
  assert_true(pwrite(fd, &byte, 1, 0) < 0); /* read-only: a reader cannot write by mistake */
  (void)close(fd);
  assert_int_equal(reach_memfds(target, "impasse-reach", found, 2), 0);
  assert_int_equal(reach_memfds(target, NAME, NULL, 0), 1);
  reach_close(target);
  test_child_kill(&child);
}

static void a_mapping_in_pieces_is_one(void **state)
{
  (void)state;
  struct reach_memfd found[4];
  struct reach_target *target;
  struct test_child child = start((struct published){.cut = true}, &target);
  assert_int_equal(reach_memfds(target, NAME, found, 4), 1);
  assert_int_equal(found[0].length, PAGES * page_size());
  reach_close(target);
  test_child_kill(&child);
}

static void a_closed_descriptor_leaves_the_memory_readable(void **state)
{
  (void)state;
  struct reach_memfd found[1];
  struct reach_target *target;
  unsigned char byte = 0;
  int fd = -1;
  struct test_child child = start((struct published){.close_fd = true}, &target);
  assert_int_equal(reach_memfds(target, NAME, found, 1), 1);
  int error = reach_memfd_open(target, &found[0], &fd);
  if (error == 0) { /* the privileged come in through map_files */
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 1);
    (void)close(fd);
  } else {
    assert_int_equal(error, -ENOENT);
  }
  uint64_t last = found[0].address + found[0].length - 1;
  byte = 0;
  assert_int_equal(reach_read(target, last, &byte, 1), 1);
  assert_int_equal(byte, 1);
  reach_close(target);
  test_child_kill(&child);
}

static void two_files_are_found_among_many_descriptors(void **state)
{
  (void)state;
  struct reach_memfd found[2];
  struct reach_target *target;
  int marks = 0;
  struct test_child child = start((struct published){.many = true}, &target);
  assert_int_equal(reach_memfds(target, NAME, found, 2), 2);
  for (int i = 0; i < 2; i++) {
    unsigned char byte = 0;
    int fd = -1;
    assert_int_equal(reach_memfd_open(target, &found[i], &fd), 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    marks |= byte;
    (void)close(fd);
  }
  assert_int_equal(marks, 3);
  reach_close(target);
  test_child_kill(&child);
}

static void a_dead_process_has_no_files(void **state)
{
  (void)state;
  struct reach_memfd found[1];
  struct reach_target *target;
  int fd = -1;
  struct test_child child = start((struct published){0}, &target);
  assert_int_equal(reach_memfds(target, NAME, found, 1), 1);
  test_child_kill(&child);
  assert_int_equal(reach_memfds(target, NAME, found, 1), -ESRCH);
  assert_int_equal(reach_memfd_open(target, &found[0], &fd), -ESRCH);
  assert_int_equal(fd, -1);
  reach_close(target);
}

static void lines_of_maps_are_taken_apart(void **state)
{
  (void)state;
  struct maps_line line;
  assert_int_equal(
      maps_parse_line("7f00-8f00 rw-s 00001000 00:01 1027      /memfd:a b (deleted)", &line), 0);
  assert_true(line.start == 0x7f00 && line.end == 0x8f00 && line.offset == 0x1000 &&
              line.inode == 1027);
  assert_true(line.writable);
  assert_string_equal(line.path, "/memfd:a b (deleted)");
  assert_int_equal(maps_parse_line("7f00-8f00 r--p 00000000 00:00 0", &line), 0);
  assert_false(line.writable);
  assert_string_equal(line.path, "");

  static const char *const nonsense[] = {
      "",
      "7f00",
      "7f00-",
      "7f00-7f00 rw-s 0 00:01 1 x",
      "8f00-7f00 rw-s 0 00:01 1 x",
      "7f00-8f00 rw",
      "7f00-8f00 rw-sX0 00:01 1 x",
      "7f00-8f00 rw-s 0 00-01 1 x",
      "7f00-8f00 rw-s 0 00:01 x x",
      "-7f00-8f00 rw-s 0 00:01 1 x",
      "11111111111111111-8f00 rw-s 0 00:01 1 x",
      "7f00-8f00 rw-s ",
  };
  for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
    if (maps_parse_line(nonsense[i], &line) == 0)
      fail_msg("taken for a line of maps: %s", nonsense[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_published_file_is_found_and_opened),
      cmocka_unit_test(a_mapping_in_pieces_is_one),
      cmocka_unit_test(a_closed_descriptor_leaves_the_memory_readable),
      cmocka_unit_test(two_files_are_found_among_many_descriptors),
      cmocka_unit_test(a_dead_process_has_no_files),
      cmocka_unit_test(lines_of_maps_are_taken_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
