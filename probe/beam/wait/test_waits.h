/*
 * test_waits.h - the waits of a node as a test wants them: a node with the module tests/beam/modules/waits.erl loaded,
 * its processes, and the sweep that beam_waits_read makes of all that may be blocked. Used by tests only.
 */
#ifndef IMPASSE_PROBE_BEAM_TEST_WAITS_H
#define IMPASSE_PROBE_BEAM_TEST_WAITS_H

#include <stdarg.h>
#include <time.h>

#include "probe/beam/proc.h"
#include "probe/beam/term.h"
#include "probe/beam/test_node.h"
#include "probe/beam/wait/wait.h"

struct test_proc {
  struct beam_proc proc;
  uint64_t name; /* an atom, 0 none */
};

struct test_waits {
  struct test_node *node;
  struct beam_atoms *atoms;
  struct beam_code *code;
  struct beam_waits *waits;
  struct test_proc *procs;
  struct beam_proc *candidates;
  size_t proc_count, candidate_count;
  struct sweep *sweep;
  uint64_t took_ns; /* by the last beam_waits_read */
};

/* Erlang text that compiles and loads a module from the text of its file. */
static inline char *test_waits_module(const char *path)
{
  static const char LOAD[] =
      "Forms = fun F(Text, Done) -> case erl_scan:tokens([], Text, 1) of {done, {ok, Tokens, _}, "
      "Rest} -> "
      "{ok, Form} = erl_parse:parse_form(Tokens), F(Rest, [Form | Done]); _ -> lists:reverse(Done) "
      "end end, "
      "{ok, Module, Binary} = compile:forms(Forms(binary_to_list(base64:decode(\"%s\")), [])), "
      "{module, _} = code:load_binary(Module, \"\", Binary)";
  static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  FILE *file = fopen(path, "r");
  if (!file)
    test_node_fail("cannot open %s: run the test in the source tree", path);
  static unsigned char text[65536];
  size_t length = fread(text, 1, sizeof text - 3, file);
  (void)fclose(file);
  while (length % 3 != 0)
    text[length++] = '\n';
  char *coded = malloc(length / 3 * 4 + 1), *load = NULL;
  if (!coded)
    test_node_fail("no memory");
  for (size_t i = 0, o = 0; i <= length; i += 3, o += 4) {
    if (i == length) {
      coded[o] = '\0';
      break;
    }
    unsigned bits = (unsigned)text[i] << 16 | (unsigned)text[i + 1] << 8 | text[i + 2];
    for (int k = 0; k < 4; k++)
      coded[o + (size_t)k] = DIGITS[bits >> (18 - 6 * k) & 63];
  }
  if (asprintf(&load, LOAD, coded) < 0)
    test_node_fail("no memory");
  free(coded);
  return load;
}

/* Starts a node that runs `text` with the module `waits` at hand. */
static inline void test_waits_start(struct test_waits *waits, const char *text,
                                    const char *const *args)
{
  char *load = test_waits_module("tests/beam/modules/waits.erl"), *all = NULL;
  memset(waits, 0, sizeof *waits);
  if (asprintf(&all, "%s, %s", load, text) < 0)
    test_node_fail("no memory");
  waits->node = test_node_start(all, args);
  free(load);
  free(all);
  waits->atoms = beam_atoms_new(&waits->node->node);
  waits->code = beam_code_new(&waits->node->node);
  waits->waits = beam_waits_new(&waits->node->node, waits->atoms, waits->code);
  if (!waits->atoms || !waits->code || !waits->waits)
    test_node_fail("no memory");
}

static inline void test_waits_stop(struct test_waits *waits)
{
  beam_waits_free(waits->waits);
  beam_code_free(waits->code);
  beam_atoms_free(waits->atoms);
  sweep_free(waits->sweep);
  free(waits->procs);
  free(waits->candidates);
  test_node_stop(waits->node);
}

/* ---- all processes ---- */

static inline void test_waits_each(void *context, size_t index, enum beam_proc_read how,
                                   const struct beam_proc_facts *facts)
{
  struct test_waits *waits = context;
  const struct beam_node *node = &waits->node->node;
  uint64_t name = 0;
  (void)index;
  if (how != BEAM_PROC_READ)
    return;
  if (facts->registered != 0 &&
      beam_memory_word(node->memory, facts->registered + (uint64_t)node->layout.reg_name, &name) !=
          0)
    name = 0;
  waits->procs[waits->proc_count++] = (struct test_proc){facts->proc, name};
  waits->candidates[waits->candidate_count++] = facts->proc;
}

static inline void test_waits_procs(struct test_waits *waits)
{
  const struct beam_node *node = &waits->node->node;
  uint64_t *slots = calloc(node->processes.most, sizeof *slots);
  struct beam_proc_place *places = calloc(node->processes.most, sizeof *places);
  size_t count = 0;
  if (!slots || !places ||
      beam_memory_read(node->memory, node->processes.slots, slots,
                       node->processes.most * sizeof *slots) != 0)
    test_node_fail("cannot read the slots");
  for (uint32_t i = 0; i < node->processes.most; i++)
    if (slots[i] != 0)
      places[count++] = (struct beam_proc_place){slots[i], i};
  free(waits->procs);
  free(waits->candidates);
  waits->procs = calloc(count + 1, sizeof *waits->procs);
  waits->candidates = calloc(count + 1, sizeof *waits->candidates);
  waits->proc_count = waits->candidate_count = 0;
  if (!waits->procs || !waits->candidates ||
      beam_proc_each(node, places, count, test_waits_each, waits) != 0)
    test_node_fail("cannot read the processes");
  free(slots);
  free(places);
}

