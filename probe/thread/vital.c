/* vital.c - see vital.h. */
#include "probe/thread/vital.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  STAT_BYTES = 4096,
  FIELD_STATE = 3, /* proc(5) counts from 1 */
  READS_MOST = 16, /* an address space that was shared with the parent lives on after an exec */
};

/* Where code, stack, data, heap, arguments and environment begin: all of them stay until an exec. */
static const int image_fields[] = {26, 27, 28, 45, 46, 47, 48, 49, 50, 51};

/* The name of a process may hold anything: the fields begin behind the last ")". */
static const char *field(const char *stat, int number)
{
  const char *at = strrchr(stat, ')');
  for (int n = FIELD_STATE; at && n <= number; n++)
    at = strchr(at + 1, ' ');
  return at ? at + 1 : NULL;
}

/* One number of them; 0 where the kernel does not tell them, or there is nothing any more. */
static uint64_t image_of(const char *stat)
{
  uint64_t image = 0, sum = 0;
  for (size_t i = 0; i < sizeof image_fields / sizeof image_fields[0]; i++) {
    const char *text = field(stat, image_fields[i]);
    uint64_t address = text ? strtoull(text, NULL, 10) : 0;
    sum |= address > 1 ? address : 0; /* 1: not for us */
    image = (image ^ address) * 0x9e3779b97f4a7c15u;
    image ^= image >> 32;
  }
  return sum ? image : 0;
}

void vital_init(struct vital *vital)
{
  *vital = (struct vital){.space_fd = -1};
}

void vital_done(struct vital *vital)
{
  if (vital->space_fd >= 0)
    (void)close(vital->space_fd); /* only read */
  vital_init(vital);
}

/* Where the image is told only through a broker it is asked for when the address space is another, and now and then. */
static void look_at_image(const struct reach_target *target, struct vital *vital)
{
  char *stat = NULL;
  if (vital->space_fd >= 0 && ++vital->reads < READS_MOST && reach_space_lives(vital->space_fd))
    return;
  vital_done(vital);
  if (reach_space_open(target, &vital->space_fd) != 0)
    vital->space_fd = -1;
  if (reach_file(target, "stat", STAT_BYTES, &stat, NULL) == 0)
    vital->image = image_of(stat);
  free(stat);
}

void vital_read(const struct reach_target *target, struct vital *vital)
{
  char *stat = NULL;
  if (reach_public_file(target, "stat", STAT_BYTES, &stat, NULL) != 0) {
    vital_done(vital);
    return;
  }
  const char *state = field(stat, FIELD_STATE);
  bool stopped = state && (*state == 'T' || *state == 't');
  uint64_t image = image_of(stat);
  if (image)
    vital->image = image;
  else
    look_at_image(target, vital);
  vital->stopped = stopped;
  free(stat);
}
