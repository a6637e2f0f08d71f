/* command.c - the table of commands. */
#include "collector/command.h"

#include <stddef.h>
#include <string.h>

extern const struct command cmd_top;
extern const struct command cmd_show;
extern const struct command cmd_query;
extern const struct command cmd_check;
extern const struct command cmd_watch;
extern const struct command cmd_record;
extern const struct command cmd_doctor;
extern const struct command cmd_demo;

const struct command *const commands[] = {
    &cmd_top,    &cmd_show,   &cmd_query, &cmd_check, &cmd_watch,
    &cmd_record, &cmd_doctor, &cmd_demo,  NULL,
};

const struct command *command_by_name(const char *name)
{
  for (const struct command *const *command = commands; *command; command++)
    if (strcmp((*command)->name, name) == 0)
      return *command;
  return NULL;
}
