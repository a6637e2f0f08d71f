/* detector.c - the table of all detectors. To add one, see detector.h. */
#include "model/detector.h"

#include <string.h>

extern const struct detector detect_deadlock, detect_latent_deadlock, detect_leak, detect_unmatched,
    detect_bottleneck, detect_contention, detect_race, detect_blind;

const struct detector *const detectors[] = {
    &detect_deadlock,  &detect_latent_deadlock, &detect_leak,
    &detect_unmatched, &detect_bottleneck,      &detect_contention,
    &detect_race,      &detect_blind,           NULL,
};

const struct detector *detector_by_name(const char *name)
{
  for (size_t i = 0; detectors[i]; i++)
    if (strcmp(detectors[i]->name, name) == 0)
      return detectors[i];
  return NULL;
}
