/* detect_names.c - see detect_names.h. */
#include "model/detect_names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"

static int name_order(const void *left, const void *right)
{
  const struct detect_name *a = left, *b = right;
  int order = strcmp(a->target, b->target);

  if (order == 0)
    order = strcmp(a->name ? a->name : "", b->name ? b->name : "");
  return order != 0 ? order : (a->actor > b->actor) - (a->actor < b->actor);
}

static void add_name(struct phrase *key, const struct detect_name *n, bool with_target)
{
  if (with_target) {
    phrase_name(key, n->target);
    phrase_add(key, "/");
  }
  if (n->name)
    phrase_name(key, n->name);
  else
    phrase_add(key, "#%llx", (unsigned long long)n->actor);
}

void detect_names_key(struct phrase *key, const char *rule, struct detect_name *names, size_t count)
{
  size_t shown = count <= DETECT_NAMES_SHOWN ? count : DETECT_NAMES_SHOWN - 1;
  uint64_t hash = HASH_SEED;

  qsort(names, count, sizeof(*names), name_order);
  bool several = strcmp(names[0].target, names[count - 1].target) != 0;
  phrase_key(key, rule, names[0].target);
  for (size_t i = 0; i < shown; i++) {
    phrase_add(key, "%s", i == 0 ? "" : ",");
    add_name(key, &names[i], several);
  }
  for (size_t i = shown; i < count; i++) {
    hash = hash_bytes(hash, names[i].target, strlen(names[i].target) + 1);
    if (names[i].name)
      hash = hash_bytes(hash, names[i].name, strlen(names[i].name) + 1);
    else
      hash = hash_bytes(hash, &names[i].actor, sizeof(names[i].actor));
  }
  if (shown < count)
    phrase_add(key, ",+%zu-%08x", count - shown, (unsigned)(hash ^ hash >> 32));
}
