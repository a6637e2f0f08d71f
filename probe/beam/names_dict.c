/* names_dict.c - see names_dict.h. (Layout: erts/emulator/beam/erl_process_dict.h.) */
#include "probe/beam/names_dict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  AT_ONCE = 256,       /* dictionaries */
  FIRST_BUCKETS = 10,  /* of a dictionary as it is made: read along with its head */
  BUCKETS_MOST = 1024, /* of a larger one; what lies behind is not seen */
  ITEMS_MOST = 16384,
  WAVES_MOST = 64,
  ITEM_WORDS = 4,
  HEAD_MOST = 64,
};

enum item_kind { ITEM_BUCKET, ITEM_INITIAL_CALL, ITEM_ANCESTORS };

struct item {
  uint64_t term;
  uint32_t owner; /* index of its entry */
  enum item_kind kind;
};

struct wave {
  struct item items[ITEMS_MOST];
  size_t count;
};

struct reading {
  const struct beam_node *node;
  struct beam_atoms *atoms;
  struct names_dict_keys *keys;
  struct names_dict_entry *entries;
  struct wave *now, *next;
  struct reach_piece *pieces;                   /* ITEMS_MOST */
  uint64_t (*words)[ITEM_WORDS];                /* of each piece */
  char (*heads)[HEAD_MOST + FIRST_BUCKETS * 8]; /* AT_ONCE */
};

/* A term of interest is a list, or a box of this many words. */
static size_t words_of(enum item_kind kind, uint64_t term)
{
  static const size_t boxes[] = {[ITEM_BUCKET] = 3, [ITEM_INITIAL_CALL] = 4, [ITEM_ANCESTORS] = 0};
  static const size_t lists[] = {[ITEM_BUCKET] = 2, [ITEM_INITIAL_CALL] = 0, [ITEM_ANCESTORS] = 2};
  return beam_is_list(term) ? lists[kind] : beam_is_boxed(term) ? boxes[kind] : 0;
}

static void push(struct wave *wave, uint32_t owner, enum item_kind kind, uint64_t term)
{
  if (wave->count < ITEMS_MOST && words_of(kind, term) > 0)
    wave->items[wave->count++] = (struct item){term, owner, kind};
}

/* ---- dictionaries ---- */

static size_t head_bytes(const struct beam_layout *l)
{
  return (size_t)l->pd_data + FIRST_BUCKETS * sizeof(uint64_t);
}

/* Buckets that were not read along with the head. */
static void push_rest(struct reading *r, uint32_t owner, uint32_t used)
{
  uint64_t *buckets;
  size_t count = (used < BUCKETS_MOST ? used : BUCKETS_MOST) - FIRST_BUCKETS;
  uint64_t at = r->entries[owner].dictionary + head_bytes(&r->node->layout);
  buckets = reallocarray(NULL, count, sizeof *buckets);
  if (buckets && beam_memory_read(r->node->memory, at, buckets, count * sizeof *buckets) == 0)
    for (size_t i = 0; i < count; i++)
      push(r->next, owner, ITEM_BUCKET, buckets[i]);
  else
    r->entries[owner].torn = true;
  free(buckets);
}

static void push_buckets(struct reading *r, uint32_t owner, const char *head)
{
  const struct beam_layout *l = &r->node->layout;
  uint32_t used = beam_u32(head, l->pd_used), room = beam_u32(head, l->pd_arr);
  if (used > room) { /* not a dictionary any more */
    r->entries[owner].torn = true;
    return;
  }
  for (uint32_t i = 0; i < used && i < FIRST_BUCKETS; i++)
    push(r->next, owner, ITEM_BUCKET, beam_u64(head, l->pd_data + (int32_t)(i * 8)));
  if (used > FIRST_BUCKETS)
    push_rest(r, owner, used);
}

static int read_heads(struct reading *r, size_t count)
{
  size_t bytes = head_bytes(&r->node->layout);
  for (size_t i = 0; i < count; i++)
    r->pieces[i] = (struct reach_piece){r->entries[i].dictionary, r->heads[i], bytes, false};
  int error = beam_memory_pieces(r->node->memory, r->pieces, count);
  for (size_t i = 0; i < count && !error; i++)
    if (r->pieces[i].read)
      push_buckets(r, (uint32_t)i, r->heads[i]);
    else
      r->entries[i].torn = true;
  return error;
}

/* ---- waves ---- */

