/*
 * tui.h - the screen, as the collector sees it: snapshots go in, decisions of the person at the
 * keyboard come out.
 *
 *      loop: tui_fd() readable ------> tui_input()  keys, resize, signals; says when to end
 *      feed: new snapshot -----------> tui_show()
 *      loop: timer, a second or less -> tui_tick()  repaints ages
 *
 * Nothing here waits, sweeps or reads a clock: time comes from outside with each call. Not here:
 * how a pane looks (pane.h) and how cells reach the terminal (paint.h).
 *
 * Signals. From tui_open to tui_close the screen owns SIGTERM, SIGINT, SIGHUP, SIGWINCH, SIGTSTP
 * and SIGCONT: their handler sets a flag and wakes tui_fd(); the loop must not install handlers for
 * them meanwhile. A terminating signal makes tui_input return TUI_QUIT. SIGSEGV, SIGBUS, SIGFPE,
 * SIGILL, SIGABRT and SIGQUIT restore the terminal with write() and tcsetattr() alone and then go
 * on to whatever would have handled them.
 *
 * Threads: all functions on the thread of the loop. One tui at a time in a process.
 */
#ifndef IMPASSE_TUI_TUI_H
#define IMPASSE_TUI_TUI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/feed.h"
#include "model/snapshot.h"

struct tui;

struct tui_options {
  /* The first two also without being set: NO_COLOR in the environment or a terminal without
   * colours; a locale that is not UTF-8. */
  bool no_color;
  bool ascii;
  bool no_mouse;    /* leave the mouse to the terminal */
  const char *pane; /* name of the first pane; NULL = overview; an unknown one is -ENOENT */
  /* Where the snapshots come from, for the header ("recorder", "recording"); NULL = own sweeps. */
  const char *feed;
  /* Expected time between snapshots; data older than three of them is shown as late; 0 = 1000. */
  int64_t interval_ms;
  /* How long the detectors had been running before the first snapshot shown; 0 = as long as the
   * monitor that made it, if it has a row of its own there (model/maker.h). */
  int64_t history_ms;
};

/* Standard input and standard output are a terminal, and TERM says how to place its cursor. Where
 * not, tui_print can help. */
bool tui_is_possible(void);

enum tui_action { TUI_CONTINUE, TUI_QUIT };

/* Takes the terminal at standard input and standard output and paints a first, empty screen. Sets
 * LC_CTYPE from the environment. -ENOTTY where one of the two is no terminal, -EBUSY where a tui is
 * open already, -EINVAL where TERM is unknown or cannot place its cursor, -ENOENT for an unknown
 * pane, -ENOMEM; the terminal is as it was after an error. */
int tui_open(const struct tui_options *options, struct tui **ret_tui);

/* Gives the terminal and the signals back. NULL is fine. */
void tui_close(struct tui *tui);

/* The one descriptor to wait for: readable when tui_input has something to do (a key, a resize, a
 * signal). It is an epoll descriptor; it stays the same until tui_close. */
int tui_fd(const struct tui *tui);

/* Handles all that is there and repaints. TUI_QUIT: q, a terminating signal, or the terminal is
 * gone. Ctrl-Z and SIGTSTP are handled inside: the process stops in here and goes on in here. */
enum tui_action tui_input(struct tui *tui, struct tick_clock now);

/* The signal that made tui_input say TUI_QUIT, or 0: for an exit status that tells the truth. */
int tui_signal(const struct tui *tui);

/* A new snapshot; the tui takes a reference of its own. While the display is paused it is kept and
 * not shown. */
void tui_show(struct tui *tui, const struct snapshot *snapshot, struct tick_clock now);

/* Time has passed: repaints what depends on it. Cheap when nothing on the screen changes. */
void tui_tick(struct tui *tui, struct tick_clock now);

/* What the person wants to know that is in no snapshot: to be asked of the feed that snapshots come
 * from. */
struct tui_question {
  enum feed_question question;
  int64_t target_key, actor; /* actor 0: of all of the target's */
};

/* The question put last, once; false where there is none. After each tui_input. */
bool tui_take_question(struct tui *tui, struct tui_question *ret_question);

/* The answer to the oldest question that has none, as a feed gives it; made harmless here. Of
 * those that the person has replaced by others meanwhile nothing is shown. */
void tui_answer(struct tui *tui, int error, const char *text, struct tick_clock now);

/* One line for the person, shown until the next key ("recorder is gone, sweeping on our own"); made
 * harmless here. */
void tui_say(struct tui *tui, const char *text);

/* The overview as text, `rows` x `columns` cells at most (0 = 24, 80), without a terminal and
 * without escape sequences; empty lines at the end are left out. 0, or -ENOMEM, or -EIO where
 * writing failed. */
int tui_print(FILE *file, const struct snapshot *snapshot, const struct tui_options *options,
              struct tick_clock now, unsigned rows, unsigned columns);

#endif
