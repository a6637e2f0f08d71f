/* print.c - see print.h. Layouts: erl_term.h, erl_bits.h, erl_binary.h, erl_map.h, erl_fun.h of the
 * emulator, OTP 25, 27 and 29. */
#include "probe/beam/mailbox/print.h"

#include <errno.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  DEPTH_MOST = 12,
  ELEMENTS_MOST = 200, /* of one list, tuple or map */
  STRING_MOST = 200,   /* characters of one string or bytes of one binary */
  MAP_LEVELS_MOST = 12,
};

/* What a header is, by its bits 2..5. */
#define KINDS_COMMON                                                                               \
  [0x0] = PRINT_TUPLE, [0x2] = PRINT_BIG, [0x3] = PRINT_BIG, [0x4] = PRINT_REFERENCE,              \
  [0x5] = PRINT_FUN, [0x6] = PRINT_FLOAT, [0xc] = PRINT_EXTERNAL_PID, [0xd] = PRINT_EXTERNAL_PORT, \
  [0xe] = PRINT_EXTERNAL_REFERENCE

static const enum print_kind kinds_24[16] = {
    KINDS_COMMON, [0x8] = PRINT_OFF_HEAP_BYTES, [0x9] = PRINT_HEAP_BITS, [0xa] = PRINT_SUB_BYTES,
    [0xf] = PRINT_MAP};
static const enum print_kind kinds_27[16] = {
    KINDS_COMMON, [0x7] = PRINT_RECORD, [0x8] = PRINT_HEAP_BITS, [0x9] = PRINT_SUB_BITS,
    [0xb] = PRINT_MAP};

/* What of these structs is not in layout.h: word offsets that only terms need. */
static const struct release {
  int from;
  const enum print_kind *kinds;
  unsigned bits_per_size; /* sizes of heap binaries count so many bits */
  bool spread_ports;      /* numbers of ports are spread over cache lines */
  bool long_aliases;      /* printed with the numbers of their owner's pid */
  int32_t fun_module;     /* ErlFunEntry.module */
  bool fun_says_external; /* in its header; before, in word 4 */
} releases[] = {
    {29, kinds_27, 1, true, true, 40, true},
    {27, kinds_27, 1, true, true, 32, false},
    {26, kinds_24, 8, true, true, 32, false},
    {0, kinds_24, 8, false, false, 32, false},
};

static const struct release *release_of(const struct print *print)
{
  const struct release *release = releases;

  while (print->node->otp < release->from)
    release++;
  return release;
}

int print_box(const struct print *print, uint64_t term, struct print_box *ret_box)
{
  struct print_box box = {.address = beam_pointer(term)};
  int error;

  if (!beam_is_boxed(term))
    return -EINVAL;
  error = print_memory_word(print->memory, box.address, &box.header);
  if (error < 0)
    return error;
  if (!beam_is_header(box.header))
    return -EINVAL;
  box.kind = release_of(print)->kinds[box.header >> 2 & 0xf];
  box.count = beam_header_arity(box.header);
  *ret_box = box;
  return 0;
}

int print_box_word(const struct print *print, const struct print_box *box, uint64_t index,
                   uint64_t *ret_word)
{
  return print_memory_word(print->memory, box->address + 8 * index, ret_word);
}

int print_cell(const struct print *print, uint64_t term, uint64_t *ret_head, uint64_t *ret_tail)
{
  uint64_t words[2];
  int error;

  if (!beam_is_list(term))
    return -EINVAL;
  error = print_memory_read(print->memory, beam_pointer(term), words, sizeof words);
  if (error < 0)
    return error;
  *ret_head = words[0];
  *ret_tail = words[1];
  return 0;
}

/* --- maps ---
 *
 *    small:  header | size | keys, a tuple | value 1 ...
 *    large:  header | size | children            root: 16 of them, or one a bit of the header
 *            header | children                   inner node: one a bit of the header
 *    a child is a cell [key|value], an inner node, or (keys of equal hash) a tuple of cells
 */
enum { MAP_FLAT, MAP_NODE, MAP_ARRAY, MAP_ROOT };

static unsigned map_type(const struct print_box *box)
{
  return (unsigned)(box->header >> 6 & 3);
}

int print_map_size(const struct print *print, const struct print_box *box, uint64_t *ret_size)
{
  return map_type(box) == MAP_NODE ? -EINVAL : print_box_word(print, box, 1, ret_size);
}

