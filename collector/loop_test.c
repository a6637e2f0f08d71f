/* A loop takes nothing along that the sandbox refuses later. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/loop.h"

static bool has_ring(void)
{
  DIR *directory = opendir("/proc/self/fd");
  struct dirent *entry;
  bool found = false;

  assert_non_null(directory);
  while ((entry = readdir(directory)) != NULL) {
    char link[64] = "";

    (void)readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1); /* "." has none */
    found |= strcmp(link, "anon_inode:[io_uring]") == 0;
  }
  (void)closedir(directory); /* only read */
  return found;
}

static void on_timer(uv_timer_t *timer)
{
  *(bool *)timer->data = true;
}

static void a_loop_runs_without_a_ring_and_none_can_be_had(void **state)
{
  struct io_uring_params params = {0};
  bool rang = false;
  uv_timer_t timer;
  uv_loop_t loop;

  (void)state;
  assert_int_equal(loop_begin(&loop), 0);
  assert_false(has_ring());
  assert_int_equal(syscall(SYS_io_uring_setup, 8, &params), -1);
  assert_int_equal(errno, EPERM);
  assert_int_equal(uv_timer_init(&loop, &timer), 0);
  timer.data = &rang;
  assert_int_equal(uv_timer_start(&timer, on_timer, 1, 0), 0);
  assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
  assert_true(rang);
  loop_end(&loop);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_runs_without_a_ring_and_none_can_be_had),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
