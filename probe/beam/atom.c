/*
 * atom.c - see atom.h.
 *
 *    IndexTable.seg_table --> page of 1024 pointers --> Atom { length, index, text }
 *    text: a pointer to the bytes; where the layout has none, a binary as a term (OTP 29):
 *          a short one { header, size in bits, bytes }
 *          a long one  { header, pointer to the bytes, first bit, last bit }
 *
 * (Layout: erts/emulator/beam/atom.h, index.h, erl_bits.h.)
 */
#include "probe/beam/atom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  PAGE_BITS = 10, /* INDEX_PAGE_SHIFT */
  ATOM_READ_MOST = 128,
  BUCKETS = BEAM_ATOMS_MOST * 2, /* a power of two */
  TEXT_MOST = 8 << 20,           /* bytes of all texts that are kept */
  HEAP_BITS = 0x20,              /* kinds of headers, from OTP 27 on */
  SUB_BITS = 0x24,
  HEAP_BITS_DATA = 16,
};

struct entry {
  uint32_t key;  /* index + 1; 0 empty */
  uint32_t text; /* where it begins in `texts` */
  uint16_t length;
};

struct beam_atoms {
  const struct beam_node *node;
  struct entry *entries; /* open addressing */
  size_t count;
  char *texts;
  size_t used, room;
};

struct beam_atoms *beam_atoms_new(const struct beam_node *node)
{
  struct beam_atoms *atoms = calloc(1, sizeof *atoms);
  if (!atoms)
    return NULL;
  atoms->node = node;
  atoms->entries = calloc(BUCKETS, sizeof *atoms->entries);
  if (!atoms->entries) {
    free(atoms);
    return NULL;
  }
  return atoms;
}

void beam_atoms_free(struct beam_atoms *atoms)
{
  if (!atoms)
    return;
  free(atoms->entries);
  free(atoms->texts);
  free(atoms);
}

static struct entry *find(struct beam_atoms *atoms, uint32_t key)
{
  uint32_t i = (key * UINT32_C(2654435761)) & (BUCKETS - 1);
  while (atoms->entries[i].key != 0 && atoms->entries[i].key != key)
    i = (i + 1) & (BUCKETS - 1);
  return &atoms->entries[i];
}

/* Address of the Atom with this index. */
static int locate(const struct beam_node *node, uint64_t index, uint64_t *ret_address)
{
  uint64_t pages, page;
  uint32_t entries;
  int error = beam_memory_read(node->memory, node->atom_table + (uint64_t)node->layout.it_entries,
                               &entries, sizeof entries);
  if (error || index >= entries)
    return error ? error : -ENOENT;
  error = beam_memory_word(node->memory, node->atom_table + (uint64_t)node->layout.it_seg, &pages);
  if (!error)
    error = beam_memory_word(node->memory, pages + (index >> PAGE_BITS) * 8, &page);
  if (!error)
    error =
        beam_memory_word(node->memory, page + (index & ((1 << PAGE_BITS) - 1)) * 8, ret_address);
  return error;
}

/* The bytes of a binary of that length; 0 where it is none. */
static uint64_t binary_bytes(const struct beam_node *node, uint64_t term, size_t length)
{
  uint64_t words[4] = {0}, address = beam_pointer(term);
  if (!beam_is_boxed(term) ||
      beam_memory_read(node->memory, address, words, 2 * sizeof words[0]) != 0)
    return 0;
  if (beam_header_kind(words[0]) == HEAP_BITS)
    return words[1] == (uint64_t)length * 8 ? address + HEAP_BITS_DATA : 0;
  if (beam_header_kind(words[0]) != SUB_BITS ||
      beam_memory_read(node->memory, address, words, sizeof words) != 0)
    return 0;
  bool whole = words[2] % 8 == 0 && words[3] - words[2] == (uint64_t)length * 8;
  return whole ? (words[1] & ~UINT64_C(3)) + words[2] / 8 : 0;
}

/* Address of the text of an Atom that was read, 0 unknown. */
static uint64_t text_address(const struct beam_node *node, const char *atom, size_t length)
{
  const struct beam_layout *layout = &node->layout;
  if (layout->atom_name != BEAM_LAYOUT_ABSENT)
    return beam_u64(atom, layout->atom_name);
  return binary_bytes(node, beam_u64(atom, layout->atom_u), length);
}

/* Reads the text behind what is kept, and returns its length; -1 unreadable. */
static int fetch(struct beam_atoms *atoms, uint64_t index)
{
  const struct beam_node *node = atoms->node;
  const struct beam_layout *layout = &node->layout;
  char atom[ATOM_READ_MOST];
  uint64_t address;
  if (layout->sz_atom <= 0 || layout->sz_atom > ATOM_READ_MOST ||
      locate(node, index, &address) != 0 ||
      beam_memory_read(node->memory, address, atom, (size_t)layout->sz_atom) != 0)
    return -1;
  size_t length = beam_u16(atom, layout->atom_len);
  if (beam_u32(atom, layout->atom_ix) != index || length > BEAM_ATOM_BYTES)
    return -1;
  uint64_t text = text_address(node, atom, length);
  if (text == 0 ||
      (length > 0 && beam_memory_read(node->memory, text, atoms->texts + atoms->used, length) != 0))
    return -1;
  return (int)length;
}

/* Room for one more text; starts again from nothing where the bounds are reached. */
static bool make_room(struct beam_atoms *atoms)
{
  if (atoms->count >= BEAM_ATOMS_MOST || atoms->used + BEAM_ATOM_BYTES > TEXT_MOST) {
    memset(atoms->entries, 0, BUCKETS * sizeof *atoms->entries);
    atoms->count = 0;
    atoms->used = 0;
  }
  if (atoms->used + BEAM_ATOM_BYTES <= atoms->room)
    return true;
  size_t wanted = atoms->room ? atoms->room * 2 : 16 * BEAM_ATOM_BYTES;
  char *larger = realloc(atoms->texts, wanted);
  if (!larger)
    return false;
  atoms->texts = larger;
  atoms->room = wanted;
  return true;
}

const char *beam_atom_text(struct beam_atoms *atoms, uint64_t atom, size_t *ret_length)
{
  uint64_t index = beam_atom_index(atom);
  if (!beam_is_atom(atom) || index >= UINT32_MAX)
    return NULL;
  struct entry *entry = find(atoms, (uint32_t)index + 1);
  if (entry->key == 0) {
    if (!make_room(atoms))
      return NULL;
    int length = fetch(atoms, index);
    if (length < 0)
      return NULL;                            /* not kept: it may be readable the next time */
    entry = find(atoms, (uint32_t)index + 1); /* they may have been cleared */
    *entry = (struct entry){(uint32_t)index + 1, (uint32_t)atoms->used, (uint16_t)length};
    atoms->used += (size_t)length;
    atoms->count++;
  }
  *ret_length = entry->length;
  return atoms->texts + entry->text;
}

size_t beam_atom_copy(struct beam_atoms *atoms, uint64_t atom, char *ret_text, size_t room)
{
  size_t length;
  const char *text = beam_atom_text(atoms, atom, &length);
  if (room == 0)
    return 0;
  if (!text) {
    text = "?";
    length = 1;
  }
  if (length > room - 1)
    length = room - 1;
  memcpy(ret_text, text, length);
  ret_text[length] = '\0';
  return length;
}

bool beam_atom_is(struct beam_atoms *atoms, uint64_t atom, const char *wanted)
{
  size_t length;
  const char *text = beam_atom_text(atoms, atom, &length);
  return text && length == strlen(wanted) && memcmp(text, wanted, length) == 0;
}
