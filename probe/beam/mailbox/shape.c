/* shape.c - see shape.h. */
#include "probe/beam/mailbox/shape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "probe/beam/term.h"

enum { DEPTH = 4, TUPLE_MOST = 12, MAP_MOST = 8, SLOTS = 1024 };

/* Envelopes whose last element is what the sender really said. */
static const char *const envelopes[] = {
    "$gen_call", "$gen_cast", "$gen_event", "system", "$gen_sync_all_state_event", "io_request"};

struct shapes {
  size_t count;
  uint64_t other;
  struct shape list[SHAPES_MOST];
  uint16_t slots[SLOTS]; /* number in list + 1; 0 free */
};
_Static_assert(SLOTS > (int)SHAPES_MOST && (SLOTS & (SLOTS - 1)) == 0, "probing ends");

static bool atom_is(const struct print *print, uint64_t term, const char *name)
{
  size_t length;
  const char *bytes = beam_is_atom(term) ? beam_atom_text(print->atoms, term, &length) : NULL;

  return bytes && length == strlen(name) && memcmp(bytes, name, length) == 0;
}

static bool is_envelope(const struct print *print, uint64_t term)
{
  if (beam_is_pid(term)) /* gen_event labels its calls with the caller */
    return true;
  for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++)
    if (atom_is(print, term, envelopes[i]))
      return true;
  return false;
}

static bool box_is(const struct print *print, uint64_t term, enum print_kind kind,
                   struct print_box *ret_box)
{
  return print_box(print, term, ret_box) == 0 && ret_box->kind == kind;
}

static bool is_some_pid(const struct print *print, uint64_t term)
{
  struct print_box box;

  return beam_is_pid(term) || box_is(print, term, PRINT_EXTERNAL_PID, &box);
}

static bool is_reference(const struct print *print, uint64_t term)
{
  struct print_box box;

  return print_box(print, term, &box) == 0 &&
         (box.kind == PRINT_REFERENCE || box.kind == PRINT_EXTERNAL_REFERENCE);
}

/* {Pid, Ref}, {Pid, [alias|Ref]} or {Pid, [[alias|Ref]|_]}: to whom a reply goes. */
static bool is_caller(const struct print *print, uint64_t term, uint64_t *ret_pid)
{
  struct print_box box;
  uint64_t pid, tag, head, tail;

  if (!box_is(print, term, PRINT_TUPLE, &box) || box.count != 2 ||
      print_box_word(print, &box, 1, &pid) < 0 || print_box_word(print, &box, 2, &tag) < 0 ||
      !is_some_pid(print, pid))
    return false;
  if (print_cell(print, tag, &head, &tail) == 0) {
    if (beam_is_list(head) && print_cell(print, head, &head, &tail) < 0)
      return false;
    tag = tail;
  }
  if (!is_reference(print, tag))
    return false;
  *ret_pid = pid;
  return true;
}

int shape_request(const struct print *print, uint64_t message, struct shape_request *ret_request)
{
  struct print_box box;
  uint64_t words[4];

  if (!box_is(print, message, PRINT_TUPLE, &box) || (box.count != 3 && box.count != 4) ||
      print_memory_read(print->memory, box.address + 8, words, (size_t)box.count * 8) < 0)
    return -ENOENT;
  if (box.count == 4) {
    if (!atom_is(print, words[0], "io_request") || !is_some_pid(print, words[1]))
      return -ENOENT;
    *ret_request = (struct shape_request){words[1], words[3]};
    return 0;
  }
  ret_request->request = words[2];
  return is_caller(print, words[1], &ret_request->from) ? 0 : -ENOENT;
}

/* --- one shape; recursion is bounded by `depth` --- */

static void fold(const struct print *print, uint64_t term, struct print_text *text, unsigned depth,
                 bool head);

static void fold_tuple(const struct print *print, const struct print_box *box,
                       struct print_text *text, unsigned depth)
{
  bool envelope = false;

  print_text_words(text, "{");
  for (uint64_t i = 1; i <= box->count && !text->cut; i++) {
    uint64_t word = 0;

    if (i > 1)
      print_text_words(text, ",");
    if (i > TUPLE_MOST) {
      print_text_format(text, "... of %llu", (unsigned long long)box->count);
      break;
    }
    (void)print_box_word(print, box, i, &word); /* 0 folds to _ */
    if (i == 1 && depth + 1 == DEPTH)
      envelope = is_envelope(print, word);
    fold(print, word, text, depth, i == 1 || (envelope && i == box->count));
  }
  print_text_words(text, "}");
}

struct map_fold {
  const struct print *print;
  struct print_text *text;
  unsigned depth, count;
};

