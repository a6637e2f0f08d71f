/* manual_program.c - commands, options and detectors, from their tables. */
#include "man/manual.h"

#include <stdint.h>
#include <stdlib.h>

#include "collector/command.h"
#include "collector/options.h"
#include "model/detector.h"

static void write_flag(FILE *out, const char *macro, const struct option_row *row)
{
  fprintf(out, ".%s Fl -%s", macro, row->name);
  if (*row->argument)
    fprintf(out, " Ar %s", row->argument);
  putc('\n', out);
}

/* What the command lists in its help, as it stands there. */
static void write_list(FILE *out, const struct command *command)
{
  char *text = NULL;
  size_t length = 0;
  FILE *memory = command->list ? open_memstream(&text, &length) : NULL;
  if (!memory)
    return;
  command->list(memory);
  if (fclose(memory) == 0)
    manual_text(out, text);
  free(text);
}

static void write_command(FILE *out, const struct command *command)
{
  fprintf(out, ".It Nm Cm %s", command->name);
  if (*command->args)
    fprintf(out, " Ar %s", command->args);
  putc('\n', out);
  manual_text(out, command->help);
  fputs(".Pp\n", out);
  manual_text(out, command->manual);
  write_list(out, command);
  if (!command->options)
    return;
  fputs(".Pp\nOptions:\n", out);
  for (unsigned id = 0; id < OPTION_COUNT; id++)
    if (command->options & (UINT32_C(1) << id))
      write_flag(out, "Op", option_row((enum option_id)id));
}

void manual_commands(FILE *out)
{
  fputs(".Bl -tag -width Ds\n", out);
  for (const struct command *const *command = commands; *command; command++)
    write_command(out, *command);
  fputs(".El\n", out);
}

void manual_options(FILE *out)
{
  fputs(".Bl -tag -width Ds\n", out);
  for (unsigned id = 0; id < OPTION_COUNT; id++) {
    const struct option_row *row = option_row((enum option_id)id);
    write_flag(out, "It", row);
    manual_text(out, row->help);
  }
  fputs(".El\n", out);
}

static void write_detector(FILE *out, const struct detector *detector)
{
  fprintf(out, ".It Cm %s\n", detector->name);
  manual_text(out, detector->help);
}

void manual_detectors(FILE *out)
{
  fputs(".Bl -tag -width Ds\n", out);
  for (const struct detector *const *detector = detectors; *detector; detector++)
    write_detector(out, *detector);
  fputs(".El\n", out);
}
