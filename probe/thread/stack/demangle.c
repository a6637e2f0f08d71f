/*
 * demangle.c - see demangle.h. libiberty does the work, as it does for the debuggers. Names are the target's: a
 * short one may stand for gigabytes of text, so the text is left (longjmp) once there is no more room for it. The
 * functions used here keep all that they need on the stack, so nothing is lost by that; and because it is the
 * stack, longer names are not given to them.
 */
#include "probe/thread/stack/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

enum { NAME_MOST = 512 };

struct output {
  char *text;
  size_t length, room;
  jmp_buf full;
};

static void on_text(const char *piece, size_t length, void *context)
{
  struct output *output = context;
  size_t left = output->room - 1 - output->length;

  if (length > left)
    length = left;
  memcpy(output->text + output->length, piece, length);
  output->length += length;
  if (length == left)
    longjmp(output->full, 1);
}

/* A name of Rust's older mangling ends in a hash: "core::option::expect::h0123456789abcdef". */
static void drop_hash(struct output *output)
{
  static const char hash[] = "::h";
  size_t length = sizeof hash - 1 + 16;
  char *tail = output->text + output->length - length;

  if (output->length > length && memcmp(tail, hash, sizeof hash - 1) == 0 &&
      strspn(tail + sizeof hash - 1, "0123456789abcdef") == 16)
    output->length -= length;
}

/* What a compiler adds to the names of the pieces that it makes of a function. */
static void drop_piece(char *text)
{
  static const char *const marks[] = {" [clone",     ".isra.", ".part.",
                                      ".constprop.", ".cold",  ".lto_priv."};

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    char *mark = strstr(text, marks[i]);

    if (mark && mark != text)
      *mark = '\0';
  }
}

static bool translate(const char *name, struct output *output)
{
  if (strnlen(name, NAME_MOST) == NAME_MOST)
    return false;
  if (setjmp(output->full)) /* there is as much of it as there is room for */
    return true;
  if (strncmp(name, "_R", 2) == 0)
    return rust_demangle_callback(name, DMGL_ANSI, on_text, output) != 0;
  if (strncmp(name, "_Z", 2) != 0 || !cplus_demangle_v3_callback(name, DMGL_ANSI, on_text, output))
    return false;
  output->text[output->length] = '\0';
  drop_hash(output);
  return true;
}

void demangle(const char *name, char *ret_text, size_t room)
{
  struct output output = {.text = ret_text, .room = room};

  if (!translate(name, &output)) {
    output.length = strnlen(name, room - 1);
    memcpy(ret_text, name, output.length);
  }
  ret_text[output.length] = '\0';
  drop_piece(ret_text);
  for (char *c = ret_text; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 127)
      *c = '?';
}
