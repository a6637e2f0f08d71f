/*
 * hash.h - the one hash of bytes: FNV-1a, 64 bits (Fowler, Noll, Vo; the constants are those of draft-eastlake-fnv).
 *
 * For tables in memory and fingerprints of our own data. Not for anything that an adversary must not be able to collide:
 * whoever looks something up by it compares the thing itself, too.
 */
#ifndef IMPASSE_MODEL_HASH_H
#define IMPASSE_MODEL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED 0xcbf29ce484222325ull

/* Continues `hash`, which begins as HASH_SEED (or that and something mixed in by ^). */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++)
    hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3ull;
  return hash;
}

/* The same for a string without its NUL; NULL counts as the empty one. */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
  for (; text && *text; text++)
    hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
  return hash;
}

#endif
