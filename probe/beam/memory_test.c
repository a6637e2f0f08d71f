/* memory_test.c - memory of a live process; what was swapped out stays there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/beam/memory.h"
#include "probe/reach/test_child.h"

enum { PAGE = 4096, PAGES = 64 };
static const uint64_t SWAPPED = UINT64_C(1) << 62, PRESENT = UINT64_C(1) << 63;

static void pages_before_the_first_swapped_one_are_resident(void **state)
{
  (void)state;
  const uint64_t entries[] = {PRESENT, 0, PRESENT | 123, SWAPPED, PRESENT};
  assert_int_equal(beam_memory_resident(entries, 5), 3);
  assert_int_equal(beam_memory_resident(entries, 3), 3);
  assert_int_equal(beam_memory_resident(entries + 3, 2), 0);
  assert_int_equal(beam_memory_resident(entries, 0), 0);
}

/* The child's memory: written by the parent's copy, so that both know what is in it. */
static unsigned char *map_pages(void)
{
  unsigned char *pages =
      mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(pages != MAP_FAILED);
  for (size_t i = 0; i < PAGES * PAGE; i++)
    pages[i] = (unsigned char)(i / PAGE + 1);
  return pages;
}

static struct reach_target *open_child(const struct test_child *child)
{
  struct reach_target *target;
  assert_int_equal(reach_open(child->pid, &target), 0);
  return target;
}

/* A pagemap of a file instead of the kernel's: it says what the test wants about the very pages. */
static int make_pagemap(const unsigned char *pages, size_t swapped_page)
{
  FILE *file = tmpfile();
  uint64_t entry = SWAPPED;
  assert_non_null(file);
  int fd = dup(fileno(file));
  (void)fclose(file);
  assert_true(fd >= 0);
  off_t end = (off_t)(((uintptr_t)pages / PAGE + PAGES) * 8);
  assert_int_equal(ftruncate(fd, end), 0); /* a hole: nothing else is swapped out */
  assert_int_equal(pwrite(fd, &entry, 8, (off_t)(((uintptr_t)pages / PAGE + swapped_page) * 8)), 8);
  return fd;
}

static void a_read_ends_before_a_swapped_page(void **state)
{
  (void)state;
  unsigned char *pages = map_pages(), bytes[4 * PAGE];
  uint64_t at = (uintptr_t)pages;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child);
  struct beam_memory memory;
  beam_memory_init(&memory, target);
  memory.pagemap_fd = make_pagemap(pages, 2);

  assert_int_equal(memory.read(&memory, at, bytes, sizeof bytes), 2 * PAGE);
  assert_int_equal(memory.read(&memory, at + 100, bytes, sizeof bytes), 2 * PAGE - 100);
  assert_int_equal(memory.read(&memory, at + 2 * PAGE, bytes, 8), -EFAULT);
  assert_int_equal(memory.read(&memory, at + 3 * PAGE - 4, bytes, 8), -EFAULT);
  assert_int_equal(memory.read(&memory, at + 3 * PAGE, bytes, PAGE), PAGE);
  assert_int_equal(bytes[0], 4);
  assert_int_equal(beam_memory_read(&memory, at + PAGE, bytes, 2 * PAGE), -EFAULT);
  assert_int_equal(memory.read(&memory, at + 2 * PAGE, bytes, 0), 0);

  beam_memory_done(&memory);
  reach_close(target);
  test_child_kill(&child);
  assert_int_equal(munmap(pages, PAGES * PAGE), 0);
}

static void pieces_on_swapped_pages_are_left_out(void **state)
{
  (void)state;
  unsigned char *pages = map_pages(), bytes[PAGES] = {0};
  struct reach_piece pieces[PAGES];
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child);
  struct beam_memory memory;
  beam_memory_init(&memory, target);
  for (size_t swapped = 0; swapped < PAGES; swapped += 21) {
    memory.pagemap_fd = make_pagemap(pages, swapped);
    for (size_t i = 0; i < PAGES; i++)
      pieces[i] = (struct reach_piece){(uintptr_t)pages + i * PAGE + 7, &bytes[i], 1, true};
    assert_int_equal(beam_memory_pieces(&memory, pieces, PAGES), 0);
    for (size_t i = 0; i < PAGES; i++) {
      assert_int_equal(pieces[i].read, i != swapped);
      assert_true(i == swapped || bytes[i] == i + 1);
    }
    beam_memory_done(&memory);
  }
  test_child_kill(&child);
  reach_close(target);
  assert_int_equal(munmap(pages, PAGES * PAGE), 0);
}

/* Pages its memory out; the kernel does where it has swap. */
static void page_out(void *context, int in, int out)
{
  (void)in, (void)out;
  (void)memset(context, 9, PAGES * PAGE); /* its own, no longer its parent's */
  (void)madvise(context, PAGES * PAGE, MADV_PAGEOUT);
}

static bool is_swapped(const struct reach_target *target)
{
  char *status;
  assert_int_equal(reach_file(target, "status", 16384, &status, NULL), 0);
  const char *line = strstr(status, "\nVmSwap:");
  bool swapped = line && strtoull(line + 8, NULL, 10) > 0;
  free(status);
  return swapped;
}

static void swapped_pages_are_not_brought_back(void **state)
{
  (void)state;
  unsigned char *pages = map_pages(), bytes[PAGES * PAGE];
  struct test_child child = test_child_start(page_out, pages, false);
  struct reach_target *target = open_child(&child);
  struct beam_memory memory;
  beam_memory_init(&memory, target);
  beam_memory_begin(&memory);
  if (!is_swapped(target)) { /* no swap on this machine, or none to spare */
    assert_int_equal(memory.pagemap_fd, -1);
    reach_close(target);
    test_child_kill(&child);
    skip();
  }
  assert_true(memory.pagemap_fd >= 0);
  size_t read = 0;
  for (size_t i = 0; i < PAGES; i++)
    read += memory.read(&memory, (uintptr_t)pages + i * PAGE, bytes, PAGE) == PAGE;
  assert_true(read < PAGES);
  assert_true(is_swapped(target));
  beam_memory_done(&memory);
  reach_close(target);
  test_child_kill(&child);
}

static void nothing_is_asked_while_nothing_is_swapped(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child);
  struct beam_memory memory;
  beam_memory_init(&memory, target);
  memory.pagemap_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_true(memory.pagemap_fd >= 0);
  if (!is_swapped(target)) {
    beam_memory_begin(&memory);
    assert_int_equal(memory.pagemap_fd, -1);
  }
  beam_memory_done(&memory);
  test_child_kill(&child);
  beam_memory_begin(&memory); /* a process that has gone has nothing swapped out */
  assert_int_equal(memory.pagemap_fd, -1);
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pages_before_the_first_swapped_one_are_resident),
      cmocka_unit_test(a_read_ends_before_a_swapped_page),
      cmocka_unit_test(pieces_on_swapped_pages_are_left_out),
      cmocka_unit_test(swapped_pages_are_not_brought_back),
      cmocka_unit_test(nothing_is_asked_while_nothing_is_swapped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
