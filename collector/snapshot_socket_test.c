/*
 * snapshot_socket_test.c - a recorder's socket with real peers: those who may, those who may not,
 * and servers that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/snapshot_client.h"
#include "collector/snapshot_protocol.h"
#include "collector/snapshot_socket.h"

enum { PATIENCE_MS = 20000, NOBODY = 65534 };

static struct snapshot *snapshot_of(uint64_t tick)
{
  const struct tick_clock now = {.mono_ns = tick, .wall_ms = (int64_t)tick};
  struct snapshot_builder *b = snapshot_builder_new(now, tick, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_TARGETS, 3), 0);
  for (int i = 0; i < 3; i++) { /* of root, of NOBODY, of nobody knows whom */
    snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_TARGET_KEY)[i] = 7 + i;
    snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_UID)[i] = i == 1   ? NOBODY
                                                                 : i == 0 ? 0
                                                                          : VALUE_UNKNOWN;
    snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[i] =
        snapshot_builder_text(b, "shop:7");
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

/* --- a server in a loop of its own; the test is the client --- */

/* A feed that answers one question and nothing else. */
static void ask_feed(struct feed *feed, int64_t target_key, int64_t actor,
                     enum feed_question question, feed_answer_fn *answer, void *context)
{
  char text[64];

  (void)feed;
  (void)snprintf(text, sizeof(text), "%lld/%lld/%d", (long long)target_key, (long long)actor,
                 (int)question);
  answer(context, actor == 99 ? -ENOENT : 0, actor == 99 ? "no such actor" : text);
}
static const struct feed_ops ask_ops = {.ask = ask_feed};
static struct feed the_feed = {.ops = &ask_ops};

struct server {
  char folder[64], path[96];
  pthread_t thread;
  uv_loop_t loop;
  uv_async_t wake;
  uv_mutex_t lock; /* guards show and stop */
  struct snapshot *show;
  bool stop;
  struct snapshot_socket *socket;
  gid_t group;
};

static void on_wake(uv_async_t *async)
{
  struct server *s = async->data;
  struct snapshot *show;
  bool stop;

  uv_mutex_lock(&s->lock);
  show = s->show;
  s->show = NULL;
  stop = s->stop;
  uv_mutex_unlock(&s->lock);
  if (show)
    snapshot_socket_show(s->socket, show);
  snapshot_unref(show);
  if (stop) {
    snapshot_socket_close(s->socket);
    uv_close((uv_handle_t *)async, NULL);
  }
}

static void *server_run(void *argument)
{
  struct server *s = argument;

  (void)uv_run(&s->loop, UV_RUN_DEFAULT);
  return NULL;
}

