/* trend.c - see trend.h. */
#include "model/trend.h"

#include <assert.h>
#include <stdlib.h>

static int double_order(const void *left, const void *right)
{
  double a = *(const double *)left, b = *(const double *)right;

  return (a > b) - (a < b);
}

static double median_slope(const struct trend_point *p, unsigned count)
{
  double slopes[TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2];
  unsigned n = 0;

  for (unsigned i = 0; i < count; i++)
    for (unsigned j = i + 1; j < count; j++)
      if (p[j].at_ms > p[i].at_ms)
        slopes[n++] = (p[j].value - p[i].value) * 1000 / (double)(p[j].at_ms - p[i].at_ms);
  if (n == 0)
    return 0;
  qsort(slopes, n, sizeof(slopes[0]), double_order);
  return n % 2 ? slopes[n / 2] : (slopes[n / 2 - 1] + slopes[n / 2]) / 2;
}

static double rising_share(const struct trend_point *p, unsigned count)
{
  unsigned rising = 0;

  for (unsigned i = 0; i < count; i++)
    for (unsigned j = i + 1; j < count; j++)
      rising += p[j].value > p[i].value;
  return 2.0 * rising / (count * (count - 1.0));
}

struct trend trend_of(const struct trend_point *points, unsigned count)
{
  unsigned recent = count / 3 > 4 ? count / 3 : 4;

  assert(count >= 2 && count <= TREND_POINTS_MAX);
  if (recent > count)
    recent = count;
  return (struct trend){
      .slope_per_s = median_slope(points, count),
      .recent_per_s = median_slope(points + count - recent, recent),
      .rising = rising_share(points, count),
  };
}
