/*
 * callsite.h - which functions only carry a wait out for somebody else: the C and C++ libraries, the runtimes'
 * thin wrappers of locks. Names in, verdict out. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_CALLSITE_H
#define IMPASSE_PROBE_THREAD_STACK_CALLSITE_H

#include <stdbool.h>

/* Is all of this library ("libc.so.6") such? */
bool callsite_is_library(const char *module);

/* Is this function, wherever it was linked to (static programs, templates)? The name is demangled. */
bool callsite_is_wrapper(const char *function);

#endif
