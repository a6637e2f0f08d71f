/*
 * print_memory.h - memory of a node for walkers of terms: many tiny reads near each other, through a
 * small cache of blocks, within a budget of bytes. A term is foreign: whoever follows its pointers
 * bounds depth and output, this bounds what is fetched.
 *
 * A block is read once and kept, so what it says is as of then; made for one question and freed.
 * One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_PRINT_MEMORY_H
#define IMPASSE_PROBE_BEAM_PRINT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/memory.h"

struct print_memory;

/* `most_bytes` may be fetched in all. NULL without memory. */
struct print_memory *print_memory_new(const struct beam_memory *memory, size_t most_bytes);
void print_memory_free(struct print_memory *reader);

/* All of it or nothing: 0, -EFAULT, -ENOBUFS where the budget is spent, -EPERM, -ESRCH. */
int print_memory_read(struct print_memory *reader, uint64_t address, void *ret_bytes,
                      size_t length);
int print_memory_word(struct print_memory *reader, uint64_t address, uint64_t *ret_word);

/* Nothing new can be fetched any more. */
bool print_memory_spent(const struct print_memory *reader);

#endif
