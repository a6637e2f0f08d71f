/* capability.c - strings of the terminfo entry. Not here: when they are written (terminal.c). */
#include "tui/capability.h"

#include <curses.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

bool capability_is_screen(void)
{
  int error;
  const char *place;

  if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
    return false;
  place = tigetstr("cup");
  place = place == (const char *)-1 ? NULL : place;
  (void)del_curterm(cur_term);
  return place != NULL;
}

/* Without the padding ($<5>): there is no time to wait in a crash. */
static size_t add(char *buffer, size_t size, size_t used, const char *text)
{
  size_t at = used;

  while (*text) {
    const char *end = text[0] == '$' && text[1] == '<' ? strchr(text, '>') : NULL;

    if (end) {
      text = end + 1;
      continue;
    }
    if (at == size)
      return used;
    buffer[at++] = *text++;
  }
  return at;
}

size_t capability_restore(char *buffer, size_t size, size_t used)
{
  static const char *const names[] = {"sgr0", "op", "rmkx", "cnorm", "rmcup"};

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *text = tigetstr(names[i]);

    if (text && text != (const char *)-1) /* -1: not a string capability, tigetstr(3) */
      used = add(buffer, size, used, text);
  }
  return used;
}
