/*
 * region.h - the shared memory through which a hooked program is seen: its layout, who may write
 * what, and what a reader must check. Shared by the library (impasse*), its reader (source.c,
 * reader*) and tests. C11 and C++17.
 * Not here: the calls of the program (impasse.h), what the data means to the model (source.c).
 *
 * A region is one memfd called "impasse", sealed SHRINK|GROW|SEAL, mapped shared by its owner. When
 * one is full the owner adds another of the same shape; `chain` counts them and `first_slot` =
 * chain * IMPASSE_SLOTS.
 *
 *    file (about 37 MiB, sparse: what was never used costs no memory)
 *    +---------------------+ 0
 *    | impasse_header      | identity, arrays[], state, heartbeat, losses            1 x 4096
 *    +---------------------+ arrays[IMPASSE_ARRAY_SHARDS].offset
 *    | impasse_shard       | how far each eighth of the slots is used                8 x 192
 *    +---------------------+ arrays[IMPASSE_ARRAY_CLASSES].offset
 *    | impasse_class_entry | names of name classes (chain 0 only)                 4096 x 64
 *    +---------------------+ arrays[IMPASSE_ARRAY_HOT].offset
 *    | lines               | 9 arrays of one line a slot, and a spare line   9 x 65537 x 64
 *    |   HOT               |   impasse_hot: what its runner changes: state, tid, taken, open waits
 *    |   COLD              |   impasse_cold: what it is: name, parent, pool, owner
 *    |   BOX               |   impasse_box: what its producers change: put, dropped
 *    |                     |     of a table: impasse_table_line
 *    |   WAIT0             |   impasse_wait_line: its outermost open wait
 *    |                     |     of a table: impasse_table_sums
 *    |   WAIT1 .. WAIT3    |   impasse_wait_line: three more, nested or concurrent
 *    |   HELD              |   references of the tables that it holds
 *    |   TEXT              |   its name, when that is a text
 *    +---------------------+ arrays[IMPASSE_ARRAY_CELLS].offset
 *    | impasse_cell        | closed slots, oldest first; the library's own       65536 x 16
 *    +---------------------+ file_bytes
 *
 * A slot is line number i of all nine arrays together. Everything the program opens takes one:
 * actor, queue, pool, service, promise, further mailbox, table, list. Its number is first_slot + i.
 * Line k of a slot lies k * IMPASSE_ARRAY_STRIDE behind its hot line (65537 lines: the spare one
 * keeps a slot's lines in different cache sets).
 *
 * Cost: an actor takes 192 bytes (HOT, COLD, BOX), 256 once it has waited, 320 once it has held a
 * table; a text name takes 64 more, nesting waits 64 a level. So 1,000,000 calling actors: 256 MB.
 *
 * Reference (uint64_t): slot number << 32 | generation, 56 bits; 0 = nobody known. The top byte is
 * a tag of the place where it stands (call number of the wait, mode of the hold). Generations are
 * odd while the slot is open and even while it is closed; each opening and each closing adds one. A
 * reference whose generation is not the slot's own is to somebody who is gone.
 *
 * Who may write what, everything with single aligned atomic stores or read-modify-writes:
 *    field                            writer                       order
 *    header but for the last part     starting thread              before state = LIVE (release)
 *    header.state, heartbeat, losses  any thread, slow path        relaxed
 *    hot.generation, box.generation   opening or closing thread    release, after all else of it
 *    hot.run                          whoever schedules the actor  release; one word
 *    hot.taken                        consumer (queue: any)        release
 *    hot.wait_mask, wait lines        runner of the actor          sequence odd, stores (release),
 *                                                                  sequence even
 *    wait.holders[0]                  also call_forward, any       compare-and-swap; tag = its call
 *    held lines, hot.held_mask        runner of the actor          as wait lines
 *    box counters, table, table_sums  any thread                   read-modify-write
 *    cold.owner of a promise          any thread                   release
 *    references of a service, a list  any thread                   compare-and-swap with 0
 *    shards, cells                    any thread                   read-modify-write; turn: release
 * A reader never writes.
 *
 * What a reader must do:
 *    1. accept only a memfd with the seals SHRINK, GROW and SEAL, whose st_blksize is the page
 *       size, st_size equals IMPASSE_FILE_BYTES, and whose header says magic, layout, header_bytes,
 *       file_bytes, first_slot and arrays[] exactly as this file defines them
 *       (impasse_header_check);
 *    2. believe it only for the process whose pid (innermost namespace) and start_ticks the header
 *       names: after a fork the child still maps its parent's regions until it calls the library;
 *    3. read state with acquire; only LIVE and CLOSED regions hold data; chains of one process are
 *       0..n-1 without gap;
 *    4. bound shard.fresh_count by IMPASSE_SHARD_SLOTS and read no slot behind it (reading a hole
 *       allocates it);
 *    5. copy each line by impasse_line_copy, then read hot.generation again: not odd or not the
 *       same = skip the slot;
 *    6. for waits and holds: read hot.sequence, then hot, wait and held lines, then hot.sequence
 *       again; odd or changed = try again a few times, then report the slot as torn. Odd in a dead
 *       process = it died in mid-update;
 *    7. read hot.taken and box.dropped_oldest before box.put, and the lines of the owner of several
 *       mailboxes likewise, so that depth = put - taken - dropped_oldest is never negative; and
 *       others_born and others_died of a shard before its other counters, for the same reason: what
 *       is just being opened or closed counts as an actor for that moment;
 *    8. bound every index, count, length and enum before its use; follow lists at most
 *       IMPASSE_LIST_CHAIN_MOST far.
 *
 * Telling ends apart: state CLOSED = orderly exit; LIVE and process dead = crash or kill; LIVE,
 * process alive, same start time, region no longer mapped = exec; mapped and header names another
 * pid = forked child that has not called the library yet; mapped and no descriptor = the program
 * closed it: read by process_vm_readv.
 */
