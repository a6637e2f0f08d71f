/* snapshot_socket.c - see snapshot_socket.h. */
#include "collector/snapshot_socket.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/paths.h"
#include "collector/snapshot_protocol.h"

enum { PEERS_MAX = 64, GROUPS_MAX = 256, BACKLOG = 16 };

struct peer {
  struct peer *next;
  struct snapshot_socket *socket; /* NULL: closed, an answer is still on its way */
  uv_poll_t poll;
  int fd;
  uid_t uid;
  bool may_ask; /* about everything; else about its own processes */
  bool waits;   /* for a tick above after_tick */
  uint64_t after_tick;
  bool asked; /* a question is with the feed */
};

struct snapshot_socket {
  uv_loop_t *loop;
  uv_poll_t poll;
  int fd;
  char path[PATHS_ROOM];
  gid_t group;
  struct feed *feed;
  struct peer *peers;
  size_t peer_count;
  struct snapshot *newest;
  int memfd; /* the newest, sealed; -1 until somebody asks */
  uint64_t memfd_size;
};

/* --- who may --- */

bool snapshot_socket_may_ask(const struct snapshot_peer *peer, uid_t owner)
{
  return peer->uid == 0 || peer->uid == owner;
}

bool snapshot_socket_may_see(const struct snapshot_peer *peer, uid_t owner, gid_t group)
{
  if (snapshot_socket_may_ask(peer, owner))
    return true;
  if (group == (gid_t)-1)
    return false;
  if (peer->gid == group)
    return true;
  for (size_t i = 0; i < peer->group_count; i++)
    if (peer->groups[i] == group)
      return true;
  return false;
}

/* The uid of the target, as it is in the newest snapshot, is that of the peer. */
static bool is_owner_of(const struct peer *peer, int64_t target_key)
{
  const struct snapshot *newest = peer->socket->newest;
  uint32_t row;

  return newest && snapshot_find_target(newest, target_key, &row) == 0 &&
         snapshot_int(newest, RELATION_TARGETS, TARGETS_UID, row) == (int64_t)peer->uid;
}

static int read_peer(int fd, gid_t groups[GROUPS_MAX], struct snapshot_peer *ret_peer)
{
  struct ucred credentials;
  socklen_t length = sizeof(credentials), groups_length = GROUPS_MAX * sizeof(gid_t);

  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
    return -errno;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_length) < 0)
    groups_length = 0; /* more than there is room for, or an old kernel: the first group counts */
  *ret_peer = (struct snapshot_peer){.uid = credentials.uid,
                                     .gid = credentials.gid,
                                     .groups = groups,
                                     .group_count = groups_length / sizeof(gid_t)};
  return 0;
}

/* --- answers --- */

/* A peer that does not take its answer at once loses it: it asked for one at a time, so its buffer
 * is empty. */
static void send_error(int fd, uint16_t type, int error, const char *text)
{
  struct snapshot_answer head = {.magic = SNAPSHOT_PROTOCOL_MAGIC,
                                 .version = SNAPSHOT_PROTOCOL_VERSION,
                                 .type = type,
                                 .error = error,
                                 .text_bytes = (uint32_t)strnlen(text, SNAPSHOT_ERROR_BYTES)};
  struct iovec parts[] = {{.iov_base = &head, .iov_len = sizeof(head)},
                          {.iov_base = (char *)text, .iov_len = head.text_bytes}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

  (void)sendmsg(fd, &message,
                MSG_NOSIGNAL | MSG_DONTWAIT); /* the peer may be gone: poll will say so */
}

static void send_memfd(int fd, uint16_t type, int memfd, uint64_t size, uint64_t tick)
{
  struct snapshot_answer head = {.magic = SNAPSHOT_PROTOCOL_MAGIC,
                                 .version = SNAPSHOT_PROTOCOL_VERSION,
                                 .type = type,
                                 .size = size,
                                 .tick = tick};
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {.iov_base = &head, .iov_len = sizeof(head)};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};

  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.head), &memfd, sizeof(int));
  (void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* as above */
}

static int write_all(int fd, const void *bytes, size_t size)
{
  const char *from = bytes;

  while (size > 0) {
    ssize_t written = write(fd, from, size);

    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return written < 0 ? -errno : -EIO;
    from += written;
    size -= (size_t)written;
  }
  return 0;
}

static int make_sealed(const char *name, const void *bytes, size_t size, int *ret_fd)
{
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int error;

  if (fd < 0)
    return -errno;
  error = write_all(fd, bytes, size);
  if (error == 0 && fcntl(fd, F_ADD_SEALS, SNAPSHOT_PROTOCOL_SEALS) < 0)
    error = -errno;
  if (error < 0)
    (void)close(fd);
  else
    *ret_fd = fd;
  return error;
}

