/* image.c - see image.h. Not here: what an image looks like in memory (image_memory.c). */
#include "probe/thread/stack/image.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/processor/processor.h"
#include "probe/thread/stack/image_debug.h"
#include "probe/thread/stack/image_memory.h"

enum {
  HEAD_BYTES = 4096,    /* ELF header, program headers and, mostly, the build id */
  SEGMENTS_MOST = 1024, /* of a file */
  NOTES_BYTES_MOST = 1024 * 1024,
  SECTION_NAMES_BYTES_MOST = 1024 * 1024,
};

/* libelf makes room for as many sections as the header says. */
int image_check_header(const Elf64_Ehdr *header)
{
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != PROCESSOR_ELF_MACHINE ||
      (header->e_type != ET_EXEC && header->e_type != ET_DYN))
    return -ENOEXEC;
  if (header->e_phnum == 0 || header->e_phnum > SEGMENTS_MOST ||
      header->e_phentsize != sizeof(Elf64_Phdr))
    return -EPROTO;
  if (header->e_shoff != 0 &&
      (header->e_shnum == 0 || header->e_shnum >= SHN_LORESERVE ||
       header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shstrndx >= header->e_shnum))
    return -EPROTO;
  return 0;
}

/* The file's address 0 in the target, told from where its first mapping lies. */
static int find_bias(Elf *elf, uint64_t start, uint64_t offset, uint64_t *ret_bias)
{
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  GElf_Ehdr header;
  size_t count;

  if (!gelf_getehdr(elf, &header) || elf_getphdrnum(elf, &count) || count > SEGMENTS_MOST)
    return -EPROTO;
  for (size_t i = 0; i < count; i++) {
    GElf_Phdr segment;

    if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
        (segment.p_offset & ~(page - 1)) != offset)
      continue;
    *ret_bias = start - (segment.p_vaddr & ~(page - 1));
    return header.e_type == ET_EXEC && *ret_bias != 0 ? -EPROTO : 0;
  }
  return -EPROTO;
}

/* The names of sections are read as a whole by whoever asks for one. */
static bool names_bounded(Elf *elf, size_t names)
{
  GElf_Shdr header;

  return gelf_getshdr(elf_getscn(elf, names), &header) && header.sh_type == SHT_STRTAB &&
         !(header.sh_flags & SHF_COMPRESSED) && header.sh_size <= SECTION_NAMES_BYTES_MOST;
}

/* How large the rules are that libdw would read; 0: it must not. Without sections it takes all that follows in the file.
 * A file with sections whose rules are in none of them is not given to it: elfutils 0.188 then loses the sections'
 * names. */
static uint64_t rules_bytes(Elf *elf, uint64_t file_bytes)
{
  static const char rules[] = ".eh_frame"; /* and .eh_frame_hdr */
  uint64_t bytes = 0;
  Elf_Scn *scn = NULL;
  GElf_Shdr header;
  size_t names, count;
  bool found = false;

  if (elf_getshdrnum(elf, &count) != 0 || elf_getshdrstrndx(elf, &names) != 0)
    return 0;
  if (count == 0)
    return file_bytes <= IMAGE_RULES_BYTES_MOST ? file_bytes : 0;
  if (!names_bounded(elf, names))
    return 0;
  for (size_t i = 0; i < count && (scn = elf_nextscn(elf, scn)); i++) {
    const char *name = gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;

    if (!name || strncmp(name, rules, sizeof rules - 1) != 0)
      continue;
    if (header.sh_size > IMAGE_RULES_BYTES_MOST - bytes || (header.sh_flags & SHF_COMPRESSED))
      return 0;
    bytes += header.sh_size;
    found |= strcmp(name, rules) == 0;
  }
  return found ? bytes : 0;
}

/* libdw looks through all notes for the build id, however many and large they are. */
static bool notes_bounded(Elf *elf)
{
  uint64_t left = NOTES_BYTES_MOST;
  Elf_Scn *scn = NULL;
  GElf_Shdr header;
  GElf_Phdr segment;
  size_t count;

  if (elf_getphdrnum(elf, &count) != 0)
    return false;
  for (size_t i = 0; i < count; i++)
    if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_NOTE) {
      if (segment.p_filesz > left)
        return false;
      left -= segment.p_filesz;
    }
  if (elf_getshdrnum(elf, &count) != 0)
    return false;
  for (size_t i = 0; i < count && (scn = elf_nextscn(elf, scn)); i++)
    if (gelf_getshdr(scn, &header) && header.sh_type == SHT_NOTE) {
      if (header.sh_size > left || (header.sh_flags & SHF_COMPRESSED))
        return false;
      left -= header.sh_size;
    }
  return true;
}

