/*
 * exact_text.c - see exact_text.h.
 */
#include "probe/beam/exact/exact_text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum { WHO_BYTES = 320, SHAPE_TEXT_BYTES = 200, TUPLE_SHOWN = 12, NS_PER_MS = 1000000 };

struct row {
  char who[WHO_BYTES], shape[SHAPE_TEXT_BYTES];
  uint64_t count;
};

static void add_atom(struct beam_atoms *atoms, uint64_t atom, struct print_text *text)
{
  size_t length;
  const char *bytes = beam_atom_text(atoms, atom, &length);
  if (bytes)
    print_text_atom(text, bytes, length);
  else
    print_text_words(text, "?");
}

/* The registered name of a process, an atom; 0 none, or it has ended. */
static uint64_t registered_name(const struct beam_node *node, uint64_t pid_word)
{
  const struct beam_layout *layout = &node->layout;
  uint32_t slot = beam_node_slot(node, pid_word);
  uint64_t process, word, name;
  if (slot >= node->processes.most ||
      beam_memory_word(node->memory, node->processes.slots + 8 * (uint64_t)slot, &process) < 0 ||
      beam_memory_word(node->memory, process + (uint64_t)layout->p_id, &word) < 0 ||
      word != pid_word ||
      beam_memory_word(node->memory, process + (uint64_t)layout->p_reg, &word) < 0 || word == 0 ||
      beam_memory_word(node->memory, word + (uint64_t)layout->reg_name, &name) < 0)
    return 0;
  return beam_is_atom(name) ? name : 0;
}

void exact_text_who(const struct beam_node *node, struct beam_atoms *atoms, uint64_t pid_word,
                    struct print_text *text)
{
  struct beam_pid pid = beam_node_pid(node, pid_word);
  uint64_t name = registered_name(node, pid_word);
  if (name) {
    add_atom(atoms, name, text);
    print_text_words(text, " ");
  }
  print_text_format(text, "<0.%u.%u>", pid.number, pid.serial);
}

static bool is_tuple(uint64_t slot)
{
  return (slot & 0xff) == BURST_TUPLE;
}

/* What is kept of an element: the first when it is an atom, the last of an envelope (whose name begins
 * with $), and tuples that begin with an atom. */
static void add_element(struct beam_atoms *atoms, uint64_t slot, uint64_t inner, bool kept,
                        struct print_text *text)
{
  if (kept && beam_is_atom(slot)) {
    add_atom(atoms, slot, text);
  } else if (is_tuple(slot) && beam_is_atom(inner)) {
    uint64_t arity = slot >> BURST_KIND_BITS;
    print_text_words(text, "{");
    add_atom(atoms, inner, text);
    for (uint64_t i = 1; i < arity && i < TUPLE_SHOWN; i++)
      print_text_words(text, ",_");
    print_text_words(text, arity > TUPLE_SHOWN ? ",...}" : "}");
  } else {
    print_text_words(text, "_");
  }
}

static bool is_envelope(struct beam_atoms *atoms, uint64_t first)
{
  size_t length;
  const char *bytes = beam_is_atom(first) ? beam_atom_text(atoms, first, &length) : NULL;
  return bytes && length > 0 && bytes[0] == '$';
}

void exact_text_shape(struct beam_atoms *atoms, const struct burst_key *key,
                      struct print_text *text)
{
  uint64_t arity = key->top >> BURST_KIND_BITS;
  bool envelope;
  if (!is_tuple(key->top)) {
    if (beam_is_atom(key->top))
      add_atom(atoms, key->top, text);
    else
      print_text_words(text, key->top == 1 ? "[_]" : key->top == BEAM_NIL ? "[]" : "_");
    return;
  }
  envelope = is_envelope(atoms, key->element[0]);
  print_text_words(text, "{");
  for (uint64_t i = 0; i < arity && i < TUPLE_SHOWN; i++) {
    bool kept = i == 0 || (envelope && i + 1 == arity);
    print_text_words(text, i > 0 ? "," : "");
    if (i < BURST_ELEMENTS)
      add_element(atoms, key->element[i], key->inner[i], kept, text);
    else
      print_text_words(text, "_");
  }
  print_text_words(text, arity > TUPLE_SHOWN ? ",...}" : "}");
}

