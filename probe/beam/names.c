/* names.c - see names.h. */
#include "probe/beam/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/mailbox/print.h"
#include "probe/beam/names_dict.h"
#include "probe/beam/names_index.h"
#include "probe/beam/names_text.h"
#include "probe/beam/term.h"

enum {
  PAGE_BITS = 12, /* entries of a page */
  PAGE_ENTRIES = 1 << PAGE_BITS,
  FIRST_SLICE =
      BEAM_NAMES_SLICE * 8,        /* in the first sweep, so that small nodes have names at once */
  RECHECKS = BEAM_NAMES_SLICE / 8, /* of them for what was read already */
  RECHECK_ROUNDS = 64,             /* in so many sweeps each is looked at again, if that suffices */
  NAME_BYTES = 2 * BEAM_ATOM_BYTES + 64,
  LABEL_BYTES = 128, /* of a label's text */
  LABEL_READS = 64 << 10,
  COMPACT_SLACK = 1 << 20,
  TRIES_MOST = 16, /* sweeps in which a dictionary is read that may have told less than there is */
};

/* Of a process whose dictionary may change while it is read. */
static const uint32_t MOVING = BEAM_STATE_ACTIVE | BEAM_STATE_RUNNING | BEAM_STATE_GC |
                               BEAM_STATE_RUNNING_SYS | BEAM_STATE_DIRTY_RUNNING |
                               BEAM_STATE_DIRTY_RUNNING_SYS;

/* What is needed to find a name when all reads are done together. */
struct wanted {
  uint32_t slot;
  bool moving;      /* it ran or was about to, or something moved its terms */
  uint64_t process; /* address */
  uint64_t parent;
  uint64_t initial[3];
};

struct registration {
  uint32_t slot;
  uint64_t registered, name;
};

struct beam_names {
  const struct beam_node *node;
  struct beam_atoms *atoms;
  struct beam_code *code;
  struct beam_name **pages;
  size_t page_count;
  uint32_t round, full;       /* numbers of the last begin, and of the last full one */
  size_t noted, noted_before; /* processes: since begin, and in the last full round */
  bool in_full;
  size_t registered_before; /* names that were read in the last full round */
  size_t slice, rechecks;   /* what is left of them in this round */
  struct names_text text;
  size_t text_kept; /* bytes after the last compaction */
  struct names_functions functions;
  struct names_index index;
  struct names_dict_keys keys;
  struct names_dict_entry *entries; /* to be read: the dictionaries of `wanted` */
  struct wanted *wanted;
  size_t wanted_count, wanted_room;
  struct registration *registrations;
  size_t registration_count, registration_room;
};

struct beam_names *beam_names_new(const struct beam_node *node, struct beam_atoms *atoms,
                                  struct beam_code *code)
{
  struct beam_names *names = calloc(1, sizeof *names);
  if (!names)
    return NULL;
  names->node = node;
  names->atoms = atoms;
  names->code = code;
  names->page_count = (node->processes.most >> PAGE_BITS) + 1;
  names->pages = calloc(names->page_count, sizeof *names->pages);
  if (!names->pages || names_functions_init(&names->functions) != 0) {
    beam_names_free(names);
    return NULL;
  }
  return names;
}

void beam_names_free(struct beam_names *names)
{
  if (!names)
    return;
  for (size_t i = 0; names->pages && i < names->page_count; i++)
    free(names->pages[i]);
  free(names->pages);
  names_text_done(&names->text);
  names_functions_done(&names->functions);
  names_index_done(&names->index);
  free(names->entries);
  free(names->wanted);
  free(names->registrations);
  free(names);
}

/* ---- entries ---- */

static struct beam_name *entry_at(const struct beam_names *names, uint32_t slot)
{
  struct beam_name *page =
      slot >> PAGE_BITS < names->page_count ? names->pages[slot >> PAGE_BITS] : NULL;
  return page ? &page[slot & (PAGE_ENTRIES - 1)] : NULL;
}

