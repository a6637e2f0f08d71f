/* Real queues of real processes, read by both routes: with the kernel's iterator, and as nobody without any privilege. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "probe/queue/descriptors.h"
#include "probe/queue/rows.h"
#include "probe/queue/sockets.h"
#include "probe/reach/test_child.h"
#include "probe/source.h"

#include "bpf/files.h"

extern const struct source source_queue;

/* ---- what is read ---- */

struct reading {
  struct test_child child;
  struct reach_target *target;
  struct sweep *by_kernel, *by_descriptors;
};

static struct sweep *sweep_of(struct records *records, const struct reach_target *target)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(reach_start_ticks(target), reach_pid(target)),
                                  SOURCE_TAG_QUEUE, SWEEP_FULL);
  assert_non_null(sweep);
  assert_int_equal(rows_add(records, sweep), 0);
  assert_int_equal(sweep_check(sweep), 0);
  records_done(records);
  return sweep;
}

/* A machine where even root cannot load programs says why, and this route is not tested. */
static struct sweep *read_by_kernel(const struct reach_target *target)
{
  struct files *files = NULL;
  struct records records = {0};
  const struct file_record *list;
  size_t count;
  char reason[256] = "";
  if (files_open(reach_pid(target), &files, reason, sizeof reason) != 0) {
    print_message("not tested, the iterator over files: %s\n", reason);
    return NULL;
  }
  assert_int_equal(files_read(files, RECORDS_MOST, &list, &count), 0);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(records_add(&records, &list[i]), 0);
  files_close(files);
  return sweep_of(&records, target);
}

static struct sweep *read_by_descriptors(const struct reach_target *target)
{
  struct records records = {0};
  bool cut = true;
  assert_int_equal(descriptors_read(target, &records, &cut), 0);
  assert_false(cut);
  return sweep_of(&records, target);
}

/* A list of sockets serves whoever asks while it is fresh: one that is older than this process's queues is outlived. */
static void await_new_list(void)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = (SOCKETS_AGE_MS + 20) * 1000000L}, NULL);
}

static void start(struct reading *reading, void (*body)(void *, int, int), void *context)
{
  *reading = (struct reading){.child = test_child_start(body, context, false)};
  assert_int_equal(reach_open(reading->child.pid, &reading->target), 0);
  await_new_list();
  reading->by_kernel = read_by_kernel(reading->target);
  reading->by_descriptors = read_by_descriptors(reading->target);
}

static void end(struct reading *reading)
{
  sweep_free(reading->by_kernel);
  sweep_free(reading->by_descriptors);
  reach_close(reading->target);
  test_child_kill(&reading->child);
}

/* ---- what is expected ---- */

static const struct sweep_actor *find(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (strstr(sweep_text(sweep, sweep->actors[i].name), name))
      return &sweep->actors[i];
  for (size_t i = 0; i < sweep->actor_count; i++)
    print_error("there is: %s\n", sweep_text(sweep, sweep->actors[i].name));
  fail_msg("there is no %s", name);
  return NULL;
}

static void expect_one(const struct sweep *sweep, const char *name, int64_t depth,
                       enum depth_unit unit, int64_t capacity)
{
  const struct sweep_actor *actor = find(sweep, name);
  if (actor->depth != depth || actor->depth_unit != unit || actor->capacity != capacity)
    fail_msg("%s: got %lld of %lld in unit %u, wanted %lld of %lld in unit %u", name,
             (long long)actor->depth, (long long)actor->capacity, actor->depth_unit,
             (long long)depth, (long long)capacity, unit);
  assert_int_equal(actor->kind, ACTOR_KIND_QUEUE);
}

/* The same by both routes. */
static void expect(const struct reading *reading, const char *name, int64_t depth,
                   enum depth_unit unit, int64_t capacity)
{
  expect_one(reading->by_descriptors, name, depth, unit, capacity);
  if (!reading->by_kernel)
    return;
  expect_one(reading->by_kernel, name, depth, unit, capacity);
  assert_true(find(reading->by_kernel, name)->key == find(reading->by_descriptors, name)->key);
}

static int must(int result)
{
  if (result < 0) {
    perror("the child");
    _exit(1);
  }
  return result;
}

/* ---- accept queues ---- */

struct tcp_port {
  int listening;
  in_port_t port; /* in network order */
};

static struct tcp_port listen_tcp(int backlog)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  must(bind(fd, (struct sockaddr *)&at, length));
  must(listen(fd, backlog));
  must(getsockname(fd, (struct sockaddr *)&at, &length));
  return (struct tcp_port){fd, at.sin_port};
}

static int connect_tcp(in_port_t port, int flags)
{
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};
  int fd = must(socket(AF_INET, SOCK_STREAM | flags, 0));
  int result = connect(fd, (struct sockaddr *)&at, sizeof at);
  if (result != 0 && errno != EINPROGRESS)
    must(result);
  return fd;
}

enum { BACKLOG = 3 };

/* One more than the backlog is taken in, the rest is dropped as long as it is tried. */
static void overflow_accept_queue(void *context, int in, int out)
{
  struct tcp_port port = listen_tcp(BACKLOG);
  (void)context, (void)in, (void)out;
  for (int i = 0; i <= BACKLOG; i++)
    (void)connect_tcp(port.port, 0);
  (void)connect_tcp(port.port, SOCK_NONBLOCK);
}

static void a_full_accept_queue_is_seen_with_what_it_dropped(void **state)
{
  struct reading reading;
  (void)state;
  start(&reading, overflow_accept_queue, NULL);
  expect(&reading, " accept", BACKLOG + 1, DEPTH_CONNECTIONS, BACKLOG);
  assert_true(find(reading.by_descriptors, " accept")->dropped_count >= 1);
  if (reading.by_kernel)
    assert_true(find(reading.by_kernel, " accept")->dropped_count >= 1);
  end(&reading);
}

/* ---- message queues ---- */

enum { MESSAGES = 3, MESSAGES_MOST = 5 };

static void fill_message_queue(void *context, int in, int out)
{
  struct mq_attr attributes = {.mq_maxmsg = MESSAGES_MOST, .mq_msgsize = 64};
  char name[64];
  (void)context, (void)in, (void)out;
  (void)snprintf(name, sizeof name, "/impasse-test-%d", (int)getpid());
  mqd_t queue = must(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes));
  must(mq_unlink(name)); /* it stays for as long as it is open */
  for (int i = 0; i < MESSAGES; i++)
    must(mq_send(queue, "hello", 5, 0));
}

static void a_message_queue_is_seen_and_nothing_is_taken(void **state)
{
  struct reading reading;
  char name[64];
  (void)state;
  start(&reading, fill_message_queue, NULL);
  (void)snprintf(name, sizeof name, "mq /impasse-test-%d", (int)reading.child.pid);
  expect(&reading, name, MESSAGES, DEPTH_MESSAGES, MESSAGES_MOST);
  assert_string_equal(sweep_text(reading.by_descriptors, find(reading.by_descriptors, name)->name),
                      name);
  sweep_free(reading.by_descriptors);
  reading.by_descriptors = read_by_descriptors(reading.target);
  expect(&reading, name, MESSAGES, DEPTH_MESSAGES, MESSAGES_MOST);
  end(&reading);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_accept_queue_is_seen_with_what_it_dropped),
      cmocka_unit_test(a_message_queue_is_seen_and_nothing_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
