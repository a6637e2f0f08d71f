/*
 * fuzz.h - what a fuzzer of this folder consists of: the entry that libFuzzer knows, and seeds made in code (so that
 * they follow a layout when it changes, and a layout with checksums or addresses in it needs no binary files).
 *
 * The same object is linked twice: with libFuzzer (IMPASSE_FUZZ=ON, clang), and with fuzz_main.c, which every build
 * can run.
 */
#ifndef IMPASSE_TESTS_FUZZ_FUZZ_H
#define IMPASSE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs the code under test on one input; ends the process where a promise is broken. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Writes seed `number` (0, 1, ...) and returns its size; 0 where there are no more. It must be the same each time. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room);

/* Ends the process with the words where `holds` is false: assert() that is never compiled out. */
#define FUZZ_CHECK(holds)                                                                          \
  do {                                                                                             \
    if (!(holds))                                                                                  \
      fuzz_fail(__FILE__, __LINE__, #holds);                                                       \
  } while (0)

__attribute__((noreturn)) static inline void fuzz_fail(const char *file, int line,
                                                       const char *words)
{
  (void)fprintf(stderr, "%s:%d: broken: %s\n", file, line, words);
  abort();
}

#endif
