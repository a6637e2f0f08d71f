/* wait_memory.c - see wait_memory.h. Two arrays, the one that is looked up and the one that is filled; a hash of indices
 * over the first. */
#include "probe/beam/wait/wait_memory.h"

#include <errno.h>
#include <stdlib.h>

enum { ROOM_LEAST = 64 };

struct array {
  struct beam_wait_known *known;
  size_t count, room;
};

struct beam_wait_memory {
  struct array now, next;
  uint32_t *buckets; /* index in now + 1, 0 empty; at least twice as many as there are */
  size_t bucket_count;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
  uint64_t x = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
  return x ^ x >> 29;
}

uint64_t beam_wait_position(const struct beam_proc *proc)
{
  uint64_t position = mix(proc->stop, proc->heap);
  position = mix(position, proc->heap_top);
  position = mix(position, proc->heap_end);
  return mix(position, proc->instruction);
}

struct beam_wait_memory *beam_wait_memory_new(void)
{
  return calloc(1, sizeof(struct beam_wait_memory));
}

void beam_wait_memory_free(struct beam_wait_memory *memory)
{
  if (!memory)
    return;
  free(memory->now.known);
  free(memory->next.known);
  free(memory->buckets);
  free(memory);
}

static size_t bucket_of(const struct beam_wait_memory *memory, uint64_t key)
{
  return mix(key, 0) & (memory->bucket_count - 1);
}

static struct beam_wait_known *find(const struct beam_wait_memory *memory, uint64_t key)
{
  if (memory->bucket_count == 0)
    return NULL;
  for (size_t i = bucket_of(memory, key); memory->buckets[i] != 0;
       i = (i + 1) & (memory->bucket_count - 1)) {
    struct beam_wait_known *known = &memory->now.known[memory->buckets[i] - 1];
    if (known->key == key)
      return known;
  }
  return NULL;
}

const struct beam_wait_known *beam_wait_memory_find(const struct beam_wait_memory *memory,
                                                    uint64_t key)
{
  return find(memory, key);
}

static int add(struct array *array, const struct beam_wait_known *known)
{
  if (array->count == array->room) {
    size_t room = array->room ? array->room * 2 : ROOM_LEAST;
    void *larger = realloc(array->known, room * sizeof *array->known);
    if (!larger)
      return -ENOMEM;
    array->known = larger;
    array->room = room;
  }
  array->known[array->count++] = *known;
  return 0;
}

int beam_wait_memory_add(struct beam_wait_memory *memory, const struct beam_wait_known *known)
{
  return add(&memory->next, known);
}

static int index_all(struct beam_wait_memory *memory)
{
  size_t wanted = ROOM_LEAST;
  while (wanted < memory->now.count * 2)
    wanted *= 2;
  free(memory->buckets);
  memory->buckets = calloc(wanted, sizeof *memory->buckets);
  memory->bucket_count = memory->buckets ? wanted : 0;
  if (!memory->buckets)
    return -ENOMEM;
  for (size_t i = 0; i < memory->now.count; i++) {
    size_t bucket = bucket_of(memory, memory->now.known[i].key);
    while (memory->buckets[bucket] != 0)
      bucket = (bucket + 1) & (wanted - 1);
    memory->buckets[bucket] = (uint32_t)(i + 1);
  }
  return 0;
}

int beam_wait_memory_turn(struct beam_wait_memory *memory)
{
  struct array old = memory->now;
  memory->now = memory->next;
  memory->next = old;
  memory->next.count = 0;
  return index_all(memory);
}

int beam_wait_memory_join(struct beam_wait_memory *memory)
{
  size_t before = memory->now.count;
  int error = 0;
  for (size_t i = 0; i < memory->next.count && !error; i++) {
    const struct beam_wait_known *known = &memory->next.known[i];
    struct beam_wait_known *old = find(memory, known->key);
    if (old)
      *old = *known;
    else
      error = add(&memory->now, known);
  }
  memory->next.count = 0;
  if (error)
    memory->now.count = 0;
  if (memory->now.count == before)
    return 0;
  int indexed = index_all(memory);
  return error ? error : indexed;
}