static void forget_memfd(struct snapshot_socket *s)
{
  if (s->memfd >= 0)
    (void)close(s->memfd);
  s->memfd = -1;
}

static void answer_newest(struct snapshot_socket *s, struct peer *peer)
{
  uint64_t tick = snapshot_about(s->newest).tick;
  size_t size;
  const void *bytes = snapshot_bytes(s->newest, &size);
  int error = s->memfd < 0 ? make_sealed("impasse-snapshot", bytes, size, &s->memfd) : 0;

  peer->waits = false;
  if (error < 0)
    send_error(peer->fd, SNAPSHOT_NEWEST, error, strerror(-error));
  else
    send_memfd(peer->fd, SNAPSHOT_NEWEST, s->memfd, size, tick);
}

/* --- peers --- */

static void on_peer_closed(uv_handle_t *handle)
{
  struct peer *peer = handle->data;

  (void)close(peer->fd);
  peer->fd = -1;
  if (!peer->asked)
    free(peer); /* else the answer frees it */
}

static void drop_peer(struct peer *peer)
{
  struct snapshot_socket *s = peer->socket;

  for (struct peer **at = &s->peers; *at; at = &(*at)->next) {
    if (*at == peer) {
      *at = peer->next;
      s->peer_count--;
      break;
    }
  }
  peer->socket = NULL;
  uv_close((uv_handle_t *)&peer->poll, on_peer_closed);
}

static void on_answer(void *context, int error, const char *text)
{
  struct peer *peer = context;
  size_t size = text ? strlen(text) : 0;
  int fd;

  peer->asked = false;
  if (!peer->socket) { /* it went meanwhile */
    if (peer->fd < 0)
      free(peer);
    return;
  }
  if (error == 0 && size > 0)
    error = make_sealed("impasse-answer", text, size, &fd);
  else if (error == 0)
    error = -ENODATA;
  if (error < 0) {
    send_error(peer->fd, SNAPSHOT_ASK, error, text ? text : strerror(-error));
    return;
  }
  send_memfd(peer->fd, SNAPSHOT_ASK, fd, size, 0);
  (void)close(fd);
}

static void take_ask(struct peer *peer, const struct snapshot_question *question)
{
  struct feed *feed = peer->socket->feed;

  if (!peer->may_ask && !is_owner_of(peer, question->target_key)) {
    send_error(peer->fd, SNAPSHOT_ASK, -EACCES,
               "questions like this are for root, the owner of the process and the user who runs "
               "the recorder; use sudo");
  } else if (!feed || peer->asked || question->question > FEED_LOCKS) {
    send_error(peer->fd, SNAPSHOT_ASK, -EINVAL, "not a question that can be answered here");
  } else {
    peer->asked = true;
    feed->ops->ask(feed, question->target_key, question->actor,
                   (enum feed_question)question->question, on_answer, peer);
  }
}

static void take_question(struct peer *peer, const struct snapshot_question *question)
{
  struct snapshot_socket *s = peer->socket;

  if (question->version != SNAPSHOT_PROTOCOL_VERSION) {
    send_error(peer->fd, question->type, -EPROTONOSUPPORT,
               "the recorder is another version of impasse");
  } else if (question->type == SNAPSHOT_ASK) {
    take_ask(peer, question);
  } else if (question->type == SNAPSHOT_NEWEST) {
    peer->waits = true;
    peer->after_tick = question->after_tick;
    if (s->newest && snapshot_about(s->newest).tick > question->after_tick)
      answer_newest(s, peer);
  } else {
    send_error(peer->fd, question->type, -EINVAL, "no such question");
  }
}

static void on_peer(uv_poll_t *poll, int status, int events)
{
  struct peer *peer = poll->data;
  struct snapshot_question question;
  ssize_t got;

  (void)events;
  got = status < 0 ? 0 : recv(peer->fd, &question, sizeof(question), MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got != (ssize_t)sizeof(question) || question.magic != SNAPSHOT_PROTOCOL_MAGIC)
    drop_peer(peer); /* gone, or no impasse */
  else
    take_question(peer, &question);
}

static void add_peer(struct snapshot_socket *s, int fd, uid_t uid, bool may_ask)
{
  struct peer *peer = calloc(1, sizeof(*peer));

  if (!peer || uv_poll_init(s->loop, &peer->poll, fd) < 0) {
    (void)close(fd);
    free(peer);
    return;
  }
  peer->socket = s;
  peer->fd = fd;
  peer->uid = uid;
  peer->may_ask = may_ask;
  peer->poll.data = peer;
  peer->next = s->peers;
  s->peers = peer;
  s->peer_count++;
  if (uv_poll_start(&peer->poll, UV_READABLE | UV_DISCONNECT, on_peer) < 0)
    drop_peer(peer);
}