static int flat_map(const struct print *print, const struct print_box *box, unsigned most,
                    print_entry_fn *each, void *context)
{
  uint64_t size, keys, key, value;
  struct print_box tuple;
  int error = print_box_word(print, box, 1, &size);

  if (error == 0 && size > 0)
    error = print_box_word(print, box, 2, &keys);
  if (error < 0 || size == 0)
    return error;
  error = print_box(print, keys, &tuple);
  for (uint64_t i = 1; error == 0 && i <= size && i <= most; i++) {
    error = print_box_word(print, &tuple, i, &key);
    if (error == 0)
      error = print_box_word(print, box, 2 + i, &value);
    if (error == 0)
      error = each(context, key, value);
  }
  return error;
}

struct map_walk {
  const struct print *print;
  print_entry_fn *each;
  void *context;
  unsigned left;  /* entries */
  unsigned steps; /* nodes: a cycle without entries ends, too */
};

static int map_node(struct map_walk *walk, uint64_t term, unsigned level);

static int map_children(struct map_walk *walk, const struct print_box *box, uint64_t first,
                        uint64_t count, unsigned level)
{
  int error = 0;

  for (uint64_t i = 0; error == 0 && i < count && walk->left > 0; i++) {
    uint64_t child;
    error = print_box_word(walk->print, box, first + i, &child);
    if (error == 0)
      error = map_node(walk, child, level + 1);
  }
  return error;
}

/* Depth is bounded by `level`. */
static int map_node(struct map_walk *walk, uint64_t term, unsigned level)
{
  uint64_t key, value;
  struct print_box box;
  int error;

  if (level > MAP_LEVELS_MOST || walk->steps == 0)
    return -EINVAL;
  walk->steps--;
  if (beam_is_list(term)) {
    error = print_cell(walk->print, term, &key, &value);
    walk->left--;
    return error < 0 ? error : walk->each(walk->context, key, value);
  }
  error = print_box(walk->print, term, &box);
  if (error < 0)
    return error;
  if (box.kind == PRINT_TUPLE)
    return map_children(walk, &box, 1, box.count, level);
  if (box.kind != PRINT_MAP || map_type(&box) == MAP_FLAT)
    return -EINVAL;
  uint64_t children = (uint64_t)__builtin_popcountll(box.header >> 16 & 0xffff);
  return map_children(walk, &box, map_type(&box) == MAP_NODE ? 1 : 2, children, level);
}

int print_map(const struct print *print, const struct print_box *box, unsigned most,
              print_entry_fn *each, void *context)
{
  struct map_walk walk = {print, each, context, most, 16 * most + 16};

  if (map_type(box) == MAP_FLAT)
    return flat_map(print, box, most, each, context);
  if (map_type(box) == MAP_NODE)
    return -EINVAL;
  return map_node(&walk, box->address | 2, 0);
}

/* --- leaves --- */

void print_atom(const struct print *print, uint64_t atom, struct print_text *text)
{
  size_t length;
  const char *bytes = beam_atom_text(print->atoms, atom, &length);

  if (bytes)
    print_text_atom(text, bytes, length);
  else
    print_text_words(text, "?");
}

void print_pid(const struct print *print, uint64_t pid_word, struct print_text *text)
{
  struct beam_pid pid = beam_node_pid(print->node, pid_word);

  print_text_format(text, "<0.%u.%u>", pid.number, pid.serial);
}

/* header | marker 32 bits, three numbers of 32 bits, and the owner's pid in one that is an alias. A
 * reference to something of the runtime (a table, an atomics array) holds pointers instead. */
static void reference(const struct print *print, const struct print_box *box,
                      struct print_text *text)
{
  uint32_t words[6] = {0};
  bool alias = box->count > 2 && release_of(print)->long_aliases;

  if (box->count < 2 ||
      print_memory_read(print->memory, box->address + 8, words, alias ? 24 : 16) < 0 ||
      words[0] != UINT32_MAX) {
    print_text_words(text, "#Ref<>");
    return;
  }
  print_text_words(text, "#Ref<0");
  for (size_t i = alias ? 5 : 3; i > 0; i--)
    print_text_format(text, ".%u", words[i]);
  print_text_words(text, ">");
}

/* From OTP 26 on the number of a port lies in its word as its table has it. That table is not read: of the first ports of
 * each line, where most are, the number is told. */
