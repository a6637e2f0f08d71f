/*
 * burst_key.h - what is counted of an Erlang term: its shape, made by burst.bpf.c in the kernel and
 * read by whoever prints it. Seen by both sides.
 *
 * A shape is made of slots. A slot says what one word is, without what would make each message
 * different:
 *
 *    ...001011    an atom: the term itself (so atoms are the only values that tell shapes apart)
 *    the low tag  of a pid 0x3, a port 0x7, a small integer 0xf, nil 0x3b, a list 0x1
 *    N << 8 | 2   a tuple of N elements
 *    K << 8 | 6   another box, K = the low six bits of its header
 *    0            could not be read, or is not there
 */
#ifndef IMPASSE_BPF_BURST_KEY_H
#define IMPASSE_BPF_BURST_KEY_H

#include <linux/types.h>

enum { BURST_ELEMENTS = 3, BURST_TUPLE = 2, BURST_BOX = 6, BURST_KIND_BITS = 8 };

struct burst_key {
  __u64 who;                     /* word of the sender's pid; 0 where nobody is told apart */
  __u64 top;                     /* slot of the term */
  __u64 element[BURST_ELEMENTS]; /* where top is a tuple: slots of its first elements */
  __u64 inner[BURST_ELEMENTS];   /* where element[i] is a tuple: slot of its first element */
};

struct burst_totals {
  __u64 hits;      /* of the probe */
  __u64 matched;   /* of them, those that were asked for */
  __u64 uncounted; /* of them, those that found no room */
  __u64 turns;     /* times that another sender than before was seen in a thread */
  __u64 first_ns;  /* when the first hit came */
  __u64 full_ns;   /* when `most_hits` was reached, 0 not yet */
};

#endif
