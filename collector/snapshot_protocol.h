/*
 * snapshot_protocol.h - what goes over the socket of a running recorder: SOCK_SEQPACKET, native
 * byte order (both ends are on one machine), one message a question and one an answer, as many
 * questions a connection as one likes.
 *
 *    question  struct snapshot_question                      40 bytes
 *    answer    struct snapshot_answer [+ text of the error]  32 bytes
 *
 * With an answer that is no error comes exactly one descriptor: a memfd sealed
 * SHRINK|GROW|WRITE|SEAL that holds the snapshot (snapshot.h) or the text of the answer.
 */
#ifndef IMPASSE_COLLECTOR_SNAPSHOT_PROTOCOL_H
#define IMPASSE_COLLECTOR_SNAPSHOT_PROTOCOL_H

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>

#define SNAPSHOT_PROTOCOL_MAGIC UINT32_C(0x31504d49) /* "IMP1" */
#define SNAPSHOT_PROTOCOL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
enum { SNAPSHOT_PROTOCOL_VERSION = 1, SNAPSHOT_ERROR_BYTES = 512 };

enum snapshot_question_type {
  SNAPSHOT_NEWEST = 1, /* answered as soon as there is a snapshot whose tick is above after_tick */
  SNAPSHOT_ASK = 2,    /* feed.ask; who may: snapshot_socket.h */
};

struct snapshot_question {
  uint32_t magic;
  uint16_t version;
  uint16_t type;
  uint64_t after_tick; /* 0: any */
  int64_t target_key;  /* SNAPSHOT_ASK */
  int64_t actor;
  uint32_t question; /* enum feed_question */
  uint32_t reserved; /* 0 */
};
static_assert(sizeof(struct snapshot_question) == 40, "layout of the protocol");

struct snapshot_answer {
  uint32_t magic;
  uint16_t version;
  uint16_t type;       /* that of the question */
  int32_t error;       /* 0 or -errno */
  uint32_t text_bytes; /* of the error's text behind this, without NUL */
  uint64_t size;       /* of the memfd */
  uint64_t tick;       /* SNAPSHOT_NEWEST */
};
static_assert(sizeof(struct snapshot_answer) == 32, "layout of the protocol");

#endif