static inline uint64_t test_waits_by_name(void *context, uint64_t atom)
{
  struct test_waits *waits = context;
  for (size_t i = 0; i < waits->proc_count; i++)
    if (waits->procs[i].name == atom)
      return waits->procs[i].proc.key;
  return 0;
}

/* As of the last reading: procs stand in the order of their slots. */
static inline bool test_waits_lives(void *context, uint64_t pid_word)
{
  const struct test_waits *waits = context;
  uint32_t slot = beam_node_slot(&waits->node->node, pid_word);
  size_t low = 0, high = waits->proc_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (waits->procs[middle].proc.slot < slot)
      low = middle + 1;
    else
      high = middle;
  }
  return low < waits->proc_count && waits->procs[low].proc.word == pid_word;
}

/* ---- the waits ---- */

/* Reads the node again. */
static inline void test_waits_read(struct test_waits *waits)
{
  struct timespec a, b;
  const struct beam_waits_world world = {waits, test_waits_by_name, test_waits_lives};
  sweep_free(waits->sweep);
  waits->sweep = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_BEAM, SWEEP_FULL);
  if (beam_code_begin(waits->code) < 0)
    test_node_fail("cannot read the code");
  test_waits_procs(waits);
  (void)clock_gettime(CLOCK_MONOTONIC, &a);
  int error = beam_waits_read(waits->waits, waits->candidates, waits->candidate_count, &world,
                              waits->sweep);
  (void)clock_gettime(CLOCK_MONOTONIC, &b);
  waits->took_ns =
      (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec - (uint64_t)a.tv_nsec;
  if (error)
    test_node_fail("beam_waits_read: %d", error);
  for (size_t i = 0; i < waits->proc_count; i++) {
    struct sweep_actor *actor = sweep_add_actor(waits->sweep);
    if (!actor)
      test_node_fail("no memory");
    actor->key = waits->procs[i].proc.key;
  }
  sweep_sort(waits->sweep);
  if (sweep_check(waits->sweep) != 0)
    test_node_fail("the sweep is not in order");
}

/* What people call an actor: its registered name, else "-". */
static inline void test_waits_name(struct test_waits *waits, uint64_t key, char *ret_name,
                                   size_t room)
{
  (void)snprintf(ret_name, room, "-");
  for (size_t i = 0; i < waits->proc_count; i++)
    if (waits->procs[i].proc.key == key && waits->procs[i].name != 0)
      (void)beam_atom_copy(waits->atoms, waits->procs[i].name, ret_name, room);
}

/* A wait as a line: "waiter -> holder holder, object, all, none". */
static inline void test_waits_line(struct test_waits *waits, const struct sweep_wait *wait,
                                   char *ret_line, size_t room)
{
  static const char *const TIMEOUTS[] = {"none", "some", "unknown"};
  char name[256];
  test_waits_name(waits, wait->waiter, name, sizeof name);
  int n = snprintf(ret_line, room, "%s ->", name);
  for (uint32_t i = 0; i < wait->holder_count; i++) {
    const struct sweep_holder *holder = &waits->sweep->holders[wait->holder_first + i];
    test_waits_name(waits, holder->actor, name, sizeof name);
    if (holder->peer)
      n += snprintf(ret_line + n, room - (size_t)n, " %s@%s",
                    holder->name ? sweep_text(waits->sweep, holder->name) : "-",
                    sweep_text(waits->sweep, holder->peer));
    else
      n += snprintf(ret_line + n, room - (size_t)n, " %s", name);
  }
  const char *object = sweep_text(waits->sweep, wait->object);
  (void)snprintf(ret_line + n, room - (size_t)n, "%s, %s, %s, %s%s%s", wait->open ? " ?" : "",
                 object ? object : "-", wait->needs == NEEDS_ALL ? "all" : "any",
                 TIMEOUTS[wait->timeout], wait->via == VIA_JOIN ? ", join" : "",
                 wait->exclusive ? ", exclusive" : "");
}

/* Is there a wait with this line? */
static inline bool test_waits_has(struct test_waits *waits, const char *line)
{
  char got[1024];
  for (size_t i = 0; i < waits->sweep->wait_count; i++) {
    test_waits_line(waits, &waits->sweep->waits[i], got, sizeof got);
    if (strcmp(got, line) == 0)
      return true;
  }
  return false;
}

/* How many waits has the process of this name? */
static inline size_t test_waits_of(struct test_waits *waits, const char *name)
{
  char got[256];
  size_t count = 0;
  for (size_t i = 0; i < waits->sweep->wait_count; i++) {
    test_waits_name(waits, waits->sweep->waits[i].waiter, got, sizeof got);
    count += strcmp(got, name) == 0;
  }
  return count;
}

static inline void test_waits_print(struct test_waits *waits)
{
  char line[1024];
  for (size_t i = 0; i < waits->sweep->wait_count; i++) {
    test_waits_line(waits, &waits->sweep->waits[i], line, sizeof line);
    (void)fprintf(stderr, "    %s\n", line);
  }
}

/* Reads until all lines are there; ends the test with what was there instead after a while. */
static inline void test_waits_expect(struct test_waits *waits, const char *const *lines)
{
  enum { DEADLINE_S = 20 };
  time_t begin = time(NULL);
  const char *missing;
  do {
    missing = NULL;
    test_waits_read(waits);
    for (const char *const *line = lines; *line; line++)
      if (!test_waits_has(waits, *line))
        missing = *line;
  } while (missing && time(NULL) - begin < DEADLINE_S);
  if (!missing)
    return;
  (void)fprintf(stderr, "got:\n");
  test_waits_print(waits);
  test_node_fail("wanted: %s", missing);
}

#endif