/* A new connection: refused with a word where it may not see anything. */
static void on_connection(uv_poll_t *poll, int status, int events)
{
  struct snapshot_socket *s = poll->data;
  gid_t groups[GROUPS_MAX];
  struct snapshot_peer who;
  int fd;

  (void)events;
  if (status < 0)
    return;
  fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return; /* it went again, or descriptors are short: the next one tries anew */
  if (read_peer(fd, groups, &who) < 0 || !snapshot_socket_may_see(&who, geteuid(), s->group)) {
    send_error(fd, SNAPSHOT_NEWEST, -EACCES,
               "the recorder answers root, its own user and the group impasse; join that group");
    (void)close(fd);
  } else if (s->peer_count >= PEERS_MAX) {
    send_error(fd, SNAPSHOT_NEWEST, -EBUSY, "the recorder has too many connections");
    (void)close(fd);
  } else {
    add_peer(s, fd, who.uid, snapshot_socket_may_ask(&who, geteuid()));
  }
}

/* --- life --- */

void snapshot_socket_show(struct snapshot_socket *s, const struct snapshot *snapshot)
{
  uint64_t tick = snapshot_about(snapshot).tick;

  snapshot_unref(s->newest);
  s->newest = snapshot_ref(snapshot);
  forget_memfd(s);
  for (struct peer *peer = s->peers; peer; peer = peer->next)
    if (peer->waits && tick > peer->after_tick)
      answer_newest(s, peer);
}

/* Is somebody there? A file that refuses connections was left behind by a recorder that died. */
static bool is_answered(const struct sockaddr_un *address)
{
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  bool answered;

  if (fd < 0)
    return false;
  answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
  (void)close(fd);
  return answered;
}

static int make_folder_of(const char *path)
{
  char folder[PATHS_ROOM];
  char *slash;

  strncpy(folder, path, sizeof(folder) - 1);
  folder[sizeof(folder) - 1] = '\0';
  slash = strrchr(folder, '/');
  if (!slash || slash == folder)
    return 0;
  *slash = '\0';
  return paths_make_folder(folder);
}

/* The group may pass the folder and connect; nobody else. Without the right to give files away it
 * stays our own. */
static void open_to_group(const struct snapshot_socket *s)
{
  char folder[PATHS_ROOM];

  if (s->group == (gid_t)-1)
    return;
  (void)!lchown(s->path, (uid_t)-1, s->group); /* where it fails only root and we can connect */
  strcpy(folder, s->path);
  *strrchr(folder, '/') = '\0';
  if (strcmp(folder, "/run/impasse") == 0) /* a folder that is the user's own stays as it is */
    (void)!lchown(folder, (uid_t)-1, s->group);
}

static int listen_at(struct snapshot_socket *s)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  mode_t mask;
  int error;

  if (strlen(s->path) >= sizeof(address.sun_path))
    return -ENAMETOOLONG;
  strcpy(address.sun_path, s->path);
  error = make_folder_of(s->path);
  if (error < 0)
    return error;
  if (is_answered(&address))
    return -EADDRINUSE;
  if (unlink(s->path) < 0 && errno != ENOENT)
    return -errno;
  s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s->fd < 0)
    return -errno;
  mask = umask(0117); /* the socket is made 0660, with no instant at which it is more */
  error = bind(s->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
  (void)umask(mask);
  if (error == 0 && listen(s->fd, BACKLOG) < 0)
    error = -errno;
  if (error == 0)
    open_to_group(s);
  return error;
}

int snapshot_socket_open(uv_loop_t *loop, const struct snapshot_socket_setup *setup,
                         struct snapshot_socket **ret_socket)
{
  struct snapshot_socket *s;
  int error;

  if (strlen(setup->path) >= PATHS_ROOM)
    return -ENAMETOOLONG;
  s = calloc(1, sizeof(*s));
  if (!s)
    return -ENOMEM;
  s->loop = loop;
  s->fd = s->memfd = -1;
  s->group = setup->group;
  s->feed = setup->feed;
  strcpy(s->path, setup->path);
  error = listen_at(s);
  if (error == 0)
    error = uv_poll_init(loop, &s->poll, s->fd);
  if (error < 0) {
    if (s->fd >= 0)
      (void)close(s->fd);
    free(s);
    return error;
  }
  s->poll.data = s;
  (void)uv_poll_start(&s->poll, UV_READABLE, on_connection); /* fails only on a closing handle */
  *ret_socket = s;
  return 0;
}

static void on_socket_closed(uv_handle_t *handle)
{
  struct snapshot_socket *s = handle->data;

  (void)close(s->fd);
  free(s);
}

void snapshot_socket_close(struct snapshot_socket *s)
{
  if (!s)
    return;
  (void)unlink(s->path); /* a later recorder replaces it anyway */
  while (s->peers)
    drop_peer(s->peers);
  forget_memfd(s);
  snapshot_unref(s->newest);
  s->newest = NULL;
  uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}
