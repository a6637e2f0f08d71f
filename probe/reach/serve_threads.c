/*
 * serve_threads.c - the broker as a process: its beginning, a thread for each connection, its end with the client. A
 * target that holds up whoever reads it holds up the thread of its connection and nobody else; so many threads of one
 * process, and no more.
 *
 * Not here: what is answered (serve.c).
 */
#include "probe/reach/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/reach/guard.h"

enum {
  STACK_BYTES = 256 * 1024, /* libbpf loads programs on it */
  CONNECTIONS_MOST = 8192,
  CONNECTIONS_OF_A_PROCESS_MOST = 64,
};

struct connection {
  int fd;
  broker_call_fn *call;
  pid_t pid; /* of the open target; 0: none */
  struct connection *next;
};

/* All connections: the process is their owner. */
static struct {
  pthread_mutex_t lock;
  struct connection *first;
  size_t count;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool enter(struct connection *connection)
{
  (void)pthread_mutex_lock(&all.lock);
  bool room = all.count < CONNECTIONS_MOST;
  if (room) {
    connection->next = all.first;
    all.first = connection;
    all.count++;
  }
  (void)pthread_mutex_unlock(&all.lock);
  return room;
}

static void leave(struct connection *connection)
{
  (void)pthread_mutex_lock(&all.lock);
  struct connection **place = &all.first;
  while (*place != connection)
    place = &(*place)->next;
  *place = connection->next;
  all.count--;
  (void)pthread_mutex_unlock(&all.lock);
}

/* Writes down which process a connection is about to open; false where there are too many of it. */
static bool claim_process(struct connection *connection, uint64_t pid)
{
  size_t count = 0;
  (void)pthread_mutex_lock(&all.lock);
  for (const struct connection *c = all.first; c && pid != 0; c = c->next)
    count += c != connection && (uint64_t)c->pid == pid;
  bool room = pid <= INT_MAX && count < CONNECTIONS_OF_A_PROCESS_MOST;
  connection->pid = room ? (pid_t)pid : 0;
  (void)pthread_mutex_unlock(&all.lock);
  return room;
}

static uint64_t thread_ns(void)
{
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail for this clock */
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int answer(struct connection *connection, struct serve_session *session,
                  const struct wire_request *request, const char *bytes, const int *fds,
                  uint64_t *told_ns)
{
  struct serve_reply reply = {0};
  int error = 0;
  if (request->op == WIRE_OPEN || request->op == WIRE_CLOSE)
    error =
        claim_process(connection, request->op == WIRE_OPEN ? request->numbers[0] : 0) ? 0 : -EBUSY;
  if (!error)
    error = serve_request(session, request, bytes, fds, &reply);
  uint64_t now = thread_ns();
  const struct wire_reply header = {.error = error,
                                    .bytes = (uint32_t)reply.length,
                                    .fds = (uint32_t)reply.fd_count,
                                    .number = reply.number,
                                    .cpu_ns = now - *told_ns};
  *told_ns = now;
  int sent = wire_send(connection->fd, &header, sizeof header, reply.bytes, reply.length, reply.fds,
                       reply.fd_count, 0);
  wire_close_fds(reply.fds, reply.fd_count);
  free(reply.bytes);
  return sent;
}

/* False: the connection is over, or cannot be understood any more. */
static bool serve_one(struct connection *connection, struct serve_session *session,
                      uint64_t *told_ns)
{
  struct wire_request request;
  int fds[WIRE_FDS_MOST];
  size_t fd_count = 0;
  if (wire_receive(connection->fd, &request, sizeof request, fds, &fd_count, 0) != 0)
    return false;
  char *bytes = request.bytes <= WIRE_REQUEST_BYTES && request.fds == fd_count
                    ? malloc((size_t)request.bytes + 1)
                    : NULL;
  bool fine = bytes && wire_receive(connection->fd, bytes, request.bytes, NULL, NULL, 0) == 0;
  if (fine) {
    bytes[request.bytes] = '\0';
    fine = answer(connection, session, &request, bytes, fds, told_ns) == 0;
  }
  wire_close_fds(fds, fd_count);
  free(bytes);
  return fine;
}

static void *serve_connection(void *argument)
{
  struct connection *connection = argument;
  struct serve_session *session = serve_session_new(connection->call);
  uint64_t told_ns = thread_ns();
  while (session && serve_one(connection, session, &told_ns))
    ;
  serve_session_free(session);
  leave(connection);
  (void)close(connection->fd); /* nothing is under way */
  free(connection);
  return NULL;
}

/* Takes the descriptor over; without a thread it is closed, which the client sees. */
static void start_connection(const pthread_attr_t *attributes, int fd, broker_call_fn *call)
{
  struct connection *connection = malloc(sizeof *connection);
  pthread_t thread;
  if (connection)
    *connection = (struct connection){.fd = fd, .call = call};
  if (connection && enter(connection)) {
    if (pthread_create(&thread, attributes, serve_connection, connection) == 0)
      return;
    leave(connection);
  }
  free(connection);
  (void)close(fd); /* never used */
}

/* --- the process --- */

/* Ends with ^C of its client, not with its own: what the client reads last is still to be answered. */
static void ignore_terminal(void)
{
  static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};
  sigset_t none;
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    (void)signal(signals[i], SIG_IGN);
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard error stays where a sanitizer may have something to say. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TO_NULL = 2 };
#else
enum { TO_NULL = 3 };
#endif

/* Of the client's descriptors none but the control socket is wanted: a pipe that stays open here would not end there.
 * Returns the socket. */
static int close_inherited(int control)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return -errno;
  int high = fcntl(control, F_DUPFD_CLOEXEC, 3);
  if (high < 0)
    return -errno;
  for (int fd = 0; fd < TO_NULL; fd++)
    if (dup2(null, fd) < 0)
      return -errno;
  if (dup2(high, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
    return -errno;
  if (syscall(SYS_close_range, 4U, ~0U, 0) != 0) /* Linux 5.9; before it they stay open */
    (void)0;
  return 3;
}

static int settle(pid_t parent, uint64_t capabilities)
{
  (void)prctl(PR_SET_NAME, "impasse-broker");
  ignore_terminal();
  int error = guard_keep_capabilities(capabilities);
  if (!error)
    error = guard_broker();
  if (!error && prctl(PR_SET_DUMPABLE, 0) != 0)
    error = -errno;
  if (!error && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    error = -errno;
  return !error && getppid() != parent ? -ESRCH : error;
}

noreturn void serve(int control, pid_t parent, uint64_t capabilities, broker_call_fn *call)
{
  pthread_attr_t attributes;
  control = close_inherited(control);
  if (control < 0 || settle(parent, capabilities) != 0 || pthread_attr_init(&attributes) != 0)
    _exit(1); /* layers: allowed: a process of its own */
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES); /* else larger ones */
  (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (wire_send(control, "r", 1, NULL, 0, NULL, 0, 0) != 0)
    _exit(1); /* layers: allowed */
  for (;;) {
    char hello;
    int fds[WIRE_FDS_MOST];
    size_t count = 0;
    if (wire_receive(control, &hello, 1, fds, &count, 0) != 0)
      _exit(0); /* layers: allowed: the client is gone, and threads may be held up by targets */
    if (count == 1)
      start_connection(&attributes, fds[0], call);
    else
      wire_close_fds(fds, count);
  }
}