static struct beam_name *entry_make(struct beam_names *names, uint32_t slot)
{
  size_t page = slot >> PAGE_BITS;
  if (page >= names->page_count)
    return NULL;
  if (!names->pages[page])
    names->pages[page] = calloc(PAGE_ENTRIES, sizeof **names->pages);
  return entry_at(names, slot);
}

struct beam_name *beam_names_at(const struct beam_names *names, uint32_t slot)
{
  struct beam_name *entry = entry_at(names, slot);
  return entry && entry->word ? entry : NULL;
}

/* Texts of the dead are left out; what was not seen by the last full round is forgotten. */
static void compact(struct beam_names *names)
{
  struct names_text kept = {0};
  for (size_t page = 0; page < names->page_count; page++)
    for (size_t i = 0; names->pages[page] && i < PAGE_ENTRIES; i++) {
      struct beam_name *entry = &names->pages[page][i];
      if (entry->word && entry->seen != names->full)
        *entry = (struct beam_name){0};
      if (!entry->text)
        continue;
      const char *text = names->text.bytes + entry->text;
      entry->text = names_text_add(&kept, text, strlen(text));
    }
  names_text_done(&names->text);
  names->text = kept;
  names->text_kept = kept.used;
  names_functions_forget(&names->functions);
}

int beam_names_begin(struct beam_names *names, bool full)
{
  int changed = beam_code_begin(names->code);
  if (changed != 0) /* unreadable: functions are unknown rather than wrong */
    names_functions_forget(&names->functions);
  if (changed == -ENOMEM)
    return changed;
  names->in_full = full;
  if (full) {
    if (names->text.used > 2 * names->text_kept + COMPACT_SLACK)
      compact(names);
    names->noted_before = names->noted;
    names->noted = 0;
    names->full++;
    names_index_clear(&names->index);
  }
  names->slice = names->round == 0 ? FIRST_SLICE : BEAM_NAMES_SLICE;
  names->rechecks = RECHECKS;
  names->round++;
  names->wanted_count = names->registration_count = 0;
  return 0;
}

/* ---- texts ---- */

static size_t append_mfa(struct beam_names *names, const struct beam_mfa *mfa, char *text,
                         size_t room)
{
  size_t n = beam_atom_copy(names->atoms, mfa->module, text, room);
  if (n + 1 < room)
    text[n++] = ':';
  n += beam_atom_copy(names->atoms, mfa->function, text + n, room - n);
  int more = snprintf(text + n, room - n, "/%u", mfa->arity);
  return more > 0 && (size_t)more < room - n ? n + (size_t)more : n;
}

static size_t append_pid(const struct beam_names *names, uint64_t word, char *text, size_t room)
{
  struct beam_pid pid = beam_node_pid(names->node, word);
  int n = snprintf(text, room, "<0.%u.%u>", pid.number, pid.serial);
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

/* Keeps the text where it is the same. */
static void set_text(struct beam_names *names, struct beam_name *entry, const char *text,
                     size_t length)
{
  const char *old = entry->text ? names->text.bytes + entry->text : NULL;
  if (!old || strlen(old) != length || memcmp(old, text, length) != 0)
    entry->text = names_text_add(&names->text, text, length);
}

/* A function that was not passed by name, or the one that proc_lib starts all of its processes
 * with, tells nothing. */
static bool tells_something(struct beam_names *names, const struct beam_mfa *mfa)
{
  if (!beam_is_atom(mfa->module) || !beam_is_atom(mfa->function) || mfa->arity > BEAM_ARITY_MOST)
    return false;
  return !(beam_atom_is(names->atoms, mfa->module, "proc_lib") &&
           beam_atom_is(names->atoms, mfa->function, "init_p")) &&
         !(beam_atom_is(names->atoms, mfa->module, "erlang") &&
           beam_atom_is(names->atoms, mfa->function, "apply"));
}

static struct beam_mfa spawned_as(const uint64_t initial[3])
{
  uint64_t arity = initial[2] <= BEAM_ARITY_MOST ? initial[2] : UINT32_MAX;
  return (struct beam_mfa){initial[0], initial[1], (uint32_t)arity};
}

static void set_call_text(struct beam_names *names, struct beam_name *entry,
                          const struct beam_mfa *mfa)
{
  char text[NAME_BYTES];
  size_t n = 0;
  if (tells_something(names, mfa)) {
    n = append_mfa(names, mfa, text, sizeof text - 32);
    text[n++] = ' ';
  }
  n += append_pid(names, entry->word, text + n, sizeof text - n);
  set_text(names, entry, text, n);
}

/* A text is shown as it is, without the quotes that it would have as a term. */
static void unquote(char **text, size_t *length)
{
  static const char *const quotes[][2] = {{"<<\"", "\">>"}, {"\"", "\""}};
  for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
    size_t begin = strlen(quotes[i][0]), end = strlen(quotes[i][1]);
    if (*length <= begin + end || memcmp(*text, quotes[i][0], begin) != 0 ||
        memcmp(*text + *length - end, quotes[i][1], end) != 0)
      continue;
    *text += begin;
    *length -= begin + end;
    return;
  }
}