static void server_start(struct server *s, gid_t group)
{
  struct snapshot_socket_setup setup = {.path = s->path, .group = group, .feed = &the_feed};

  memset(s, 0, sizeof(*s));
  strcpy(s->folder, "/tmp/impasse-socket-XXXXXX");
  assert_non_null(mkdtemp(s->folder));
  (void)snprintf(s->path, sizeof(s->path), "%s/deep/snapshot.sock", s->folder);
  assert_int_equal(uv_loop_init(&s->loop), 0);
  assert_int_equal(uv_mutex_init(&s->lock), 0);
  assert_int_equal(uv_async_init(&s->loop, &s->wake, on_wake), 0);
  s->wake.data = s;
  assert_int_equal(snapshot_socket_open(&s->loop, &setup, &s->socket), 0);
  assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_show(struct server *s, uint64_t tick)
{
  uv_mutex_lock(&s->lock);
  snapshot_unref(s->show);
  s->show = snapshot_of(tick);
  uv_mutex_unlock(&s->lock);
  (void)uv_async_send(&s->wake);
}

static void server_stop(struct server *s)
{
  char deep[96];

  uv_mutex_lock(&s->lock);
  s->stop = true;
  uv_mutex_unlock(&s->lock);
  (void)uv_async_send(&s->wake);
  assert_int_equal(pthread_join(s->thread, NULL), 0);
  assert_int_equal(uv_loop_close(&s->loop), 0);
  uv_mutex_destroy(&s->lock);
  (void)snprintf(deep, sizeof(deep), "%s/deep", s->folder);
  assert_int_equal(rmdir(deep), 0); /* the socket's file is gone */
  assert_int_equal(rmdir(s->folder), 0);
}

static void the_newest_snapshot_is_handed_over(void **state)
{
  struct server server;
  struct snapshot_client client;
  struct snapshot *got = NULL;
  struct stat stat_of;

  (void)state;
  server_start(&server, (gid_t)-1);
  assert_int_equal(stat(server.path, &stat_of), 0);
  assert_int_equal(stat_of.st_mode & 0777, 0660);
  assert_int_equal(snapshot_client_open(&client, server.path), 0);
  server_show(&server, 5);
  assert_int_equal(snapshot_client_newest(&client, 0, PATIENCE_MS, -1, &got), 0);
  assert_int_equal(snapshot_about(got).tick, 5);
  assert_string_equal(snapshot_text(got, RELATION_TARGETS, TARGETS_TARGET, 0), "shop:7");
  snapshot_unref(got);
  /* Once more the same, then the next: the question waits for it. */
  assert_int_equal(snapshot_client_newest(&client, 4, PATIENCE_MS, -1, &got), 0);
  snapshot_unref(got);
  server_show(&server, 6);
  assert_int_equal(snapshot_client_newest(&client, 5, PATIENCE_MS, -1, &got), 0);
  assert_int_equal(snapshot_about(got).tick, 6);
  snapshot_unref(got);
  snapshot_client_close(&client);
  server_stop(&server);
}

static void questions_about_actors_are_passed_on(void **state)
{
  struct server server;
  struct snapshot_client client;
  char *text = NULL;

  (void)state;
  server_start(&server, (gid_t)-1);
  assert_int_equal(snapshot_client_open(&client, server.path), 0);
  assert_int_equal(snapshot_client_ask(&client, 7, 12, FEED_STACK, PATIENCE_MS, -1, &text), 0);
  assert_string_equal(text, "7/12/2");
  free(text);
  assert_int_equal(snapshot_client_ask(&client, 7, 99, FEED_STACK, PATIENCE_MS, -1, &text),
                   -ENOENT);
  assert_string_equal(client.error, "no such actor");
  snapshot_client_close(&client);
  server_stop(&server);
}

static void a_second_recorder_is_told_and_a_dead_ones_socket_is_replaced(void **state)
{
  struct server server;
  struct snapshot_socket *second;
  uv_loop_t loop;
  struct snapshot_socket_setup setup = {.group = (gid_t)-1};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd;

  (void)state;
  server_start(&server, (gid_t)-1);
  assert_int_equal(uv_loop_init(&loop), 0);
  setup.path = server.path;
  assert_int_equal(snapshot_socket_open(&loop, &setup, &second), -EADDRINUSE);
  server_stop(&server);
  strcpy(address.sun_path, "/tmp/impasse-dead-XXXXXX");
  fd = mkstemp(address.sun_path);
  assert_true(fd >= 0);
  (void)close(fd);
  (void)unlink(address.sun_path);
  fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  (void)close(fd); /* its file stays behind, as after kill -9 */
  setup.path = address.sun_path;
  assert_int_equal(snapshot_socket_open(&loop, &setup, &second), 0);
  snapshot_socket_close(second);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

/* --- who may --- */

static void root_the_owner_and_the_group_may_see_and_only_the_first_two_may_ask(void **state)
{
  const gid_t groups[] = {5, 300};
  const struct snapshot_peer root = {.uid = 0}, owner = {.uid = 10}, other = {.uid = 11, .gid = 11},
                             first = {.uid = 11, .gid = 300},
                             member = {.uid = 11, .gid = 11, .groups = groups, .group_count = 2};

  (void)state;
  assert_true(snapshot_socket_may_see(&root, 10, (gid_t)-1));
  assert_true(snapshot_socket_may_see(&owner, 10, (gid_t)-1));
  assert_false(snapshot_socket_may_see(&other, 10, 300));
  assert_true(snapshot_socket_may_see(&first, 10, 300));
  assert_true(snapshot_socket_may_see(&member, 10, 300));
  assert_false(snapshot_socket_may_see(&member, 10, 301));
  assert_false(snapshot_socket_may_see(&member, 10, (gid_t)-1));
  assert_true(snapshot_socket_may_ask(&root, 10));
  assert_true(snapshot_socket_may_ask(&owner, 10));
  assert_false(snapshot_socket_may_ask(&member, 10));
}

/* As another user: 0 when the recorder refuses with a reason, else what went otherwise. */
static int stranger(const char *path, gid_t group, int wanted_newest, int wanted_ask)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct snapshot_client client = {.fd = -1};
  struct snapshot *got = NULL;
  char *text = NULL;
  int error;

  if (setgroups(group ? 1 : 0, &group) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
    return 1;
  strcpy(address.sun_path, path);
  client.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0); /* of root: it is believed */
  if (connect(client.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
    return 2;
  error = snapshot_client_newest(&client, 0, PATIENCE_MS, -1, &got);
  /* A server that refuses and closes may also be met as a reset by a client that was about to
   * send. */
  if (error != wanted_newest && !(wanted_newest == -EACCES && error == -ECONNRESET))
    return 3;
  for (int64_t target = 7; target <= 10 && error == 0; target++) { /* 8 is its own, 10 nobody's */
    int asked = snapshot_client_ask(&client, target, 12, FEED_STACK, PATIENCE_MS, -1, &text);

    if (asked != (target == 8 ? 0 : wanted_ask))
      return 4;
  }
  return error == 0 && strcmp(text, "8/12/2") != 0 ? 5 : 0;
}

static int run_stranger(const char *path, gid_t group, int wanted_newest, int wanted_ask)
{
  int status;
  pid_t child = fork();

  assert_true(child >= 0);
  if (child == 0)
    _exit(stranger(path, group, wanted_newest, wanted_ask));
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void
another_user_is_refused_and_a_member_of_the_group_sees_rows_and_asks_of_its_own(void **state)
{
  enum { GROUP = 54321 };
  struct server server;

  (void)state;
  if (geteuid() != 0) {
    print_message("skipped: becoming another user needs root\n");
    skip();
  }
  server_start(&server, GROUP);
  server_show(&server, 5);
  assert_int_equal(chmod(server.path, 0666), 0); /* so that the credentials decide, not the file */
  assert_int_equal(chmod(server.folder, 0755), 0);
  {
    char deep[96];

    (void)snprintf(deep, sizeof(deep), "%s/deep", server.folder);
    assert_int_equal(chmod(deep, 0755), 0);
  }
  assert_int_equal(run_stranger(server.path, 0, -EACCES, 0), 0);
  assert_int_equal(run_stranger(server.path, GROUP, 0, -EACCES), 0);
  server_stop(&server);
}

/* --- servers that lie: the test is the server, its peer half of a socketpair --- */

static int make_memfd(const void *bytes, size_t size, int seals)
{
  int fd = memfd_create("lie", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, size), size);
  if (seals)
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
  return fd;
}

static void send_with_descriptors(int socket_fd, const void *bytes, size_t size, const int *fds,
                                  size_t count)
{
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(4 * sizeof(int))];
  } control = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
  }
  assert_int_equal(sendmsg(socket_fd, &message, 0), size);
}

