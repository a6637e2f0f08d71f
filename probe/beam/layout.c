/*
 * layout.c - the tables of layouts/, and the choice between them. Not for values: those are generated.
 */
#include "probe/beam/layout.h"

#include <stdlib.h>

#define ORIGIN(number, package) .major = number, .origin = package,
#define VALUE(name, value) .name = value,
static const struct beam_layout LAYOUTS[] = {
    {
#include "probe/beam/layouts/otp24.inc"
    },
    {
#include "probe/beam/layouts/otp25.inc"
    },
    {
#include "probe/beam/layouts/otp27.inc"
    },
    {
#include "probe/beam/layouts/otp29.inc"
    },
};
#undef VALUE
#undef ORIGIN

enum { LAYOUT_COUNT = sizeof LAYOUTS / sizeof LAYOUTS[0] };

static long distance(const struct beam_layout *layout, int major)
{
  return labs((long)layout->major - major);
}

const struct beam_layout *beam_layout_nearest(int major)
{
  const struct beam_layout *best = &LAYOUTS[0];
  for (size_t i = 1; i < LAYOUT_COUNT; i++)
    if (distance(&LAYOUTS[i], major) < distance(best, major))
      best = &LAYOUTS[i];
  return best;
}

const struct beam_layout *beam_layout_for(int major)
{
  const struct beam_layout *nearest = beam_layout_nearest(major);
  return nearest->major == major ? nearest : NULL;
}
