/* elf_file.c - see elf_file.h. */
#include "probe/beam/attach/elf_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
  HEADERS_MOST = 256,  /* program headers looked at */
  DYNAMICS_MOST = 256, /* entries of the dynamic section */
  CHAIN_MOST = 4096,   /* symbols behind one hash */
  NAME_BYTES = 64,     /* of a symbol that is looked for */
  SEARCH_BYTES = 64,
  SEARCH_CHUNK = 65536,
  SEARCH_MOST = 64 << 20, /* of a segment */
};

static int read_at(int fd, uint64_t offset, void *ret_bytes, size_t length)
{
  size_t done = 0;
  if (offset > INT64_MAX - length)
    return -EFAULT;
  while (done < length) {
    ssize_t got = pread(fd, (char *)ret_bytes + done, length - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    if (got == 0)
      return -EFAULT;
    done += (size_t)got;
  }
  return 0;
}

/* Bytes from `address` on that the file gives to this segment, 0 where it lies outside. */
static uint64_t left_in(const Elf64_Phdr *segment, uint64_t address)
{
  if (address < segment->p_vaddr || address - segment->p_vaddr >= segment->p_filesz)
    return 0;
  return segment->p_filesz - (address - segment->p_vaddr);
}

int elf_file_read(const struct elf_file *file, uint64_t address, void *ret_bytes, size_t length)
{
  for (size_t i = 0; i < file->segment_count; i++) {
    const Elf64_Phdr *segment = &file->segments[i];
    if (left_in(segment, address) >= length && length > 0)
      return read_at(file->fd, segment->p_offset + (address - segment->p_vaddr), ret_bytes, length);
  }
  return -EFAULT;
}

static int check_header(const Elf64_Ehdr *header)
{
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return -ENOEXEC;
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64)
    return -ENOTSUP;
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
    return -ENOEXEC;
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > HEADERS_MOST)
    return -EPROTO;
  return 0;
}

static bool segment_is_sane(const Elf64_Phdr *segment)
{
  return segment->p_filesz <= segment->p_memsz && segment->p_memsz <= INT64_MAX &&
         segment->p_vaddr <= INT64_MAX && segment->p_offset <= INT64_MAX &&
         segment->p_filesz <= INT64_MAX - segment->p_offset;
}

/* Where the dynamic section says the symbols are. What it does not say stays 0. */
static void take_dynamic(struct elf_file *file, const Elf64_Phdr *dynamic)
{
  size_t count = dynamic->p_filesz / sizeof(Elf64_Dyn);
  Elf64_Dyn entries[DYNAMICS_MOST];
  if (count > DYNAMICS_MOST)
    count = DYNAMICS_MOST;
  if (elf_file_read(file, dynamic->p_vaddr, entries, count * sizeof *entries) != 0)
    return;
  for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
    uint64_t value = entries[i].d_un.d_ptr;
    switch (entries[i].d_tag) {
    case DT_SYMTAB:
      file->symbols = value;
      break;
    case DT_STRTAB:
      file->strings = value;
      break;
    case DT_GNU_HASH:
      file->gnu_hash = value;
      break;
    case DT_HASH:
      file->hash = value;
      break;
    default:
      break;
    }
  }
}

int elf_file_init(struct elf_file *file, int fd)
{
  Elf64_Ehdr header;
  Elf64_Phdr headers[HEADERS_MOST];
  const Elf64_Phdr *dynamic = NULL;
  *file = (struct elf_file){.fd = fd};
  int error = read_at(fd, 0, &header, sizeof header);
  if (error)
    return error == -EFAULT ? -ENOEXEC : error;
  error = check_header(&header);
  if (error)
    return error;
  error = read_at(fd, header.e_phoff, headers, header.e_phnum * sizeof *headers);
  if (error)
    return error == -EFAULT ? -EPROTO : error;
  file->entry = header.e_entry;
  for (size_t i = 0; i < header.e_phnum; i++) {
    if (headers[i].p_type == PT_DYNAMIC)
      dynamic = &headers[i];
    if (headers[i].p_type != PT_LOAD)
      continue;
    if (!segment_is_sane(&headers[i]) || file->segment_count == ELF_FILE_SEGMENTS_MOST)
      return -EPROTO;
    file->segments[file->segment_count++] = headers[i];
  }
  if (dynamic)
    take_dynamic(file, dynamic);
  return 0;
}

/* Symbol number `index`, when it is a defined one of this name. */
static int match_symbol(const struct elf_file *file, uint32_t index, const char *name,
                        uint64_t *ret_address)
{
  Elf64_Sym symbol;
  char text[NAME_BYTES];
  size_t length = strlen(name) + 1;
  if (length > sizeof text)
    return -ENOENT;
  if (elf_file_read(file, file->symbols + index * sizeof symbol, &symbol, sizeof symbol) != 0 ||
      elf_file_read(file, file->strings + symbol.st_name, text, length) != 0 ||
      memcmp(text, name, length) != 0 || symbol.st_shndx == SHN_UNDEF)
    return -ENOENT;
  *ret_address = symbol.st_value;
  return 0;
}

/* DT_GNU_HASH: {buckets, index of the first hashed symbol, words of the filter, its shift}, filter,
 * buckets, one word a symbol: its hash, of which the lowest bit ends the chain. (binutils, bfd/elflink.c) */
