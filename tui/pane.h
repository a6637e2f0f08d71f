/*
 * pane.h - what a pane is, and the table of all panes.
 *
 * To add one: tui/pane_NAME.c with `const struct pane pane_NAME`, and one row in pane.c. A pane
 * that only lists a relation is a table_spec and nothing else; sort, search, filter, cursor and
 * detail come by themselves.
 *
 * Panes are pure: snapshot and state in, cells out. They neither wait nor allocate per row.
 */
#ifndef IMPASSE_TUI_PANE_H
#define IMPASSE_TUI_PANE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "tui/canvas.h"
#include "tui/inquiry.h"
#include "tui/keys.h"
#include "tui/table.h"
#include "tui/tui.h"

#define VIEW_HISTORY 16

/* What all panes look at. */
struct view {
  const struct snapshot *snapshot; /* not NULL while a pane draws */
  uint64_t generation;             /* changes whenever `snapshot` does */
  struct tick_clock now;
  struct tui_options options;
  int64_t watched_ms; /* how long the detectors have been running, as far as is known */
  int64_t focus_target, focus_actor; /* the actor that the detail is about */
  struct inquiry inquiry;            /* that a pane has wished or that was answered */
  const struct pane *go;             /* PANE_GO: where to */
  char go_filter[TABLE_WORD_SIZE];   /* and what its table is to be filtered by; "" = as it was */
  /* the newest last; totals of the snapshots shown so far */
  int64_t blocked[VIEW_HISTORY], queued[VIEW_HISTORY];
  unsigned history_count;
};

enum pane_reply {
  PANE_IGNORED,
  PANE_DONE,
  PANE_GO, /* to view.go */
};

struct pane;

/* A pane with its memory, from tui_open to tui_close. */
struct pane_instance {
  const struct pane *pane;
  struct table table; /* where pane->table says what it lists */
  void *memory;       /* pane->memory_bytes, zeroed at first */
};

struct pane {
  const char *name;               /* for options and the manual */
  const char *title;              /* on the screen */
  const char *help;               /* what it shows and how to read it */
  bool unlisted;                  /* is not among those that number keys and Tab go through */
  const struct table_spec *table; /* NULL where it is no table */
  size_t memory_bytes;
  void (*done)(void *memory); /* frees what is in the memory; NULL = nothing */
  /* NULL = the table fills the pane. */
  void (*draw)(struct pane_instance *self, const struct view *view, struct canvas_area area);
  /* Asked before the table. NULL = nothing of its own. */
  enum pane_reply (*command)(struct pane_instance *self, struct view *view, enum command command);
  /* Goes to the next line with the word (after the cursor's where `further`); false where there
   * is none. NULL = the table's. */
  bool (*search)(struct pane_instance *self, const struct view *view, const char *word,
                 bool further);
  /* A line of the area was clicked. NULL = the table's. */
  void (*click)(struct pane_instance *self, struct view *view, unsigned line);
};

/* NULL-terminated; listed ones first, in the order of their number keys. */
#define PANES_MAX 12
extern const struct pane *const panes[];

extern const struct pane pane_overview, pane_mailboxes, pane_waits, pane_tables, pane_targets,
    pane_alerts, pane_detail, pane_help;

/* Number in panes[] or -ENOENT. */
int pane_by_name(const char *name);

/* -ENOMEM leaves nothing to be done. */
int pane_init(struct pane_instance *self, const struct pane *pane);
void pane_done(struct pane_instance *self);
void pane_draw(struct pane_instance *self, const struct view *view, struct canvas_area area);
enum pane_reply pane_command(struct pane_instance *self, struct view *view, enum command command);

/* Goes to another pane. */
enum pane_reply pane_go(struct view *view, const struct pane *pane);

/* Goes to the detail of an actor, or of the one that a row is about; PANE_DONE where that is
 * none. */
enum pane_reply pane_go_actor(struct view *view, int64_t target_key, int64_t actor);
enum pane_reply pane_go_row(struct view *view, enum relation relation, uint32_t row);

#endif
