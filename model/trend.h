/*
 * trend.h - does a short series of samples grow, steadily, and still? Robust against single
 * outliers.
 *
 * slope: the median of the slopes between all pairs (Theil 1950, Sen 1968). rising: the share of
 * pairs in which the later sample is the greater one (Kendall's tau, Mann 1945, as a share): 1
 * grows in every step, 0.5 goes nowhere; a mailbox that fills and is drained within the series
 * stays far below 1 however steep it fills.
 *
 * Pure; no allocation.
 */
#ifndef IMPASSE_MODEL_TREND_H
#define IMPASSE_MODEL_TREND_H

#include <stdint.h>

#define TREND_POINTS_MAX 20

struct trend_point {
  int64_t at_ms;
  double value;
};

struct trend {
  double slope_per_s;  /* over the whole series */
  double recent_per_s; /* over its last third, at least four samples: little after a ramp */
  double rising;       /* 0..1 */
};

/* `count` points (2 .. TREND_POINTS_MAX, asserted) with rising times. */
struct trend trend_of(const struct trend_point *points, unsigned count);

#endif