static int find_by_gnu_hash(const struct elf_file *file, const char *name, uint64_t *ret_address)
{
  uint32_t head[4], hash = 5381, index, word;
  uint64_t filter;
  for (const char *c = name; *c; c++)
    hash = hash * 33 + (unsigned char)*c;
  if (elf_file_read(file, file->gnu_hash, head, sizeof head) != 0 || !head[0] || !head[2])
    return -ENOENT;
  uint64_t filters = file->gnu_hash + sizeof head;
  uint64_t buckets = filters + (uint64_t)head[2] * sizeof filter;
  uint64_t chains = buckets + (uint64_t)head[0] * sizeof word;
  if (elf_file_read(file, filters + hash / 64 % head[2] * sizeof filter, &filter, sizeof filter))
    return -ENOENT;
  if (!(filter >> hash % 64 & filter >> (hash >> (head[3] & 31)) % 64 & 1))
    return -ENOENT;
  if (elf_file_read(file, buckets + (uint64_t)(hash % head[0]) * sizeof index, &index,
                    sizeof index))
    return -ENOENT;
  for (uint32_t steps = 0; index >= head[1] && steps < CHAIN_MOST; steps++, index++) {
    if (elf_file_read(file, chains + (uint64_t)(index - head[1]) * sizeof word, &word, sizeof word))
      return -ENOENT;
    if ((word | 1) == (hash | 1) && match_symbol(file, index, name, ret_address) == 0)
      return 0;
    if (word & 1)
      break;
  }
  return -ENOENT;
}

/* DT_HASH, which a few linkers still make alone: {buckets, symbols}, buckets, chain. (System V ABI) */
static int find_by_hash(const struct elf_file *file, const char *name, uint64_t *ret_address)
{
  uint32_t head[2], hash = 0, index;
  for (const char *c = name; *c; c++) {
    hash = (hash << 4) + (unsigned char)*c;
    hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
  }
  if (elf_file_read(file, file->hash, head, sizeof head) != 0 || !head[0])
    return -ENOENT;
  uint64_t buckets = file->hash + sizeof head;
  uint64_t chains = buckets + (uint64_t)head[0] * sizeof index;
  uint64_t next = buckets + (uint64_t)(hash % head[0]) * sizeof index;
  for (uint32_t steps = 0; steps < CHAIN_MOST; steps++) {
    if (elf_file_read(file, next, &index, sizeof index) != 0 || index == 0)
      return -ENOENT;
    if (match_symbol(file, index, name, ret_address) == 0)
      return 0;
    next = chains + (uint64_t)index * sizeof index;
  }
  return -ENOENT;
}

int elf_file_symbol(const struct elf_file *file, const char *name, uint64_t *ret_address)
{
  if (!file->symbols || !file->strings)
    return -ENOENT;
  if (file->gnu_hash)
    return find_by_gnu_hash(file, name, ret_address);
  return file->hash ? find_by_hash(file, name, ret_address) : -ENOENT;
}

/* What is searched for, in one segment after the other. */
struct search {
  const struct elf_file *file;
  const char *bytes;
  size_t length;
  int (*each)(const struct elf_file *file, uint64_t address, void *context);
  void *context;
};

static int search_segment(const struct search *search, const Elf64_Phdr *segment)
{
  char chunk[SEARCH_CHUNK];
  uint64_t size = segment->p_filesz < SEARCH_MOST ? segment->p_filesz : SEARCH_MOST;
  for (uint64_t from = 0; from < size && size - from >= search->length;) {
    size_t room = size - from < sizeof chunk ? (size_t)(size - from) : sizeof chunk;
    if (elf_file_read(search->file, segment->p_vaddr + from, chunk, room) != 0)
      break;
    const char *place = chunk;
    while ((place = memmem(place, room - (size_t)(place - chunk), search->bytes, search->length))) {
      uint64_t address = segment->p_vaddr + from + (uint64_t)(place - chunk);
      int result = search->each(search->file, address, search->context);
      if (result)
        return result;
      place++;
    }
    from += room - (search->length - 1); /* it may begin at the end of this chunk */
  }
  return 0;
}

int elf_file_search(const struct elf_file *file, const char *bytes, size_t length,
                    int (*each)(const struct elf_file *file, uint64_t address, void *context),
                    void *context)
{
  static const uint32_t kinds[] = {PF_W, 0, PF_X};
  struct search search = {file, bytes, length, each, context};
  int result = 0;
  if (length == 0 || length > SEARCH_BYTES)
    return -ENOENT;
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
    for (size_t i = 0; result == 0 && i < file->segment_count; i++)
      if ((file->segments[i].p_flags & (PF_W | PF_X)) == kinds[kind])
        result = search_segment(&search, &file->segments[i]);
  return result ? result : -ENOENT;
}

int elf_file_data(const struct elf_file *file, uint64_t *ret_address, uint64_t *ret_length)
{
  const Elf64_Phdr *best = NULL;
  for (size_t i = 0; i < file->segment_count; i++) {
    const Elf64_Phdr *segment = &file->segments[i];
    if (segment->p_flags & PF_W && (!best || segment->p_memsz > best->p_memsz))
      best = segment;
  }
  if (!best)
    return -ENOENT;
  *ret_address = best->p_vaddr;
  *ret_length = best->p_memsz;
  return 0;
}