#ifndef IMPASSE_REGION_H
#define IMPASSE_REGION_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#define IMPASSE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define IMPASSE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Of the memfd: /memfd:impasse (deleted) in maps. */
#define IMPASSE_REGION_NAME "impasse"
/* "IMPASSE0" in little-endian memory. */
#define IMPASSE_MAGIC UINT64_C(0x3045535341504d49)
#define IMPASSE_LAYOUT 1u

#define IMPASSE_HEADER_BYTES 4096u
#define IMPASSE_LINE_BYTES 64u

/* A region. */
#define IMPASSE_SLOTS 65536u
#define IMPASSE_SHARDS 8u
#define IMPASSE_SHARD_SLOTS (IMPASSE_SLOTS / IMPASSE_SHARDS)
/* Regions a process: slot numbers have 24 bits. */
#define IMPASSE_CHAIN_MOST 256u
/* Name classes, and the bytes of one and of a text name with the terminating NUL; what is longer is
 * cut and counted. */
#define IMPASSE_CLASSES 4096u
#define IMPASSE_CLASS_TEXT_BYTES 56u
#define IMPASSE_TEXT_BYTES 64u
/* Open waits an actor; further ones are counted and make its state unknown. */
#define IMPASSE_WAITS_MOST 4u
/* Held tables an actor; further ones count as unlisted holders of the table. */
#define IMPASSE_HELD_MOST 8u
/* Holders of a wait in its line; a list where there are more. */
#define IMPASSE_HOLDERS_INLINE 3u
/* References in one slot of kind list or service (lines WAIT0..HELD, 8 each), and the slots a
 * list may span. */
#define IMPASSE_LIST_REFS 40u
#define IMPASSE_LIST_CHAIN_MOST 64u

