/* usdt.c - see usdt.h. */
#include "probe/hook/usdt.h"

#include <ctype.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/processor/usdt.h"

enum {
  NOTES_MOST = 65536, /* looked at in one file */
  FILE_MOST = 1 << 30,
  STAPSDT = 3,    /* type of its notes */
  FIRST_SLOT = 2, /* arguments before those that are slots */
};

static const char PROVIDER[] = "impasse";

/* ---- arguments ---- */

static const struct processor_register registers[] = PROCESSOR_REGISTERS;

static bool take_char(const char **text, char c)
{
  if (**text != c)
    return false;
  ++*text;
  return true;
}

/* "%rax" */
static bool take_register(const char **text, uint16_t *ret_offset)
{
  size_t length = 1;
  if (**text != '%')
    return false;
  while (isalnum((unsigned char)(*text)[length]))
    length++;
  for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
    if (strlen(registers[i].name) == length - 1 &&
        memcmp(registers[i].name, *text + 1, length - 1) == 0) {
      *ret_offset = registers[i].offset;
      *text += length;
      return true;
    }
  return false;
}

static bool take_number(const char **text, long long *ret_number)
{
  char *end;
  errno = 0;
  long long number = strtoll(*text, &end, 0);
  if (errno || end == *text || isspace((unsigned char)**text))
    return false;
  *text = end;
  *ret_number = number;
  return true;
}

/* "24(%rsp)", "(%rax,%rbx,8)"; the number is taken already. */
static bool take_memory(const char **text, struct hook_argument *argument)
{
  long long scale = 1;
  argument->place = HOOK_MEMORY;
  if (!take_char(text, '(') || !take_register(text, &argument->register_offset))
    return false;
  if (take_char(text, ',')) {
    if (!take_register(text, &argument->index_offset))
      return false;
    if (take_char(text, ',') && !take_number(text, &scale))
      return false;
    if (scale != 1 && scale != 2 && scale != 4 && scale != 8)
      return false;
    argument->scale = (uint8_t)scale;
  }
  return take_char(text, ')');
}

static bool take_operand(const char **text, struct hook_argument *argument)
{
  if (take_char(text, '$')) {
    argument->place = HOOK_CONSTANT;
    return take_number(text, &argument->offset);
  }
  if (**text == '%') {
    argument->place = HOOK_REGISTER;
    return take_register(text, &argument->register_offset);
  }
  if (**text != '(' && !take_number(text, &argument->offset))
    return false; /* a symbol's address: the linker knows it, the note does not */
  return take_memory(text, argument);
}

int usdt_argument(const char *arguments, unsigned n, struct hook_argument *ret_argument)
{
  struct hook_argument argument = {0};
  long long bytes;
  for (; n > 0 && *arguments; n--) {
    arguments += strcspn(arguments, " ");
    arguments += strspn(arguments, " ");
  }
  if (!*arguments)
    return -ENOENT;
  /* An address has eight bytes, or is the constant 0 of whatever width. */
  if (!take_number(&arguments, &bytes) || !take_char(&arguments, '@') ||
      !take_operand(&arguments, &argument) || (*arguments != ' ' && *arguments != '\0') ||
      (bytes != 8 && bytes != -8 && argument.place != HOOK_CONSTANT))
    return -ENOTSUP;
  *ret_argument = argument;
  return 0;
}

/* ---- notes ---- */

struct note {
  uint64_t address, base;
  const char *provider, *name, *arguments;
};

/* Three words and three texts, all within `bytes`. */
static bool note_parse(const char *text, size_t bytes, struct note *ret_note)
{
  uint64_t words[3];
  const char *texts[3], *at = text + sizeof words, *end = text + bytes;
  if (bytes < sizeof words)
    return false;
  memcpy(words, text, sizeof words);
  for (unsigned i = 0; i < 3; i++) {
    const char *zero = memchr(at, '\0', (size_t)(end - at));
    if (!zero)
      return false;
    texts[i] = at;
    at = zero + 1;
  }
  *ret_note = (struct note){words[0], words[1], texts[0], texts[1], texts[2]};
  return true;
}