/* False: it cannot be read. */
static bool set_label_text(struct beam_names *names, struct beam_name *entry, uint64_t label)
{
  char bytes[LABEL_BYTES + 32], *text = bytes;
  struct print_text printed;
  struct print print = {names->node, names->atoms,
                        print_memory_new(names->node->memory, LABEL_READS)};
  if (!print.memory)
    return false;
  print_text_init(&printed, bytes, LABEL_BYTES);
  print_term(&print, label, &printed);
  print_memory_free(print.memory);
  size_t n = print_text_end(&printed);
  unquote(&text, &n);
  text[n++] = ' ';
  n += append_pid(names, entry->word, text + n, sizeof bytes - (size_t)(text - bytes) - n);
  set_text(names, entry, text, n);
  return true;
}

/* ---- notes ---- */

static void *grow(void *array, size_t *room, size_t size)
{
  size_t wanted = *room ? *room * 2 : 1024;
  void *larger = reallocarray(array, wanted, size);
  if (larger)
    *room = wanted;
  return larger;
}

static bool want(struct beam_names *names, const struct beam_proc_facts *facts)
{
  if (names->wanted_count == names->wanted_room) {
    size_t room = names->wanted_room;
    struct wanted *wanted = grow(names->wanted, &room, sizeof *wanted);
    if (!wanted)
      return false;
    names->wanted = wanted;
    struct names_dict_entry *entries = reallocarray(names->entries, room, sizeof *entries);
    if (!entries)
      return false;
    names->entries = entries;
    names->wanted_room = room;
  }
  names->entries[names->wanted_count] = (struct names_dict_entry){.dictionary = facts->dictionary};
  struct wanted *wanted = &names->wanted[names->wanted_count++];
  *wanted = (struct wanted){.slot = facts->proc.slot,
                            .moving = facts->proc.state & MOVING,
                            .process = facts->proc.address,
                            .parent = facts->parent};
  memcpy(wanted->initial, facts->initial, sizeof wanted->initial);
  return true;
}

/* What was read already is looked at again from time to time, the more processes the less often. */
static bool is_due(const struct beam_names *names, uint32_t slot)
{
  size_t rounds = names->noted_before / RECHECKS;
  if (rounds < RECHECK_ROUNDS)
    rounds = RECHECK_ROUNDS;
  return (slot + names->round) % rounds == 0;
}

static bool note_dictionary(struct beam_names *names, struct beam_name *entry,
                            const struct beam_proc_facts *facts)
{
  bool known = entry->flags & BEAM_NAME_KNOWN;
  if (!facts->dictionary || facts->proc.state & BEAM_STATE_EXITING)
    return false;
  if (known && (names->rechecks == 0 || !is_due(names, facts->proc.slot)))
    return false;
  if (names->slice == 0 || !want(names, facts))
    return false;
  names->slice--;
  names->rechecks -= known;
  return true;
}

