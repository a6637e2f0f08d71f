/* sources.c - see sources.h. */
#include "collector/sources.h"

extern const struct source source_hook;

const struct source *const sources[] = {
    &source_hook,
    NULL,
};
