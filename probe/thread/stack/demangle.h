/*
 * demangle.h - names of C++ and Rust as people write them, without parameters. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_DEMANGLE_H
#define IMPASSE_PROBE_THREAD_STACK_DEMANGLE_H

#include <stddef.h>

/* Writes the readable name, or `name` itself where it is not mangled; cut at `room`, and without control bytes. */
void demangle(const char *name, char *ret_text, size_t room);

#endif
