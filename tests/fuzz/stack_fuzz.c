/*
 * stack_fuzz.c - what a target can put before those who name and unwind: an ELF file with its rules and symbols, the
 * words on a stack, the text of its mappings, mangled names. The first byte says which; of a file the stack stands
 * behind it:
 *
 *    'e' | words, 0..255 | words of the stack | the file        'm' | text of maps        'n' | a name
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/thread/stack/demangle.h"
#include "probe/thread/stack/unwind.h"

enum { WORDS_MOST = 255, FRAMES = 64, TEXT = 160, FILE_MOST = 1 << 20 };

#define START UINT64_C(0x7f0000000000) /* where the file is mapped, supposedly */

static struct reach_target *self; /* the stack lies in our own memory */
static struct window window;

static void begin(void)
{
  if (self)
    return;
  FUZZ_CHECK(reach_open(getpid(), &self) == 0);
  FUZZ_CHECK(elf_version(EV_CURRENT) != EV_NONE);
}

static const struct image *on_image(void *context, uint64_t pc)
{
  return pc >= START && pc - START < FILE_MOST ? context : NULL;
}

static bool on_executable(void *context, uint64_t address)
{
  (void)context;
  return address >= START && address - START < FILE_MOST;
}

static void look_up(const struct image *image)
{
  for (uint64_t address = 0; address < 0x4000; address += 0x35)
    for (int kind = 0; kind < SYMBOLS_KINDS; kind++) {
      const struct symbol *symbol = symbols_find(&image->symbols, (enum symbols_kind)kind, address);
      char text[TEXT];

      if (symbol)
        demangle(symbols_name(&image->symbols, symbol), text, sizeof text);
    }
}

/* From every address that a stack holds, and from where the file's own header says that it begins. */
static void walk(struct image *image, const uint64_t *words, size_t count)
{
  struct unwind_space space = {.target = self,
                               .window = &window,
                               .context = image,
                               .image = on_image,
                               .executable = on_executable};

  for (size_t i = 0; i <= count && i < 8; i++) {
    struct stack_frame frames[FRAMES];
    uint64_t pc = START + (i < count ? words[i] % 0x4000 : 0x900);
    size_t found;

    window_begin(&window, self);
    found = unwind(&space, (uint64_t)(uintptr_t)words, pc,
                   i % 2 ? 0 : (uint64_t)(uintptr_t)(words + count / 2), frames, FRAMES);
    FUZZ_CHECK(found >= 1 && found <= FRAMES && frames[0].pc == pc);
  }
}

static void take_file(const uint8_t *bytes, size_t size)
{
  static uint64_t words[WORDS_MOST + 1];
  size_t count = size ? bytes[0] : 0;
  struct image *image;
  int fd;

  if (size < 1 + count * 8 || size - 1 - count * 8 > FILE_MOST)
    return;
  memcpy(words, bytes + 1, count * 8);
  bytes += 1 + count * 8;
  size -= 1 + count * 8;
  fd = memfd_create("stack_fuzz", MFD_CLOEXEC);
  FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
  if (image_of_file(fd, START, 0, &image) == 0) {
    (void)close(fd); /* nothing may be read of it from now on */
    look_up(image);
    walk(image, words, count);
    image_close(image);
  } else {
    (void)close(fd);
  }
}

static void take_maps(const uint8_t *bytes, size_t size)
{
  char *text = malloc(size + 1);
  struct mapping mapping;

  FUZZ_CHECK(text);
  memcpy(text, bytes, size);
  text[size] = '\0';
  FUZZ_CHECK(mapping_parse(text, &mapping) == 0);
  for (size_t i = 0; i < mapping.range_count; i++) {
    const struct mapping_range *range = &mapping.ranges[i];

    FUZZ_CHECK(range->start < range->end && (i == 0 || range[-1].end <= range->start));
    FUZZ_CHECK(range->image == MAPPING_NO_IMAGE || range->image < mapping.image_count);
    FUZZ_CHECK(mapping_find(&mapping, range->start) == range);
    FUZZ_CHECK(mapping_find(&mapping, range->end - 1) == range);
  }
  for (size_t i = 0; i < mapping.image_count; i++)
    FUZZ_CHECK(mapping.images[i].count > 0 &&
               mapping.images[i].first + mapping.images[i].count <= mapping.range_count);
  mapping_done(&mapping);
  free(text);
}

static void take_name(const uint8_t *bytes, size_t size)
{
  char *name = malloc(size + 1), text[TEXT];

  FUZZ_CHECK(name);
  memcpy(name, bytes, size);
  name[size] = '\0';
  demangle(name, text, sizeof text);
  FUZZ_CHECK(memchr(text, '\0', sizeof text));
  for (const char *c = text; *c; c++)
    FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 127);
  free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  begin();
  if (size > 1 && bytes[0] == 'e')
    take_file(bytes + 1, size - 1);
  else if (size > 1 && bytes[0] == 'm')
    take_maps(bytes + 1, size - 1);
  else if (size > 1 && bytes[0] == 'n')
    take_name(bytes + 1, size - 1);
  return 0;
}

/* --- seeds --- */

static const char maps[] =
    "m55d0a4000000-55d0a4001000 r--p 00000000 fe:01 1234 /usr/bin/prog\n"
    "55d0a4001000-55d0a4002000 r-xp 00001000 fe:01 1234 /usr/bin/prog\n"
    "55d0a4002000-55d0a4003000 rw-p 00002000 fe:01 1234 /usr/bin/prog\n"
    "55d0a4003000-55d0a4004000 rw-p 00000000 00:00 0 \n"
    "7f1200000000-7f1200021000 rw-p 00000000 00:00 0 [heap]\n"
    "7f1300000000-7f1300021000 r-xp 00000000 00:19 77 /usr/lib/libfoo.so (deleted)\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n";

static const char *const names[] = {
    "n_ZN4bank7Account8transferERS0_l",
    "n_ZNSt6thread11_State_implINS_8_InvokerISt5tupleIJZ4mainEUlvE_EEEEE6_M_runEv",
    "n_RNvMs_NtCs1234_4bank7accountNtB4_7Account8transfer",
    "n_ZN4core6option6expect17h0123456789abcdefE",
    "n_ZN1aIXadL_Z1fIS0_S0_S0_S0_EvvEEE1bI_S1_S1_S1_S1_S1_EEvT_T_T_",
};

/* The vDSO: a small file with everything that matters here, which every process has in its memory. */
static size_t seed_file(unsigned words, uint8_t *ret_bytes, size_t room)
{
  const uint8_t *vdso = (const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
  size_t size = 0, at = 2 + (size_t)words * 8;
  Elf64_Ehdr header;

  if (!vdso)
    return 0;
  memcpy(&header, vdso, sizeof header);
  size = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
  if (at + size > room)
    return 0;
  ret_bytes[0] = 'e';
  ret_bytes[1] = (uint8_t)words;
  for (unsigned i = 0; i < words; i++) {
    uint64_t word = i % 3 == 2 ? i * 8 : START + 0x600 + i * 0x47;
    memcpy(ret_bytes + 2 + i * 8, &word, sizeof word);
  }
  memcpy(ret_bytes + at, vdso, size);
  return at + size;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  const char *text;

  if (number < 4)
    return seed_file(number * 40, ret_bytes, room);
  number -= 4;
  if (number > sizeof names / sizeof *names)
    return 0;
  text = number == 0 ? maps : names[number - 1];
  if (strlen(text) > room)
    return 0;
  memcpy(ret_bytes, text, strlen(text));
  return strlen(text);
}
