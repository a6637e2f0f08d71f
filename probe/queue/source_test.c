/* Real queues of real processes, read by both routes: with the kernel's iterator, and as nobody without any privilege. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
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

/* A list of sockets serves whoever asks while it is fresh: queues that were made since then are not in it. */
static void list_anew(const struct reach_target *target)
{
  const struct sockets *sockets = NULL;
  assert_int_equal(sockets_get(target, 0, &sockets), 0);
  sockets_put(sockets);
}

static void start(struct reading *reading, void (*body)(void *, int, int), void *context)
{
  *reading = (struct reading){.child = test_child_start(body, context, false)};
  assert_int_equal(reach_open(reading->child.pid, &reading->target), 0);
  list_anew(reading->target);
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

static struct tcp_port listen_with(int protocol, int backlog)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int fd = must(socket(AF_INET, SOCK_STREAM, protocol));
  must(bind(fd, (struct sockaddr *)&at, length));
  must(listen(fd, backlog));
  must(getsockname(fd, (struct sockaddr *)&at, &length));
  return (struct tcp_port){fd, at.sin_port};
}

static struct tcp_port listen_tcp(int backlog)
{
  return listen_with(IPPROTO_TCP, backlog);
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

/* What Go programs listen with unless told otherwise; TCP to whoever knows no better. */
static void fill_mptcp(void *context, int in, int out)
{
  struct tcp_port port = listen_with(IPPROTO_MPTCP, BACKLOG);
  (void)context, (void)in, (void)out;
  (void)connect_tcp(port.port, 0);
  (void)connect_tcp(port.port, 0);
}

static void an_accept_queue_of_several_paths_is_seen(void **state)
{
  struct reading reading;
  (void)state;
  int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
  if (fd < 0) {
    print_message("this kernel has no multipath TCP\n");
    skip();
  }
  (void)close(fd);
  start(&reading, fill_mptcp, NULL);
  expect(&reading, " accept", 2, DEPTH_CONNECTIONS, BACKLOG);
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

/* ---- sockets ---- */

static socklen_t name_unix(struct sockaddr_un *ret_at, const char *what)
{
  *ret_at = (struct sockaddr_un){.sun_family = AF_UNIX};
  int length = snprintf(ret_at->sun_path + 1, sizeof ret_at->sun_path - 1, "impasse-test-%s-%d",
                        what, (int)getpid());
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static void fill_unix_sockets(void *context, int in, int out)
{
  struct sockaddr_un at;
  int pair[2];
  char byte;
  (void)context, (void)in, (void)out;
  int listening = must(socket(AF_UNIX, SOCK_STREAM, 0));
  socklen_t length = name_unix(&at, "stream");
  must(bind(listening, (struct sockaddr *)&at, length));
  must(listen(listening, 7));
  for (int i = 0; i < 2; i++)
    must(connect(must(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&at, length));
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  must((int)write(pair[0], "0123456789", 10));
  must((int)read(pair[1], &byte, 1));
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
  must((int)write(pair[0], "0123", 4));
  must((int)write(pair[0], "45", 2));
}

static void unix_sockets_are_seen(void **state)
{
  struct reading reading;
  char name[64];
  (void)state;
  start(&reading, fill_unix_sockets, NULL);
  (void)snprintf(name, sizeof name, "unix @impasse-test-stream-%d accept", (int)reading.child.pid);
  expect(&reading, name, 2, DEPTH_CONNECTIONS, 7);
  assert_int_equal(reading.by_descriptors->actor_count, 3);
  int64_t depths = 0;
  for (size_t i = 0; i < 3; i++)
    if (reading.by_descriptors->actors[i].depth_unit == DEPTH_BYTES)
      depths = depths * 100 + reading.by_descriptors->actors[i].depth;
  assert_true(depths == 906 || depths == 609);
  if (reading.by_kernel) {
    assert_int_equal(reading.by_kernel->actor_count, 3);
    for (size_t i = 0; i < 3; i++) {
      const struct sweep_actor *a = &reading.by_kernel->actors[i],
                               *b = &reading.by_descriptors->actors[i];
      assert_true(a->key == b->key && a->depth == b->depth && a->depth_unit == b->depth_unit);
    }
  }
  end(&reading);
}

/* Without privilege the kernel tells of the first datagram only. */
static void fill_datagrams(void *context, int in, int out)
{
  struct sockaddr_un at;
  (void)context, (void)in, (void)out;
  int receiving = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  int sending = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  socklen_t length = name_unix(&at, "datagrams");
  must(bind(receiving, (struct sockaddr *)&at, length));
  for (int i = 0; i < 3; i++)
    must((int)sendto(sending, "datagram", 8, 0, (struct sockaddr *)&at, length));
}

static void unix_datagrams_are_counted_or_known_to_be_there(void **state)
{
  struct reading reading;
  (void)state;
  start(&reading, fill_datagrams, NULL);
  expect_one(reading.by_descriptors, "unix @impasse-test-datagrams", 1, DEPTH_MESSAGES,
             VALUE_UNKNOWN);
  assert_int_equal(reading.by_descriptors->actors[0].depth_is, DEPTH_AT_LEAST);
  if (reading.by_kernel) {
    const struct sweep_actor *actor = find(reading.by_kernel, "unix @impasse-test-datagrams");
    assert_int_equal(actor->depth, 3);
    assert_int_equal(actor->depth_is, DEPTH_EXACT);
    assert_true(actor->capacity >= 3 && actor->key == reading.by_descriptors->actors[0].key);
  }
  end(&reading);
}

static void overflow_udp(void *context, int in, int out)
{
  struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  socklen_t length = sizeof at;
  int small = 1;
  (void)context, (void)in, (void)out;
  int receiving = must(socket(AF_INET6, SOCK_DGRAM, 0)),
      sending = must(socket(AF_INET6, SOCK_DGRAM, 0));
  must(setsockopt(receiving, SOL_SOCKET, SO_RCVBUF, &small, sizeof small)); /* the least there is */
  must(bind(receiving, (struct sockaddr *)&at, length));
  must(getsockname(receiving, (struct sockaddr *)&at, &length));
  for (int i = 0; i < 50; i++)
    must((int)sendto(sending, "datagram", 8, 0, (struct sockaddr *)&at, sizeof at));
  must(close(sending));
}

static void udp_that_was_dropped_is_counted(void **state)
{
  struct reading reading;
  (void)state;
  start(&reading, overflow_udp, NULL);
  const struct sweep_actor *actor = find(reading.by_descriptors, "udp [::1]:");
  assert_true(actor->depth > 0 && actor->capacity > 0);
  assert_in_range(actor->dropped_count, 1, 49);
  expect(&reading, "udp [::1]:", actor->depth, DEPTH_BYTES, actor->capacity);
  if (reading.by_kernel)
    assert_int_equal(find(reading.by_kernel, "udp [::1]:")->dropped_count, actor->dropped_count);
  end(&reading);
}

enum { TCP_BYTES = 5000 };

/* One with bytes, one with as many and the end of the connection, one with the end only. */
static void fill_tcp(void *context, int in, int out)
{
  static char bytes[TCP_BYTES];
  struct tcp_port port = listen_tcp(8);
  (void)context, (void)in, (void)out;
  for (int i = 0; i < 3; i++) {
    struct pollfd accepted = {.events = POLLIN};
    int sending = connect_tcp(port.port, 0);
    accepted.fd = must(accept(port.listening, NULL, NULL));
    if (i < 2)
      must((int)send(sending, bytes, sizeof bytes, 0));
    if (i > 0)
      must(shutdown(sending, SHUT_WR));
    must(poll(&accepted, 1, TEST_CHILD_DEADLINE_MS));
    must(close(sending));
  }
}

/* Bytes come in portions. */
static size_t count_of_depth(const struct sweep *sweep, int64_t depth)
{
  size_t count = 0;
  for (size_t i = 0; i < sweep->actor_count; i++)
    count += sweep->actors[i].depth == depth && sweep->actors[i].depth_unit == DEPTH_BYTES &&
             sweep->actors[i].capacity > 0;
  return count;
}

static void tcp_bytes_are_seen_without_the_end_of_the_connection(void **state)
{
  struct reading reading;
  (void)state;
  start(&reading, fill_tcp, NULL);
  assert_int_equal(count_of_depth(reading.by_descriptors, TCP_BYTES), 2);
  assert_int_equal(reading.by_descriptors->actor_count, 3); /* and the accept queue, empty */
  expect(&reading, " accept", 0, DEPTH_CONNECTIONS, 8);
  if (reading.by_kernel) {
    assert_int_equal(count_of_depth(reading.by_kernel, TCP_BYTES), 2);
    assert_int_equal(reading.by_kernel->actor_count, 3);
  }
  end(&reading);
}

/* ---- pipes ---- */

static void fill_pipes(void *context, int in, int out)
{
  const char *path = context;
  int ends[2], written[2];
  (void)in, (void)out;
  must(pipe(ends));
  must((int)write(ends[1], "0123456789", 10));
  must((int)write(ends[1], "01234", 5));
  must(pipe(written)); /* of which only the end to write to is kept */
  must((int)write(written[1], "abc", 3));
  must(close(written[0]));
  must(mkfifo(path, 0600));
  int fifo = must(open(path, O_RDWR));
  must((int)write(fifo, "77", 2));
  must(unlink(path));
  must(dup(ends[0]));
  must(fcntl(ends[0], F_SETPIPE_SZ, 16384));
}

static void pipes_are_seen_by_the_kernel_only(void **state)
{
  struct reading reading;
  char path[64], name[64];
  (void)state;
  (void)snprintf(path, sizeof path, "/tmp/impasse-test-fifo-%d", (int)getpid());
  start(&reading, fill_pipes, path);
  assert_int_equal(reading.by_descriptors->actor_count, 0);
  if (reading.by_kernel) {
    (void)snprintf(name, sizeof name, "fifo impasse-test-fifo-%d", (int)getpid());
    expect_one(reading.by_kernel, name, 2, DEPTH_BYTES, 65536);
    expect_one(reading.by_kernel, "pipe:[", 15, DEPTH_BYTES, 16384);
    assert_int_equal(reading.by_kernel->actor_count, 2);
  }
  end(&reading);
}

/* ---- other namespaces, other users ---- */

static void raise_loopback(void)
{
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = must(socket(AF_INET, SOCK_DGRAM, 0));
  must(ioctl(fd, SIOCSIFFLAGS, &lo));
  must(close(fd));
}

static void enter_namespace_and_overflow(void *context, int in, int out)
{
  must(unshare(CLONE_NEWNET));
  raise_loopback();
  overflow_accept_queue(context, in, out);
  overflow_udp(context, in, out);
  fill_unix_sockets(context, in, out);
}

static void need_root(void)
{
  if (geteuid() != 0) {
    print_message("not root: namespaces and users cannot be changed\n");
    skip();
  }
}

static void another_network_namespace_is_read(void **state)
{
  struct reading reading;
  (void)state;
  need_root();
  start(&reading, enter_namespace_and_overflow, NULL);
  expect_one(reading.by_descriptors, "tcp 127.0.0.1:", BACKLOG + 1, DEPTH_CONNECTIONS,
             VALUE_UNKNOWN);
  const struct sweep_actor *udp = find(reading.by_descriptors, "udp [::1]:");
  assert_true(udp->depth > 0 && udp->dropped_count > 0);
  expect_one(reading.by_descriptors, "unix @impasse-test-stream", VALUE_UNKNOWN, DEPTH_CONNECTIONS,
             VALUE_UNKNOWN);
  if (reading.by_kernel) {
    expect_one(reading.by_kernel, "tcp 127.0.0.1:", BACKLOG + 1, DEPTH_CONNECTIONS, BACKLOG);
    expect_one(reading.by_kernel, "unix @impasse-test-stream", 2, DEPTH_CONNECTIONS, 7);
    const struct sweep_actor *same = find(reading.by_kernel, "udp [::1]:");
    assert_true(same->depth == udp->depth && same->dropped_count == udp->dropped_count &&
                same->key == udp->key);
  }
  end(&reading);
}

/* The path of one socket holds a line that speaks of another. */
static void forge_a_line(void *context, int in, int out)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  struct stat honest;
  (void)context, (void)in, (void)out;
  must(unshare(CLONE_NEWNET));
  int listening = must(socket(AF_UNIX, SOCK_STREAM, 0)),
      forging = must(socket(AF_UNIX, SOCK_STREAM, 0));
  socklen_t length = name_unix(&at, "honest");
  must(bind(listening, (struct sockaddr *)&at, length));
  must(listen(listening, 1));
  must(fstat(listening, &honest));
  int written = snprintf(at.sun_path + 1, sizeof at.sun_path - 1,
                         "x\n0: 2 0 10000 1 1 %llu /forged", (unsigned long long)honest.st_ino);
  must(bind(forging, (struct sockaddr *)&at,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)written)));
}

static void a_forged_line_of_text_gives_no_name(void **state)
{
  struct reading reading;
  (void)state;
  need_root();
  start(&reading, forge_a_line, NULL);
  for (size_t i = 0; i < reading.by_descriptors->actor_count; i++)
    assert_null(strstr(sweep_text(reading.by_descriptors, reading.by_descriptors->actors[i].name),
                       "forged"));
  (void)find(reading.by_descriptors, "unix:["); /* it is there, its name is not believed */
  if (reading.by_kernel)
    (void)find(reading.by_kernel, "unix @impasse-test-honest");
  end(&reading);
}

enum { NOBODY = 65534 };

static bool sees(const struct sweep *sweep, const char *name, int64_t depth)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (strstr(sweep_text(sweep, sweep->actors[i].name), name) && sweep->actors[i].depth == depth)
      return true;
  return false;
}

