/*
 * code.c - see code.h.
 *
 *    three { modules, n, allocated, mid }, of which the active code index tells the one in force
 *        modules --> n x { begin, end } ascending --> begin: BeamCodeHeader
 *            { number of functions, ..., functions[] } --> infos ascending { ..., M, F, arity }
 *
 * (Layout: erts/emulator/beam/beam_ranges.c, beam_code.h.)
 */
#include "probe/beam/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  INDICES = 3,
  RANGES_HEAD = 32, /* bytes of { modules, n, allocated, mid } */
  RANGE_BYTES_MOST = 64,
  MODULES_MOST = 65536,
  FUNCTIONS_MOST = 65536,
  ANSWERS_MOST = 16384,
  BUCKETS = ANSWERS_MOST * 2, /* a power of two */
  CHECKED_AT_ONCE = 256,
};

struct answer {
  uint64_t instruction; /* 0 empty */
  uint64_t info;        /* where the MFA stands */
  struct beam_mfa mfa;
};

struct beam_code {
  const struct beam_node *node;
  char *ranges, *scratch; /* as they were read; `scratch` to compare with */
  size_t count, room;     /* ranges */
  struct answer *answers; /* open addressing */
  size_t answer_count;
  uint64_t *functions; /* of the module that was asked last */
  uint64_t functions_of;
  size_t function_count;
};

struct beam_code *beam_code_new(const struct beam_node *node)
{
  struct beam_code *code = calloc(1, sizeof *code);
  if (!code)
    return NULL;
  code->node = node;
  code->answers = calloc(BUCKETS, sizeof *code->answers);
  if (!code->answers) {
    free(code);
    return NULL;
  }
  return code;
}

void beam_code_free(struct beam_code *code)
{
  if (!code)
    return;
  free(code->ranges);
  free(code->scratch);
  free(code->answers);
  free(code->functions);
  free(code);
}

/* ---- ranges ---- */

static size_t range_bytes(const struct beam_code *code)
{
  return (size_t)code->node->layout.sz_range;
}

static uint64_t range_begin(const struct beam_code *code, size_t i)
{
  return beam_u64(code->ranges + i * range_bytes(code), 0);
}

static uint64_t range_end(const struct beam_code *code, size_t i)
{
  return beam_u64(code->ranges + i * range_bytes(code), 8);
}

/* The head in force: of the active index, or where that is not known the largest. */
static int read_head(const struct beam_code *code, uint64_t ret_head[RANGES_HEAD / 8])
{
  const struct beam_node *node = code->node;
  uint64_t heads[INDICES][RANGES_HEAD / 8];
  uint32_t active = INDICES;
  int error = beam_memory_read(node->memory, node->code_ranges, heads, sizeof heads);
  if (error)
    return error;
  if (node->active_code_index &&
      beam_memory_read(node->memory, node->active_code_index, &active, sizeof active) != 0)
    active = INDICES;
  if (active >= INDICES) {
    active = 0;
    for (uint32_t i = 1; i < INDICES; i++)
      if (heads[i][1] > heads[active][1])
        active = i;
  }
  memcpy(ret_head, heads[active], RANGES_HEAD);
  return 0;
}

static int make_room(struct beam_code *code, size_t count)
{
  if (count <= code->room)
    return 0;
  char *ranges = reallocarray(code->ranges, count, range_bytes(code));
  if (!ranges)
    return -ENOMEM;
  code->ranges = ranges;
  char *scratch = reallocarray(code->scratch, count, range_bytes(code));
  if (!scratch)
    return -ENOMEM;
  code->scratch = scratch;
  code->room = count;
  return 0;
}

static void forget(struct beam_code *code)
{
  memset(code->answers, 0, BUCKETS * sizeof *code->answers);
  code->answer_count = 0;
  code->functions_of = 0;
}

static bool is_same(const struct answer *answer, const uint64_t words[3])
{
  return words[0] == answer->mfa.module && words[1] == answer->mfa.function &&
         words[2] == answer->mfa.arity;
}

/* Do some of the answers, up to CHECKED_AT_ONCE of those from *bucket on, still stand in the node? */
static bool some_still_stand(const struct beam_code *code, size_t *bucket)
{
  const struct answer *answers[CHECKED_AT_ONCE];
  struct reach_piece pieces[CHECKED_AT_ONCE];
  uint64_t words[CHECKED_AT_ONCE][3];
  size_t count = 0;
  for (; *bucket < BUCKETS && count < CHECKED_AT_ONCE; ++*bucket) {
    if (code->answers[*bucket].instruction == 0)
      continue;
    answers[count] = &code->answers[*bucket];
    pieces[count] =
        (struct reach_piece){answers[count]->info, words[count], sizeof words[count], false};
    count++;
  }
  if (count > 0 && beam_memory_pieces(code->node->memory, pieces, count) != 0)
    return false;
  for (size_t i = 0; i < count; i++)
    if (!pieces[i].read || !is_same(answers[i], words[i]))
      return false;
  return true;
}

