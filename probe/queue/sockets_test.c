/* One list for all who ask: several threads at once, more namespaces than there are places, and how long it is kept. */
#include "probe/queue/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probe/reach/test_child.h"

static int listen_unnamed(void)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX}; /* the kernel chooses an abstract name */
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(sa_family_t)) != 0 || listen(fd, 1) != 0)
    _exit(1);
  return fd;
}

static void listen_elsewhere(void *context, int in, int out)
{
  (void)context, (void)in, (void)out;
  if (unshare(CLONE_NEWNET) != 0)
    _exit(1);
  (void)listen_unnamed();
}

static void listen_here(void *context, int in, int out)
{
  (void)context, (void)in, (void)out;
  (void)listen_unnamed();
}

/* The target's only listening socket is in the list. */
static bool finds(const struct reach_target *target, unsigned age_ms)
{
  const struct sockets *sockets = NULL;
  struct reach_fd *fds = NULL;
  size_t count = 0;
  unsigned long long inode;
  bool found = false;
  if (sockets_get(target, age_ms, &sockets) != 0 || reach_fds(target, 1000, &fds, &count) != 0)
    return false;
  for (size_t i = 0; i < count; i++)
    if (sscanf(fds[i].link, "socket:[%llu]", &inode) == 1) {
      const struct file_record *record = sockets_find(sockets, inode);
      found |= record && (record->flags & FILE_LISTENS);
    }
  free(fds);
  sockets_put(sockets);
  return found;
}

enum { THREADS = 4, ROUNDS = 100 };

static void *ask_often(void *context)
{
  size_t missed = 0;
  for (int i = 0; i < ROUNDS; i++)
    missed += !finds(context, i % 8 == 0 ? 0 : SOCKETS_AGE_MS);
  return (void *)(uintptr_t)missed;
}

static void several_threads_share_a_list(void **state)
{
  struct reach_target *targets[THREADS];
  pthread_t threads[THREADS];
  void *missed;
  (void)state;
  struct test_child child = test_child_start(listen_here, NULL, false);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(reach_open(child.pid, &targets[i]), 0);
  assert_true(finds(targets[0], 0));
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, ask_often, targets[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], &missed), 0);
    assert_null(missed);
    reach_close(targets[i]);
  }
  test_child_kill(&child);
}

enum { NAMESPACES = 20 };

static void more_namespaces_than_places_are_read(void **state)
{
  struct test_child children[NAMESPACES];
  struct reach_target *targets[NAMESPACES];
  (void)state;
  if (geteuid() != 0) {
    print_message("not root: no namespaces\n");
    skip();
  }
  for (int i = 0; i < NAMESPACES; i++) {
    children[i] = test_child_start(listen_elsewhere, NULL, false);
    assert_int_equal(reach_open(children[i].pid, &targets[i]), 0);
  }
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < NAMESPACES; i++)
      assert_true(finds(targets[i], SOCKETS_AGE_MS));
  for (int i = 0; i < NAMESPACES; i++) {
    reach_close(targets[i]);
    test_child_kill(&children[i]);
  }
}

static void a_list_is_the_same_while_it_is_young(void **state)
{
  const struct sockets *first = NULL, *second = NULL, *third = NULL;
  struct reach_target *target = NULL;
  (void)state;
  struct test_child child = test_child_start(listen_here, NULL, false);
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(sockets_get(target, 0, &first), 0);
  assert_int_equal(sockets_get(target, 3600 * 1000, &second), 0);
  assert_int_equal(sockets_get(target, 0, &third), 0);
  assert_true(first == second && second != third);
  assert_int_equal(sockets_left_out(first), 0);
  sockets_put(first);
  sockets_put(second);
  sockets_put(third);
  reach_close(target);
  test_child_kill(&child);
}

static void who_has_gone_has_none(void **state)
{
  const struct sockets *sockets = NULL;
  struct reach_target *target = NULL;
  (void)state;
  struct test_child child = test_child_start(listen_here, NULL, false);
  assert_int_equal(reach_open(child.pid, &target), 0);
  test_child_kill(&child);
  assert_int_equal(sockets_get(target, 0, &sockets), -ESRCH);
  assert_null(sockets);
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(several_threads_share_a_list),
      cmocka_unit_test(more_namespaces_than_places_are_read),
      cmocka_unit_test(a_list_is_the_same_while_it_is_young),
      cmocka_unit_test(who_has_gone_has_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