/* As somebody without any privilege: reads a process of its own, and is refused another's. */
static int read_as_nobody(pid_t of_root)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *target = NULL;
  struct sweep *sweep = NULL;
  void *session = NULL;
  if (reach_open(of_root, &target) != 0 || source_queue.probe(target, reason) >= 0 || !reason[0])
    return 2;
  reach_close(target);
  struct test_child child = test_child_start(overflow_accept_queue, NULL, false);
  if (prctl(PR_SET_DUMPABLE, 1) != 0 || reach_open(child.pid, &target) != 0)
    return 3;
  list_anew(target);
  if (source_queue.probe(target, reason) != SOURCE_MINE)
    return 4;
  if (source_queue.open(target, &session, reason) != 0)
    return 5;
  if (source_queue.sweep(session, &sweep) != 0 || sweep->kind != SWEEP_FULL ||
      !sees(sweep, " accept", BACKLOG + 1))
    return 6;
  sweep_free(sweep);
  source_queue.close(session);
  reach_close(target);
  test_child_kill(&child);
  return 0;
}

static void nobody_reads_its_own_and_no_other(void **state)
{
  int status = 0;
  (void)state;
  need_root();
  struct test_child roots = test_child_start(overflow_accept_queue, NULL, false);
  pid_t pid = fork();
  if (pid == 0) {
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0 ||
        prctl(PR_SET_DUMPABLE, 1) != 0)
      _exit(1);
    _exit(read_as_nobody(roots.pid));
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  test_child_kill(&roots);
}

