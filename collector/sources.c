/* sources.c - see sources.h. */
#include "collector/sources.h"

extern const struct source source_hook, source_beam;

const struct source *const sources[] = {
    &source_hook,
    &source_beam,
    NULL,
};
