/* image_debug.c - see image_debug.h. Only its symbols are read: what else such a file holds is large. */
#include "probe/thread/stack/image_debug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ID_BYTES_LEAST = 8, PATH_BYTES = 192 };

/* "/usr/lib/debug/.build-id/12/34567890abcdef.debug" */
static void write_path(const uint8_t *id, size_t length, char ret_path[PATH_BYTES])
{
  int at = snprintf(ret_path, PATH_BYTES, "/usr/lib/debug/.build-id/%02x/", id[0]);

  for (size_t i = 1; i < length; i++)
    at += snprintf(ret_path + at, PATH_BYTES - (size_t)at, "%02x", id[i]);
  (void)snprintf(ret_path + at, PATH_BYTES - (size_t)at, ".debug");
}

/* Is the file of the very image? */
static bool has_id(Elf *elf, const struct image *image)
{
  uint8_t id[IMAGE_ID_BYTES];

  return image_elf_id(elf, id) == image->id_bytes && memcmp(id, image->id, image->id_bytes) == 0;
}

static int take_symbols(int fd, struct image *image)
{
  struct symbols symbols = {0};
  Elf *elf = image_elf_begin(fd);
  int error = -ENOENT;

  if (elf && has_id(elf, image))
    error = symbols_read(elf, &symbols);
  (void)elf_end(elf);
  if (!error && symbols.whole) {
    symbols_done(&image->symbols);
    image->symbols = symbols;
  } else if (!error) {
    symbols_done(&symbols);
  }
  return error == -ENOMEM ? error : 0;
}

int image_debug_read(const struct reach_target *target, struct image *image)
{
  char path[PATH_BYTES];
  int fd, error;

  if (image->symbols.whole || image->id_bytes < ID_BYTES_LEAST)
    return 0;
  write_path(image->id, image->id_bytes, path);
  if (reach_open_inside(target, path, &fd) != 0)
    return 0;
  error = take_symbols(fd, image);
  (void)close(fd); /* only read */
  return error;
}
