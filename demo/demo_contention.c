/*
 * demo_contention.c - a table that everybody fights for: there is hardly an instant at which nobody
 * waits for it.
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

#include "demo/table.h"

enum { WRITERS = 16, UPDATE_US = 2000, BETWEEN_US = 1000, READY_CONTENDED = 100 };

static void writer(struct actor *self, void *table)
{
  while (!world_stopping(actor_world(self))) {
    table_write_lock(self, table);
    actor_work(self, UPDATE_US);
    table_unlock(self, table);
    actor_work(self, BETWEEN_US);
  }
}

static void contention_stop(void *table)
{
  table_free(table);
}

static int contention_start(struct world *world, unsigned scale, void **ret_state)
{
  struct table *accounts = table_new("accounts");
  if (!accounts)
    return -ENOMEM;
  *ret_state = accounts;
  unsigned count = scale ? scale : WRITERS;
  for (unsigned i = 0; i < count; i++) {
    struct actor *actor = actor_new(world, "writer", (int)i);
    int error = actor ? actor_start(actor, writer, accounts) : -ENOMEM;
    if (error < 0)
      return error;
  }
  return 0;
}

static bool contention_ready(void *table)
{
  return table_contended_count(table) >= READY_CONTENDED;
}

const struct demo_shape demo_shape_contention = {
    .name = "contention",
    .help = "many writers fight for one table",
    .start = contention_start,
    .ready = contention_ready,
    .stop = contention_stop,
};