static void port(const struct print *print, uint64_t term, struct print_text *text)
{
  enum { LINE_BITS = 3, SURE = 1 << 16 };
  uint64_t data = term >> 4 & 0xfffffff;

  if (!release_of(print)->spread_ports)
    print_text_format(text, "#Port<0.%llu>", (unsigned long long)data);
  else if (data < SURE && data % (1 << LINE_BITS) == 0)
    print_text_format(text, "#Port<0.%llu>", (unsigned long long)data >> LINE_BITS);
  else
    print_text_words(text, "#Port<>");
}

/* header | node | next | two 32-bit numbers, or for a reference their count and the numbers */
static void external(const struct print *print, const struct print_box *box,
                     struct print_text *text)
{
  enum { NODE = 1, DATA = 3, NUMBERS_MOST = 5 };
  uint64_t address, name = 0;
  uint32_t numbers[1 + NUMBERS_MOST] = {0};
  bool is_reference = box->kind == PRINT_EXTERNAL_REFERENCE;
  size_t words =
      box->count >= DATA ? (size_t)(box->count < DATA + 2 ? box->count : DATA + 2) - 2 : 0;

  print_text_words(text, box->kind == PRINT_EXTERNAL_PID    ? "<"
                         : box->kind == PRINT_EXTERNAL_PORT ? "#Port<"
                                                            : "#Ref<");
  if (words == 0 || print_box_word(print, box, NODE, &address) < 0 ||
      print_memory_word(print->memory, address + (uint64_t)print->node->layout.n_sysname, &name) <
          0 ||
      print_memory_read(print->memory, box->address + 8 * DATA, numbers, 8 * words) < 0) {
    print_text_words(text, "?>");
    return;
  }
  print_atom(print, name, text);
  if (is_reference)
    for (size_t i = numbers[0] <= NUMBERS_MOST && numbers[0] < 2 * words ? numbers[0] : 0; i > 0;
         i--)
      print_text_format(text, ".%u", numbers[i]);
  else if (box->kind == PRINT_EXTERNAL_PID)
    print_text_format(text, ".%u.%u", numbers[0], numbers[1]);
  else
    print_text_format(text, ".%llu", (unsigned long long)numbers[1] << 32 | numbers[0]);
  print_text_words(text, ">");
}

static void fun(const struct print *print, const struct print_box *box, struct print_text *text)
{
  uint64_t entry, module;
  const struct release *release = release_of(print);
  bool read = !(release->fun_says_external && (box->header >> 24 & 1)) &&
              print_box_word(print, box, 1, &entry) == 0 &&
              print_memory_word(print->memory, entry + (uint64_t)release->fun_module, &module) == 0;

  print_text_words(text, "#Fun<");
  if (read && beam_is_atom(module))
    print_atom(print, module, text);
  print_text_words(text, ">");
}

static void big(const struct print *print, const struct print_box *box, struct print_text *text)
{
  uint64_t words[PRINT_BIGNUM_WORDS_MOST];
  bool negative = beam_header_kind(box->header) == BEAM_BIG_NEGATIVE;

  if (box->count <= PRINT_BIGNUM_WORDS_MOST &&
      print_memory_read(print->memory, box->address + 8, words, (size_t)box->count * 8) < 0)
    print_text_words(text, "?");
  else
    print_text_bignum(text, negative, words, box->count);
}

/* --- binaries --- */

struct bits {
  uint64_t address;
  uint64_t skip; /* bits before the first, 0..7 */
  uint64_t count;
};

/* Where the bytes of a binary are. One that is part of another leads to that one, once. */
static int find_bits(const struct print *print, const struct print_box *box, struct bits *ret_bits)
{
  uint64_t w[6] = {0};
  size_t words = box->kind == PRINT_HEAP_BITS ? 2 : box->kind == PRINT_OFF_HEAP_BYTES ? 5 : 5;
  int error = print_memory_read(print->memory, box->address, w, words * 8);
  struct print_box whole;

  if (error < 0)
    return error;
  switch (box->kind) {
  case PRINT_HEAP_BITS: /* header | size | bytes */
    *ret_bits = (struct bits){box->address + 16, 0, w[1] * release_of(print)->bits_per_size};
    return 0;
  case PRINT_OFF_HEAP_BYTES: /* header | size | next | struct | bytes */
    *ret_bits = (struct bits){w[4], 0, w[1] * 8};
    return 0;
  case PRINT_SUB_BITS: /* header | base, 2 bits of flags | first bit | last bit | whole */
    if (w[3] < w[2])
      return -EINVAL;
    *ret_bits = (struct bits){(w[1] & ~UINT64_C(3)) + w[2] / 8, w[2] % 8, w[3] - w[2]};
    return 0;
  case PRINT_SUB_BYTES: /* header | size | offset | more bits, bit offset 8 bits each | whole */
    error = print_box(print, w[4], &whole);
    if (error < 0)
      return error;
    if (whole.kind != PRINT_HEAP_BITS && whole.kind != PRINT_OFF_HEAP_BYTES)
      return -EINVAL;
    error = find_bits(print, &whole, ret_bits);
    if (error == 0)
      *ret_bits = (struct bits){ret_bits->address + w[2], w[3] >> 8 & 7, w[1] * 8 + (w[3] & 7)};
    return error;
  default:
    return -EINVAL;
  }
}

