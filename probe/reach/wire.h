/*
 * wire.h - what client and broker say to each other, over a stream socket that one thread on each side uses. Inside this
 * folder only.
 *
 *    request   struct wire_request, with its descriptors | bytes
 *    reply     struct wire_reply, with its descriptors   | bytes
 *
 * Both sides run the same program, so layouts need no version; lengths and numbers are checked all the same.
 */
#ifndef IMPASSE_PROBE_REACH_WIRE_H
#define IMPASSE_PROBE_REACH_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Name, and what numbers[], bytes and descriptors of the request are -> of the reply. */
enum wire_op {
  WIRE_OPEN,          /* pid -> start ticks; pidfd. What was open before is closed */
  WIRE_CLOSE,         /* -> */
  WIRE_FILE,          /* most, name -> bytes */
  WIRE_LINK,          /* name -> text */
  WIRE_OPENAT,        /* flags, name -> descriptor */
  WIRE_INSIDE,        /* path -> descriptor */
  WIRE_MEMFD,         /* address, inode -> descriptor */
  WIRE_FDS,           /* most -> struct reach_fd[] */
  WIRE_ENDING,        /* -> status */
  WIRE_MQUEUE,        /* descriptor's number -> struct reach_mqueue */
  WIRE_READ,          /* address, length -> bytes */
  WIRE_PIECES,        /* struct wire_piece[] -> a byte each, whether it was read; those that were */
  WIRE_THREADS_OPEN,  /* -> handle */
  WIRE_THREADS_CLOSE, /* handle -> */
  WIRE_THREADS_READ,  /* handle, all of them?, pid_t[] -> struct reach_thread[] */
  WIRE_PIDS,          /* -> pid_t[] */
  WIRE_CALL,          /* bytes, descriptors -> the same */
  WIRE_OPS
};

enum {
  WIRE_FDS_MOST = 16,
  WIRE_REQUEST_BYTES = 1 << 20,
  WIRE_REPLY_BYTES = 1 << 26,
  WIRE_TEXT_BYTES = 4096,
  WIRE_READ_BYTES = 1 << 20, /* in one reply; the client asks again */
  WIRE_PIECES_MOST = 256,
};

struct wire_request {
  uint32_t op;
  uint32_t bytes;
  uint32_t fds;
  uint32_t unused;
  uint64_t numbers[2];
};
static_assert(sizeof(struct wire_request) == 32, "no padding");

struct wire_reply {
  int32_t error; /* 0 or -errno; bytes may come with some errors, too */
  uint32_t bytes;
  uint32_t fds;
  uint32_t unused;
  uint64_t number;
  uint64_t cpu_ns; /* that the serving thread has spent since its last reply */
};
static_assert(sizeof(struct wire_reply) == 32, "no padding");

struct wire_piece {
  uint64_t address, length;
};

/* `deadline_ns` of CLOCK_MONOTONIC, 0: none. 0 or -errno: -ETIMEDOUT, -ECONNRESET where the other side has gone. */
int wire_send(int fd, const void *header, size_t header_bytes, const void *bytes, size_t length,
              const int *fds, size_t fd_count, uint64_t deadline_ns);
/* Exactly `length` bytes, and the descriptors that came with the first of them (room for WIRE_FDS_MOST; NULL:
 * none is wanted). */
int wire_receive(int fd, void *ret_bytes, size_t length, int *ret_fds, size_t *ret_fd_count,
                 uint64_t deadline_ns);
void wire_close_fds(const int *fds, size_t count);

/* Now, of CLOCK_MONOTONIC. */
uint64_t wire_now_ns(void);

#endif
