/*
 * processor.h - everything that depends on the processor, one header each: where the registers of a
 * blocked thread are, numbers of system calls, where a lock's words lie. Seen by the programs for the
 * kernel (bpf/) and by those who read threads (probe/thread/); nothing but constants, for both.
 *
 * To add one: a header of the same names, and a branch here.
 */
#ifndef IMPASSE_PROBE_PROCESSOR_PROCESSOR_H
#define IMPASSE_PROBE_PROCESSOR_PROCESSOR_H

#if defined(__x86_64__) || defined(__TARGET_ARCH_x86)
#include "probe/processor/x86_64.h"
#elif defined(__aarch64__) || defined(__TARGET_ARCH_arm64)
#include "probe/processor/aarch64.h"
#else
#error "no header for this processor: see probe/processor/processor.h"
#endif

#endif