/* <<"text">>, <<1,2,3>>, <<1,2,3:2>> */
static void bits(const struct print *print, const struct print_box *box, struct print_text *text)
{
  uint8_t raw[STRING_MOST + 2], bytes[STRING_MOST + 1];
  struct bits all;

  if (find_bits(print, box, &all) < 0) {
    print_text_words(text, "<<?>>");
    return;
  }
  size_t shown = (size_t)(all.count / 8 < STRING_MOST ? all.count / 8 : STRING_MOST);
  unsigned rest = shown < STRING_MOST ? (unsigned)(all.count % 8) : 0;
  size_t raw_count = (all.skip + 8 * shown + rest + 7) / 8;
  if (raw_count && print_memory_read(print->memory, all.address, raw, raw_count) < 0) {
    print_text_words(text, "<<?>>");
    return;
  }
  raw[raw_count] = 0;
  for (size_t i = 0; i < shown + (rest > 0); i++)
    bytes[i] =
        (uint8_t)(raw[i] << all.skip | (i + 1 < raw_count ? raw[i + 1] >> (8 - all.skip) : 0));
  print_text_words(text, "<<");
  if (rest == 0 && print_text_printable(bytes, shown)) {
    print_text_quoted(text, (const char *)bytes, shown, '"');
  } else {
    for (size_t i = 0; i < shown; i++)
      print_text_format(text, i ? ",%u" : "%u", bytes[i]);
    if (rest)
      print_text_format(text, shown ? ",%u:%u" : "%u:%u", bytes[shown] >> (8 - rest), rest);
  }
  print_text_words(text, shown < all.count / 8 ? "...>>" : ">>");
}

/* --- what holds other terms; recursion is bounded by `depth` --- */

static void any(const struct print *print, uint64_t term, struct print_text *text, unsigned depth);

/* Words first..last of a box, with commas; `skip` of them said otherwise. */
static void words(const struct print *print, const struct print_box *box, uint64_t first,
                  struct print_text *text, unsigned depth)
{
  for (uint64_t i = first; i <= box->count && !text->cut; i++) {
    uint64_t word;

    if (i > first)
      print_text_words(text, ",");
    if (i - first == ELEMENTS_MOST) {
      print_text_words(text, "...");
      return;
    }
    if (print_box_word(print, box, i, &word) < 0) {
      print_text_words(text, "?");
      return;
    }
    any(print, word, text, depth);
  }
}

struct map_print {
  const struct print *print;
  struct print_text *text;
  unsigned depth, count;
};

static int map_entry(void *context, uint64_t key, uint64_t value)
{
  struct map_print *map = context;

  if (map->count++ > 0)
    print_text_words(map->text, ",");
  any(map->print, key, map->text, map->depth);
  print_text_words(map->text, " => ");
  any(map->print, value, map->text, map->depth);
  return map->text->cut ? 1 : 0;
}

static void map(const struct print *print, const struct print_box *box, struct print_text *text,
                unsigned depth)
{
  struct map_print context = {print, text, depth, 0};
  uint64_t size = 0;

  print_text_words(text, "#{");
  if (print_map_size(print, box, &size) < 0 ||
      print_map(print, box, ELEMENTS_MOST, map_entry, &context) < 0)
    print_text_words(text, context.count ? ",?" : "?");
  else if (size > context.count)
    print_text_words(text, ",...");
  print_text_words(text, "}");
}

