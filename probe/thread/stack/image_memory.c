/*
 * image_memory.c - see image_memory.h.
 *
 * The ranges of the image are copied to where they stand in the file, so that libelf finds a file again: one with
 * holes where nothing was mapped, and without sections, whose headers nobody maps. Symbols are found as ld.so
 * finds them, through the dynamic segment.
 */
#include "probe/thread/stack/image_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY_FILE_BYTES_MOST (UINT64_C(4) << 30) /* of address space: holes cost nothing */
#define MEMORY_COPIED_BYTES_MOST (UINT64_C(64) << 20)

enum { SEGMENTS_MOST = 1024, DYNAMIC_MOST = 512 };

/* What of the dynamic segment we need: addresses of the target. */
struct dynamic {
  uint64_t symbols, names, names_bytes, hash, gnu_hash;
};

/* How long the file must be to hold all that is mapped of it. */
static uint64_t file_bytes(const struct mapping *mapping, const struct mapping_image *mapped)
{
  uint64_t most = 0;

  for (uint32_t i = 0; i < mapped->count; i++) {
    const struct mapping_range *range = &mapping->ranges[mapped->first + i];
    uint64_t end;

    if (!range->of_file || &mapping->images[range->image] != mapped)
      continue;
    if (__builtin_add_overflow(range->offset, range->end - range->start, &end) ||
        end > MEMORY_FILE_BYTES_MOST)
      return 0;
    if (end > most)
      most = end;
  }
  return most;
}

/* Copies what is mapped; code only where the header is among it (old linkers put all into one segment). */
static void copy_ranges(const struct reach_target *target, const struct mapping *mapping,
                        const struct mapping_image *mapped, char *bytes, size_t *ret_copied)
{
  bool code = mapping->ranges[mapped->first].executable;
  uint64_t left = MEMORY_COPIED_BYTES_MOST;

  for (uint32_t i = 0; i < mapped->count; i++) {
    const struct mapping_range *range = &mapping->ranges[mapped->first + i];
    uint64_t length = range->end - range->start;

    if (!range->of_file || &mapping->images[range->image] != mapped || !range->readable ||
        (range->executable && !code) || length > left)
      continue;
    left -= length;
    *ret_copied += length;
    (void)reach_read(target, range->start, bytes + range->offset, length); /* a hole stays a hole */
  }
}

/* The bytes of the image at an address of the target, and how many follow in the same range; NULL: none. */
static const void *bytes_at(const struct image *image, const struct mapping *mapping,
                            uint64_t address, size_t least, size_t *ret_length)
{
  const struct mapping_range *range = mapping_find(mapping, address);
  uint64_t offset, length;

  if (!range || !range->of_file)
    return NULL;
  offset = range->offset + (address - range->start);
  length = range->end - address;
  if (length < least || offset > image->memory_bytes || length > image->memory_bytes - offset)
    return NULL;
  *ret_length = length;
  return (const char *)image->memory + offset;
}

static int find_bias(const struct mapping_range *first, const struct image *image,
                     uint64_t *ret_bias, uint64_t *ret_dynamic)
{
  const Elf64_Ehdr *header = image->memory;
  int error = -EPROTO;

  *ret_dynamic = 0;
  if (header->e_phoff > image->memory_bytes ||
      header->e_phnum * sizeof(Elf64_Phdr) > image->memory_bytes - header->e_phoff)
    return -EPROTO;
  for (size_t i = 0; i < header->e_phnum; i++) {
    Elf64_Phdr segment; /* the offset may be odd */

    memcpy(&segment, (const char *)image->memory + header->e_phoff + i * sizeof segment,
           sizeof segment);
    if (segment.p_type == PT_LOAD && segment.p_offset == 0 && error) {
      *ret_bias = first->start - segment.p_vaddr;
      error = 0;
    } else if (segment.p_type == PT_DYNAMIC) {
      *ret_dynamic = segment.p_vaddr;
    }
  }
  return error;
}

/* An address of the dynamic segment: glibc has added the bias to it, musl has not. */
static uint64_t absolute(uint64_t value, uint64_t start, uint64_t bias)
{
  return value >= start ? value : value + bias;
}

