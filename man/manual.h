/*
 * manual.h - the sections of the manual pages that are made from the program's tables. Each writes
 * mdoc(7).
 *
 * Not here: the hand-written parts (*.in) and how the two come together (manual.c).
 */
#ifndef IMPASSE_MAN_MANUAL_H
#define IMPASSE_MAN_MANUAL_H

#include <stdio.h>

/* Text as mdoc wants it: no line that looks like a macro, backslashes and dashes that stay what
 * they are. A blank line begins a paragraph; indented lines are shown as they stand. */
void manual_text(FILE *out, const char *text);

void manual_commands(FILE *out);
void manual_options(FILE *out);
void manual_detectors(FILE *out);
void manual_keys(FILE *out);

#endif
