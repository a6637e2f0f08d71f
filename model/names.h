/*
 * names.h - registered names that changed hands: the memory behind the relation `names`.
 *
 * It is told only of changes between two sweeps: who lost a name and who got one. A name that was
 * lost waits here for its next bearer. Bounded: NAMES_MAX; names that only were lost are forgotten
 * before names that changed hands, and of each kind the oldest first, an eighth of all at a time.
 * One thread.
 */
#ifndef IMPASSE_MODEL_NAMES_H
#define IMPASSE_MODEL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

#define NAMES_MAX 4096

struct names;

struct names *names_new(void); /* NULL without memory */
void names_free(struct names *names);

/* Losses of a sweep are told before its gains. Without memory nothing is kept. */
void names_lost(struct names *names, uint64_t target_key, const char *name, uint64_t actor);
void names_gained(struct names *names, uint64_t target_key, const char *name, uint64_t actor);

void names_forget(struct names *names, uint64_t target_key);

/* Writes the relation. The targets relation must have been made: it gives their names. */
int names_fill(const struct names *names, struct snapshot_builder *builder, const char *host);

#endif