/* ---- many, none, the same ---- */

enum { MANY = 3000 };

static void listen_often(void *context, int in, int out)
{
  struct sockaddr_un at;
  struct rlimit files = {MANY + 100, MANY + 100};
  char what[16];
  (void)context, (void)in, (void)out;
  must(setrlimit(RLIMIT_NOFILE, &files));
  for (int i = 0; i < MANY; i++) {
    int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
    (void)snprintf(what, sizeof what, "many%d", i);
    socklen_t length = name_unix(&at, what);
    must(bind(fd, (struct sockaddr *)&at, length));
    must(listen(fd, 1));
    if (i == MANY - 1)
      must(connect(must(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&at, length));
  }
}

static void expect_the_deepest(const struct sweep *sweep)
{
  if (!sweep)
    return;
  assert_int_equal(sweep->actor_count, ROWS_MOST);
  assert_int_equal(sweep->gap_count, 1);
  assert_int_equal(sweep->gaps[0].count, MANY - ROWS_MOST);
  assert_true(sees(sweep, "many2999", 1));
}

static void of_thousands_the_deepest_are_shown_and_the_rest_counted(void **state)
{
  struct reading reading;
  (void)state;
  start(&reading, listen_often, NULL);
  expect_the_deepest(reading.by_descriptors);
  expect_the_deepest(reading.by_kernel);
  end(&reading);
}

static void hold_one_twice(void *context, int in, int out)
{
  (void)context, (void)in, (void)out;
  must(dup(must(dup(listen_tcp(2).listening))));
}

static void a_queue_with_several_descriptors_is_one_row(void **state)
{
  struct reading reading;
  (void)state;
  start(&reading, hold_one_twice, NULL);
  assert_int_equal(reading.by_descriptors->actor_count, 1);
  if (reading.by_kernel)
    assert_int_equal(reading.by_kernel->actor_count, 1);
  end(&reading);
}

/* ---- which processes ---- */

static int verdict(void (*body)(void *, int, int))
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *target = NULL;
  struct test_child child = test_child_start(body, NULL, false);
  assert_int_equal(reach_open(child.pid, &target), 0);
  list_anew(target);
  int answer = source_queue.probe(target, reason);
  reach_close(target);
  test_child_kill(&child);
  return answer;
}

