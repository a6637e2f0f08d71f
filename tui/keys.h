/*
 * keys.h - the one table of keys: what is pressed, what it does, and what the help says of it.
 *
 * Dispatch, the help pane, the line of function keys and the manual are made from it. The habits
 * are htop's. Not here: reading keys from a terminal (terminal.h) and doing what they say
 * (screen.h).
 */
#ifndef IMPASSE_TUI_KEYS_H
#define IMPASSE_TUI_KEYS_H

#include <stddef.h>
#include <stdint.h>

/* What the terminal can say. A character is its code point; the rest is above all of them. */
enum input {
  INPUT_NONE = 0,
  INPUT_TAB = '\t',
  INPUT_ENTER = '\r',
  INPUT_ESCAPE = 0x1b,
  INPUT_UP = 0x110000,
  INPUT_DOWN,
  INPUT_LEFT,
  INPUT_RIGHT,
  INPUT_PAGE_UP,
  INPUT_PAGE_DOWN,
  INPUT_HOME,
  INPUT_END,
  INPUT_BACKSPACE,
  INPUT_BACKTAB,
  INPUT_F1, /* .. F10 in a row */
  INPUT_F10 = INPUT_F1 + 9,
};
#define INPUT_CONTROL(letter) ((letter)&0x1f)

enum command {
  COMMAND_NONE,
  COMMAND_UP,
  COMMAND_DOWN,
  COMMAND_LEFT,
  COMMAND_RIGHT,
  COMMAND_PAGE_UP,
  COMMAND_PAGE_DOWN,
  COMMAND_HOME,
  COMMAND_END,
  COMMAND_OPEN,
  COMMAND_BACK,
  COMMAND_NEXT_PANE,
  COMMAND_PREVIOUS_PANE,
  COMMAND_PANE, /* + the number key that was pressed: screen.c looks at the input */
  COMMAND_HELP,
  COMMAND_SEARCH,
  COMMAND_FILTER,
  COMMAND_TREE,
  COMMAND_SORT_NEXT,
  COMMAND_SORT_PREVIOUS,
  COMMAND_INVERT,
  COMMAND_MESSAGES, /* these five: inquiry.c */
  COMMAND_SENDERS,
  COMMAND_LOCKS,
  COMMAND_EXITS,
  COMMAND_STACK,
  COMMAND_KILL,
  COMMAND_PAUSE,
  COMMAND_REDRAW,
  COMMAND_SUSPEND,
  COMMAND_QUIT,
};

#define KEY_INPUTS 9

struct key {
  enum command command;
  uint32_t inputs[KEY_INPUTS]; /* 0 ends them */
  const char *label;           /* on the line of function keys; NULL = not there */
  const char *help;
};

extern const struct key keys[];
extern const size_t keys_count;

enum command key_command(uint32_t input);

/* The inputs of a key as people write them: "F1 ? h". Returns `buffer`. */
#define KEY_NAMES_SIZE 64
const char *key_names(const struct key *key, char buffer[KEY_NAMES_SIZE]);

#endif