/* A native record: header | definition | values; the definition: header | order | hash | module | name */
static void record(const struct print *print, const struct print_box *box, struct print_text *text,
                   unsigned depth)
{
  uint64_t term, module, name;
  struct print_box definition;

  print_text_words(text, "#");
  if (print_box_word(print, box, 1, &term) == 0 && print_box(print, term, &definition) == 0 &&
      print_box_word(print, &definition, 3, &module) == 0 &&
      print_box_word(print, &definition, 4, &name) == 0) {
    print_atom(print, module, text);
    print_text_words(text, ":");
    print_atom(print, name, text);
  }
  print_text_words(text, "{");
  words(print, box, 2, text, depth);
  print_text_words(text, "}");
}

static void boxed(const struct print *print, uint64_t term, struct print_text *text, unsigned depth)
{
  struct print_box box;
  double number;

  if (print_box(print, term, &box) < 0)
    box.kind = PRINT_UNKNOWN;
  switch (box.kind) {
  case PRINT_TUPLE:
    print_text_words(text, "{");
    words(print, &box, 1, text, depth);
    print_text_words(text, "}");
    break;
  case PRINT_MAP:
    map(print, &box, text, depth);
    break;
  case PRINT_RECORD:
    record(print, &box, text, depth);
    break;
  case PRINT_BIG:
    big(print, &box, text);
    break;
  case PRINT_FLOAT:
    if (print_memory_read(print->memory, box.address + 8, &number, sizeof number) == 0)
      print_text_float(text, number);
    else
      print_text_words(text, "?");
    break;
  case PRINT_REFERENCE:
    reference(print, &box, text);
    break;
  case PRINT_FUN:
    fun(print, &box, text);
    break;
  case PRINT_HEAP_BITS:
  case PRINT_OFF_HEAP_BYTES:
  case PRINT_SUB_BYTES:
  case PRINT_SUB_BITS:
    bits(print, &box, text);
    break;
  case PRINT_EXTERNAL_PID:
  case PRINT_EXTERNAL_PORT:
  case PRINT_EXTERNAL_REFERENCE:
    external(print, &box, text);
    break;
  case PRINT_UNKNOWN:
    print_text_words(text, "?");
  }
}

/* Is it a list of nothing but printable characters? Then it is printed as a string. */
static bool string(const struct print *print, uint64_t term, struct print_text *text)
{
  uint8_t bytes[STRING_MOST];
  size_t count = 0;

  while (beam_is_list(term) && count < STRING_MOST) {
    uint64_t head;
    if (print_cell(print, term, &head, &term) < 0 || !beam_is_small(head) || beam_small(head) < 0 ||
        beam_small(head) > 127)
      return false;
    bytes[count++] = (uint8_t)beam_small(head);
  }
  if (!print_text_printable(bytes, count) || (term != BEAM_NIL && count < STRING_MOST))
    return false;
  print_text_quoted(text, (const char *)bytes, count, '"');
  if (term != BEAM_NIL)
    print_text_words(text, "...");
  return true;
}

static void list(const struct print *print, uint64_t term, struct print_text *text, unsigned depth)
{
  uint64_t head;

  if (string(print, term, text))
    return;
  print_text_words(text, "[");
  for (unsigned i = 0; beam_is_list(term) && !text->cut; i++) {
    if (i > 0)
      print_text_words(text, ",");
    if (i == ELEMENTS_MOST) {
      print_text_words(text, "...");
      term = BEAM_NIL;
    } else if (print_cell(print, term, &head, &term) < 0) {
      print_text_words(text, "?");
      term = BEAM_NIL;
    } else {
      any(print, head, text, depth);
    }
  }
  if (term != BEAM_NIL && !text->cut) {
    print_text_words(text, "|");
    any(print, term, text, depth);
  }
  print_text_words(text, "]");
}

static void any(const struct print *print, uint64_t term, struct print_text *text, unsigned depth)
{
  if (text->cut)
    return;
  if (term == BEAM_NIL)
    print_text_words(text, "[]");
  else if (beam_is_small(term))
    print_text_format(text, "%lld", (long long)beam_small(term));
  else if (beam_is_atom(term))
    print_atom(print, term, text);
  else if (beam_is_pid(term))
    print_pid(print, term, text);
  else if (beam_is_port(term))
    port(print, term, text);
  else if (depth == 0)
    print_text_words(text, "...");
  else if (beam_is_list(term))
    list(print, term, text, depth - 1);
  else if (beam_is_boxed(term))
    boxed(print, term, text, depth - 1);
  else
    print_text_words(text, "?");
}

void print_term(const struct print *print, uint64_t term, struct print_text *text)
{
  any(print, term, text, DEPTH_MOST);
}
