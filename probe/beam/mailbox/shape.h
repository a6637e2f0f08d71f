/*
 * shape.h - messages folded by shape: what tells one kind of message from another stays, what
 * varies becomes `_`, so that a hundred thousand messages are a few lines.
 *
 *    {'$gen_call',{<0.9.0>,[alias|#Ref<...>]},{get,17}}   ->  {'$gen_call',_,{get,_}}
 *    {event,#{id => 1,kind => a}}                         ->  {event,#{id => _,kind => _}}
 *
 * Kept: an atom that is the whole message, the first element of a tuple, the request in an envelope
 * of gen_server and its kin, a key of a small map or the name of an Elixir struct; the size of tuples,
 * the length of lists by class. Everything below DEPTH levels is `_`.
 *
 * Not here: where the messages come from (mailbox.h). One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_SHAPE_H
#define IMPASSE_PROBE_BEAM_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "probe/beam/mailbox/print.h"

enum { SHAPE_BYTES = 160, SHAPE_EXAMPLE_BYTES = 240, SHAPES_MOST = 512 };

struct shape {
  char text[SHAPE_BYTES];
  char example[SHAPE_EXAMPLE_BYTES]; /* the first message of it, as print_term gives it */
  uint64_t count;
  uint64_t first; /* position of the first in the mailbox, from 1 */
};

struct shapes;

struct shapes *shapes_new(void); /* NULL without memory */
void shapes_free(struct shapes *shapes);

/* Counts one message. Beyond SHAPES_MOST different shapes it counts as `other`. */
void shapes_add(struct shapes *shapes, const struct print *print, uint64_t message,
                uint64_t position);

/* The shapes, most frequent first. Ends the counting: nothing is added any more. */
const struct shape *shapes_sorted(struct shapes *shapes, size_t *ret_count);
uint64_t shapes_other(const struct shapes *shapes);

/* The shape of one message. */
void shape_of(const struct print *print, uint64_t message, struct print_text *text);

/* A synchronous request to a server of OTP: {Envelope, {Pid, Tag}, Request} with a reference (or
 * [alias|reference]) as the tag, or {io_request, Pid, _, Request}. */
struct shape_request {
  uint64_t from;    /* pid of this node, or a boxed one of another */
  uint64_t request; /* term */
};

/* 0, or -ENOENT: it is none. */
int shape_request(const struct print *print, uint64_t message, struct shape_request *ret_request);

#endif
