/*
 * symbols.h - the names of one ELF file, sorted by address, so that a look-up does not walk them all.
 * The table is copied out of libelf, which then lets go of the file. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_SYMBOLS_H
#define IMPASSE_PROBE_THREAD_STACK_SYMBOLS_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table is hostile until proven otherwise: so many symbols and bytes of names are taken, no more. */
enum { SYMBOLS_MOST = 2 * 1024 * 1024, SYMBOLS_NAMES_BYTES_MOST = 64 * 1024 * 1024 };

enum symbols_kind { SYMBOLS_CODE, SYMBOLS_DATA, SYMBOLS_KINDS };

struct symbol {
  uint64_t value; /* as the file numbers addresses */
  uint32_t size;  /* 0 unknown; at most UINT32_MAX */
  uint32_t name;  /* offset in .names */
};

struct symbols {
  struct symbol *list[SYMBOLS_KINDS]; /* each ascending by value; of one value the best name last */
  size_t count[SYMBOLS_KINDS];
  char *names; /* ends with a NUL */
  size_t names_bytes;
  bool whole; /* of .symtab: names of static functions and variables are there */
};

/* Sorts a table of the file's layout with its `names`; both are copied. A version ("lock@@GLIBC_2.34") is no part of a
 * name. 0 or -ENOMEM. */
int symbols_sort(const Elf64_Sym *table, size_t count, const char *names, size_t names_bytes,
                 struct symbols *ret_symbols);

/* Reads .symtab, or .dynsym where there is none. A file without either gives an empty table. 0, -ENOMEM, or
 * -EPROTO the file is broken. */
int symbols_read(Elf *elf, struct symbols *ret_symbols);
void symbols_done(struct symbols *symbols);
size_t symbols_bytes(const struct symbols *symbols); /* of memory */

/* The symbol around the address (as the file numbers it), or NULL. Code without a size reaches to the next
 * symbol, where the table is whole; data must contain the address. */
const struct symbol *symbols_find(const struct symbols *symbols, enum symbols_kind kind,
                                  uint64_t address);

static inline const char *symbols_name(const struct symbols *symbols, const struct symbol *symbol)
{
  return symbols->names + symbol->name;
}

#endif
