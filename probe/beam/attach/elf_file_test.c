/* elf_file_test.c - executables of this machine are read as the loader reads them; those of other machines are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/beam/attach/elf_file.h"
#include "probe/beam/attach/release.h"

static int file_of(const void *bytes, size_t size)
{
  int fd = memfd_create("test", MFD_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, size), size);
  return fd;
}

static int answer_to(const Elf64_Ehdr *header)
{
  struct elf_file file;
  int fd = file_of(header, sizeof *header), answer = elf_file_init(&file, fd);
  (void)close(fd);
  return answer;
}

static Elf64_Ehdr good_header(void)
{
  return (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
                      .e_type = ET_DYN,
                      .e_machine = EM_X86_64,
                      .e_phentsize = sizeof(Elf64_Phdr)};
}

static void other_machines_are_refused(void **state)
{
  (void)state;
  Elf64_Ehdr header = good_header();
  assert_int_equal(answer_to(&header), 0);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  assert_int_equal(answer_to(&header), -ENOTSUP);
  header = good_header();
  header.e_ident[EI_DATA] = ELFDATA2MSB;
  assert_int_equal(answer_to(&header), -ENOTSUP);
  header = good_header();
  header.e_machine = EM_AARCH64;
  assert_int_equal(answer_to(&header), -ENOTSUP);
  header = good_header();
  header.e_type = ET_CORE;
  assert_int_equal(answer_to(&header), -ENOEXEC);
  header = good_header();
  header.e_ident[0] = '#';
  assert_int_equal(answer_to(&header), -ENOEXEC);
}

static void headers_that_lead_nowhere_are_refused(void **state)
{
  (void)state;
  struct elf_file file;
  Elf64_Ehdr header = good_header();
  header.e_phnum = 1;
  header.e_phoff = UINT64_MAX - 8;
  assert_int_equal(answer_to(&header), -EPROTO);
  header.e_phoff = 1 << 20;
  assert_int_equal(answer_to(&header), -EPROTO);
  header.e_phoff = 0;
  header.e_phnum = PN_XNUM;
  assert_int_equal(answer_to(&header), -EPROTO);
  int fd = file_of("", 0);
  assert_int_equal(elf_file_init(&file, fd), -ENOEXEC);
  (void)close(fd);
}

static int count_place(const struct elf_file *file, uint64_t address, void *context)
{
  char text[8];
  assert_int_equal(elf_file_read(file, address, text, sizeof text), 0);
  assert_memory_equal(text, "a place", 8);
  ++*(size_t *)context;
  return 0;
}

/* Also over the edges of what is read at once. */
static void text_is_found_wherever_it_stands(void **state)
{
  (void)state;
  enum { SIZE = 300000 };
  static unsigned char bytes[SIZE];
  static const size_t places[] = {200, 65528, 65533 + 4096, 131000, SIZE - 8};
  Elf64_Ehdr header = good_header();
  Elf64_Phdr segment = {.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = SIZE, .p_memsz = SIZE};
  struct elf_file file;
  size_t count = 0;
  header.e_phnum = 1;
  header.e_phoff = sizeof header;
  memcpy(bytes, &header, sizeof header);
  memcpy(bytes + sizeof header, &segment, sizeof segment);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    memcpy(bytes + places[i], "a place", 8);
  int fd = file_of(bytes, SIZE);
  assert_int_equal(elf_file_init(&file, fd), 0);
  assert_int_equal(elf_file_search(&file, "a place", 8, count_place, &count), -ENOENT);
  assert_int_equal(count, sizeof places / sizeof *places);
  assert_int_equal(elf_file_read(&file, SIZE - 4, bytes, 8), -EFAULT);
  (void)close(fd);
}

/* The test itself imports from the C library, and exports nothing that an emulator would. */
static void what_is_not_exported_is_not_there(void **state)
{
  (void)state;
  struct elf_file file;
  uint64_t address;
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  assert_int_equal(elf_file_init(&file, fd), 0);
  assert_int_equal(elf_file_symbol(&file, "enif_alloc", &address), -ENOENT);
  assert_int_equal(elf_file_symbol(&file, "memfd_create", &address), -ENOENT);
  assert_false(release_is_possible(&file));
  (void)close(fd);
}

static void greetings_of_emulators_are_taken_apart(void **state)
{
  (void)state;
  struct release release;
  static const char good[] = "Erlang/OTP 27%s [erts-15.2.7] [source]";
  static const char *const bad[] = {"",
                                    "Erlang/OTP ",
                                    "Erlang/OTP 25 compiler",
                                    "Erlang/OTP 99999999999%s [erts-1]",
                                    "Erlang/OTP 27%s [erts-]",
                                    "Erlang/OTP 27%s [erts-15.2",
                                    "Erlang/OTP 27%s [erts-15\n]",
                                    "Erlang/OTP 27%s [erts-1.2.3.4.5.6.7.8.9.10.11.12.13]"};
  assert_true(release_parse(good, sizeof good, &release));
  assert_int_equal(release.otp, 27);
  assert_string_equal(release.erts, "15.2.7");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(release_parse(bad[i], strlen(bad[i]), &release));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_machines_are_refused),
      cmocka_unit_test(headers_that_lead_nowhere_are_refused),
      cmocka_unit_test(text_is_found_wherever_it_stands),
      cmocka_unit_test(what_is_not_exported_is_not_there),
      cmocka_unit_test(greetings_of_emulators_are_taken_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
