/*
 * command.h - what a command is. The table in command.c drives dispatch, --help, the manual and
 * completions.
 *
 * To add one: collector/cmd_NAME.c with `const struct command cmd_NAME`, and one row in command.c.
 */
#ifndef IMPASSE_COLLECTOR_COMMAND_H
#define IMPASSE_COLLECTOR_COMMAND_H

#include <stdint.h>
#include <stdio.h>

#include "collector/options.h"

/* Exit codes, the same everywhere but for `check`, which has those of Nagios. */
enum { EXIT_FINE = 0, EXIT_TROUBLE = 2 };

struct command {
  const char *name;
  const char *args;   /* "SQL", "[DETECTOR...]", "" */
  const char *help;   /* one line of at most 57 characters, no full stop */
  const char *manual; /* paragraphs for --help and the manual page, each line at most 78 wide */
  void (*list)(FILE *out); /* prints the table that ends the help, indented by two; NULL: none */
  uint32_t options;        /* OPTION_BIT()s that it takes; --help and --version are everywhere */
  int trouble_code;        /* exit code of wrong use and failure: EXIT_TROUBLE but for `check` */

  /* Prints a complaint in its own way; NULL: one line on standard error. */
  void (*complain)(const char *text);

  /* Returns the exit code. Where it is not EXIT_FINE and a message is due, it has been put into
   * `complaint` (see complaint_set); main prints it, once. Standard output belongs to the command.
   */
  int (*run)(const struct options *options, struct complaint *complaint);
};

/* All commands in the order of the help, NULL-terminated. */
extern const struct command *const commands[];

/* NULL where there is none. */
const struct command *command_by_name(const char *name);

#endif
