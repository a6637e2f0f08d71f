/*
 * broker_fuzz.c - requests of any shape, answered by the broker's own code, about this very process: whatever is asked,
 * nothing is given but what may be, and every answer keeps to its bounds.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "probe/reach/reach.h"
#include "probe/reach/serve.h"

enum { REQUESTS_MOST = 16 };

/* A program that loads something: gives back what it was given. */
static int echo(const struct broker_message *request, struct broker_message *ret_reply)
{
  *ret_reply = *request;
  for (size_t i = 0; i < request->fd_count; i++)
    ret_reply->fds[i] = fcntl(request->fds[i], F_DUPFD_CLOEXEC, 0);
  return request->length % 2 ? -EINVAL : 0;
}

/* Of a name that was answered: a file of the process itself, and not by way of a link in it. */
static void check_name(const char *name)
{
  FUZZ_CHECK(name[0] != '/' && name[0] != '\0');
  FUZZ_CHECK(!strstr(name, "..") && !strstr(name, "root/") && !strstr(name, "cwd/"));
  FUZZ_CHECK(!strstr(name, "self"));
}

static void check_reply(const struct wire_request *request, const char *bytes,
                        const struct serve_reply *reply, int error)
{
  FUZZ_CHECK(error <= 0);
  FUZZ_CHECK(reply->length <= WIRE_REPLY_BYTES && reply->fd_count <= WIRE_FDS_MOST);
  FUZZ_CHECK(reply->length == 0 || reply->bytes);
  if (request->op >= WIRE_OPS)
    FUZZ_CHECK(error == -EINVAL);
  if (error)
    return;
  if (request->op == WIRE_FILE || request->op == WIRE_LINK || request->op == WIRE_OPENAT)
    check_name(bytes);
  if (request->op == WIRE_OPENAT || request->op == WIRE_INSIDE)
    FUZZ_CHECK(reply->fd_count == 1 && (fcntl(reply->fds[0], F_GETFL) & O_ACCMODE) == O_RDONLY);
  if (request->op == WIRE_FILE)
    FUZZ_CHECK(reply->length <= request->numbers[0]);
  if (request->op == WIRE_READ)
    FUZZ_CHECK(reply->length <= request->numbers[1]);
  if (request->op == WIRE_THREADS_READ)
    FUZZ_CHECK(reply->length % sizeof(struct reach_thread) == 0);
}

/* One request from the input; returns how many bytes it took. */
static size_t ask(struct serve_session *session, const uint8_t *input, size_t size)
{
  struct wire_request request;
  struct serve_reply reply;
  int fds[WIRE_FDS_MOST] = {0};
  memcpy(&request, input, sizeof request);
  size_t left = size - sizeof request;
  request.op %= WIRE_OPS + 2;
  if (request.bytes > left)
    request.bytes = (uint32_t)left; /* the rest would not have come */
  if (request.fds > WIRE_FDS_MOST)
    request.fds = WIRE_FDS_MOST;
  if (request.op == WIRE_OPEN && request.numbers[0] % 4)
    request.numbers[0] = (uint64_t)getpid(); /* of all processes only our own is to be disturbed */
  char *bytes = malloc((size_t)request.bytes + 1);
  FUZZ_CHECK(bytes);
  memcpy(bytes, input + sizeof request, request.bytes);
  bytes[request.bytes] = '\0';
  int error = serve_request(session, &request, bytes, fds, &reply);
  check_reply(&request, bytes, &reply, error);
  wire_close_fds(reply.fds, reply.fd_count);
  free(reply.bytes);
  free(bytes);
  return sizeof request + request.bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct serve_session *session = serve_session_new(echo);
  FUZZ_CHECK(session);
  for (int i = 0; i < REQUESTS_MOST && size >= sizeof(struct wire_request); i++) {
    size_t taken = ask(session, bytes, size);
    bytes += taken;
    size -= taken;
  }
  serve_session_free(session);
  return 0;
}

/* --- seeds: a target is opened, then one question of each kind --- */

struct seed {
  uint32_t op;
  uint64_t numbers[2];
  const char *text;
};

static const struct seed seeds[] = {
    {WIRE_FILE, {4096, 0}, "stat"},
    {WIRE_FILE, {10, 0}, "task/1/status"},
    {WIRE_FILE, {4096, 0}, "root/etc/passwd"},
    {WIRE_FILE, {4096, 0}, "../1/stat"},
    {WIRE_LINK, {0, 0}, "exe"},
    {WIRE_LINK, {0, 0}, "fd/0"},
    {WIRE_OPENAT, {0, 0}, "exe"},
    {WIRE_OPENAT, {O_DIRECTORY, 0}, "task"},
    {WIRE_OPENAT, {O_RDWR, 0}, "mem"},
    {WIRE_INSIDE, {0, 0}, "/bin/sh"},
    {WIRE_INSIDE, {0, 0}, "/etc/passwd"},
    {WIRE_MEMFD, {4096, 1}, ""},
    {WIRE_FDS, {100, 0}, ""},
    {WIRE_ENDING, {0, 0}, ""},
    {WIRE_READ, {4096, 64}, ""},
    {WIRE_PIECES, {0, 0}, "0123456789abcdef0123456789abcdef"},
    {WIRE_THREADS_OPEN, {0, 0}, ""},
    {WIRE_THREADS_READ, {0, 1}, ""},
    {WIRE_THREADS_READ, {0, 0}, "12345678"},
    {WIRE_THREADS_CLOSE, {0, 0}, ""},
    {WIRE_CLOSE, {0, 0}, ""},
    {WIRE_CALL, {0, 0}, "bytes"},
};

static size_t put(const struct seed *seed, uint8_t *ret_bytes, size_t room)
{
  size_t length = strlen(seed->text);
  const struct wire_request request = {
      .op = seed->op, .bytes = (uint32_t)length, .numbers = {seed->numbers[0], seed->numbers[1]}};
  if (room < sizeof request + length)
    return 0;
  memcpy(ret_bytes, &request, sizeof request);
  memcpy(ret_bytes + sizeof request, seed->text, length);
  return sizeof request + length;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  static const struct seed opened = {WIRE_OPEN, {1, 0}, ""},
                           threads = {WIRE_THREADS_OPEN, {0, 0}, ""};
  if (number >= sizeof seeds / sizeof seeds[0])
    return 0;
  size_t used = put(&opened, ret_bytes, room);
  used += put(&threads, ret_bytes + used, room - used);
  return used + put(&seeds[number], ret_bytes + used, room - used);
}
