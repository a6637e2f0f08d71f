/*
 * terminal.h - the one terminal of the process: takes it, reads keys and signals from it, gives it
 * back whatever happens. Not here: what keys mean (keys.h) and what is on the screen (paint.h).
 *
 * One thread; one terminal at a time, because signals know no other.
 */
#ifndef IMPASSE_TUI_TERMINAL_H
#define IMPASSE_TUI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

struct terminal;

enum terminal_event_kind {
  TERMINAL_NOTHING, /* all that was there has been told */
  TERMINAL_KEY,     /* `input`, see keys.h */
  TERMINAL_CLICK,   /* `row`, `column` */
  TERMINAL_RESIZED, /* also when the process was continued: everything must be painted again */
  TERMINAL_STOP,    /* somebody sent SIGTSTP */
  TERMINAL_END,     /* `signal`, or 0 where the terminal is gone */
};

struct terminal_event {
  enum terminal_event_kind kind;
  uint32_t input;
  unsigned row, column;
  int signal;
};

/* Standard input and output become the screen. Errors as tui_open's. */
int terminal_open(bool mouse, struct terminal **ret_terminal);
void terminal_close(struct terminal *terminal);

/* Readable when terminal_next has something to tell. */
int terminal_fd(const struct terminal *terminal);
struct terminal_event terminal_next(struct terminal *terminal);

/* Whether painting now would not wait for whoever reads the terminal. */
bool terminal_is_writable(const struct terminal *terminal);

void terminal_size(const struct terminal *terminal, unsigned *ret_rows, unsigned *ret_columns);

/* Gives the terminal back, stops the process group and takes the terminal again when continued. */
void terminal_suspend(struct terminal *terminal);

#endif