static struct snapshot_answer good_answer(size_t size)
{
  return (struct snapshot_answer){.magic = SNAPSHOT_PROTOCOL_MAGIC,
                                  .version = SNAPSHOT_PROTOCOL_VERSION,
                                  .type = SNAPSHOT_NEWEST,
                                  .size = size,
                                  .tick = 1};
}

/* Hands a client what the server "sent" beforehand. */
static int answer_to_client(const void *bytes, size_t size, const int *fds, size_t count)
{
  struct snapshot_client client = {.fd = -1};
  struct snapshot *got = NULL;
  int ends[2], error;

  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  send_with_descriptors(ends[1], bytes, size, fds, count);
  client.fd = ends[0];
  error = snapshot_client_newest(&client, 0, PATIENCE_MS, -1, &got);
  if (error == 0)
    snapshot_unref(got);
  snapshot_client_close(&client);
  (void)close(ends[1]);
  for (size_t i = 0; i < count; i++)
    (void)close(fds[i]);
  return error;
}

static void an_honest_answer_is_taken(void **state)
{
  struct snapshot *snapshot = snapshot_of(1);
  size_t size;
  const void *bytes = snapshot_bytes(snapshot, &size);
  struct snapshot_answer answer = good_answer(size);
  int fd = make_memfd(bytes, size, SNAPSHOT_PROTOCOL_SEALS);

  (void)state;
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), 0);
  snapshot_unref(snapshot);
}

static void garbage_is_refused(void **state)
{
  char noise[600];
  struct snapshot_answer answer = good_answer(100);

  (void)state;
  memset(noise, 0x5a, sizeof(noise));
  assert_int_equal(answer_to_client(noise, 3, NULL, 0), -EPROTO);
  assert_int_equal(answer_to_client(noise, sizeof(noise), NULL, 0), -EPROTO);
  assert_int_equal(answer_to_client(&answer, sizeof(answer), NULL, 0),
                   -EPROTO); /* success without a memfd */
  answer.type = SNAPSHOT_ASK;
  assert_int_equal(answer_to_client(&answer, sizeof(answer), NULL, 0), -EPROTO);
  answer = good_answer(0);
  answer.error = -EACCES;
  answer.text_bytes = 4000; /* more text than came */
  assert_int_equal(answer_to_client(&answer, sizeof(answer), NULL, 0), -EPROTO);
  answer.error = 5;
  answer.text_bytes = 0;
  assert_int_equal(answer_to_client(&answer, sizeof(answer), NULL, 0), -EPROTO);
}