static bool read_dynamic(const struct image *image, const struct mapping *mapping, uint64_t start,
                         uint64_t address, struct dynamic *ret_dynamic)
{
  struct dynamic dynamic = {0};
  size_t length;
  const char *bytes = bytes_at(image, mapping, address + image->bias, sizeof(Elf64_Dyn), &length);

  for (size_t i = 0; bytes && i < length / sizeof(Elf64_Dyn) && i < DYNAMIC_MOST; i++) {
    Elf64_Dyn entry;
    uint64_t value;

    memcpy(&entry, bytes + i * sizeof entry, sizeof entry);
    value = absolute(entry.d_un.d_ptr, start, image->bias);
    if (entry.d_tag == DT_NULL)
      break;
    if (entry.d_tag == DT_SYMTAB)
      dynamic.symbols = value;
    else if (entry.d_tag == DT_STRTAB)
      dynamic.names = value;
    else if (entry.d_tag == DT_STRSZ)
      dynamic.names_bytes = entry.d_un.d_val;
    else if (entry.d_tag == DT_HASH)
      dynamic.hash = value;
    else if (entry.d_tag == DT_GNU_HASH)
      dynamic.gnu_hash = value;
  }
  *ret_dynamic = dynamic;
  return dynamic.symbols && dynamic.names;
}

/* How many symbols a GNU hash table speaks of: the end of the chain that begins last. */
static size_t gnu_hash_count(const uint32_t *words, size_t length)
{
  size_t count = length / sizeof *words, buckets, chains, last = 0;

  if (count < 4 || words[0] > count || words[2] > count)
    return 0;
  buckets = 4 + (size_t)words[2] * 2; /* the filter has words of 64 bits */
  chains = buckets + words[0];
  if (chains > count)
    return 0;
  for (size_t i = buckets; i < chains; i++)
    if (words[i] > last)
      last = words[i];
  if (last < words[1])
    return words[1];
  while (chains + last - words[1] < count && !(words[chains + last - words[1]] & 1))
    last++;
  return last + 1;
}

static size_t count_symbols(const struct image *image, const struct mapping *mapping,
                            const struct dynamic *dynamic)
{
  const uint32_t *words;
  size_t length;

  /* aligned: the linker puts both tables at multiples of 4, and pages are copied to pages */
  if (dynamic->gnu_hash % 4 == 0 &&
      (words = bytes_at(image, mapping, dynamic->gnu_hash, 16, &length)))
    return gnu_hash_count(words, length);
  if (dynamic->hash % 4 == 0 && (words = bytes_at(image, mapping, dynamic->hash, 8, &length)))
    return words[1];
  return 0;
}

static int read_symbols(struct image *image, const struct mapping *mapping,
                        const struct dynamic *dynamic)
{
  size_t count = count_symbols(image, mapping, dynamic), table_bytes, names_bytes;
  const void *table = bytes_at(image, mapping, dynamic->symbols, sizeof(Elf64_Sym), &table_bytes);
  const char *names = bytes_at(image, mapping, dynamic->names, 1, &names_bytes);

  if (!table || !names || dynamic->symbols % 8 != 0)
    return 0;
  if (count > table_bytes / sizeof(Elf64_Sym))
    count = table_bytes / sizeof(Elf64_Sym);
  if (names_bytes > dynamic->names_bytes)
    names_bytes = dynamic->names_bytes;
  return symbols_sort(table, count, names, names_bytes, &image->symbols);
}

static int open_copy(struct image *image)
{
  Elf64_Ehdr *header = image->memory;

  header->e_shoff = 0; /* the sections' headers were not mapped */
  header->e_shnum = header->e_shstrndx = 0;
  image->elf = elf_memory(image->memory, image->memory_bytes);
  if (!image->elf)
    return -EPROTO;
  image->id_bytes = image_elf_id(image->elf, image->id);
  image->rules = dwarf_getcfi_elf(image->elf);
  return 0;
}

int image_memory_read(const struct reach_target *target, const struct mapping *mapping,
                      const struct mapping_image *mapped, struct image **ret_image)
{
  const struct mapping_range *first = &mapping->ranges[mapped->first];
  uint64_t bytes = file_bytes(mapping, mapped), address;
  struct image *image = NULL;
  struct dynamic dynamic;
  int error = -ENOENT;

  if (bytes < sizeof(Elf64_Ehdr))
    return -ENOENT;
  image = calloc(1, sizeof *image);
  if (!image)
    return -ENOMEM;
  image->memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (image->memory == MAP_FAILED) {
    image->memory = NULL;
    error = -ENOMEM;
    goto out;
  }
  image->memory_bytes = bytes;
  copy_ranges(target, mapping, mapped, image->memory, &image->rules_bytes);
  error = image_check_header(image->memory);
  if (!error)
    error = find_bias(first, image, &image->bias, &address);
  if (!error && address && read_dynamic(image, mapping, first->start, address, &dynamic))
    error = read_symbols(image, mapping, &dynamic);
  if (!error)
    error = open_copy(image);
  if (error)
    goto out;
  *ret_image = image;
  image = NULL;
out:
  image_close(image);
  return error;
}
