/* USDT sites of real files, arguments in all forms of the assembler, and files that lie. */
#define IMPASSE_USDT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/hook/impasse.h"
#include "probe/hook/usdt.h"
#include "probe/processor/usdt.h"

enum { NOP = 0x90, LIES = 20000 };

static void expect(const char *arguments, unsigned n, int wanted, enum hook_place place,
                   long long offset)
{
  struct hook_argument got = {0};
  int error = usdt_argument(arguments, n, &got);
  if (error != wanted || (!error && (got.place != place || got.offset != offset)))
    fail_msg("\"%s\" %u: got %d, place %u, offset %lld", arguments, n, error, got.place,
             (long long)got.offset);
}

static void arguments_are_taken_apart(void **state)
{
  (void)state;
#if defined __x86_64__
  struct hook_argument got;
  expect("4@%eax 8@$1 8@%rcx", 2, 0, HOOK_REGISTER, 0);
  expect("4@%eax 8@$1 8@%rcx", 3, -ENOENT, 0, 0);
  expect("4@%eax 8@$1", 2, -ENOENT, 0, 0);
  expect("", 0, -ENOENT, 0, 0);
  expect("-4@$0", 0, 0, HOOK_CONSTANT, 0);
  expect("8@$-3", 0, 0, HOOK_CONSTANT, -3);
  expect("8@(%rax)", 0, 0, HOOK_MEMORY, 0);
  expect("8@-24(%rbp)", 0, 0, HOOK_MEMORY, -24);
  expect("8@16(%rax,%rbx,8)", 0, 0, HOOK_MEMORY, 16);
  assert_int_equal(usdt_argument("8@16(%rax,%r15,8)", 0, &got), 0);
  assert_int_equal(got.scale, 8);
  assert_int_equal(got.register_offset, offsetof(struct pt_regs, rax));
  assert_int_equal(got.index_offset, offsetof(struct pt_regs, r15));
  assert_int_equal(usdt_argument("8@(%rax,%rbx)", 0, &got), 0);
  assert_int_equal(got.scale, 1);
  /* what is not understood is refused, never half taken */
  static const char *const refused[] = {
      "4@%eax",
      "8@%eax",
      "8@%xmm0",
      "8@symbol(%rip)",
      "8@16(%rax,%rbx,3)",
      "8@16(%rax",
      "8@(%rax)x",
      "8@",
      "8",
      "@%rax",
      "8@%",
      "8@$",
      "8@(",
      "8@$99999999999999999999",
      "8@()",
      "8@%raxx",
      "8@(%rax,%rbx,",
      "8@0(%rax,,8)",
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    expect(refused[i], 0, -ENOTSUP, 0, 0);
#else
  print_message("arguments of this processor are not known\n");
  skip();
#endif
}

static int open_self(void)
{
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  return fd;
}

static void every_site_of_a_real_file_is_a_nop(void **state)
{
  (void)state;
  struct usdt_sites sites = {0};
  int fd = open_self();
  /* sites of our own, so that there are some */
  struct impasse_actor actor = impasse_actor_open(impasse_unnamed());
  impasse_put(impasse_mailbox_of(actor), 1);
  impasse_take(impasse_mailbox_of(actor), 1);
  assert_int_equal(usdt_read(fd, 5, &sites), 0);
  assert_true(sites.count >= 4);
  assert_true(sites.inlined);
  assert_int_equal(sites.unreadable, 0);
  for (size_t i = 0; i < sites.count; i++) {
    uint8_t code = 0;
    assert_int_equal(pread(fd, &code, 1, (off_t)sites.list[i].offset), 1);
    assert_int_equal(code, NOP);
    assert_int_equal(sites.list[i].file, 5);
    assert_int_not_equal(sites.list[i].slots[0].place, HOOK_NOWHERE);
  }
  usdt_done(&sites);
  (void)close(fd);
}

static void other_files_are_no_programs(void **state)
{
  (void)state;
  struct usdt_sites sites = {0};
  int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC), folder = open("/", O_RDONLY);
  assert_int_equal(usdt_read(fd, 0, &sites), -ENOEXEC);
  assert_int_equal(usdt_read(folder, 0, &sites), -ENOEXEC);
  assert_int_equal(sites.count, 0);
  (void)close(fd);
  (void)close(folder);
}

/* A copy of our own file in memory. */
static int copy_self(uint8_t **ret_bytes, size_t *ret_length)
{
  struct stat stat;
  int from = open_self(), to = memfd_create("lies", MFD_CLOEXEC);
  assert_int_equal(fstat(from, &stat), 0);
  assert_int_equal(ftruncate(to, stat.st_size), 0);
  uint8_t *bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
  assert_ptr_not_equal(bytes, MAP_FAILED);
  assert_int_equal(read(from, bytes, (size_t)stat.st_size), stat.st_size);
  (void)close(from);
  *ret_bytes = bytes;
  *ret_length = (size_t)stat.st_size;
  return to;
}

static size_t spread(uint64_t *seed, size_t most)
{
  *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (size_t)(*seed >> 16) % most;
}

/* Changes a byte where it hurts: in the header, the section headers, the notes. */
static void files_that_lie_are_read_or_refused(void **state)
{
  (void)state;
  uint8_t *bytes;
  size_t length;
  uint64_t seed = 1;
  int fd = copy_self(&bytes, &length);
  const Elf64_Ehdr *header = (const void *)bytes;
  size_t sections = header->e_shoff, sections_length = header->e_shnum * sizeof(Elf64_Shdr);
  const uint8_t *note = memmem(bytes, length, "stapsdt\0", 8);
  assert_non_null(note);
  const struct {
    size_t begin, length;
  } places[] = {
      {0, sizeof *header}, {sections, sections_length}, {(size_t)(note - bytes) - 12, 2000}};
  for (unsigned i = 0; i < LIES; i++) {
    size_t place = spread(&seed, sizeof places / sizeof places[0]);
    size_t at = places[place].begin + spread(&seed, places[place].length);
    if (at >= length)
      continue;
    uint8_t was = bytes[at];
    struct usdt_sites sites = {0};
    bytes[at] = (uint8_t)spread(&seed, 256);
    (void)usdt_read(fd, 0, &sites); /* whatever it says: it ends, and within bounds */
    assert_true(sites.count <= HOOK_SITES_MOST);
    usdt_done(&sites);
    bytes[at] = was;
  }
  (void)munmap(bytes, length);
  (void)close(fd);
}

static void what_is_cut_off_is_refused_or_empty(void **state)
{
  (void)state;
  uint8_t *bytes;
  size_t length;
  int fd = copy_self(&bytes, &length);
  (void)munmap(bytes, length);
  for (size_t left = length; left > 0; left /= 2) {
    struct usdt_sites sites = {0};
    assert_int_equal(ftruncate(fd, (off_t)left - 1), 0);
    (void)usdt_read(fd, 0, &sites);
    assert_int_equal(sites.count, 0); /* the table of sections stands at the end */
    usdt_done(&sites);
  }
  (void)close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arguments_are_taken_apart),
      cmocka_unit_test(every_site_of_a_real_file_is_a_nop),
      cmocka_unit_test(other_files_are_no_programs),
      cmocka_unit_test(files_that_lie_are_read_or_refused),
      cmocka_unit_test(what_is_cut_off_is_refused_or_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
