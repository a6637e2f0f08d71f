/*
 * median.h - what benchmarks make of the values that they measured. Not for measuring.
 */
#ifndef IMPASSE_TESTS_BENCH_MEDIAN_H
#define IMPASSE_TESTS_BENCH_MEDIAN_H

#include <stddef.h>
#include <stdlib.h>

static inline int median_compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts the values, ascending, and returns the one in the middle (of an even number the mean of the two). `count` > 0. */
static inline double median_of(double *values, size_t count)
{
  qsort(values, count, sizeof *values, median_compare);
  return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

#endif
