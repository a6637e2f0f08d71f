/*
 * space.c - see space.h. Whether something was mapped, unmapped or executed is told by three numbers of
 * /proc/PID/stat, which is much shorter than maps: the size of the address space, where its code begins and where
 * its stack began.
 */
#include "probe/thread/stack/space.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/clock.h"

enum {
  MAPS_BYTES_MOST = 16 * 1024 * 1024,
  STAT_BYTES_MOST = 4096,
  FIELD_SIZE = 23, /* of /proc/PID/stat, counted from 1; proc(5) */
  FIELD_STACK = 28,
};

void space_init(struct space *space, const struct reach_target *target)
{
  *space = (struct space){.target = target, .check = true};
}

static void close_images(struct space *space)
{
  for (size_t i = 0; space->slots && i < space->mapping.image_count; i++)
    image_close(space->slots[i].image);
  free(space->slots);
  space->slots = NULL;
  space->open_count = space->open_bytes = 0;
}

void space_done(struct space *space)
{
  close_images(space);
  mapping_done(&space->mapping);
}

static void count_open(struct space *space, const struct image *image)
{
  space->open_count++;
  space->open_bytes += image_bytes(image);
}

/* The numbers by which a change is told. */
static int read_stat(const struct reach_target *target, uint64_t *ret_size, uint64_t *ret_stack)
{
  char *text = NULL;
  const char *field;
  int error = reach_file(target, "stat", STAT_BYTES_MOST, &text, NULL);

  if (error)
    return error;
  field = strrchr(text, ')'); /* the end of field 2, which may hold anything */
  for (int n = 2; field && n < FIELD_STACK; n++) {
    field = strchr(field + 1, ' ');
    if (field && n + 1 == FIELD_SIZE)
      *ret_size = strtoull(field, NULL, 10);
    else if (field && n + 1 == FIELD_STACK)
      *ret_stack = strtoull(field, NULL, 10);
  }
  if (!field)
    error = -EPROTO;
  free(text);
  return error;
}

/* Images that lie where they lay keep what was read of them. */
static void keep_images(struct space *space, const struct mapping *fresh, struct space_slot *slots)
{
  size_t old = 0;

  for (size_t i = 0; i < fresh->image_count; i++) {
    uint64_t start = mapping_start(fresh, &fresh->images[i]);

    while (old < space->mapping.image_count &&
           mapping_start(&space->mapping, &space->mapping.images[old]) < start)
      old++;
    if (old == space->mapping.image_count)
      break;
    if (mapping_start(&space->mapping, &space->mapping.images[old]) != start ||
        space->mapping.images[old].inode != fresh->images[i].inode ||
        strcmp(space->mapping.images[old].path, fresh->images[i].path) != 0)
      continue;
    slots[i] = space->slots[old];
    space->slots[old].image = NULL;
  }
}

static bool same_images(const struct mapping *a, const struct mapping *b)
{
  if (a->image_count != b->image_count)
    return false;
  for (size_t i = 0; i < a->image_count; i++)
    if (mapping_start(a, &a->images[i]) != mapping_start(b, &b->images[i]) ||
        a->images[i].inode != b->images[i].inode ||
        strcmp(a->images[i].path, b->images[i].path) != 0)
      return false;
  return true;
}

static int read_mapping(struct space *space, bool keep, bool *ret_changed)
{
  struct mapping fresh = {0};
  struct space_slot *slots;
  char *text = NULL;
  int error = reach_file(space->target, "maps", MAPS_BYTES_MOST, &text, NULL);

  if (!error)
    error = mapping_parse(text, &fresh);
  free(text);
  if (error)
    return error;
  slots = calloc(fresh.image_count + 1, sizeof *slots);
  if (!slots) {
    mapping_done(&fresh);
    return -ENOMEM;
  }
  *ret_changed = !keep || !same_images(&space->mapping, &fresh);
  if (keep && space->slots)
    keep_images(space, &fresh, slots);
  close_images(space);
  mapping_done(&space->mapping);
  space->mapping = fresh;
  space->slots = slots;
  for (size_t i = 0; i < fresh.image_count; i++)
    if (slots[i].image)
      count_open(space, slots[i].image);
  return 0;
}

bool space_renew(struct space *space)
{
  uint64_t size = 0, stack = 0, now;
  bool same_program, changed;

  if (!space->check)
    return false;
  space->check = false;
  if (read_stat(space->target, &size, &stack))
    return false; /* it has gone, or soon will be seen to have */
  same_program = stack == space->stack_start;
  if (space->read_ns && same_program && size == space->size_bytes)
    return false;
  now = clock_mono_ns();
  if (space->read_ns && same_program && now - space->read_ns < CLOCK_NS_PER_S) {
    space->check = true; /* a program that maps and unmaps all the time is read once a second */
    return false;
  }
  if (read_mapping(space, same_program, &changed))
    return false;
  space->read_ns = now;
  space->size_bytes = size;
  space->stack_start = stack;
  return changed;
}

const struct image *space_image(struct space *space, uint64_t address,
                                const struct mapping_image **ret_mapped)
{
  const struct mapping_range *range = mapping_find(&space->mapping, address);
  struct space_slot *slot;

  if (!range || range->image == MAPPING_NO_IMAGE)
    return NULL;
  if (ret_mapped)
    *ret_mapped = &space->mapping.images[range->image];
  slot = &space->slots[range->image];
  if (!slot->tried && space->open_count < SPACE_OPEN_MOST && space->open_bytes < SPACE_BYTES_MOST &&
      space->mapping.images[range->image].executable) {
    slot->tried = true;
    if (image_open(space->target, &space->mapping, &space->mapping.images[range->image],
                   &slot->image) == 0)
      count_open(space, slot->image);
  }
  return slot->image;
}
