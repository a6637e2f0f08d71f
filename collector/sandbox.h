/*
 * sandbox.h - what a sweeping impasse gives up before it reads anything: capabilities (a broker alone has them,
 * probe/reach/broker.h), system calls that it never needs, and, in threads that take the bytes of targets apart,
 * nearly all of them. So that a program which finds a mistake in a parser has won nothing.
 *
 *    main, model, writer, reader of SQL    no capabilities; a short list of calls is refused
 *    discovery and workers (parsers)       a short list of calls is allowed: they read what they are given, and open
 *                                          files for reading
 *    broker                                capabilities for reading; parses nothing
 */
#ifndef IMPASSE_COLLECTOR_SANDBOX_H
#define IMPASSE_COLLECTOR_SANDBOX_H

/* Before there are threads; a second time nothing happens. 0 or -errno. */
int sandbox_enter(void);

/* The calling thread and those that it starts take bytes of targets apart from now on. Where the kernel has no seccomp
 * they do so unguarded. Nothing happens where sandbox_enter() was not called (in tests). */
void sandbox_enter_parser(void);

#endif
