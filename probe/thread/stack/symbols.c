/*
 * symbols.c - see symbols.h. Where several names have one address, the one that people write is taken: global
 * before weak before local, then the one with fewer underscores in front ("pthread_mutex_lock", not
 * "___pthread_mutex_lock").
 */
#include "probe/thread/stack/symbols.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

enum {
  WALK_BACK = 32,            /* symbols that begin between an address and the one around it */
  GUESSED_SIZE = 64 * 1024,  /* of code without a size, where no symbol follows */
  SECTIONS_MOST = 64 * 1024, /* of a file: more have no meaning for us */
};

/* A symbol while they are sorted. */
struct candidate {
  struct symbol symbol;
  uint8_t rank; /* the higher the better the name */
};

static uint8_t rank_of(const Elf64_Sym *symbol, const char *name)
{
  unsigned binding = ELF64_ST_BIND(symbol->st_info);
  unsigned reach = binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0;
  size_t in_front = strspn(name, "_");

  return (uint8_t)((symbol->st_size ? 128 : 0) + reach * 32 + 31 - (in_front > 31 ? 31 : in_front));
}

static int by_value(const void *left, const void *right)
{
  const struct candidate *a = left, *b = right;

  if (a->symbol.value != b->symbol.value)
    return a->symbol.value < b->symbol.value ? -1 : 1;
  if (a->rank != b->rank)
    return a->rank < b->rank ? -1 : 1;
  /* equals in a fixed order, so that the same file always gives the same names */
  return a->symbol.name < b->symbol.name ? 1 : a->symbol.name > b->symbol.name ? -1 : 0;
}

/* Which list the symbol belongs to; SYMBOLS_KINDS: none. */
static enum symbols_kind kind_of(const Elf64_Sym *symbol, size_t names_bytes)
{
  if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_name == 0 ||
      symbol->st_name >= names_bytes)
    return SYMBOLS_KINDS;
  switch (ELF64_ST_TYPE(symbol->st_info)) {
  case STT_FUNC:
  case STT_GNU_IFUNC:
    return SYMBOLS_CODE;
  case STT_NOTYPE: /* of an assembler: code where its author gave it no type */
    return ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL ? SYMBOLS_CODE : SYMBOLS_KINDS;
  case STT_OBJECT:
  case STT_COMMON:
    return SYMBOLS_DATA;
  default:
    return SYMBOLS_KINDS;
  }
}

/* Of one value only the best stays. */
static size_t keep_best(const struct candidate *list, size_t count, struct symbol *ret_list)
{
  size_t kept = 0;

  for (size_t i = 0; i < count; i++)
    if (i + 1 == count || list[i + 1].symbol.value != list[i].symbol.value)
      ret_list[kept++] = list[i].symbol;
  return kept;
}

static int sort_kind(struct symbols *symbols, const Elf64_Sym *table, size_t total,
                     enum symbols_kind kind)
{
  struct candidate *list = NULL;
  size_t count = 0;
  int error = 0;

  for (size_t i = 0; i < total; i++)
    count += kind_of(&table[i], symbols->names_bytes) == kind;
  if (count == 0)
    return 0;
  list = calloc(count, sizeof *list);
  symbols->list[kind] = calloc(count, sizeof **symbols->list);
  if (!list || !symbols->list[kind]) {
    error = -ENOMEM;
    goto out;
  }
  count = 0;
  for (size_t i = 0; i < total; i++) {
    const Elf64_Sym *from = &table[i];

    if (kind_of(from, symbols->names_bytes) != kind)
      continue;
    list[count].symbol = (struct symbol){
        from->st_value, from->st_size > UINT32_MAX ? UINT32_MAX : (uint32_t)from->st_size,
        from->st_name};
    list[count++].rank = rank_of(from, symbols->names + from->st_name);
  }
  qsort(list, count, sizeof *list, by_value);
  symbols->count[kind] = keep_best(list, count, symbols->list[kind]);
out:
  free(list);
  return error;
}

int symbols_sort(const Elf64_Sym *table, size_t count, const char *names, size_t names_bytes,
                 struct symbols *ret_symbols)
{
  struct symbols symbols = {.names = malloc(names_bytes + 1), .names_bytes = names_bytes};
  int error = symbols.names ? 0 : -ENOMEM;