enum impasse_array {
  IMPASSE_ARRAY_SHARDS,
  IMPASSE_ARRAY_CLASSES,
  IMPASSE_ARRAY_HOT,
  IMPASSE_ARRAY_COLD,
  IMPASSE_ARRAY_BOX,
  IMPASSE_ARRAY_WAIT0,
  IMPASSE_ARRAY_WAIT1,
  IMPASSE_ARRAY_WAIT2,
  IMPASSE_ARRAY_WAIT3,
  IMPASSE_ARRAY_HELD,
  IMPASSE_ARRAY_TEXT,
  IMPASSE_ARRAY_CELLS,
  IMPASSE_ARRAY_COUNT
};

/* Offsets in the file; the header repeats them. */
#define IMPASSE_SHARDS_OFFSET IMPASSE_HEADER_BYTES
#define IMPASSE_CLASSES_OFFSET (IMPASSE_SHARDS_OFFSET + 4096u)
#define IMPASSE_HOT_OFFSET (IMPASSE_CLASSES_OFFSET + IMPASSE_CLASSES * IMPASSE_LINE_BYTES)
#define IMPASSE_ARRAY_STRIDE ((IMPASSE_SLOTS + 1u) * IMPASSE_LINE_BYTES)
#define IMPASSE_LINE_OFFSET(array)                                                                 \
  (IMPASSE_HOT_OFFSET + ((array)-IMPASSE_ARRAY_HOT) * IMPASSE_ARRAY_STRIDE)
#define IMPASSE_CELLS_OFFSET IMPASSE_LINE_OFFSET(IMPASSE_ARRAY_CELLS)
#define IMPASSE_FILE_BYTES ((IMPASSE_CELLS_OFFSET + IMPASSE_SLOTS * 16u + 65535u) & ~65535u)

enum impasse_region_state {
  IMPASSE_REGION_STARTING, /* being filled: nothing in it counts yet */
  IMPASSE_REGION_LIVE,
  IMPASSE_REGION_CLOSED /* the process exited in order, or called impasse_stop() */
};

/* What the library could not record; monotonic. */
enum impasse_loss {
  IMPASSE_LOSS_ACTORS,  /* openings of any kind without a slot: not to be seen at all */
  IMPASSE_LOSS_WAITS,   /* waits begun with IMPASSE_WAITS_MOST open */
  IMPASSE_LOSS_HOLDERS, /* beyond the list of a wait, which counts as open; of a service */
  IMPASSE_LOSS_HELD,    /* tables acquired with IMPASSE_HELD_MOST held */
  IMPASSE_LOSS_NAMES,   /* names cut */
  IMPASSE_LOSS_CLASSES, /* name classes without room: their names are unknown */
  IMPASSE_LOSS_GROWTH,  /* further regions that could not be made */
  IMPASSE_LOSS_COUNT
};

struct impasse_header {
  uint64_t magic;
  uint32_t layout;
  uint32_t header_bytes;
  uint64_t file_bytes;
  uint32_t pid;         /* of the owner, in its own pid namespace */
  uint32_t chain;       /* 0, 1, ... among the regions of the process */
  uint64_t start_ticks; /* field 22 of the owner's /proc/self/stat; 0 = it could not be read */
  /* When this region was made: CLOCK_MONOTONIC as the owner sees it (time namespaces shift it), and
   * CLOCK_REALTIME, which nothing shifts. */
  uint64_t opened_monotonic_ns;
  uint64_t opened_realtime_ns;
  uint32_t first_slot; /* number of its slot 0 */
  uint32_t slot_limit; /* slots of this region that may be used, at most IMPASSE_SLOTS */
  uint32_t array_count;
  uint32_t version; /* of the library: major << 16 | minor << 8 | patch */
  struct {
    uint64_t offset;
    uint32_t count;
    uint32_t item_bytes;
  } arrays[IMPASSE_ARRAY_COUNT];
  /* changes; only that of chain 0 counts, but for `state` */
  uint32_t state;        /* enum impasse_region_state */
  uint32_t region_count; /* regions of the chain so far */
  uint64_t heartbeat_ns; /* CLOCK_MONOTONIC of the last opening, closing or waiting, within 20 ms */
  uint64_t losses[IMPASSE_LOSS_COUNT];
  uint8_t reserved[3760];
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_header) == IMPASSE_HEADER_BYTES, "header is a page");