static bool note_registration(struct beam_names *names, const struct beam_name *entry,
                              const struct beam_proc_facts *facts)
{
  bool same = entry->registered == facts->registered;
  if (same && names->registered_before > BEAM_NAMES_SLICE && !is_due(names, facts->proc.slot)) {
    names_index_put(&names->index, entry->atom, facts->proc.slot);
    return false;
  }
  if (names->registration_count == names->registration_room) {
    struct registration *larger =
        grow(names->registrations, &names->registration_room, sizeof *larger);
    if (!larger)
      return false;
    names->registrations = larger;
  }
  names->registrations[names->registration_count++] =
      (struct registration){facts->proc.slot, facts->registered, 0};
  return true;
}

static void begin_entry(const struct beam_names *names, struct beam_name *entry,
                        const struct beam_proc_facts *facts)
{
  *entry = (struct beam_name){.word = facts->proc.word, .depth = UINT32_MAX};
  if (beam_is_pid(facts->parent))
    entry->parent = beam_pid_key(beam_node_pid(names->node, facts->parent));
}

struct beam_name *beam_names_note(struct beam_names *names, const struct beam_proc_facts *facts,
                                  bool *ret_later)
{
  struct beam_name *entry = entry_make(names, facts->proc.slot);
  if (!entry)
    return NULL;
  if (entry->word != facts->proc.word)
    begin_entry(names, entry, facts);
  if (entry->registered && !facts->registered) { /* it has lost its name: what is it called now? */
    entry->registered = entry->atom = 0;
    entry->text = 0;
    entry->flags &= ~(uint32_t)(BEAM_NAME_REGISTERED | BEAM_NAME_KNOWN);
  }
  entry->seen = names->full;
  names->noted++;
  bool later = note_dictionary(names, entry, facts);
  if (facts->registered)
    later |= note_registration(names, entry, facts);
  if (!entry->text && !later) {
    struct beam_mfa mfa = spawned_as(facts->initial);
    set_call_text(names, entry, &mfa);
  }
  *ret_later = later;
  return entry;
}

/* ---- resolving ---- */

static void resolve_registration(struct beam_names *names, const struct registration *r)
{
  struct beam_name *entry = entry_at(names, r->slot);
  size_t n;
  const char *text = entry ? beam_atom_text(names->atoms, r->name, &n) : NULL;
  if (!text) /* unreadable: perhaps the next time */
    return;
  if (entry->atom != r->name || entry->registered != r->registered || !entry->text) {
    entry->registered = r->registered;
    entry->atom = r->name;
    set_text(names, entry, n > 0 ? text : "''", n > 0 ? n : 2); /* the atom '' is a name, too */
  }
  entry->flags |= BEAM_NAME_REGISTERED;
  names_index_put(&names->index, r->name, r->slot);
}

static int resolve_registrations(struct beam_names *names)
{
  size_t count = names->registration_count;
  struct reach_piece *pieces = count ? reallocarray(NULL, count, sizeof *pieces) : NULL;
  if (count && !pieces)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++)
    pieces[i] = (struct reach_piece){names->registrations[i].registered +
                                         (uint64_t)names->node->layout.reg_name,
                                     &names->registrations[i].name, sizeof(uint64_t), false};
  int error = count ? beam_memory_pieces(names->node->memory, pieces, count) : 0;
  for (size_t i = 0; i < count && !error; i++)
    if (pieces[i].read)
      resolve_registration(names, &names->registrations[i]);
  free(pieces);
  return error;
}

static uint64_t parent_of(const struct beam_names *names, const struct names_dict_entry *dict,
                          uint64_t spawner)
{
  uint64_t key = 0;
  if (beam_is_atom(dict->ancestor))
    key = beam_names_by_name(names, dict->ancestor);
  uint64_t word = beam_is_pid(dict->ancestor) ? dict->ancestor : spawner;
  if (key == 0 && beam_is_pid(word))
    key = beam_pid_key(beam_node_pid(names->node, word));
  return key;
}

