/*
 * demo.h - a program that fails in every way that impasse knows: real threads, real locks, real
 * queues, watched through the hook library like any other program. Choosing and running shapes; the
 * shapes themselves are demo_NAME.c.
 */
#ifndef IMPASSE_DEMO_DEMO_H
#define IMPASSE_DEMO_DEMO_H

#include <stdbool.h>
#include <stddef.h>

#include "demo/shape.h"

/* All shapes, NULL-terminated, in the order in which people read them. */
extern const struct demo_shape *const demo_shapes[];

/* NULL where there is none of that name. */
const struct demo_shape *demo_shape_by_name(const char *name);

struct demo;

/* Starts the shapes (NULL-terminated); a shape is started once however often it is listed. The
 * threads inherit the caller's signal mask. `scale` as in shape.h. -ENOTSUP: the hook library could
 * not start. -errno. */
int demo_start(const struct demo_shape *const *shapes, unsigned scale, struct demo **ret_demo);

/* Every shape has at some time since the start been in the state that it shows. */
bool demo_ready(struct demo *demo);

/* The first shape that has not been ready yet, or NULL. */
const struct demo_shape *demo_unready(const struct demo *demo);

/* Ends all threads and frees. */
void demo_stop(struct demo *demo);

#endif