/* An eighth of a region's slots: those from IMPASSE_SHARD_SLOTS * its number on. Threads spread
 * over the shards. What the allocator counts anyway tells how many actors (kinds actor and queue)
 * were ever opened and closed, and only openings of other kinds, which are rarer, pay for a counter
 * of their own:
 *    actors born = fresh_count + head_count - others_born
 *    actors died = tail_count - others_died */
struct impasse_shard {
  uint32_t fresh_count; /* slots used so far, from the first on; bound it */
  uint32_t pad0[15];
  uint64_t head_count;  /* closed slots taken again from the ring of cells; monotonic */
  uint64_t others_born; /* slots opened as something else than an actor; after it was taken */
  uint64_t pad1[6];
  uint64_t tail_count;  /* closed slots put into the ring; monotonic */
  uint64_t others_died; /* slots closed as something else than an actor; after it was put */
  uint64_t pad2[6];
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_shard) == 192, "shard is three lines");

/* One cell of a shard's ring of closed slots (a bounded queue with a turn a cell: 2 * lap when
 * empty, 2 * lap + 1 when full). The library's own; readers do not look. */
struct impasse_cell {
  uint64_t closed_ns; /* CLOCK_MONOTONIC_COARSE */
  uint32_t turn;
  uint32_t index; /* in the region */
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_cell) == 16, "cell");

/* A name class: number c of a name stands in classes[c - 1] of chain 0. */
struct impasse_class_entry {
  uint32_t state; /* 0 free, 1 being written, 2 ready (release) */
  uint32_t length;
  char text[IMPASSE_CLASS_TEXT_BYTES]; /* NUL-terminated */
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_class_entry) == 64, "class is one line");

enum impasse_kind {
  IMPASSE_KIND_NONE,
  IMPASSE_KIND_ACTOR,
  IMPASSE_KIND_QUEUE,   /* a mailbox without an owner */
  IMPASSE_KIND_POOL,    /* cold.capacity = its threads; its box, where used, is its run queue */
  IMPASSE_KIND_SERVICE, /* answered by its members: lines WAIT0..HELD, cold.next goes on */
  IMPASSE_KIND_PROMISE, /* answered by cold.owner, 0 = not known yet */
  IMPASSE_KIND_MAILBOX, /* one more of the actor cold.owner: to be added to the owner's box */
  IMPASSE_KIND_TABLE,
  IMPASSE_KIND_LIST, /* more holders of a wait or members of a service; never shown */
  IMPASSE_KIND_COUNT
};

/* The low byte of hot.run. An actor is blocked when wait_mask is not 0 and either the state is
 * BLOCKED, or it is RUNNING and (uint32_t)hot.runs equals the `run` of its wait of highest rank (it
 * has not been run since it began to wait). waits_unseen not 0 means that it waits for something
 * unrecorded: state unknown. */
enum impasse_state {
  IMPASSE_RUNNING,  /* by the thread in the upper half of hot.run, 0 = a thread that is not known */
  IMPASSE_RUNNABLE, /* could run, has no thread */
  IMPASSE_RECEIVE,  /* waits for its next message */
  IMPASSE_BLOCKED,  /* put aside in an open wait, has no thread */
  IMPASSE_STATE_COUNT
};
#define IMPASSE_RUN(tid, state) ((uint64_t)(tid) << 32 | (uint64_t)(state))
#define IMPASSE_RUN_STATE(run) ((uint32_t)(run)&0xffu)
#define IMPASSE_RUN_TID(run) ((uint32_t)((run) >> 32)) /* in the owner's pid namespace */

