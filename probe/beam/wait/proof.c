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
  PAUSE_LEAST = 5,    /* readings */
  PAUSE_MOST = 1280,
};

enum verdict {
  UNKNOWN, /* not searched for yet */
  UNREAD,  /* or sure anyhow */
  ALONE,
  THIRD,  /* another process holds the reference */
  SHARED, /* somebody else may have it, or it cannot be told */
};

enum phase {
  REST,
  WANTED,    /* to be searched for */
  SEARCHING, /* the search under way looks for it */
};

/* A verdict, and as long as what it is valid for. */
struct entry {
  uint64_t waiter, holder;
  struct beam_reference reference, holders; /* the holder's own: of the next link */
  enum verdict verdict;
  enum phase phase;
  bool elsewhere;  /* of the search under way */
  uint64_t third;  /* the same */
  unsigned pause;  /* readings until it is searched for again, 0 never */
  unsigned rested; /* of those, how many have passed */
};

struct beam_proof {
  const struct beam_node *node;
  struct entry entries[BEAM_PROOF_LINKS], old[BEAM_PROOF_LINKS];
  size_t entry_count, old_count;
  uint32_t links[BEAM_PROOF_LINKS], next[BEAM_PROOF_LINKS]; /* of the reading under way */
  uint64_t members[BEAM_PROOF_LINKS];                       /* who waits in them */
  struct beam_proof_search *search;
  bool searching;
  bool searched; /* in the last judgement */
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

static void take_links(struct beam_proof *proof, const struct beam_proof_link *links, size_t count)
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
                            .phase = WANTED};
    const struct entry *old = find_old(proof, entry, i);
    if (old) {
      *entry = *old;
    } else if (link->sure || beam_proof_unread(proof->node, next->waiter, link->reference)) {
      entry->verdict = UNREAD;
      entry->phase = REST;
    }
    if (entry->phase == REST && entry->pause > 0 && ++entry->rested >= entry->pause)
      entry->phase = WANTED;
  }
}

static size_t begin_searching(struct beam_proof *proof)
{
  size_t count = 0;
  for (size_t i = 0; i < proof->entry_count && count < SEARCHED_MOST; i++) {
    struct entry *entry = &proof->entries[i];
    if (entry->phase != WANTED)
      continue;
    entry->phase = SEARCHING;
    entry->elsewhere = false;
    entry->third = 0;
    count++;
  }
  return count;
}

/* What a search has found of an entry; `done` is what its last step said. */
static void end_searching(struct entry *entry, int done, bool alone)
{
  entry->phase = REST;
  entry->rested = 0;
  if (entry->third != 0)
    entry->verdict = THIRD;
  else
    entry->verdict = done > 0 && alone && !entry->elsewhere ? ALONE : SHARED;
  if (entry->verdict == ALONE || done < 0 || (entry->verdict == SHARED && !entry->elsewhere))
    entry->pause = 0;
  else if (entry->pause == 0)
    entry->pause = PAUSE_LEAST;
  else if (entry->pause < PAUSE_MOST)
    entry->pause *= 2;
}

static size_t take_wanted(const struct beam_proof *proof, const struct beam_proof_link *links,
                          struct beam_proof_wanted *wanted, size_t *places)
{
  size_t count = 0;
  for (size_t i = 0; i < proof->entry_count && count < SEARCHED_MOST; i++) {
    if (proof->entries[i].phase != SEARCHING)
      continue;
    const struct beam_proof_link *link = &links[proof->links[i]];
    places[count] = i;
    wanted[count++] = (struct beam_proof_wanted){.reference = link->reference,
                                                 .waiter = link->waiter,
                                                 .holder = links[proof->next[i]].waiter,
                                                 .monitor = link->monitor,
                                                 .elsewhere = proof->entries[i].elsewhere,
                                                 .third = proof->entries[i].third};
  }
  return count;
}

static int search_on(struct beam_proof *proof, const struct beam_proof_link *links, bool alone)
{
  struct beam_proof_wanted wanted[SEARCHED_MOST];
  size_t places[SEARCHED_MOST];
  size_t count = take_wanted(proof, links, wanted, places);
  if (count == 0) {
    proof->searching = false;
    return 0;
  }
  for (size_t i = 0; i < proof->entry_count; i++)
    proof->members[i] = proof->entries[i].waiter;
  int done = beam_proof_search_step(proof->search, wanted, count, proof->members,
                                    proof->entry_count, BEAM_PROOF_BYTES);
  for (size_t i = 0; i < count; i++) {
    struct entry *entry = &proof->entries[places[i]];
    entry->elsewhere = wanted[i].elsewhere;
    entry->third = wanted[i].third;
    if (entry->third != 0 || done != 0)
      end_searching(entry, done, alone);
  }
  proof->searching = done == 0;
  return done == -ENOMEM ? done : 0;
}

static int search_begin(struct beam_proof *proof)
{
  if (begin_searching(proof) == 0)
    return 0;
  int error = beam_proof_search_begin(proof->search, BEAM_PROOF_MEMORY);
  proof->searching = !error;
  for (size_t i = 0; error && i < proof->entry_count; i++)
    if (proof->entries[i].phase == SEARCHING)
      end_searching(&proof->entries[i], error, false);
  return error == -ENOMEM ? error : 0;
}

int beam_proof_judge(struct beam_proof *proof, struct beam_proof_link *links, size_t count,
                     bool alone)
{
  int found = beam_proof_circle_find(links, count, proof->links, proof->next, BEAM_PROOF_LINKS);
  if (found < 0)
    return found;
  take_links(proof, links, (size_t)found);
  int error = proof->searching ? 0 : search_begin(proof);
  proof->searched = proof->searching;
  if (!error && proof->searching)
    error = search_on(proof, links, alone);
  for (size_t i = 0; i < proof->entry_count; i++) {
    enum verdict verdict = proof->entries[i].verdict;
    links[proof->links[i]].exclusive = verdict == UNREAD || verdict == ALONE;
    links[proof->links[i]].open = verdict == THIRD;
  }
  return error;
}

bool beam_proof_searches(const struct beam_proof *proof)
{
  return proof->searched;
}
