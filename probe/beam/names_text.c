/* names_text.c - see names_text.h. */
#include "probe/beam/names_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096, SLOTS = NAMES_FUNCTIONS_MOST * 2 };
#define TEXT_MOST (UINT32_C(1) << 30)

uint32_t names_text_add(struct names_text *text, const char *bytes, size_t length)
{
  size_t begin = text->used ? text->used : 1, wanted = text->room ? text->room : FIRST_ROOM;
  if (length == 0 || begin + length + 1 > TEXT_MOST)
    return 0;
  while (wanted < begin + length + 1)
    wanted *= 2;
  if (wanted > text->room) {
    char *larger = realloc(text->bytes, wanted);
    if (!larger)
      return 0;
    text->bytes = larger;
    text->room = wanted;
  }
  text->bytes[0] = '\0';
  char *place = text->bytes + begin;
  memcpy(place, bytes, length);
  place[length] = '\0';
  for (char *nul = place; (nul = memchr(nul, 0, (size_t)(place + length - nul)));)
    *nul = '?';
  text->used = begin + length + 1;
  return (uint32_t)begin;
}

void names_text_done(struct names_text *text)
{
  free(text->bytes);
  *text = (struct names_text){0};
}

int names_functions_init(struct names_functions *functions)
{
  functions->slots = calloc(SLOTS, sizeof *functions->slots);
  functions->count = 0;
  return functions->slots ? 0 : -ENOMEM;
}

void names_functions_done(struct names_functions *functions)
{
  free(functions->slots);
}

void names_functions_forget(struct names_functions *functions)
{
  memset(functions->slots, 0, SLOTS * sizeof *functions->slots);
  functions->count = 0;
}

static size_t place_of(struct names_key key)
{
  uint64_t mixed = key.words[0] ^ key.words[1] * UINT64_C(0xff51afd7ed558ccd) ^
                   key.words[2] * UINT64_C(0xc4ceb9fe1a85ec53);
  return (size_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (SLOTS - 1);
}

static struct names_function *find(const struct names_functions *functions, struct names_key key)
{
  size_t i = place_of(key);
  while (functions->slots[i].used && memcmp(&functions->slots[i].key, &key, sizeof key) != 0)
    i = (i + 1) & (SLOTS - 1);
  return &functions->slots[i];
}

const struct names_function *names_functions_get(const struct names_functions *functions,
                                                 struct names_key key)
{
  const struct names_function *slot = find(functions, key);
  return slot->used ? slot : NULL;
}

const struct names_function *names_functions_put(struct names_functions *functions,
                                                 struct names_key key, uint32_t text, bool drains)
{
  if (functions->count == NAMES_FUNCTIONS_MOST)
    names_functions_forget(functions);
  struct names_function *slot = find(functions, key);
  *slot = (struct names_function){key, text, true, drains};
  functions->count++;
  return slot;
}