struct impasse_hot {
  uint32_t generation;  /* odd = open */
  uint32_t sequence;    /* odd = its runner changes waits or holds */
  uint64_t run;         /* IMPASSE_RUN */
  uint64_t taken;       /* messages taken from its mailbox; monotonic */
  uint64_t runs;        /* times a worker took it up (run_begin); monotonic */
  uint64_t calls;       /* waits begun; last call number = calls << 2 | index of its wait line */
  int64_t memory_bytes; /* as the program says; INT64_MIN = it does not */
  uint32_t number;      /* of the slot; constant */
  uint32_t function;    /* name class of what it does now, 0 = not told */
  uint8_t kind;         /* enum impasse_kind; constant while open */
  uint8_t wait_mask;    /* bit i: wait line i is open */
  uint8_t waits_unseen; /* open waits without a line; 255 = that many or more, for ever */
  uint8_t held_mask;    /* bit i: held line entry i is set */
  uint32_t reserved;
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_hot) == 64, "hot is one line");

enum impasse_name_kind { IMPASSE_NAME_NONE, IMPASSE_NAME_NUMBERED, IMPASSE_NAME_TEXT };
enum impasse_name_flags {
  IMPASSE_NAME_REGISTERED = 1 << 0 /* unique in the program, passes from actor to actor */
};

struct impasse_cold {
  uint64_t parent;    /* reference or 0 */
  uint64_t pool;      /* reference or 0 */
  uint64_t owner;     /* MAILBOX: whose; PROMISE: fulfiller; else 0 */
  uint64_t next;      /* SERVICE, LIST: the list that goes on, or 0 */
  uint64_t number;    /* NUMBERED: behind the class: "worker 17"; UINT64_MAX: the class alone */
  uint32_t class_id;  /* NUMBERED: name class, 0 = unknown */
  uint8_t name_kind;  /* enum impasse_name_kind; TEXT: line TEXT holds it, NUL-terminated */
  uint8_t name_flags; /* enum impasse_name_flags */
  uint8_t table_kind; /* TABLE: enum impasse_table_kind */
  uint8_t reserved0;
  uint64_t opened_ns; /* CLOCK_MONOTONIC_COARSE */
  uint64_t capacity;  /* POOL: worker threads, 0 = not told */
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_cold) == 64, "cold is one line");

/* depth = put - taken - dropped_oldest; or the adopted counter where adopt_address is not 0. */
struct impasse_box {
  uint32_t generation; /* as hot.generation: producers need not touch the runner's line */
  uint8_t adopt_bytes; /* 1, 2, 4 or 8: width of the program's own depth counter */
  uint8_t adopt_signed;
  uint16_t reserved0;
  uint64_t put;            /* messages; monotonic */
  uint64_t dropped_newest; /* refused on arrival, not in `put` */
  uint64_t dropped_oldest; /* thrown out later, in `put` */
  uint64_t capacity;       /* messages; 0 = no limit known */
  uint64_t adopt_address;  /* in the target's memory: read by process_vm_readv */
  uint64_t reserved1[2];
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_box) == 64, "box is one line");

enum impasse_via {
  IMPASSE_VIA_CALL,    /* synchronous call */
  IMPASSE_VIA_LOCK,    /* table, for writing; or a lock without modes */
  IMPASSE_VIA_RDLOCK,  /* table, for reading */
  IMPASSE_VIA_JOIN,    /* end of an actor */
  IMPASSE_VIA_ROOM,    /* room in a full mailbox */
  IMPASSE_VIA_CHANNEL, /* channel or queue */
  IMPASSE_VIA_POOL,    /* a thread of a pool */
  IMPASSE_VIA_PROMISE,
  IMPASSE_VIA_OTHER,
  IMPASSE_VIA_COUNT
};