/* A module that takes the place of one that was purged may get its very memory. */
static bool all_still_stand(const struct beam_code *code)
{
  bool stand = true;
  for (size_t bucket = 0; bucket < BUCKETS && code->answer_count > 0 && stand;)
    stand = some_still_stand(code, &bucket);
  return stand;
}

int beam_code_begin(struct beam_code *code)
{
  uint64_t head[RANGES_HEAD / 8];
  size_t size = range_bytes(code);
  if (size < 16 || size > RANGE_BYTES_MOST)
    return -EPROTO;
  int error = read_head(code, head);
  if (!error && head[1] > MODULES_MOST)
    error = -EPROTO;
  if (!error)
    error = make_room(code, head[1]);
  if (!error && head[1] > 0)
    error = beam_memory_read(code->node->memory, head[0], code->scratch, head[1] * size);
  if (error)
    return error;
  if (head[1] == code->count &&
      (code->count == 0 || memcmp(code->ranges, code->scratch, code->count * size) == 0) &&
      all_still_stand(code))
    return 0;
  char *old = code->ranges;
  code->ranges = code->scratch;
  code->scratch = old;
  code->count = head[1];
  forget(code);
  return 1;
}

/* Number of the range that holds the address, or `count`. */
static size_t find_range(const struct beam_code *code, uint64_t address)
{
  size_t low = 0, high = code->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (range_begin(code, middle) <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && address < range_end(code, low - 1) ? low - 1 : code->count;
}

/* ---- functions ---- */

static int read_functions(struct beam_code *code, uint64_t module)
{
  const struct beam_node *node = code->node;
  uint64_t count;
  if (code->functions_of == module)
    return 0;
  code->functions_of = 0;
  int error = beam_memory_word(node->memory, module + (uint64_t)node->layout.ch_nfun, &count);
  if (error)
    return error;
  if (count == 0 || count > FUNCTIONS_MOST)
    return -EPROTO;
  uint64_t *functions = reallocarray(code->functions, count, sizeof *functions);
  if (!functions)
    return -ENOMEM;
  code->functions = functions;
  error = beam_memory_read(node->memory, module + (uint64_t)node->layout.ch_funs, functions,
                           count * sizeof *functions);
  if (error)
    return error;
  code->functions_of = module;
  code->function_count = count;
  return 0;
}

int beam_code_mfa(const struct beam_node *node, uint64_t address, struct beam_mfa *ret_mfa)
{
  uint64_t words[3];
  int error = beam_memory_read(node->memory, address, words, sizeof words);
  if (error)
    return error;
  if (!beam_is_atom(words[0]) || !beam_is_atom(words[1]) || words[2] > BEAM_ARITY_MOST)
    return -ENOENT;
  *ret_mfa = (struct beam_mfa){words[0], words[1], (uint32_t)words[2]};
  return 0;
}

static int look_up(struct beam_code *code, uint64_t instruction, struct answer *ret_answer)
{
  size_t range = find_range(code, instruction), low = 0;
  if (range == code->count)
    return -ENOENT;
  int error = read_functions(code, range_begin(code, range));
  if (error)
    return error;
  for (size_t high = code->function_count; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (code->functions[middle] <= instruction)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0)
    return -ENOENT;
  ret_answer->instruction = instruction;
  ret_answer->info = code->functions[low - 1] + (uint64_t)code->node->layout.ci_mfa;
  return beam_code_mfa(code->node, ret_answer->info, &ret_answer->mfa);
}

static struct answer *find_answer(struct beam_code *code, uint64_t instruction)
{
  size_t i = (instruction * UINT64_C(0x9e3779b97f4a7c15)) >> 40 & (BUCKETS - 1);
  while (code->answers[i].instruction != 0 && code->answers[i].instruction != instruction)
    i = (i + 1) & (BUCKETS - 1);
  return &code->answers[i];
}

int beam_code_function(struct beam_code *code, uint64_t instruction, struct beam_mfa *ret_mfa)
{
  if (instruction == 0)
    return -ENOENT;
  struct answer *answer = find_answer(code, instruction);
  if (answer->instruction == 0) {
    struct answer found;
    int error = look_up(code, instruction, &found);
    if (error)
      return error;
    if (code->answer_count == ANSWERS_MOST) {
      forget(code);
      answer = find_answer(code, instruction);
    }
    *answer = found;
    code->answer_count++;
  }
  *ret_mfa = answer->mfa;
  return 0;
}
