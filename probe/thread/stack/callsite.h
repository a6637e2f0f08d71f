/*
 * callsite.h - which functions only carry a wait out for somebody else: the C and C++ libraries, the runtimes'
 * thin wrappers of locks. Names in, verdict out. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_CALLSITE_H
#define IMPASSE_PROBE_THREAD_STACK_CALLSITE_H

#include <stdbool.h>
#include <stddef.h>

/* Is all of this library ("libc.so.6") such? */
bool callsite_is_library(const char *module);

/* Is this function, wherever it was linked to (static programs, templates)? The name is demangled. */
bool callsite_is_wrapper(const char *function);

/* The function that a std::thread runs, told from the name of the template that runs it:
 * "std::thread::_State_impl<std::thread::_Invoker<std::tuple<main::{lambda()#1}> > >::_M_run". "" where it is
 * none. */
void callsite_of_thread(const char *function, char *ret_text, size_t room);

#endif