/* A dictionary that changes while it is read loses what stood in it, often without a trace: a process that was seen at rest
 * may have run meanwhile. Nobody takes an initial call out of a dictionary, so who had a name is not believed to have lost
 * it. */
static bool may_have_missed(const struct wanted *wanted, const struct beam_name *entry,
                            const struct names_dict_entry *dict)
{
  bool nothing = dict->initial.module == 0 && dict->label == 0;
  return dict->torn || (nothing && (wanted->moving || entry->flags & BEAM_NAME_KNOWN));
}

static void resolve_wanted(struct beam_names *names, const struct wanted *wanted,
                           const struct names_dict_entry *dict)
{
  struct beam_name *entry = entry_at(names, wanted->slot);
  struct beam_mfa mfa = dict->initial;
  if (!entry)
    return;
  bool missed = may_have_missed(wanted, entry, dict);
  if (missed && entry->flags & BEAM_NAME_KNOWN) /* it keeps its name */
    return;
  bool found = dict->initial.module != 0 || dict->label != 0; /* certain, also in a torn one */
  if (!missed || found || entry->flags >= TRIES_MOST * BEAM_NAME_TRY)
    entry->flags |= BEAM_NAME_KNOWN;
  else
    entry->flags += BEAM_NAME_TRY; /* the next sweep looks again */
  entry->parent = parent_of(names, dict, wanted->parent);
  if (entry->flags & BEAM_NAME_REGISTERED)
    return;
  if (dict->label && set_label_text(names, entry, dict->label))
    return;
  if (mfa.module == 0)
    mfa = spawned_as(wanted->initial);
  set_call_text(names, entry, &mfa);
}

/* Where the dictionary of a process is now; 0 where the process is not there any more. */
static uint64_t dictionary_now(const struct beam_names *names, const struct wanted *wanted)
{
  const struct beam_layout *l = &names->node->layout;
  const struct beam_name *entry = beam_names_at(names, wanted->slot);
  uint64_t word, dictionary;
  if (!entry ||
      beam_memory_word(names->node->memory, wanted->process + (uint64_t)l->p_id, &word) != 0 ||
      word != entry->word ||
      beam_memory_word(names->node->memory, wanted->process + (uint64_t)l->p_dict, &dictionary) !=
          0)
    return 0;
  return dictionary;
}

/* Those that may have changed while they were read, once more: the next sweep may be seconds away. The order of what is wanted is
 * nobody's, so they come to its end. */
static int read_torn_again(struct beam_names *names)
{
  size_t first = names->wanted_count;
  for (size_t i = 0; i < first;) {
    uint64_t dictionary = names->entries[i].torn ? dictionary_now(names, &names->wanted[i]) : 0;
    if (!dictionary) {
      i++;
      continue;
    }
    struct wanted wanted = names->wanted[i];
    first--;
    names->wanted[i] = names->wanted[first];
    names->entries[i] = names->entries[first];
    names->wanted[first] = wanted;
    names->entries[first] = (struct names_dict_entry){.dictionary = dictionary};
  }
  if (first == names->wanted_count)
    return 0;
  return names_dict_read(names->node, names->atoms, &names->keys, names->entries + first,
                         names->wanted_count - first);
}

int beam_names_resolve(struct beam_names *names)
{
  int error = resolve_registrations(names);
  if (!error && names->wanted_count > 0)
    error = names_dict_read(names->node, names->atoms, &names->keys, names->entries,
                            names->wanted_count);
  if (!error && names->wanted_count > 0)
    error = read_torn_again(names);
  for (size_t i = 0; i < names->wanted_count && !error; i++)
    resolve_wanted(names, &names->wanted[i], &names->entries[i]);
  if (names->in_full)
    names->registered_before = names->registration_count;
  return error;
}