enum impasse_wait_flags {
  IMPASSE_WAIT_ANY = 1 << 0,        /* one holder is enough; else all are needed */
  IMPASSE_WAIT_OPEN = 1 << 1,       /* somebody or something that is not listed may end it too */
  IMPASSE_WAIT_EXCLUSIVE = 1 << 2,  /* nobody but the holders can end it */
  IMPASSE_WAIT_CONCURRENT = 1 << 3, /* beside the wait before it, not nested in it: same rank */
  IMPASSE_WAIT_FLAGS = (1 << 4) - 1
};

#define IMPASSE_TIMEOUT_NONE UINT64_C(0)
#define IMPASSE_TIMEOUT_UNKNOWN UINT64_MAX /* there is one, of unknown length */

/* One open wait. A holder that is a TABLE stands for the present holders of the table, a SERVICE
 * for its members, a PROMISE for its fulfiller, a MAILBOX for its owner; 0 is unknown: the wait
 * counts as open. */
struct impasse_wait_line {
  uint64_t call;         /* number, unique in a generation; low two bits: the line's own index */
  uint64_t since_ns;     /* CLOCK_MONOTONIC of the target */
  uint64_t timeout_ns;   /* or IMPASSE_TIMEOUT_NONE, IMPASSE_TIMEOUT_UNKNOWN */
  uint32_t object;       /* name class, 0 = not told */
  uint32_t run;          /* (uint32_t)hot.runs when it began */
  uint8_t via;           /* enum impasse_via */
  uint8_t flags;         /* enum impasse_wait_flags */
  uint8_t rank;          /* only waits of an actor's highest rank block it */
  uint8_t list;          /* 1: holders[2] refers to a LIST with the holders from the third on */
  uint32_t holder_count; /* in all; those of the list bounded by IMPASSE_LIST_REFS */
  uint64_t holders[IMPASSE_HOLDERS_INLINE]; /* [0] with the tag IMPASSE_CALL_TAG(call) */
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_wait_line) == 64, "wait is one line");

#define IMPASSE_CALL_NUMBER(calls, index) ((uint64_t)(calls) << 2 | (uint64_t)(index))
#define IMPASSE_CALL_TAG(call) (((uint64_t)(call) >> 2 & 0xff) << 56)

#define IMPASSE_REF(number, generation) ((uint64_t)(number) << 32 | (uint64_t)(generation))
#define IMPASSE_REF_MASK UINT64_C(0x00ffffffffffffff)
#define IMPASSE_REF_NUMBER(ref) ((uint32_t)((ref) >> 32) & 0xffffffu)
#define IMPASSE_REF_GENERATION(ref) ((uint32_t)(ref))

/* Tag of an entry of a held line: held for writing. */
#define IMPASSE_HELD_WRITE (UINT64_C(1) << 56)

enum impasse_table_kind { IMPASSE_TABLE, IMPASSE_MUTEX, IMPASSE_RWLOCK, IMPASSE_TABLE_KIND_COUNT };

/* A table stands in lines BOX and WAIT0. `waiting` and `holding` say in one word how many there are
 * now and since when there has been at least one: count in the low 20 bits, above it the clock in
 * units of 4096 ns since the region of the table was opened (header.opened_monotonic_ns). The clock
 * of `waiting` is CLOCK_MONOTONIC; that of `holding` is CLOCK_MONOTONIC_COARSE: the sum is right on
 * average, a single hold is not. */
struct impasse_table_line {
  uint32_t generation; /* as hot.generation */
  uint32_t unlisted;   /* holders that stand in no held line: more holders than can be named */
  uint64_t waiting;
  uint64_t holding;
  uint32_t read_waiters;
  uint32_t write_waiters;
  int64_t items; /* as the program says; INT64_MIN = it does not */
  int64_t bytes;
  uint64_t reserved[2];
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_table_line) == 64, "table is one line");

struct impasse_table_sums {
  uint64_t contended;    /* acquisitions that had to wait; monotonic */
  uint64_t waited_units; /* time with a waiter, without the present; units of 4096 ns */
  uint64_t held_units;   /* time with a holder, without the present; units of 4096 ns */
  uint64_t max_wait_ns;
  uint64_t reserved[4];
};
IMPASSE_STATIC_ASSERT(sizeof(struct impasse_table_sums) == 64, "sums are one line");