static int fold_entry(void *context, uint64_t key, uint64_t value)
{
  struct map_fold *map = context;

  if (!beam_is_atom(key))
    return 1;
  print_text_words(map->text, map->count++ > 0 ? "," : "");
  print_atom(map->print, key, map->text);
  print_text_words(map->text, " => ");
  fold(map->print, value, map->text, map->depth, atom_is(map->print, key, "__struct__"));
  return 0;
}

static void fold_size(struct print_text *text, uint64_t count)
{
  unsigned long long least = 1;

  while (least * 10 <= count)
    least *= 10;
  if (least == 1 && count > 1)
    print_text_words(text, "_ x 2-9");
  else if (count <= 1)
    print_text_words(text, count ? "_" : "");
  else if (least < 1000)
    print_text_format(text, "_ x %llu-%llu", least, least * 10 - 1);
  else
    print_text_words(text, "_ x 1000 and more");
}

static void fold_map(const struct print *print, const struct print_box *box,
                     struct print_text *text, unsigned depth)
{
  struct map_fold context = {print, text, depth, 0};
  struct print_text before;
  uint64_t size = 0;

  print_text_words(text, "#{");
  before = *text;
  (void)print_map_size(print, box, &size); /* 0 folds to an empty one */
  if (size > MAP_MOST || print_map(print, box, MAP_MOST, fold_entry, &context) != 0) {
    *text = before; /* keys that are no atoms: only how many there are */
    fold_size(text, size);
  }
  print_text_words(text, "}");
}

static void fold_list(const struct print *print, uint64_t term, struct print_text *text)
{
  enum { MOST = 1000 };
  uint64_t head, count = 0;

  for (; count < MOST && print_cell(print, term, &head, &term) == 0; count++)
    ;
  print_text_words(text, "[");
  fold_size(text, count);
  print_text_words(text, count == MOST || term == BEAM_NIL ? "]" : "|_]");
}

static void fold(const struct print *print, uint64_t term, struct print_text *text, unsigned depth,
                 bool head)
{
  struct print_box box;
  uint64_t pid;

  if (term == BEAM_NIL)
    print_text_words(text, "[]");
  else if (head && beam_is_atom(term))
    print_atom(print, term, text);
  else if (depth > 0 && beam_is_list(term))
    fold_list(print, term, text);
  else if (depth > 0 && box_is(print, term, PRINT_TUPLE, &box) && !is_caller(print, term, &pid))
    fold_tuple(print, &box, text, depth - 1);
  else if (depth > 0 && box_is(print, term, PRINT_MAP, &box))
    fold_map(print, &box, text, depth - 1);
  else
    print_text_words(text, "_");
}

void shape_of(const struct print *print, uint64_t message, struct print_text *text)
{
  fold(print, message, text, DEPTH, true);
}

/* --- counting --- */

struct shapes *shapes_new(void)
{
  return calloc(1, sizeof(struct shapes));
}

void shapes_free(struct shapes *shapes)
{
  free(shapes);
}

void shapes_add(struct shapes *shapes, const struct print *print, uint64_t message,
                uint64_t position)
{
  char words[SHAPE_BYTES];
  struct print_text text;

  print_text_init(&text, words, sizeof words);
  shape_of(print, message, &text);
  size_t length = print_text_end(&text);
  size_t slot = hash_bytes(HASH_SEED, words, length) & (SLOTS - 1);
  while (shapes->slots[slot] && strcmp(shapes->list[shapes->slots[slot] - 1].text, words) != 0)
    slot = (slot + 1) & (SLOTS - 1);
  if (shapes->slots[slot]) {
    shapes->list[shapes->slots[slot] - 1].count++;
    return;
  }
  if (shapes->count == SHAPES_MOST) {
    shapes->other++;
    return;
  }
  struct shape *shape = &shapes->list[shapes->count++];
  shapes->slots[slot] = (uint16_t)shapes->count;
  memcpy(shape->text, words, length + 1);
  shape->count = 1;
  shape->first = position;
  print_text_init(&text, shape->example, sizeof shape->example);
  print_term(print, message, &text);
  (void)print_text_end(&text);
}

static int by_count(const void *a, const void *b)
{
  const struct shape *x = a, *y = b;

  if (x->count != y->count)
    return x->count < y->count ? 1 : -1;
  return x->first < y->first ? -1 : x->first > y->first;
}

const struct shape *shapes_sorted(struct shapes *shapes, size_t *ret_count)
{
  qsort(shapes->list, shapes->count, sizeof *shapes->list, by_count);
  *ret_count = shapes->count;
  return shapes->list;
}

uint64_t shapes_other(const struct shapes *shapes)
{
  return shapes->other;
}