/* Is it a site of the inlined operations, which only programs that define IMPASSE_USDT have? */
static bool is_inlined(const char *name)
{
  static const char *const names[] = {
      "put",       "take",     "drop",     "receive_begin", "run_end",      "receive_end",
      "run_begin", "runnable", "wait_end", "wait_begin",    "call_forward", "promise_fulfiller"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

static int sites_add(struct usdt_sites *sites, const struct hook_site *site)
{
  if (sites->count == HOOK_SITES_MOST)
    return -E2BIG;
  if (sites->count == sites->room) {
    size_t room = sites->room ? sites->room * 2 : 64;
    struct hook_site *larger = reallocarray(sites->list, room, sizeof *larger);
    if (!larger)
      return -ENOMEM;
    sites->list = larger;
    sites->room = room;
  }
  sites->list[sites->count++] = *site;
  return 0;
}

/* ---- the file ---- */

struct elf {
  Elf *elf;
  Elf_Data *notes;
  uint64_t base; /* address of .stapsdt.base, 0 none */
};

/* The address in the program of what a note says: the file may have been prelinked since. */
static uint64_t address_of(const struct elf *file, const struct note *note)
{
  return file->base && note->base ? note->address + (file->base - note->base) : note->address;
}

/* Where in the file the code at an address lies. */
static bool file_offset(const struct elf *file, uint64_t address, uint64_t *ret_offset)
{
  size_t count;
  if (elf_getphdrnum(file->elf, &count) != 0)
    return false;
  for (size_t i = 0; i < count && i < INT32_MAX; i++) {
    GElf_Phdr segment;
    if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
        !(segment.p_flags & PF_X) || address < segment.p_vaddr ||
        address - segment.p_vaddr >= segment.p_filesz)
      continue;
    *ret_offset = address - segment.p_vaddr + segment.p_offset;
    return true;
  }
  return false;
}

static int take_note(const struct elf *file, const struct note *note, uint32_t number,
                     struct usdt_sites *sites)
{
  struct hook_site site = {.file = number};
  uint64_t offset;
  int first, second;
  if (strcmp(note->provider, PROVIDER) != 0)
    return 0;
  first = usdt_argument(note->arguments, FIRST_SLOT, &site.slots[0]);
  second = usdt_argument(note->arguments, FIRST_SLOT + 1, &site.slots[1]);
  if (first || (second && second != -ENOENT) ||
      !file_offset(file, address_of(file, note), &offset)) {
    sites->unreadable++;
    return 0;
  }
  site.offset = offset;
  sites->inlined |= is_inlined(note->name);
  return sites_add(sites, &site);
}

static int take_notes(const struct elf *file, uint32_t number, struct usdt_sites *sites)
{
  size_t at = 0, name, text;
  int error = 0;
  for (unsigned i = 0; i < NOTES_MOST && !error && at < file->notes->d_size; i++) {
    GElf_Nhdr header;
    struct note note;
    const char *bytes = file->notes->d_buf;
    at = gelf_getnote(file->notes, at, &header, &name, &text); /* checks the bounds of both */
    if (at == 0)
      break;
    if (header.n_type == STAPSDT && header.n_namesz == sizeof "stapsdt" &&
        memcmp(bytes + name, "stapsdt", sizeof "stapsdt") == 0 &&
        note_parse(bytes + text, header.n_descsz, &note))
      error = take_note(file, &note, number, sites);
  }
  return error;
}

/* The two sections by their names. */
static int find_sections(struct elf *file)
{
  size_t names;
  if (elf_getshdrstrndx(file->elf, &names) != 0)
    return -ENOEXEC;
  for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
    GElf_Shdr header;
    const char *name =
        gelf_getshdr(section, &header) ? elf_strptr(file->elf, names, header.sh_name) : NULL;
    if (name && strcmp(name, ".stapsdt.base") == 0)
      file->base = header.sh_addr;
    if (name && strcmp(name, ".note.stapsdt") == 0 && header.sh_type == SHT_NOTE)
      file->notes = elf_getdata(section, NULL);
  }
  return 0;
}

static bool is_ours(Elf *elf)
{
  GElf_Ehdr header;
  return elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == PROCESSOR_ELF;
}

int usdt_read(int fd, uint32_t file, struct usdt_sites *sites)
{
  struct elf elf = {0};
  struct stat stat;
  int error = -ENOEXEC;
  if (fstat(fd, &stat) != 0)
    return -errno;
  if (!S_ISREG(stat.st_mode) || stat.st_size > FILE_MOST || elf_version(EV_CURRENT) == EV_NONE)
    return -ENOEXEC;
  elf.elf = elf_begin(fd, ELF_C_READ, NULL);
  if (!elf.elf || !is_ours(elf.elf))
    goto out;
  error = find_sections(&elf);
  if (!error && elf.notes)
    error = take_notes(&elf, file, sites);
out:
  (void)elf_end(elf.elf); /* NULL is fine; it closes nothing of ours */
  return error;
}

void usdt_done(struct usdt_sites *sites)
{
  free(sites->list);
  *sites = (struct usdt_sites){0};
}
