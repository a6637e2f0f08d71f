/*
 * code.h - which function an instruction pointer of a process is in: the ranges of loaded modules,
 * read once a sweep, and a cache of answers by address. Follows code that is reloaded under way: a
 * range that changed drops its answers. One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_CODE_H
#define IMPASSE_PROBE_BEAM_CODE_H

#include <stdint.h>

#include "probe/beam/node.h"

struct beam_code;

struct beam_mfa {
  uint64_t module, function; /* atoms */
  uint32_t arity;
};

enum { BEAM_ARITY_MOST = 255 };

struct beam_code *beam_code_new(const struct beam_node *node); /* NULL without memory */
void beam_code_free(struct beam_code *code);

/* Reads the ranges again where they changed; once before each sweep. 1: they did, so what an
 * address was in may have changed; 0: no; or -errno. */
int beam_code_begin(struct beam_code *code);

/* 0, or -ENOENT where the address is in no module (stubs of the runtime, hibernation). */
int beam_code_function(struct beam_code *code, uint64_t instruction, struct beam_mfa *ret_mfa);

/* The {module, function, arity} at an address of the target: 0, -ENOENT where there is none,
 * -EFAULT. */
int beam_code_mfa(const struct beam_node *node, uint64_t address, struct beam_mfa *ret_mfa);

#endif
