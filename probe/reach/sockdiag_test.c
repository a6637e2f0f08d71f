/* Lists of sockets from the kernel itself: whole, broken off and refused. */
#include "probe/reach/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKETS = 2000 };

struct unix_request {
  struct nlmsghdr header;
  struct unix_diag_req request;
};

static struct unix_request unix_request(void)
{
  return (struct unix_request){
      .header = {.nlmsg_len = sizeof(struct unix_request),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .request = {.sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_NAME}};
}

struct seen {
  size_t count, most;
};

static int count_sockets(void *context, const void *bytes, size_t length)
{
  const struct nlmsghdr *header = bytes;
  struct seen *seen = context;
  assert_true(header->nlmsg_len == length);
  assert_int_equal(header->nlmsg_type, SOCK_DIAG_BY_FAMILY);
  seen->count++;
  return seen->most && seen->count == seen->most ? -ECANCELED : 0;
}

static int list(size_t most, size_t *ret_count)
{
  struct unix_request request = unix_request();
  struct seen seen = {.most = most};
  int error = reach_sock_diag(&request, sizeof request, count_sockets, &seen);
  *ret_count = seen.count;
  return error;
}

/* Lists of several portions. */
static void a_list_is_whole_also_after_one_that_was_broken_off(void **state)
{
  static int pairs[SOCKETS][2];
  size_t count;
  int made = 0;
  (void)state;
  while (made < SOCKETS / 2 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[made]) == 0)
    made++; /* as many as the limit of descriptors allows */
  assert_true(made > 100);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(list(0, &count), 0);
    assert_true(count >= (size_t)made * 2);
    assert_int_equal(list(3, &count), -ECANCELED);
    assert_int_equal(count, 3);
  }
  for (int i = 0; i < made; i++) {
    (void)close(pairs[i][0]);
    (void)close(pairs[i][1]);
  }
}

static void what_the_kernel_refuses_is_told(void **state)
{
  struct unix_request request = unix_request();
  struct seen seen = {0};
  size_t count;
  (void)state;
  request.request.sdiag_family = AF_MAX - 1;
  assert_true(reach_sock_diag(&request, sizeof request, count_sockets, &seen) < 0);
  assert_int_equal(seen.count, 0);
  assert_int_equal(reach_sock_diag(&request, 3, count_sockets, &seen), -EINVAL);
  assert_int_equal(list(0, &count), 0); /* and the next is as if nothing had been */
  assert_true(count > 0);
}

static void the_namespace_is_ours(void **state)
{
  struct stat own;
  (void)state;
  assert_int_equal(stat("/proc/self/ns/net", &own), 0);
  assert_int_equal(reach_sock_diag_prepare(), 0);
  assert_true(reach_sock_diag_namespace() == own.st_ino);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_list_is_whole_also_after_one_that_was_broken_off),
      cmocka_unit_test(what_the_kernel_refuses_is_told),
      cmocka_unit_test(the_namespace_is_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
