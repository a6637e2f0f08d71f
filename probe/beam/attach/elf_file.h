/*
 * elf_file.h - of an executable file, the little that finding a node in it takes: where its segments
 * go, which addresses it exports, what text it holds. By program headers only, as the kernel and the
 * dynamic loader see the file: libelf finds symbols through section headers, which a fully stripped
 * executable has none of. x86-64, little-endian.
 *
 * The file is foreign: each number in it is bounded before it is used, and it is read, not mapped (a
 * mapped file that shrinks kills its reader).
 */
#ifndef IMPASSE_PROBE_BEAM_ELF_FILE_H
#define IMPASSE_PROBE_BEAM_ELF_FILE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_FILE_SEGMENTS_MOST = 32 };

struct elf_file {
  int fd;         /* lent */
  uint64_t entry; /* where it begins to run, before it is moved to its load address */
  size_t segment_count;
  Elf64_Phdr segments[ELF_FILE_SEGMENTS_MOST]; /* PT_LOAD only */
  /* Of the dynamic symbols, addresses before moving; 0 absent. */
  uint64_t symbols, strings, gnu_hash, hash;
};

/* Reads the headers. -ENOEXEC no ELF executable, -ENOTSUP one of another kind of machine, -EPROTO
 * headers that make no sense, -EIO and others where it cannot be read. */
int elf_file_init(struct elf_file *file, int fd);

/* Reads what the file puts at an address: all of it or -EFAULT. */
int elf_file_read(const struct elf_file *file, uint64_t address, void *ret_bytes, size_t length);

/* The address of an exported function or object, before it is moved. -ENOENT. Looked up through the
 * hash table, as the loader does it: a name that is not there costs three small reads. */
int elf_file_symbol(const struct elf_file *file, const char *name, uint64_t *ret_address);

/* Calls `each` for every place where these bytes (at most 64) stand in what the file loads, data
 * before constants before code, until it returns other than 0, and returns that; else -ENOENT. */
int elf_file_search(const struct elf_file *file, const char *bytes, size_t length,
                    int (*each)(const struct elf_file *file, uint64_t address, void *context),
                    void *context);

/* The segment of writable data: address and length in memory, before moving. Where there are several,
 * the largest. -ENOENT. */
int elf_file_data(const struct elf_file *file, uint64_t *ret_address, uint64_t *ret_length);

#endif
