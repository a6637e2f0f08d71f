/* proof.c - see proof.h: the verdicts on the links of circles, and when they are searched for. */
#include "probe/beam/wait/proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/wait/proof_circle.h"
#include "probe/beam/wait/proof_search.h"
#include "probe/beam/wait/proof_unread.h"

enum {
  SEARCHED_MOST = 64, /* links at a time */
};

enum verdict {
  WANTED,    /* to be searched for */
  SEARCHING, /* the search under way looks for it */
  UNREAD,
  ALONE,
  SHARED, /* somebody else may have it, or it cannot be told */
};

/* A verdict, and as long as what it is valid for. */
struct entry {
  uint64_t waiter, holder;
  struct beam_reference reference, holders; /* the holder's own: of the next link */
  enum verdict verdict;
};

struct beam_proof {
  const struct beam_node *node;
  struct entry entries[BEAM_PROOF_LINKS], old[BEAM_PROOF_LINKS];
  size_t entry_count, old_count;
  uint32_t links[BEAM_PROOF_LINKS], next[BEAM_PROOF_LINKS]; /* of the reading under way */
  struct beam_proof_search *search;
  bool searching;
};

struct beam_proof *beam_proof_new(const struct beam_node *node)
{
  struct beam_proof *proof = calloc(1, sizeof *proof);
  if (!proof)
    return NULL;
  proof->node = node;
  proof->search = beam_proof_search_new(node);
  if (!proof->search) {
    free(proof);
    return NULL;
  }
  return proof;
}

void beam_proof_free(struct beam_proof *proof)
{
  if (!proof)
    return;
  beam_proof_search_free(proof->search);
  free(proof);
}

static bool same(const struct entry *a, const struct entry *b)
{
  return a->waiter == b->waiter && a->holder == b->holder &&
         beam_reference_same(a->reference, b->reference) &&
         beam_reference_same(a->holders, b->holders);
}

/* The verdict of the last reading; circles stand, so it is mostly in the same place. */
static const struct entry *find_old(const struct beam_proof *proof, const struct entry *entry,
                                    size_t place)
{
  if (place < proof->old_count && same(&proof->old[place], entry))
    return &proof->old[place];
  for (size_t i = 0; i < proof->old_count; i++)
    if (same(&proof->old[i], entry))
      return &proof->old[i];
  return NULL;
}

static void take_links(struct beam_proof *proof, const struct beam_proof_link *links, size_t count,
                       bool alone)
{
  memcpy(proof->old, proof->entries, proof->entry_count * sizeof *proof->old);
  proof->old_count = proof->entry_count;
  proof->entry_count = count;
  for (size_t i = 0; i < count; i++) {
    const struct beam_proof_link *link = &links[proof->links[i]];
    const struct beam_proof_link *next = &links[proof->next[i]];
    struct entry *entry = &proof->entries[i];
    *entry = (struct entry){.waiter = link->waiter->key,
                            .holder = link->holder,
                            .reference = link->reference,
                            .holders = next->reference,
                            .verdict = SHARED};
    const struct entry *old = find_old(proof, entry, i);
    if (old)
      *entry = *old;
    else if (beam_proof_unread(proof->node, next->waiter, link->reference))
      entry->verdict = UNREAD;
    else if (alone)
      entry->verdict = WANTED;
  }
}

static void turn(struct beam_proof *proof, enum verdict from, enum verdict to, size_t most)
{
  for (size_t i = 0; i < proof->entry_count && most > 0; i++)
    if (proof->entries[i].verdict == from) {
      proof->entries[i].verdict = to;
      most--;
    }
}

static size_t take_wanted(const struct beam_proof *proof, const struct beam_proof_link *links,
                          struct beam_proof_wanted *wanted, size_t *places)
{
  size_t count = 0;
  for (size_t i = 0; i < proof->entry_count && count < SEARCHED_MOST; i++) {
    if (proof->entries[i].verdict != SEARCHING)
      continue;
    const struct beam_proof_link *link = &links[proof->links[i]];
    places[count] = i;
    wanted[count++] = (struct beam_proof_wanted){.reference = link->reference,
                                                 .waiter = link->waiter,
                                                 .holder = links[proof->next[i]].waiter,
                                                 .monitor = link->monitor};
  }
  return count;
}

static int search_on(struct beam_proof *proof, const struct beam_proof_link *links)
{
  struct beam_proof_wanted wanted[SEARCHED_MOST];
  size_t places[SEARCHED_MOST];
  size_t count = take_wanted(proof, links, wanted, places);
  if (count == 0) {
    proof->searching = false;
    return 0;
  }
  int done = beam_proof_search_step(proof->search, wanted, count, BEAM_PROOF_BYTES);
  for (size_t i = 0; i < count; i++)
    if (wanted[i].elsewhere)
      proof->entries[places[i]].verdict = SHARED;
  if (done == 0)
    return 0;
  proof->searching = false;
  turn(proof, SEARCHING, done > 0 ? ALONE : SHARED, BEAM_PROOF_LINKS);
  return done == -ENOMEM ? done : 0;
}

static int search_begin(struct beam_proof *proof)
{
  bool wanted = false;
  for (size_t i = 0; i < proof->entry_count; i++)
    wanted |= proof->entries[i].verdict == WANTED;
  if (!wanted)
    return 0;
  int error = beam_proof_search_begin(proof->search, BEAM_PROOF_MEMORY);
  proof->searching = !error;
  turn(proof, WANTED, error ? SHARED : SEARCHING, error ? BEAM_PROOF_LINKS : SEARCHED_MOST);
  return error == -ENOMEM ? error : 0;
}

int beam_proof_judge(struct beam_proof *proof, struct beam_proof_link *links, size_t count,
                     bool alone)
{
  int found = beam_proof_circle_find(links, count, proof->links, proof->next, BEAM_PROOF_LINKS);
  if (found < 0)
    return found;
  take_links(proof, links, (size_t)found, alone);
  int error = proof->searching ? 0 : search_begin(proof);
  if (!error && proof->searching)
    error = search_on(proof, links);
  for (size_t i = 0; i < proof->entry_count; i++)
    links[proof->links[i]].exclusive =
        proof->entries[i].verdict == UNREAD || proof->entries[i].verdict == ALONE;
  return error;
}