  if (!error) {
    memcpy(symbols.names, names, names_bytes);
    symbols.names[names_bytes] = '\0';
    for (char *at = symbols.names;
         (at = memchr(at, '@', names_bytes - (size_t)(at - symbols.names)));)
      *at = '\0';
  }
  for (int kind = 0; kind < SYMBOLS_KINDS && !error; kind++)
    error = sort_kind(&symbols, table, count, (enum symbols_kind)kind);
  if (error)
    symbols_done(&symbols);
  else
    *ret_symbols = symbols;
  return error;
}

/* The names that a table's symbols point into, as they lie in libelf's memory. */
static Elf_Data *find_names(Elf *elf, size_t section)
{
  Elf_Scn *scn = elf_getscn(elf, section);
  GElf_Shdr header;
  Elf_Data *data;

  if (!scn || !gelf_getshdr(scn, &header) || header.sh_type != SHT_STRTAB ||
      (header.sh_flags & SHF_COMPRESSED) || header.sh_size > SYMBOLS_NAMES_BYTES_MOST)
    return NULL;
  data = elf_rawdata(scn, NULL);
  return data && data->d_buf && data->d_size ? data : NULL;
}

/* The section of the symbols: the whole table where it was not stripped. A compressed one is left alone: nobody
 * makes them, and a few bytes may stand for gigabytes. */
static Elf_Scn *find_table(Elf *elf, GElf_Shdr *ret_header)
{
  Elf_Scn *scn = NULL, *found = NULL;
  GElf_Shdr header;

  for (size_t i = 0; i < SECTIONS_MOST && (scn = elf_nextscn(elf, scn)); i++) {
    if (!gelf_getshdr(scn, &header) || (header.sh_flags & SHF_COMPRESSED))
      continue;
    if (header.sh_type != SHT_SYMTAB && (header.sh_type != SHT_DYNSYM || found))
      continue;
    *ret_header = header;
    found = scn;
    if (header.sh_type == SHT_SYMTAB)
      break;
  }
  return found;
}

int symbols_read(Elf *elf, struct symbols *ret_symbols)
{
  GElf_Shdr header;
  Elf_Scn *scn = find_table(elf, &header);
  Elf_Data *names, *table;
  int error;

  if (!scn) {
    *ret_symbols = (struct symbols){0};
    return 0;
  }
  if (header.sh_size / sizeof(Elf64_Sym) > SYMBOLS_MOST)
    return -EPROTO;
  names = find_names(elf, header.sh_link);
  table = elf_getdata(scn, NULL);
  if (!names || !table || !table->d_buf || table->d_type != ELF_T_SYM)
    return -EPROTO;
  error = symbols_sort(table->d_buf, table->d_size / sizeof(Elf64_Sym), names->d_buf, names->d_size,
                       ret_symbols);
  if (!error)
    ret_symbols->whole = header.sh_type == SHT_SYMTAB;
  return error;
}

void symbols_done(struct symbols *symbols)
{
  for (int kind = 0; kind < SYMBOLS_KINDS; kind++)
    free(symbols->list[kind]);
  free(symbols->names);
  *symbols = (struct symbols){0};
}

size_t symbols_bytes(const struct symbols *symbols)
{
  return symbols->names_bytes +
         (symbols->count[SYMBOLS_CODE] + symbols->count[SYMBOLS_DATA]) * sizeof(struct symbol);
}

/* How many symbols of the kind begin at or below the address. */
static size_t count_below(const struct symbols *symbols, enum symbols_kind kind, uint64_t address)
{
  size_t low = 0, high = symbols->count[kind];

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (symbols->list[kind][middle].value <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const struct symbol *symbols_find(const struct symbols *symbols, enum symbols_kind kind,
                                  uint64_t address)
{
  size_t below = count_below(symbols, kind, address);

  for (size_t i = below; i > 0 && below - i < WALK_BACK; i--) {
    const struct symbol *symbol = &symbols->list[kind][i - 1];
    uint64_t into = address - symbol->value;

    if (into < symbol->size)
      return symbol;
    if (symbol->size == 0 && symbols->whole && i == below && kind == SYMBOLS_CODE &&
        into < GUESSED_SIZE)
      return symbol;
  }
  return NULL;
}