size_t image_elf_id(Elf *elf, uint8_t ret_id[IMAGE_ID_BYTES])
{
  const void *id;
  ssize_t length = notes_bounded(elf) ? dwelf_elf_gnu_build_id(elf, &id) : 0;

  if (length <= 0 || length > IMAGE_ID_BYTES)
    return 0;
  memcpy(ret_id, id, (size_t)length);
  return (size_t)length;
}

static int check_file(int fd)
{
  Elf64_Ehdr header;
  off_t bytes = lseek(fd, 0, SEEK_END);

  if (bytes < 0 || (uint64_t)bytes > IMAGE_FILE_BYTES_MOST ||
      pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
    return -ENOEXEC;
  return image_check_header(&header);
}

Elf *image_elf_begin(int fd)
{
  return check_file(fd) == 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
}

/* Symbols are copied out of an Elf of their own, which is gone afterwards: libelf keeps what it once read. */
static int read_symbols(int fd, uint64_t start, uint64_t offset, struct image *image)
{
  Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
  int error = -EPROTO;

  if (elf && elf_kind(elf) == ELF_K_ELF)
    error = find_bias(elf, start, offset, &image->bias);
  if (!error && symbols_read(elf, &image->symbols) == -ENOMEM)
    error = -ENOMEM; /* broken symbols are none */
  if (!error)
    image->id_bytes = image_elf_id(elf, image->id);
  (void)elf_end(elf);
  return error;
}

static int read_rules(int fd, struct image *image)
{
  image->elf = elf_begin(fd, ELF_C_READ, NULL);
  if (!image->elf)
    return -EPROTO;
  image->rules_bytes = rules_bytes(image->elf, (uint64_t)lseek(fd, 0, SEEK_END));
  if (image->rules_bytes)
    image->rules = dwarf_getcfi_elf(image->elf);
  (void)elf_cntl(image->elf, ELF_C_FDDONE); /* from now on it lives of what it has read */
  return 0;
}

int image_of_file(int fd, uint64_t start, uint64_t offset, struct image **ret_image)
{
  struct image *image = NULL;
  int error = check_file(fd);

  if (error)
    return error;
  image = calloc(1, sizeof *image);
  if (!image)
    return -ENOMEM;
  error = read_symbols(fd, start, offset, image);
  if (!error)
    error = read_rules(fd, image);
  if (error) {
    image_close(image);
    return error;
  }
  *ret_image = image;
  return 0;
}

/* Is this the file that the target has mapped? */
static bool begins_alike(const struct reach_target *target, int fd, uint64_t start)
{
  char mapped[HEAD_BYTES], stored[HEAD_BYTES];
  ssize_t length = pread(fd, stored, sizeof stored, 0);

  return length >= (ssize_t)sizeof(Elf64_Ehdr) &&
         reach_read(target, start, mapped, (size_t)length) == length &&
         memcmp(mapped, stored, (size_t)length) == 0;
}

/* The file behind an image: under its path or, where that is another one's by now, what the process executes. */
static int open_file(const struct reach_target *target, uint64_t start,
                     const struct mapping_image *mapped)
{
  int fd = -1;

  if (!mapped->deleted && reach_open_inside(target, mapped->path, &fd) == 0) {
    if (begins_alike(target, fd, start))
      return fd;
    (void)close(fd); /* only read */
  }
  if (reach_exe_open(target, &fd) == 0) {
    if (begins_alike(target, fd, start))
      return fd;
    (void)close(fd); /* only read */
  }
  return -ENOENT;
}

int image_open(const struct reach_target *target, const struct mapping *mapping,
               const struct mapping_image *mapped, struct image **ret_image)
{
  const struct mapping_range *first = &mapping->ranges[mapped->first];
  struct image *image = NULL;
  int fd, error;

  if (first->offset != 0)
    return -ENOENT; /* without its beginning it says nothing of itself */
  fd = open_file(target, first->start, mapped);
  if (fd < 0)
    return image_memory_read(target, mapping, mapped, ret_image);
  error = image_of_file(fd, first->start, first->offset, &image);
  (void)close(fd); /* only read */
  if (!error)
    error = image_debug_read(target, image);
  if (error)
    image_close(image);
  else
    *ret_image = image;
  return error;
}

size_t image_bytes(const struct image *image)
{
  return sizeof *image + symbols_bytes(&image->symbols) + image->rules_bytes;
}

void image_close(struct image *image)
{
  if (!image)
    return;
  if (image->rules)
    (void)dwarf_cfi_end(image->rules);
  (void)elf_end(image->elf);
  if (image->memory)
    (void)munmap(image->memory, image->memory_bytes);
  symbols_done(&image->symbols);
  free(image);
}
