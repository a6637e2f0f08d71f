/* table.c - see table.h. */
#include "demo/table.h"

#include <stdlib.h>

#include "demo/runtime.h"

struct table {
  struct impasse_table hook;
  pthread_rwlock_t lock;
  atomic_uint_fast64_t contended_count;
};

struct table *table_new(const char *name)
{
  struct table *table = calloc(1, sizeof *table);
  if (!table)
    return NULL;
  pthread_rwlock_init(&table->lock, NULL); /* cannot fail on Linux */
  table->hook = impasse_table_open(impasse_registered(name), IMPASSE_RWLOCK);
  return table;
}

void table_free(struct table *table)
{
  if (!table)
    return;
  impasse_table_close(table->hook);
  pthread_rwlock_destroy(&table->lock);
  free(table);
}

/* One who finds it taken says so before it waits. */
static void table_lock(struct actor *self, struct table *table, enum impasse_mode mode)
{
  bool write = mode == IMPASSE_WRITE;
  if ((write ? pthread_rwlock_trywrlock : pthread_rwlock_tryrdlock)(&table->lock) != 0) {
    atomic_fetch_add(&table->contended_count, 1);
    struct impasse_table_wait wait =
        impasse_table_wait_begin(table->hook, self->hook, mode, IMPASSE_TIMEOUT_NONE);
    (write ? pthread_rwlock_wrlock : pthread_rwlock_rdlock)(&table->lock);
    impasse_table_wait_end(wait);
  }
  impasse_table_acquired(table->hook, self->hook, mode);
}

void table_read_lock(struct actor *self, struct table *table)
{
  table_lock(self, table, IMPASSE_READ);
}

void table_write_lock(struct actor *self, struct table *table)
{
  table_lock(self, table, IMPASSE_WRITE);
}

void table_unlock(struct actor *self, struct table *table)
{
  impasse_table_released(table->hook, self->hook);
  pthread_rwlock_unlock(&table->lock);
}

uint64_t table_contended_count(const struct table *table)
{
  return atomic_load(&table->contended_count);
}
