/* sweep_text.c - see sweep_text.h. */
#include "probe/beam/sweep_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int take_all(struct sweep *sweep, const char *texts, size_t bytes)
{
  size_t room = bytes + bytes / 8 + 4096; /* for names of tables, objects of waits */
  char *copy = malloc(room);
  if (!copy)
    return -ENOMEM;
  memcpy(copy, texts, bytes);
  free(sweep->text);
  sweep->text = copy;
  sweep->text_bytes = bytes;
  sweep->text_room = room;
  return 0;
}

/* Where each text of the block has come to; open addressing. */
struct moved {
  uint32_t from, to;
};

static uint32_t move(struct sweep *sweep, struct moved *moved, size_t mask, const char *texts,
                     uint32_t from)
{
  size_t i = (size_t)(from * UINT32_C(2654435761)) & mask;
  if (from == 0)
    return 0;
  while (moved[i].from != 0 && moved[i].from != from)
    i = (i + 1) & mask;
  if (moved[i].from == 0)
    moved[i] = (struct moved){from, sweep_add_text(sweep, texts + from, strlen(texts + from))};
  return moved[i].to;
}

static int take_some(struct sweep *sweep, const char *texts)
{
  size_t room = 64;
  while (room < sweep->actor_count * 4) /* two texts a row, half full */
    room *= 2;
  struct moved *moved = calloc(room, sizeof *moved);
  if (!moved)
    return -ENOMEM;
  for (size_t i = 0; i < sweep->actor_count; i++) {
    struct sweep_actor *row = &sweep->actors[i];
    row->name = move(sweep, moved, room - 1, texts, row->name);
    row->function = move(sweep, moved, room - 1, texts, row->function);
  }
  free(moved);
  return 0;
}

int sweep_text_take(struct sweep *sweep, const struct beam_names *names)
{
  size_t bytes;
  const char *texts = beam_names_texts(names, &bytes);
  if (bytes == 0)
    return 0;
  return sweep->kind == SWEEP_FULL ? take_all(sweep, texts, bytes) : take_some(sweep, texts);
}
