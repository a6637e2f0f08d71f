/*
 * names.h - what processes and functions are called: remembered from sweep to sweep, since a name
 * costs several reads and changes rarely.
 *
 *    name                                                          where it stands
 *    registered name                                               RegProc
 *    label and pid: "conn 7 <0.512.0>"                             dictionary, from OTP 27
 *    initial call and pid: "rabbit_reader:init/3 <0.512.0>"        dictionary, or struct process
 *    pid, for whom the initial call says nothing (a bare fun)
 *
 * All texts are in one block, so that a full sweep takes them over as they are: a text is an offset
 * in it, 0 is none. One entry for each slot of the process table, valid for the pid that it names.
 * Dictionaries of processes seen for the first time are read in slices (BEAM_NAMES_SLICE); until
 * then a process is called by its initial call or pid. Labels, and names that are registered under
 * the same address, are looked at again in slices, too.
 *
 *    begin, then note each process, then resolve, then texts
 *
 * One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_NAMES_H
#define IMPASSE_PROBE_BEAM_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/atom.h"
#include "probe/beam/code.h"
#include "probe/beam/proc.h"

enum {
  BEAM_NAMES_SLICE = 16384, /* dictionaries that are read in one sweep */
};

struct beam_names;

enum beam_name_flags {
  BEAM_NAME_REGISTERED = 1 << 0,
  BEAM_NAME_KNOWN = 1 << 1, /* the dictionary was read */
  BEAM_NAME_MARK = 1 << 2,  /* free for the caller's use, while the pid is the same */
  BEAM_NAME_TRY = 1 << 8,   /* from here on: how often the dictionary was read in vain */
};

struct beam_name {
  uint64_t word;       /* the pid that it is about; 0 nobody */
  uint64_t parent;     /* key of its parent; 0 unknown */
  uint64_t registered; /* RegProc */
  uint64_t atom;       /* that name */
  uint32_t text;
  uint32_t depth; /* of its mailbox when it was noted last; UINT32_MAX unknown or more */
  uint32_t seen;  /* number of the full sweep that saw it last */
  uint32_t flags;
};

struct beam_names *beam_names_new(const struct beam_node *node, struct beam_atoms *atoms,
                                  struct beam_code *code); /* NULL without memory */
void beam_names_free(struct beam_names *names);

/* A new round of notes; a full one is of all processes, so that whoever is not noted has ended. 0,
 * -ENOMEM. */
int beam_names_begin(struct beam_names *names, bool full);

/* The name of a process; NULL without memory. `depth` is the caller's to set. *ret_later: resolving
 * will tell, or may change it. */
struct beam_name *beam_names_note(struct beam_names *names, const struct beam_proc_facts *facts,
                                  bool *ret_later);

/* Reads what was noted to be read. 0, -ENOMEM, -ESRCH, -EPERM. */
int beam_names_resolve(struct beam_names *names);

/* The entry of a slot, NULL where there is none. */
struct beam_name *beam_names_at(const struct beam_names *names, uint32_t slot);

/* The function where a process waits or was scheduled out; 0 unknown. *ret_drains: it empties its
 * mailbox into a queue of its own (gen_server2). */
uint32_t beam_names_function(struct beam_names *names, const struct beam_proc_facts *facts,
                             bool *ret_drains);

/* All texts, for offsets below *ret_bytes; until the next call that changes one. */
const char *beam_names_texts(const struct beam_names *names, size_t *ret_bytes);

/* Key of the process that had this registered name at the last full sweep or since; 0 none. */
uint64_t beam_names_by_name(const struct beam_names *names, uint64_t atom);

/* Is there a process with this pid? Looks into the node where it is not known. */
bool beam_names_lives(const struct beam_names *names, uint64_t word);

#endif
