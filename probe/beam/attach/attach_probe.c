/*
 * attach_probe.c - is this process a node? Asked of every new process of the machine, so the questions stand in the order
 * of what they cost: what its executable exports (three small reads for nearly all that are none), then the text that
 * every emulator holds, then whether its memory may be read. Only where the executable itself is hidden from us, what
 * everybody may see decides: its name and arguments. See attach.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/beam/attach/attach.h"
#include "probe/beam/attach/attach_inner.h"
#include "probe/beam/attach/elf_file.h"
#include "probe/beam/attach/release.h"
#include "probe/reach/reach.h"

enum {
  NAME_BYTES = 64,
  ARGUMENTS_BYTES = 1 << 17, /* as many as the kernel lets one argument have */
};

static bool has_argument(const char *arguments, size_t length, const char *wanted)
{
  for (size_t at = 0; at < length; at += strlen(arguments + at) + 1)
    if (strcmp(arguments + at, wanted) == 0)
      return true;
  return false;
}

bool attach_looks_like_node(const char *name, const char *arguments, size_t length)
{
  static const char program[] = "beam.smp";
  size_t known = strlen(program);
  if (strncmp(name, program, known) == 0 && (name[known] == '\n' || name[known] == '\0'))
    return true;
  return has_argument(arguments, length, "-root") && has_argument(arguments, length, "-progname");
}

static bool looks_like_node(const struct reach_target *target)
{
  char *name = NULL, *arguments = NULL;
  size_t length = 0;
  bool looks = reach_file(target, "comm", NAME_BYTES, &name, NULL) == 0 &&
               reach_file(target, "cmdline", ARGUMENTS_BYTES, &arguments, &length) == 0 &&
               attach_looks_like_node(name, arguments, length);
  free(name);
  free(arguments);
  return looks;
}

/* It is one; may its memory be read, too? */
static int probe_memory(const struct reach_target *target, const struct elf_file *file,
                        char reason[SOURCE_REASON_BYTES])
{
  uint64_t base;
  char byte;
  int error = attach_base(target, file, &base);
  if (!error) {
    ssize_t got = reach_read(target, base + file->entry, &byte, sizeof byte);
    error = got < 0 ? (int)got : 0;
  }
  if (!error)
    return SOURCE_MINE;
  if (error == -ESRCH)
    return error;
  reach_explain(reach_pid(target), error, reason, SOURCE_REASON_BYTES);
  return SOURCE_MINE_UNREADABLE;
}

int beam_attach_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES])
{
  struct elf_file file;
  struct release release;
  int fd, verdict = SOURCE_NOT_MINE;
  int error = reach_exe_open(target, &fd);
  if (error == -ENOENT ||
      error == -EINVAL) /* a thread of the kernel, or nothing that is executed */
    return SOURCE_NOT_MINE;
  if (error) {
    reach_explain(reach_pid(target), error, reason, SOURCE_REASON_BYTES);
    bool refused = error == -EACCES || error == -EPERM;
    return refused && looks_like_node(target) ? SOURCE_MINE_UNREADABLE : error;
  }
  if (elf_file_init(&file, fd) == 0 && release_is_possible(&file) &&
      release_find(&file, &release) == 0)
    verdict = probe_memory(target, &file, reason);
  (void)close(fd); /* only read */
  return verdict;
}