static void hold_a_pair(void *context, int in, int out)
{
  int pair[2];
  (void)context, (void)in, (void)out;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static void who_accepts_or_has_a_message_queue_is_a_target(void **state)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *self = NULL;
  (void)state;
  assert_int_equal(verdict(hold_one_twice), SOURCE_MINE);
  assert_int_equal(verdict(fill_message_queue), SOURCE_MINE);
  assert_int_equal(verdict(fill_datagrams), SOURCE_MINE);
  assert_int_equal(verdict(hold_a_pair), SOURCE_NOT_MINE);
  assert_int_equal(verdict(NULL), SOURCE_NOT_MINE);
  int listening = listen_tcp(1).listening;
  assert_int_equal(reach_open(getpid(), &self), 0);
  assert_int_equal(source_queue.probe(self, reason), SOURCE_NOT_MINE);
  reach_close(self);
  (void)close(listening);
}

/* All sorts of queues, made, filled, emptied and closed without rest. */
static void never_rest(void *context, int in, int out)
{
  static char bytes[40000];
  (void)context, (void)in;
  (void)listen_tcp(5);
  test_child_tell(out);
  for (unsigned i = 0;; i++) {
    int ends[2], pair[2], single[2];
    must(pipe2(ends, O_NONBLOCK));
    must(socketpair(AF_UNIX, i % 2 ? SOCK_STREAM : SOCK_SEQPACKET, 0, pair));
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, single));
    for (unsigned k = 0; k < i % 16; k++) {
      must((int)write(ends[1], bytes, 1 + i * 37 % 3000));
      must((int)write(pair[0], bytes, 1 + i * 41 % 3000));
      must((int)read(pair[1], bytes, sizeof bytes));
      (void)send(single[0], "x", 1, MSG_DONTWAIT); /* full: then not */
    }
    must(fcntl(ends[0], F_SETPIPE_SZ, i % 3 ? 65536 : 262144));
    (void)read(ends[0], bytes, sizeof bytes); /* an empty one says so */
    for (int k = 0; k < 2; k++) {
      must(close(ends[k]));
      must(close(pair[k]));
      must(close(single[k]));
    }
  }
}

