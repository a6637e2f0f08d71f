/*
 * waitgraph.h - the wait-for graph of an instant: who can never run again, and why.
 *
 * Nodes are numbers. A node has alternatives (wait groups); a group needs all or any of its
 * holders.
 *
 *    free(node)  = no group  or  any group free
 *    free(group) = ANY:  open, or some holder free
 *                  ALL:  every listed holder free   (open or not: who is not listed frees nobody)
 *    stuck group = not open and without a holder: never free, and reported apart
 *
 * The reduction frees nodes until nothing changes (a fixpoint, linear in groups + holders: each
 * group counts the holders it still needs, as in the AND-OR deadlock models of Knapp, ACM Computing
 * Surveys 19(4), 1987). What remains cannot run: its strongly connected components (Tarjan, SIAM J.
 * Comput. 1(2), 1972; iterative here) with an edge inside are cores, the rest are victims. It is
 * reduced twice: with timed waits free, then with timed waits blocking; cores that only the second
 * leaves are `timed`.
 *
 * A stuck group with a timeout is free: the timeout ends it.
 *
 * Each of the two is done with fresh waits free before it is done with all. So a core that stood
 * before goes on being told as it is; whoever joins it by a fresh wait is its victim until the wait
 * is not fresh any more, and only then a member. Without this a circle that grows with every read
 * would never be sure.
 *
 * `behind` counts over all waits, whether they can end or not. It is exact: components (of the
 * whole graph) with one way out form trees, whose sums are exact; where several ways meet again,
 * the components that are not of such trees are walked, for at most WAITGRAPH_WALK_STEPS steps a
 * graph; beyond that it is unknown.
 *
 * Pure; no I/O, no clock. One thread.
 */
#ifndef IMPASSE_MODEL_WAITGRAPH_H
#define IMPASSE_MODEL_WAITGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/dictionary.h"

#define WAITGRAPH_NO_CORE UINT32_MAX
#define WAITGRAPH_BEHIND_UNKNOWN UINT32_MAX
#define WAITGRAPH_WALK_STEPS 500000u

struct waitgraph_group {
  uint32_t node;         /* the waiter; groups are sorted by it */
  uint32_t holder_first; /* holders[holder_first .. +holder_count] are node numbers */
  uint32_t holder_count;
  uint8_t needs; /* enum wait_needs */
  bool open;
  bool timed; /* a timeout will, or for all we know may, end it */
  bool fresh; /* one read saw it: it need not have held at one time with the others */
};

struct waitgraph {
  /* in */
  uint32_t node_count;
  uint32_t group_count;
  const struct waitgraph_group *groups;
  const uint32_t *holders;
  /* out: arrays of node_count */
  uint8_t *verdict; /* enum wait_verdict */
  uint32_t *core;   /* core number of a member (deadlock or timed), else WAITGRAPH_NO_CORE */
  uint32_t *behind; /* other nodes that wait for it transitively, or WAITGRAPH_BEHIND_UNKNOWN */
  /* out: cores, in order of their smallest node; the numbers in core[] index them */
  uint32_t core_count;
  struct waitgraph_core {
    uint32_t member_first; /* members[member_first .. +member_count], ascending node numbers */
    uint32_t member_count;
    /* nodes outside that wait for it transitively and cannot run either, or
     * WAITGRAPH_BEHIND_UNKNOWN */
    uint32_t victim_count;
    bool timed;
  } * cores;
  uint32_t *members;
  /* out: the nodes that are not free, what holds a node up before it, members of a core side by
   * side */
  uint32_t *order;
  uint32_t order_count;
};

/* Fills the out fields. 0, or -ENOMEM, or -EINVAL when an index is out of range. */
int waitgraph_reduce(struct waitgraph *graph);

/* One shortest simple cycle through the core's smallest member: writes at most `room` node numbers
 * in the order waiter -> holder and returns how long the cycle is (which may be more than room);
 * 0 without memory. */
uint32_t waitgraph_cycle(const struct waitgraph *graph, uint32_t core, uint32_t *ret_nodes,
                         uint32_t room);

/* Frees what waitgraph_reduce allocated; the struct and the inputs belong to the caller. */
void waitgraph_done(struct waitgraph *graph);

#endif
