/* command.c - the table of commands. */
#include "collector/command.h"

#include <stddef.h>
#include <string.h>

const struct command *const commands[] = {
    NULL,
};

const struct command *command_by_name(const char *name)
{
  for (const struct command *const *command = commands; *command; command++)
    if (strcmp((*command)->name, name) == 0)
      return *command;
  return NULL;
}