static void expect_sense(struct sweep *sweep)
{
  for (size_t i = 0; sweep && i < sweep->actor_count; i++) {
    const struct sweep_actor *actor = &sweep->actors[i];
    if (actor->capacity != VALUE_UNKNOWN && actor->depth != VALUE_UNKNOWN)
      assert_in_range(actor->depth, 0, actor->capacity + 1);
    assert_true(actor->depth == VALUE_UNKNOWN || actor->depth < 10000000);
  }
  sweep_free(sweep);
}

static void a_restless_process_is_read(void **state)
{
  struct reach_target *target = NULL;
  struct files *files = NULL;
  char reason[256] = "";
  const struct file_record *list;
  size_t count, seen = 0;
  (void)state;
  struct test_child child = test_child_start(never_rest, NULL, true);
  assert_int_equal(reach_open(child.pid, &target), 0);
  bool by_kernel = files_open(child.pid, &files, reason, sizeof reason) == 0;
  for (int round = 0; round < 2000; round++) {
    struct records records = {0};
    if (round % 20 == 0)
      expect_sense(read_by_descriptors(target));
    if (!by_kernel)
      continue;
    assert_int_equal(files_read(files, RECORDS_MOST, &list, &count), 0);
    for (size_t i = 0; i < count; i++)
      assert_int_equal(records_add(&records, &list[i]), 0);
    seen += count;
    expect_sense(sweep_of(&records, target));
  }
  assert_true(!by_kernel || seen > 2000); /* the listening socket each time, and more */
  files_close(files);
  reach_close(target);
  test_child_kill(&child);
}