#define IMPASSE_EPISODE_UNIT_NS 4096u
#define IMPASSE_EPISODE_COUNT(word) ((uint32_t)((word)&0xfffffu))
#define IMPASSE_EPISODE_SINCE(word) ((word) >> 20) /* in units */

/* Line `array` of the slot whose hot line is given. */
static inline void *impasse_line(const struct impasse_hot *hot, enum impasse_array array)
{
  return (char *)(uintptr_t)hot + (size_t)(array - IMPASSE_ARRAY_HOT) * IMPASSE_ARRAY_STRIDE;
}

/* Copies one line word by word, each with acquire; `from` may change meanwhile. For readers. */
static inline void impasse_line_copy(const void *from, void *ret_line)
{
  const uint64_t *word = (const uint64_t *)from;
  for (unsigned i = 0; i < IMPASSE_LINE_BYTES / 8; i++) {
    uint64_t value = __atomic_load_n(&word[i], __ATOMIC_ACQUIRE);
    memcpy((char *)ret_line + 8 * (size_t)i, &value, sizeof value);
  }
}

/* Entry i < IMPASSE_LIST_REFS of the references in a slot of kind list or service. */
static inline uint64_t *impasse_list_ref(const struct impasse_hot *hot, unsigned i)
{
  unsigned array = (unsigned)IMPASSE_ARRAY_WAIT0 + i / 8;
  return (uint64_t *)impasse_line(hot, (enum impasse_array)array) + i % 8;
}

/* What arrays[array] of every header of this layout says. */
static inline void impasse_array_shape(unsigned array, uint64_t *ret_offset, uint32_t *ret_count,
                                       uint32_t *ret_item_bytes)
{
  *ret_offset = IMPASSE_LINE_OFFSET(array);
  *ret_count = IMPASSE_SLOTS;
  *ret_item_bytes = IMPASSE_LINE_BYTES;
  if (array == IMPASSE_ARRAY_SHARDS) {
    *ret_offset = IMPASSE_SHARDS_OFFSET;
    *ret_count = IMPASSE_SHARDS;
    *ret_item_bytes = sizeof(struct impasse_shard);
  } else if (array == IMPASSE_ARRAY_CLASSES) {
    *ret_offset = IMPASSE_CLASSES_OFFSET;
    *ret_count = IMPASSE_CLASSES;
  } else if (array == IMPASSE_ARRAY_CELLS) {
    *ret_item_bytes = sizeof(struct impasse_cell);
  }
}

/* NULL when the constant part of a header (a private copy of it) is that of this layout; else
 * what is wrong. */
static inline const char *impasse_header_check(const struct impasse_header *header)
{
  if (header->magic != IMPASSE_MAGIC)
    return "magic";
  if (header->layout != IMPASSE_LAYOUT)
    return "layout version";
  if (header->header_bytes != IMPASSE_HEADER_BYTES || header->file_bytes != IMPASSE_FILE_BYTES)
    return "size";
  if (header->chain >= IMPASSE_CHAIN_MOST || header->first_slot != header->chain * IMPASSE_SLOTS ||
      header->slot_limit > IMPASSE_SLOTS)
    return "slot numbers";
  if (header->array_count != IMPASSE_ARRAY_COUNT)
    return "number of arrays";
  for (unsigned i = 0; i < IMPASSE_ARRAY_COUNT; i++) {
    uint64_t offset;
    uint32_t count, item_bytes;
    impasse_array_shape(i, &offset, &count, &item_bytes);
    if (header->arrays[i].offset != offset || header->arrays[i].count != count ||
        header->arrays[i].item_bytes != item_bytes)
      return "arrays";
  }
  return NULL;
}

#ifdef __cplusplus
}
#endif
#endif
