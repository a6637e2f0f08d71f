/* demo.c - see demo.h: the table of shapes and the running of some of them in one world. */
#include "demo/demo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern const struct demo_shape demo_shape_deadlock, demo_shape_timed, demo_shape_pool,
    demo_shape_leak, demo_shape_unmatched, demo_shape_bottleneck, demo_shape_contention,
    demo_shape_healthy;

const struct demo_shape *const demo_shapes[] = {
    &demo_shape_deadlock,   &demo_shape_timed,     &demo_shape_pool,
    &demo_shape_leak,       &demo_shape_unmatched, &demo_shape_bottleneck,
    &demo_shape_contention, &demo_shape_healthy,   NULL,
};

enum { SHAPE_COUNT = sizeof demo_shapes / sizeof demo_shapes[0] - 1 };

struct demo {
  struct world *world;
  struct running {
    const struct demo_shape *shape;
    void *state;
    bool ready;
  } running[SHAPE_COUNT];
  size_t count;
};

const struct demo_shape *demo_shape_by_name(const char *name)
{
  for (const struct demo_shape *const *shape = demo_shapes; *shape; shape++)
    if (strcmp((*shape)->name, name) == 0)
      return *shape;
  return NULL;
}

static bool runs(const struct demo *demo, const struct demo_shape *shape)
{
  for (size_t i = 0; i < demo->count; i++)
    if (demo->running[i].shape == shape)
      return true;
  return false;
}

int demo_start(const struct demo_shape *const *shapes, unsigned scale, struct demo **ret_demo)
{
  struct demo *demo = calloc(1, sizeof *demo);
  if (!demo)
    return -ENOMEM;
  int error = world_new(&demo->world);
  for (; *shapes && error == 0; shapes++) {
    if (runs(demo, *shapes))
      continue;
    struct running *running = &demo->running[demo->count++];
    running->shape = *shapes;
    error = running->shape->start(demo->world, scale, &running->state);
  }
  if (error < 0)
    demo_stop(demo);
  else
    *ret_demo = demo;
  return error;
}

const struct demo_shape *demo_unready(const struct demo *demo)
{
  for (size_t i = 0; i < demo->count; i++)
    if (!demo->running[i].ready)
      return demo->running[i].shape;
  return NULL;
}

bool demo_ready(struct demo *demo)
{
  for (size_t i = 0; i < demo->count; i++) {
    struct running *running = &demo->running[i];
    running->ready = running->ready || running->shape->ready(running->state);
  }
  return !demo_unready(demo);
}

void demo_stop(struct demo *demo)
{
  if (!demo)
    return;
  world_stop(demo->world);
  for (size_t i = 0; i < demo->count; i++)
    demo->running[i].shape->stop(demo->running[i].state);
  world_free(demo->world);
  free(demo);
}
