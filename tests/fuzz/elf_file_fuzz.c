/*
 * elf_file_fuzz.c - the readers of executables on arbitrary files: their reads and loops end, whatever the headers and
 * hash tables say, and a version that is found is one.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/beam/attach/elf_file.h"
#include "probe/beam/attach/release.h"

static void check_release(const struct release *release)
{
  FUZZ_CHECK(release->otp > 0 && release->otp < 1000);
  FUZZ_CHECK(release->erts[0] && memchr(release->erts, '\0', sizeof release->erts));
}

static void check_file(int fd)
{
  struct elf_file file;
  struct release release;
  uint64_t address, length;
  if (elf_file_init(&file, fd) != 0)
    return;
  FUZZ_CHECK(file.segment_count <= ELF_FILE_SEGMENTS_MOST);
  (void)release_is_possible(&file); /* either answer is fine */
  (void)elf_file_symbol(&file, "erts_proc", &address);
  (void)elf_file_data(&file, &address, &length);
  if (release_find(&file, &release) == 0)
    check_release(&release);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  static int fd = -1; /* one for all inputs: only its content changes */
  struct release release;
  if (fd < 0)
    fd = memfd_create("fuzz", MFD_CLOEXEC);
  FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
  FUZZ_CHECK(size == 0 || pwrite(fd, bytes, size, 0) == (ssize_t)size);
  check_file(fd);
  if (release_parse((const char *)bytes, size, &release))
    check_release(&release);
  return 0;
}

/* A little executable: one segment with everything in it, two symbols, and a hash table of either kind. */
struct image {
  Elf64_Ehdr header;
  Elf64_Phdr segments[2];
  Elf64_Dyn dynamic[5];
  Elf64_Sym symbols[3];
  char strings[32];
  uint32_t gnu_hash[4 + 2 + 1 + 2]; /* head, one filter word, one bucket, two hashes */
  uint32_t hash[2 + 1 + 3];
  char text[64];
};

static uint32_t gnu_hash_of(const char *name)
{
  uint32_t hash = 5381;
  for (; *name; name++)
    hash = hash * 33 + (unsigned char)*name;
  return hash;
}

static void fill_tables(struct image *image)
{
  static const char strings[] = "\0enif_alloc\0erts_proc";
  uint32_t first = gnu_hash_of("enif_alloc"), second = gnu_hash_of("erts_proc");
  memcpy(image->strings, strings, sizeof strings);
  image->symbols[1] = (Elf64_Sym){.st_name = 1, .st_shndx = 1, .st_value = 0x1000};
  image->symbols[2] = (Elf64_Sym){.st_name = 12, .st_shndx = 1, .st_value = 0x2000};
  memcpy(image->gnu_hash,
         (uint32_t[]){1, 1, 1, 6, UINT32_MAX, UINT32_MAX, 1, first & ~1u, second | 1},
         sizeof image->gnu_hash);
  memcpy(image->hash, (uint32_t[]){1, 3, 1, 0, 2, 0}, sizeof image->hash);
  strcpy(image->text, "Erlang/OTP 25%s [erts-13.1.5] [source]");
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  static const char text[] = "Erlang/OTP 25%s [erts-13.1.5] [source] [64-bit]";
  struct image image = {.header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
                                   .e_type = ET_DYN,
                                   .e_machine = EM_X86_64,
                                   .e_phoff = offsetof(struct image, segments),
                                   .e_phentsize = sizeof(Elf64_Phdr),
                                   .e_phnum = 2}};
  if (number == 2) {
    memcpy(ret_bytes, text, sizeof text);
    return sizeof text;
  }
  if (number > 2 || sizeof image > room)
    return 0;
  image.segments[0] = (Elf64_Phdr){
      .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_filesz = sizeof image, .p_memsz = sizeof image};
  image.segments[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                   .p_vaddr = offsetof(struct image, dynamic),
                                   .p_filesz = sizeof image.dynamic};
  image.dynamic[0] = (Elf64_Dyn){DT_SYMTAB, {offsetof(struct image, symbols)}};
  image.dynamic[1] = (Elf64_Dyn){DT_STRTAB, {offsetof(struct image, strings)}};
  image.dynamic[2] = number == 0 ? (Elf64_Dyn){DT_GNU_HASH, {offsetof(struct image, gnu_hash)}}
                                 : (Elf64_Dyn){DT_HASH, {offsetof(struct image, hash)}};
  fill_tables(&image);
  memcpy(ret_bytes, &image, sizeof image);
  return sizeof image;
}