static void an_unsealed_or_wrong_memfd_is_refused(void **state)
{
  struct snapshot *snapshot = snapshot_of(1);
  size_t size;
  const char *bytes = snapshot_bytes(snapshot, &size);
  struct snapshot_answer answer = good_answer(size);
  int fd = make_memfd(bytes, size, 0), two[2];

  (void)state;
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), -EPROTO);
  fd = make_memfd(bytes, size, F_SEAL_SHRINK | F_SEAL_GROW);
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), -EPROTO);
  fd = make_memfd(bytes, size - 8, SNAPSHOT_PROTOCOL_SEALS); /* smaller than it says */
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), -EPROTO);
  answer.size = UINT64_MAX;
  fd = make_memfd(bytes, size, SNAPSHOT_PROTOCOL_SEALS);
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), -EPROTO);
  answer = good_answer(size);
  two[0] = make_memfd(bytes, size, SNAPSHOT_PROTOCOL_SEALS);
  two[1] = make_memfd(bytes, size, SNAPSHOT_PROTOCOL_SEALS);
  assert_int_equal(answer_to_client(&answer, sizeof(answer), two, 2), -EPROTO);
  fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), -EPROTO);
  snapshot_unref(snapshot);
}

static void a_damaged_snapshot_is_refused(void **state)
{
  struct snapshot *snapshot = snapshot_of(1);
  size_t size;
  const char *bytes = snapshot_bytes(snapshot, &size);
  struct snapshot_answer answer = good_answer(size);
  char *copy = malloc(size);
  unsigned refused = 0;

  (void)state;
  assert_non_null(copy);
  for (size_t at = 0; at < 64 && at < size; at++) { /* magic, versions, sizes */
    int fd;

    memcpy(copy, bytes, size);
    copy[at] = (char)~copy[at];
    fd = make_memfd(copy, size, SNAPSHOT_PROTOCOL_SEALS);
    refused += answer_to_client(&answer, sizeof(answer), &fd, 1) < 0;
  }
  assert_true(refused >= 8); /* clocks and the tick may be anything */
  free(copy);
  snapshot_unref(snapshot);
}

static void another_version_is_told_apart(void **state)
{
  struct snapshot *snapshot = snapshot_of(1);
  size_t size;
  const void *bytes = snapshot_bytes(snapshot, &size);
  struct snapshot_answer answer = good_answer(size);
  int fd = make_memfd(bytes, size, SNAPSHOT_PROTOCOL_SEALS);

  (void)state;
  answer.version++;
  assert_int_equal(answer_to_client(&answer, sizeof(answer), &fd, 1), -EPROTONOSUPPORT);
  snapshot_unref(snapshot);
}

static void silence_and_an_end_are_no_snapshot(void **state)
{
  struct snapshot_client client = {.fd = -1};
  struct snapshot *got = NULL;
  int ends[2];

  (void)state;
  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  client.fd = ends[0];
  assert_int_equal(snapshot_client_newest(&client, 0, 1, -1, &got), -ETIMEDOUT);
  (void)close(ends[1]);
  assert_int_equal(snapshot_client_newest(&client, 0, PATIENCE_MS, -1, &got), -ECONNRESET);
  snapshot_client_close(&client);
  assert_int_equal(snapshot_client_open(&client, "/nowhere/snapshot.sock"), -ENOENT);
}

static void a_peer_that_talks_nonsense_is_dropped_and_others_are_served(void **state)
{
  struct server server;
  struct snapshot_client good, bad;
  struct snapshot *got = NULL;
  char byte;

  (void)state;
  server_start(&server, (gid_t)-1);
  server_show(&server, 5);
  assert_int_equal(snapshot_client_open(&bad, server.path), 0);
  assert_int_equal(snapshot_client_open(&good, server.path), 0);
  assert_int_equal(send(bad.fd, "nonsense", 8, 0), 8);
  assert_int_equal(recv(bad.fd, &byte, 1, 0), 0);
  assert_int_equal(snapshot_client_newest(&good, 0, PATIENCE_MS, -1, &got), 0);
  snapshot_unref(got);
  snapshot_client_close(&bad);
  snapshot_client_close(&good);
  server_stop(&server);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_newest_snapshot_is_handed_over),
      cmocka_unit_test(questions_about_actors_are_passed_on),
      cmocka_unit_test(a_second_recorder_is_told_and_a_dead_ones_socket_is_replaced),
      cmocka_unit_test(root_the_owner_and_the_group_may_see_and_only_the_first_two_may_ask),
      cmocka_unit_test(
          another_user_is_refused_and_a_member_of_the_group_sees_rows_and_asks_of_its_own),
      cmocka_unit_test(an_honest_answer_is_taken),
      cmocka_unit_test(garbage_is_refused),
      cmocka_unit_test(an_unsealed_or_wrong_memfd_is_refused),
      cmocka_unit_test(a_damaged_snapshot_is_refused),
      cmocka_unit_test(another_version_is_told_apart),
      cmocka_unit_test(silence_and_an_end_are_no_snapshot),
      cmocka_unit_test(a_peer_that_talks_nonsense_is_dropped_and_others_are_served),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
