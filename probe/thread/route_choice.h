/*
 * route_choice.h - which route a target is read by: the kernel's iterator where it may be used, else /proc.
 * IMPASSE_THREAD_ROUTE=iterator or =proc in the environment forces one, for tests and benchmarks.
 */
#ifndef IMPASSE_PROBE_THREAD_ROUTE_CHOICE_H
#define IMPASSE_PROBE_THREAD_ROUTE_CHOICE_H

#include "probe/thread/route.h"

/* Opens the best route. On failure -errno, and the reason of the last one that was tried. */
int route_choice_open(const struct reach_target *target, struct route **ret_route, char *reason,
                      size_t room);

/* After a route failed though the target lives: another one that may do, opened, or NULL. */
struct route *route_choice_instead(const struct reach_target *target, const struct route *failed);

#endif
