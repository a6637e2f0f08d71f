/*
 * release.h - which Erlang/OTP an executable is an emulator of: the text that it greets with,
 *    Erlang/OTP 25%s [erts-13.1.5]
 * which is in each emulator whatever was stripped off it.
 */
#ifndef IMPASSE_PROBE_BEAM_RELEASE_H
#define IMPASSE_PROBE_BEAM_RELEASE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/beam/attach/elf_file.h"
#include "probe/beam/node.h"

struct release {
  int otp; /* 25 */
  char erts[BEAM_VERSION_BYTES];
};

/* Takes such a text apart; `length` bytes, not NUL-terminated. False where it is none. */
bool release_parse(const char *text, size_t length, struct release *ret_release);

/* Could the executable be an emulator at all? It has to export the functions that native code of
 * Erlang programs calls. Cheap: to be asked of each process of a machine. */
bool release_is_possible(const struct elf_file *file);

/* -ENOENT: not an emulator. Reads up to the read-only part of the file. */
int release_find(const struct elf_file *file, struct release *ret_release);

#endif