static int by_text(const void *a, const void *b)
{
  const struct row *left = a, *right = b;
  int order = strcmp(left->who, right->who);
  return order ? order : strcmp(left->shape, right->shape);
}

static int by_count(const void *a, const void *b)
{
  const struct row *left = a, *right = b;
  if (left->count != right->count)
    return left->count < right->count ? 1 : -1;
  return by_text(a, b);
}

/* Adds rows that read the same together; returns how many are left. */
static size_t merge(struct row *rows, size_t count)
{
  size_t kept = 0;
  qsort(rows, count, sizeof *rows, by_text);
  for (size_t i = 0; i < count; i++)
    if (kept > 0 && by_text(&rows[kept - 1], &rows[i]) == 0)
      rows[kept - 1].count += rows[i].count;
    else if (kept++ != i)
      rows[kept - 1] = rows[i];
  qsort(rows, kept, sizeof *rows, by_count);
  return kept;
}

static struct row *rows_of(const struct beam_node *node, struct beam_atoms *atoms,
                           const struct burst_counts *counts)
{
  struct row *rows = calloc(counts->count + 1, sizeof *rows);
  for (size_t i = 0; rows && i < counts->count; i++) {
    const struct burst_key *key = &counts->list[i].key;
    struct print_text text;
    print_text_init(&text, rows[i].who, sizeof rows[i].who);
    if (key->who)
      exact_text_who(node, atoms, key->who, &text);
    (void)print_text_end(&text);
    print_text_init(&text, rows[i].shape, sizeof rows[i].shape);
    exact_text_shape(atoms, key, &text);
    (void)print_text_end(&text);
    rows[i].count = counts->list[i].count;
  }
  return rows;
}

static double share(uint64_t count, const struct burst_counts *counts)
{
  return counts->matched ? 100.0 * (double)count / (double)counts->matched : 0;
}

int exact_text_counts(const struct beam_node *node, struct beam_atoms *atoms,
                      const struct burst_counts *counts, const char *noun, FILE *text)
{
  struct row *rows = rows_of(node, atoms, counts);
  uint64_t others = counts->uncounted;
  size_t count;
  if (!rows)
    return -ENOMEM;
  count = merge(rows, counts->count);
  for (size_t i = 0; i < count; i++)
    if (i < EXACT_LINES_MOST)
      (void)fprintf(text, "%s%s%s  %llu %s (%.0f %%)\n", rows[i].who, *rows[i].who ? "  " : "",
                    rows[i].shape, (unsigned long long)rows[i].count, noun,
                    share(rows[i].count, counts));
    else
      others += rows[i].count;
  if (others)
    (void)fprintf(text, "others  %llu %s (%.0f %%)\n", (unsigned long long)others, noun,
                  share(others, counts));
  free(rows);
  return 0;
}

void exact_text_cost(const struct burst_counts *counts, unsigned hit_ns, const char *hit,
                     FILE *text)
{
  unsigned long long cost_us = (unsigned long long)counts->hits * hit_ns / 1000;
  (void)fprintf(
      text, "; cost: %llu %s of the node probed, about %.1f us each, %llu.%llu ms of its time",
      (unsigned long long)counts->hits, hit, hit_ns / 1000.0, cost_us / 1000, cost_us / 100 % 10);
  if (counts->end == BURST_END_HITS)
    (void)fprintf(text, "; ended after %llu ms so as not to cost more: a sample",
                  (unsigned long long)(counts->duration_ns / NS_PER_MS));
  if (counts->end == BURST_END_HITS &&
      counts->turns > 0) /* standard error of a share of one half */
    (void)fprintf(text, " of %llu turns of senders, so shares are good to about %.0f %%",
                  (unsigned long long)counts->turns, 50 / sqrt((double)counts->turns));
  (void)fputc('\n', text);
}
