/*
 * snapshot.h - everything known at one tick, immutable once built, in one pointer-free block.
 *
 * The block (all offsets from its start, all columns aligned to 8 bytes, native byte order):
 *
 *    +--------------------------+ 0
 *    | struct snapshot_header   |  magic, versions, size, clocks, host, boot id,
 *    |                          |  for each relation: rows, offset of its columns
 *    +--------------------------+
 *    | targets: column 0, 1 ... |  INT int64_t, REAL double, ENUM uint8_t,
 *    | actors:  column 0, 1 ... |  TEXT uint32_t (offset in the text pool)
 *    | ...                      |
 *    +--------------------------+ text_offset
 *    | text pool                |  NUL-terminated strings; offset 0 is "unknown"
 *    +--------------------------+ size
 *
 * Because it holds no pointer it can be handed to another process as a sealed memfd and mapped
 * there as it is; what came that way is foreign and passes snapshot_validate() first. Rows are
 * sorted by the key columns.
 *
 * Threads: a finished snapshot is read-only and reference-counted with atomics; any thread may hold
 * it.
 */
#ifndef IMPASSE_MODEL_SNAPSHOT_H
#define IMPASSE_MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/dictionary.h"

struct snapshot;
struct snapshot_builder;

/* The two clocks at one instant, given from outside: the model never reads a clock. */
struct tick_clock {
  uint64_t mono_ns; /* CLOCK_MONOTONIC */
  int64_t wall_ms;  /* Unix time in milliseconds */
};

/* What holds for the whole snapshot. */
struct snapshot_about {
  struct tick_clock now; /* of its making: the END of the interval that its rates speak of */
  uint64_t tick;         /* counts up by one */
  const char *host;      /* lives as long as the snapshot */
  const char *boot_id;   /* /proc/sys/kernel/random/boot_id */
};

struct snapshot_about snapshot_about(const struct snapshot *snapshot);

uint32_t snapshot_rows(const struct snapshot *snapshot, enum relation relation);

/* One value. The row must be below snapshot_rows() and the column of that type (both asserted). */
int64_t snapshot_int(const struct snapshot *s, enum relation relation, unsigned column,
                     uint32_t row);
double snapshot_real(const struct snapshot *s, enum relation relation, unsigned column,
                     uint32_t row);
uint8_t snapshot_enum(const struct snapshot *s, enum relation relation, unsigned column,
                      uint32_t row);
/* NULL where unknown; valid while the snapshot is held. Untrusted bytes. */
const char *snapshot_text(const struct snapshot *s, enum relation relation, unsigned column,
                          uint32_t row);

/* One value of any type; ENUM comes as its number with the word beside it. */
struct value {
  enum column_type type;
  bool known;
  int64_t integer; /* INT, ENUM */
  double real;
  const char *text; /* TEXT, ENUM: the word */
};
struct value snapshot_value(const struct snapshot *s, enum relation relation, unsigned column,
                            uint32_t row);

/* Whole columns, for loops over many rows. */
const int64_t *snapshot_ints(const struct snapshot *s, enum relation relation, unsigned column);
const double *snapshot_reals(const struct snapshot *s, enum relation relation, unsigned column);
const uint8_t *snapshot_enums(const struct snapshot *s, enum relation relation, unsigned column);

/* Row numbers by key, by binary search; -ENOENT where there is none. */
int snapshot_find_target(const struct snapshot *s, int64_t target_key, uint32_t *ret_row);
int snapshot_find_actor(const struct snapshot *s, int64_t target_key, int64_t actor,
                        uint32_t *ret_row);
/* The first row of a relation whose target_key is at least the given one, and the rows that are of
 * it. */
void snapshot_range_of_target(const struct snapshot *s, enum relation relation, int64_t target_key,
                              uint32_t *ret_first, uint32_t *ret_count);

struct snapshot *snapshot_ref(const struct snapshot *snapshot);
void snapshot_unref(const struct snapshot *snapshot); /* NULL is fine; the last one frees */

/* The block itself, to write it somewhere. */
const void *snapshot_bytes(const struct snapshot *snapshot, size_t *ret_size);

/* Takes over a foreign block. On success the snapshot owns it and ends it with `release(block,
 * size)` (free, munmap). Every offset, length, text reference, enum and the order of the keys is
 * checked first: -EINVAL where one is wrong, -EPROTONOSUPPORT where the layout or dictionary
 * version is another; then the block still belongs to the caller. */
int snapshot_adopt(void *block, size_t size, void (*release)(void *block, size_t size),
                   struct snapshot **ret_snapshot);

/* --- building: one thread, relations in any order, each once --- */

struct snapshot_builder *snapshot_builder_new(struct tick_clock now, uint64_t tick,
                                              const char *host, const char *boot_id);
void snapshot_builder_free(struct snapshot_builder *builder);

/* Makes room for `rows` rows of a relation, every value unknown. The columns stay where they are
 * until finish. */
int snapshot_builder_relation(struct snapshot_builder *builder, enum relation relation,
                              uint32_t rows);
/* Fewer rows than asked for were filled in. */
void snapshot_builder_trim(struct snapshot_builder *builder, enum relation relation, uint32_t rows);

int64_t *snapshot_builder_ints(struct snapshot_builder *builder, enum relation relation,
                               unsigned column);
double *snapshot_builder_reals(struct snapshot_builder *builder, enum relation relation,
                               unsigned column);
uint32_t *snapshot_builder_texts(struct snapshot_builder *builder, enum relation relation,
                                 unsigned column);
uint8_t *snapshot_builder_enums(struct snapshot_builder *builder, enum relation relation,
                                unsigned column);

/* A reference to put into a TEXT column; NULL text gives 0 (unknown). _text copies each time,
 * _intern keeps one copy of equal strings (slower; for words that repeat). Without memory the
 * builder is marked and finish fails. */
uint32_t snapshot_builder_text(struct snapshot_builder *builder, const char *text);
uint32_t snapshot_builder_intern(struct snapshot_builder *builder, const char *text);

/* Copies a whole pool of NUL-terminated strings; a string at offset n > 0 of it has the reference
 * returned + n. 0 without memory. */
uint32_t snapshot_builder_pool(struct snapshot_builder *builder, const char *strings, size_t bytes);

/* The snapshot as far as it is built, for the detectors that run before it is finished. It lives as
 * long as the builder, shows the relations that have been made so far (others have no rows), and
 * must not be referenced. */
const struct snapshot *snapshot_builder_view(struct snapshot_builder *builder);

/* Ends building: the builder is freed in any case. -ENOMEM where memory ran out on the way.
 * Relations that were never made have no rows. Rows must be in the order of the keys by now
 * (asserted in debug builds). */
int snapshot_builder_finish(struct snapshot_builder *builder, struct snapshot **ret_snapshot);

#endif
