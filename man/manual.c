/*
 * manual.c - makes a manual page: `manual PAGE.in PAGE` copies the hand-written page and puts what
 * the program's tables say in place of lines such as @COMMANDS@. Runs while impasse is built.
 */
#include "man/manual.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/manual.h"

static void manual_version(FILE *out)
{
  fputs(".Os impasse " IMPASSE_VERSION "\n", out);
}

static void manual_relations(FILE *out)
{
  (void)manual_sql_write(out); /* a failed write is seen when the page is closed */
}

static const struct {
  const char *line;
  void (*write)(FILE *out);
} generated[] = {
    {"@VERSION@\n", manual_version}, {"@COMMANDS@\n", manual_commands},
    {"@OPTIONS@\n", manual_options}, {"@DETECTORS@\n", manual_detectors},
    {"@KEYS@\n", manual_keys},       {"@RELATIONS@\n", manual_relations},
};

static bool generate(const char *line, FILE *out)
{
  for (size_t i = 0; i < sizeof generated / sizeof generated[0]; i++) {
    if (strcmp(generated[i].line, line) == 0) {
      generated[i].write(out);
      return true;
    }
  }
  return false;
}

/* A line of text up to the blank line or the indented block that ends its paragraph. */
static void write_line(FILE *out, const char *line, size_t length)
{
  bool word_start = true;
  if (length > 0 && (line[0] == '.' || line[0] == '\''))
    fputs("\\&", out);
  for (size_t i = 0; i < length; i++) {
    if (line[i] == '\\')
      fputs("\\e", out);
    else if (line[i] == '-' && word_start)
      fputs("\\-", out);
    else
      putc(line[i], out);
    word_start = strchr(" (\"'[-|", line[i]) != NULL;
  }
  putc('\n', out);
}

void manual_text(FILE *out, const char *text)
{
  bool literal = false, blank = false, first = true;
  while (*text) {
    size_t length = strcspn(text, "\n");
    bool indented = text[0] == ' ' && length > 0;
    if (length == 0) {
      blank = true;
    } else {
      if (literal && !indented)
        fputs(".Ed\n", out);
      if (indented && !literal)
        fputs(".Bd -literal -offset indent\n", out);
      else if (!indented && (blank || literal) && !first)
        fputs(".Pp\n", out);
      else if (indented && blank)
        putc('\n', out);
      literal = indented;
      size_t skip = strspn(text, " ");
      write_line(out, text + skip, length - skip);
      blank = first = false;
    }
    text += length + (text[length] == '\n');
  }
  if (literal)
    fputs(".Ed\n", out);
}

static int make(FILE *in, FILE *out)
{
  char line[1024];
  while (fgets(line, sizeof line, in))
    if (!generate(line, out))
      fputs(line, out);
  return ferror(in) || ferror(out) ? -EIO : 0;
}

int main(int argc, char **argv)
{
  if (argc != 3) {
    fputs("usage: manual PAGE.in PAGE\n", stderr);
    return EXIT_FAILURE;
  }
  FILE *in = fopen(argv[1], "r");
  FILE *out = in ? fopen(argv[2], "w") : NULL;
  int error = out ? make(in, out) : -errno;
  if (out && fclose(out) != 0 && error == 0)
    error = -errno;
  if (in)
    (void)fclose(in); /* read only */
  if (error < 0)
    fprintf(stderr, "manual: %s -> %s: %s\n", argv[1], argv[2], strerror(-error));
  return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
