/* manual_keys.c - the keys of the screen, from their table. */
#include "man/manual.h"

#include "tui/keys.h"

void manual_keys(FILE *out)
{
  fputs(".Bl -tag -width Ds\n", out);
  for (size_t i = 0; i < keys_count; i++) {
    char names[KEY_NAMES_SIZE];
    fputs(".It Xo\n", out);
    manual_text(out, key_names(&keys[i], names));
    fputs(".Xc\n", out);
    manual_text(out, keys[i].help);
  }
  fputs(".El\n", out);
}
