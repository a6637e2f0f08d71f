/* capability.h - strings of the terminfo entry, alone in a file because <term.h> makes macros of
 * everyday words. */
#ifndef IMPASSE_TUI_CAPABILITY_H
#define IMPASSE_TUI_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>

/* Whether TERM is known and can place its cursor; ncurses would scribble on one that cannot.
 * Before newterm. */
bool capability_is_screen(void);

/* The bytes that give a terminal back to a shell: attributes off, cursor shown, main screen.
 * Written to `buffer` after `used` bytes, as many whole capabilities as fit; returns the new
 * number of bytes. After newterm. */
size_t capability_restore(char *buffer, size_t size, size_t used);

#endif