/* Is `atom` the key of this text? Remembers it when it is. */
static bool is_key(struct reading *r, uint64_t atom, uint64_t *known, const char *text)
{
  if (*known)
    return atom == *known;
  if (!beam_atom_is(r->atoms, atom, text))
    return false;
  *known = atom;
  return true;
}

static void take_pair(struct reading *r, uint32_t owner, const uint64_t *pair)
{
  uint64_t key = pair[1], value = pair[2];
  if (!beam_is_atom(key))
    return;
  if (is_key(r, key, &r->keys->initial_call, "$initial_call"))
    push(r->next, owner, ITEM_INITIAL_CALL, value);
  else if (is_key(r, key, &r->keys->ancestors, "$ancestors"))
    push(r->next, owner, ITEM_ANCESTORS, value);
  else if (is_key(r, key, &r->keys->label, "$process_label"))
    r->entries[owner].label = value;
}

static bool is_tuple(uint64_t header, uint64_t arity)
{
  return beam_is_header(header) && beam_header_kind(header) == BEAM_TUPLE &&
         beam_header_arity(header) == arity;
}

static void take_item(struct reading *r, const struct item *item, const uint64_t *words)
{
  struct names_dict_entry *entry = &r->entries[item->owner];
  switch (item->kind) {
  case ITEM_BUCKET:
    if (beam_is_list(item->term)) {
      push(r->next, item->owner, ITEM_BUCKET, words[0]);
      push(r->next, item->owner, ITEM_BUCKET, words[1]);
    } else if (is_tuple(words[0], 2)) {
      take_pair(r, item->owner, words);
    } else {
      entry->torn = true;
    }
    break;
  case ITEM_INITIAL_CALL:
    if (is_tuple(words[0], 3) && beam_is_atom(words[1]) && beam_is_atom(words[2]) &&
        beam_is_small(words[3]) && beam_small(words[3]) >= 0 &&
        beam_small(words[3]) <= BEAM_ARITY_MOST)
      entry->initial = (struct beam_mfa){words[1], words[2], (uint32_t)beam_small(words[3])};
    break;
  case ITEM_ANCESTORS:
    entry->ancestor = words[0];
    break;
  }
}

static int run_wave(struct reading *r)
{
  struct wave *now = r->now;
  for (size_t i = 0; i < now->count; i++)
    r->pieces[i] = (struct reach_piece){
        beam_pointer(now->items[i].term), r->words[i],
        words_of(now->items[i].kind, now->items[i].term) * sizeof(uint64_t), false};
  int error = beam_memory_pieces(r->node->memory, r->pieces, now->count);
  for (size_t i = 0; i < now->count && !error; i++)
    if (r->pieces[i].read)
      take_item(r, &now->items[i], r->words[i]);
    else
      r->entries[now->items[i].owner].torn = true;
  return error;
}

static int read_some(struct reading *r, size_t count)
{
  r->next->count = 0;
  int error = read_heads(r, count);
  for (int i = 0; i < WAVES_MOST && !error && r->next->count > 0; i++) {
    struct wave *done = r->now;
    r->now = r->next;
    r->next = done;
    r->next->count = 0;
    error = run_wave(r);
  }
  return error;
}

int names_dict_read(const struct beam_node *node, struct beam_atoms *atoms,
                    struct names_dict_keys *keys, struct names_dict_entry *entries, size_t count)
{
  int error = 0;
  struct reading r = {.node = node, .atoms = atoms, .keys = keys};
  if (node->layout.pd_data < 12 || node->layout.pd_data > HEAD_MOST)
    return -EPROTO;
  r.now = malloc(sizeof *r.now);
  r.next = malloc(sizeof *r.next);
  r.pieces = reallocarray(NULL, ITEMS_MOST, sizeof *r.pieces);
  r.words = reallocarray(NULL, ITEMS_MOST, sizeof *r.words);
  r.heads = reallocarray(NULL, AT_ONCE, sizeof *r.heads);
  if (!r.now || !r.next || !r.pieces || !r.words || !r.heads)
    error = -ENOMEM;
  for (size_t done = 0; done < count && !error; done += AT_ONCE) {
    r.entries = entries + done;
    error = read_some(&r, count - done < AT_ONCE ? count - done : AT_ONCE);
  }
  free(r.now);
  free(r.next);
  free(r.pieces);
  free(r.words);
  free(r.heads);
  return error;
}