static void who_has_ended_is_gone(void **state)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *target = NULL;
  struct sweep *sweep = NULL;
  void *session = NULL;
  (void)state;
  struct test_child child = test_child_start(hold_one_twice, NULL, false);
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(source_queue.open(target, &session, reason), 0);
  test_child_kill(&child);
  assert_int_equal(source_queue.sweep(session, &sweep), 0);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  assert_int_equal(sweep_check(sweep), 0);
  sweep_free(sweep);
  assert_int_equal(source_queue.round(session, &sweep), 0);
  assert_int_equal(sweep->actor_count, 0);
  sweep_free(sweep);
  source_queue.close(session);
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_accept_queue_is_seen_with_what_it_dropped),
      cmocka_unit_test(an_accept_queue_of_several_paths_is_seen),
      cmocka_unit_test(a_message_queue_is_seen_and_nothing_is_taken),
      cmocka_unit_test(unix_sockets_are_seen),
      cmocka_unit_test(unix_datagrams_are_counted_or_known_to_be_there),
      cmocka_unit_test(udp_that_was_dropped_is_counted),
      cmocka_unit_test(tcp_bytes_are_seen_without_the_end_of_the_connection),
      cmocka_unit_test(pipes_are_seen_by_the_kernel_only),
      cmocka_unit_test(another_network_namespace_is_read),
      cmocka_unit_test(a_forged_line_of_text_gives_no_name),
      cmocka_unit_test(nobody_reads_its_own_and_no_other),
      cmocka_unit_test(of_thousands_the_deepest_are_shown_and_the_rest_counted),
      cmocka_unit_test(a_queue_with_several_descriptors_is_one_row),
      cmocka_unit_test(who_accepts_or_has_a_message_queue_is_a_target),
      cmocka_unit_test(a_restless_process_is_read),
      cmocka_unit_test(who_has_ended_is_gone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
