/*
 * calls.c - the names of this processor's system calls: what a thread does of which nothing better is
 * known.
 */
#include "probe/thread/classify/classify.h"

#include "probe/processor/processor.h"

static const char *const names[] = {
#define CALL(number, name) [number] = #name,
#include PROCESSOR_CALLS
#undef CALL
};

const char *classify_call_name(int64_t number)
{
  if (number < 0 || (uint64_t)number >= sizeof(names) / sizeof(names[0]))
    return NULL;
  return names[number];
}
