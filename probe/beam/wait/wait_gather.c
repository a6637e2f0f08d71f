/* wait_gather.c - see wait_gather.h. */
#include "probe/beam/wait/wait_gather.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
  FEW = 32,        /* pieces that are not worth the sorting */
  GAP_MOST = 2048, /* bytes that are faster to copy than to leave out */
  PIECE_MOST = 4096,
  SPAN_MOST = 65536,
  SPANS = 256,     /* read with one call */
  DIGIT_BITS = 11, /* of the sort: 2^11 buckets a pass */
  DIGITS = 1 << DIGIT_BITS,
  ADDRESS_BITS = 47, /* of a process on x86-64 */
};

struct place {
  uint64_t address;
  uint32_t index;
};

/* Neighbouring places[first .. end) that are read in one piece. */
struct span {
  size_t first, end;
  uint64_t address, length;
};

struct gather {
  const struct beam_memory *memory;
  struct reach_piece *pieces;
  struct place *places, *scratch;
  size_t count;
  uint8_t *bytes; /* SPANS * their lengths, at most SPAN_MOST in all */
};

/* One pass of a radix sort, from places to scratch. */
static void sort_pass(struct gather *gather, unsigned shift)
{
  uint32_t start[DIGITS + 1] = {0};
  for (size_t i = 0; i < gather->count; i++)
    start[(gather->places[i].address >> shift & (DIGITS - 1)) + 1]++;
  for (size_t i = 0; i < DIGITS; i++)
    start[i + 1] += start[i];
  for (size_t i = 0; i < gather->count; i++)
    gather->scratch[start[gather->places[i].address >> shift & (DIGITS - 1)]++] = gather->places[i];
  struct place *old = gather->places;
  gather->places = gather->scratch;
  gather->scratch = old;
}

static void sort(struct gather *gather)
{
  uint64_t differ = 0;
  bool sorted = true;
  for (size_t i = 1; i < gather->count; i++) {
    differ |= gather->places[i].address ^ gather->places[0].address;
    sorted &= gather->places[i - 1].address <= gather->places[i].address;
  }
  for (unsigned shift = 0; !sorted && shift < ADDRESS_BITS; shift += DIGIT_BITS)
    if (differ >> shift & (DIGITS - 1))
      sort_pass(gather, shift);
}

/* Addresses that no process has, and pieces that no caller has, stay unread. */
static void take_places(struct gather *gather, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    gather->pieces[i].read = false;
    if (gather->pieces[i].address >> ADDRESS_BITS == 0 && gather->pieces[i].length <= PIECE_MOST &&
        gather->pieces[i].length > 0)
      gather->places[gather->count++] = (struct place){gather->pieces[i].address, (uint32_t)i};
  }
}

static struct span next_span(const struct gather *gather, size_t first)
{
  const struct place *places = gather->places;
  struct span span = {first, first + 1, places[first].address,
                      gather->pieces[places[first].index].length};
  for (; span.end < gather->count; span.end++) {
    uint64_t at = places[span.end].address - span.address;
    uint64_t length = gather->pieces[places[span.end].index].length;
    if (at > span.length + GAP_MOST || at + length > SPAN_MOST / 2)
      break;
    if (at + length > span.length)
      span.length = at + length;
  }
  return span;
}

/* The pieces of a span, out of its bytes; each by itself where they are not all there. */
static int deliver(struct gather *gather, const struct span *span, const struct reach_piece *read)
{
  int error = 0;
  for (size_t i = span->first; i < span->end && !error; i++) {
    struct reach_piece *piece = &gather->pieces[gather->places[i].index];
    if (read->read) {
      memcpy(piece->bytes, (char *)read->bytes + (piece->address - span->address), piece->length);
      piece->read = true;
    } else {
      error = beam_memory_pieces(gather->memory, piece, 1);
    }
  }
  return error;
}

/* As many spans as fit, from the place `first` on; returns the place behind them, or -errno. */
static ssize_t read_spans(struct gather *gather, size_t first)
{
  struct span spans[SPANS];
  struct reach_piece reads[SPANS];
  size_t count = 0, used = 0;
  for (; count < SPANS && first < gather->count; count++) {
    struct span span = next_span(gather, first);
    if (used + span.length > SPAN_MOST)
      break;
    reads[count] = (struct reach_piece){span.address, gather->bytes + used, span.length, false};
    spans[count] = span;
    used += span.length;
    first = span.end;
  }
  int error = beam_memory_pieces(gather->memory, reads, count);
  for (size_t i = 0; !error && i < count; i++)
    error = deliver(gather, &spans[i], &reads[i]);
  return error ? error : (ssize_t)first;
}

int beam_wait_gather(const struct beam_memory *memory, struct reach_piece *pieces, size_t count)
{
  if (count < FEW)
    return beam_memory_pieces(memory, pieces, count);
  struct gather gather = {.memory = memory,
                          .pieces = pieces,
                          .places = malloc(count * sizeof *gather.places),
                          .scratch = malloc(count * sizeof *gather.scratch),
                          .bytes = malloc(SPAN_MOST)};
  ssize_t at = gather.places && gather.scratch && gather.bytes ? 0 : -ENOMEM;
  if (at == 0) {
    take_places(&gather, count);
    sort(&gather);
  }
  while (at >= 0 && (size_t)at < gather.count)
    at = read_spans(&gather, (size_t)at);
  free(gather.places);
  free(gather.scratch);
  free(gather.bytes);
  return at < 0 ? (int)at : 0;
}
