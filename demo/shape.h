/*
 * shape.h - what a shape of the demo is: one failure of message-passing programs that really
 * happens.
 *
 * To add one: demo/demo_NAME.c with `const struct demo_shape demo_shape_NAME`, and one row in
 * demo.c.
 */
#ifndef IMPASSE_DEMO_SHAPE_H
#define IMPASSE_DEMO_SHAPE_H

#include <stdbool.h>

#include "demo/actor.h"

struct demo_shape {
  const char *name;
  const char *help;
  /* Makes its actors in `world` and sets them going. `scale` is the number of its numerous actors,
   * 0 = its own default. 0 or -errno; the state is then for `stop`, also after a failure. */
  int (*start)(struct world *world, unsigned scale, void **ret_state);
  bool (*ready)(void *state); /* the state that it is there to show is reached at this instant */
  void (*stop)(void *state);  /* frees; all threads have been joined; NULL is fine */
};

#endif
