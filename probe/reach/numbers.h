/*
 * numbers.h - the names of a directory of /proc that are numbers: processes, threads, descriptors. Inside
 * this folder only.
 */
#ifndef IMPASSE_PROBE_REACH_NUMBERS_H
#define IMPASSE_PROBE_REACH_NUMBERS_H

#include <stddef.h>

/* The numbers ascending, malloc'ed; at most `most`, and -E2BIG with the first of them where there are more. Closes the
 * descriptor in any case. */
int numbers_list(int fd, size_t most, int **ret_numbers, size_t *ret_count);

#endif