/* ---- functions ---- */

enum key_kind { KEY_INSTRUCTION, KEY_CURRENT };

static const struct names_function *function_of_mfa(struct beam_names *names,
                                                    const struct beam_mfa *mfa)
{
  struct names_key key = {{mfa->module, mfa->function, mfa->arity}};
  const struct names_function *known = names_functions_get(&names->functions, key);
  if (known)
    return known;
  char text[NAME_BYTES];
  size_t n = append_mfa(names, mfa, text, sizeof text);
  bool drains = beam_atom_is(names->atoms, mfa->module, "gen_server2");
  return names_functions_put(&names->functions, key, names_text_add(&names->text, text, n), drains);
}

/* As process_info does it: what it was scheduled out in, else where its next instruction is. */
static bool find_mfa(struct beam_names *names, enum key_kind kind, uint64_t address,
                     struct beam_mfa *ret_mfa)
{
  if (kind == KEY_INSTRUCTION)
    return beam_code_function(names->code, address, ret_mfa) == 0;
  return beam_code_mfa(names->node, address, ret_mfa) == 0;
}

static const struct names_function *function_at(struct beam_names *names, enum key_kind kind,
                                                uint64_t address)
{
  struct names_key key = {{address, 0, UINT64_MAX - (uint64_t)kind}};
  const struct names_function *known = names_functions_get(&names->functions, key);
  struct names_function found = {0};
  struct beam_mfa mfa;
  if (known)
    return known;
  if (find_mfa(names, kind, address, &mfa))
    found = *function_of_mfa(names, &mfa);
  return names_functions_put(&names->functions, key, found.text, found.drains);
}

uint32_t beam_names_function(struct beam_names *names, const struct beam_proc_facts *facts,
                             bool *ret_drains)
{
  uint64_t own = facts->current - facts->proc.address;
  const struct names_function *function = NULL;
  if (facts->current && own < (uint64_t)names->node->layout.sz_process) { /* its initial call */
    struct beam_mfa mfa = spawned_as(facts->initial);
    if (beam_is_atom(mfa.module) && beam_is_atom(mfa.function) && mfa.arity <= BEAM_ARITY_MOST)
      function = function_of_mfa(names, &mfa);
  } else if (facts->current) {
    function = function_at(names, KEY_CURRENT, facts->current);
  }
  if ((!function || !function->text) && facts->proc.instruction)
    function = function_at(names, KEY_INSTRUCTION, facts->proc.instruction);
  *ret_drains = function && function->drains;
  return function ? function->text : 0;
}

/* ---- questions ---- */

const char *beam_names_texts(const struct beam_names *names, size_t *ret_bytes)
{
  *ret_bytes = names->text.used;
  return names->text.bytes;
}

uint64_t beam_names_by_name(const struct beam_names *names, uint64_t atom)
{
  uint32_t slot;
  if (!names_index_get(&names->index, atom, &slot))
    return 0;
  const struct beam_name *entry = beam_names_at(names, slot);
  if (!entry || entry->atom != atom)
    return 0;
  return beam_pid_key(beam_node_pid(names->node, entry->word));
}

/* The node's own answer. */
static bool is_there(const struct beam_node *node, uint32_t slot, uint64_t word)
{
  uint64_t address, found;
  return slot < node->processes.most &&
         beam_memory_word(node->memory, node->processes.slots + (uint64_t)slot * 8, &address) ==
             0 &&
         beam_memory_word(node->memory, address + (uint64_t)node->layout.p_id, &found) == 0 &&
         found == word;
}

bool beam_names_lives(const struct beam_names *names, uint64_t word)
{
  uint32_t slot = beam_node_slot(names->node, word);
  const struct beam_name *entry = entry_at(names, slot);
  if (entry && entry->word == word && entry->seen == names->full)
    return true;
  return beam_is_pid(word) && is_there(names->node, slot, word);
}
