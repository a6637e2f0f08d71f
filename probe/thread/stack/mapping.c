/* mapping.c - see mapping.h. Not here: what is in the files. */
#include "probe/thread/stack/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char deleted_mark[] = " (deleted)";

struct line {
  struct mapping_range range;
  uint64_t inode;
  const char *path;
  size_t path_length;
};

/* One number in `base` and the separator behind it. */
static bool take_number(const char **text, const char *end, unsigned base, char separator,
                        uint64_t *ret_number)
{
  const char *at = *text;
  uint64_t number = 0;

  for (; at < end && *at != separator; at++) {
    unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                     : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10
                                                : base;

    if (digit >= base || number > (UINT64_MAX - digit) / base)
      return false;
    number = number * base + digit;
  }
  if (at == end || at == *text)
    return false;
  *text = at + 1;
  *ret_number = number;
  return true;
}

static bool parse_line(const char *text, const char *end, struct line *ret_line)
{
  struct line line = {0};
  uint64_t device;

  if (!take_number(&text, end, 16, '-', &line.range.start) ||
      !take_number(&text, end, 16, ' ', &line.range.end) || line.range.start >= line.range.end ||
      end - text < 5 || text[4] != ' ')
    return false;
  line.range.readable = text[0] == 'r';
  line.range.executable = text[2] == 'x';
  text += 5;
  if (!take_number(&text, end, 16, ' ', &line.range.offset) ||
      !take_number(&text, end, 16, ':', &device) || !take_number(&text, end, 16, ' ', &device) ||
      !take_number(&text, end, 10, ' ', &line.inode))
    return false;
  while (text < end && *text == ' ')
    text++;
  line.path = text;
  line.path_length = (size_t)(end - text);
  *ret_line = line;
  return true;
}

static bool ends_deleted(const struct line *line)
{
  size_t mark = sizeof deleted_mark - 1;

  return line->path_length > mark &&
         memcmp(line->path + line->path_length - mark, deleted_mark, mark) == 0;
}

/* Do the image's ranges go on with this line? At offset 0 the same file begins once more. */
static bool continues(const struct mapping_image *image, const struct line *line)
{
  size_t length = line->path_length - (ends_deleted(line) ? sizeof deleted_mark - 1 : 0);

  return line->inode == image->inode && line->range.offset != 0 && strlen(image->path) == length &&
         memcmp(image->path, line->path, length) == 0;
}

static int add_image(struct mapping *mapping, const struct line *line)
{
  struct mapping_image *image = &mapping->images[mapping->image_count];
  bool deleted = ends_deleted(line);

  *image = (struct mapping_image){
      .inode = line->inode, .first = (uint32_t)mapping->range_count, .deleted = deleted};
  image->path = strndup(line->path, line->path_length - (deleted ? sizeof deleted_mark - 1 : 0));
  if (!image->path)
    return -ENOMEM;
  mapping->image_count++;
  return 0;
}

/* The image that a range of a file belongs to; a new one where it begins one. */
static int image_of_file(struct mapping *mapping, const struct line *line, uint32_t *ret_image)
{
  if (mapping->image_count == 0 || !continues(&mapping->images[mapping->image_count - 1], line)) {
    if (mapping->image_count == MAPPING_IMAGES_MOST) {
      mapping->cut = true;
      return 0;
    }
    int error = add_image(mapping, line);
    if (error)
      return error;
  }
  *ret_image = (uint32_t)mapping->image_count - 1;
  return 0;
}

/* Memory without a file right behind an image is its .bss; ld.so maps it as a range of its own. */
static uint32_t image_of_bss(const struct mapping *mapping, const struct line *line)
{
  const struct mapping_range *last;

  if (mapping->range_count == 0 || line->path_length != 0)
    return MAPPING_NO_IMAGE;
  last = &mapping->ranges[mapping->range_count - 1];
  return last->of_file && last->end == line->range.start ? last->image : MAPPING_NO_IMAGE;
}

static int add_line(struct mapping *mapping, const struct line *line)
{
  struct mapping_range range = line->range;

  range.image = MAPPING_NO_IMAGE;
  range.of_file = line->inode != 0 && line->path_length != 0 && line->path[0] == '/';
  if (range.of_file) {
    int error = image_of_file(mapping, line, &range.image);
    if (error)
      return error;
  } else {
    range.image = image_of_bss(mapping, line);
    range.offset = 0;
  }
  mapping->ranges[mapping->range_count++] = range;
  if (range.image != MAPPING_NO_IMAGE) {
    struct mapping_image *image = &mapping->images[range.image];

    image->executable |= range.executable;
    image->count = (uint32_t)mapping->range_count - image->first;
  }
  return 0;
}

int mapping_parse(const char *text, struct mapping *ret_mapping)
{
  struct mapping mapping = {0};
  uint64_t above = 0;
  size_t lines = 0;
  int error = 0;

  for (const char *at = text; (at = strchr(at, '\n')) && lines < MAPPING_RANGES_MOST; at++)
    lines++;
  mapping.ranges = calloc(lines + 1, sizeof *mapping.ranges);
  mapping.images = calloc((lines < MAPPING_IMAGES_MOST ? lines : MAPPING_IMAGES_MOST) + 1,
                          sizeof *mapping.images);
  if (!mapping.ranges || !mapping.images) {
    error = -ENOMEM;
    goto out;
  }
  for (const char *end; (end = strchr(text, '\n')) && !error; text = end + 1) {
    struct line line;

    if (mapping.range_count == lines) {
      mapping.cut = true;
      break;
    }
    if (!parse_line(text, end, &line) || line.range.start < above)
      continue;
    error = add_line(&mapping, &line);
    above = line.range.end;
  }
  if (error)
    goto out;
  *ret_mapping = mapping;
  mapping = (struct mapping){0};
out:
  mapping_done(&mapping);
  return error;
}

void mapping_done(struct mapping *mapping)
{
  for (size_t i = 0; i < mapping->image_count; i++)
    free(mapping->images[i].path);
  free(mapping->images);
  free(mapping->ranges);
  *mapping = (struct mapping){0};
}

const struct mapping_range *mapping_find(const struct mapping *mapping, uint64_t address)
{
  size_t low = 0, high = mapping->range_count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (mapping->ranges[middle].end <= address)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == mapping->range_count || mapping->ranges[low].start > address)
    return NULL;
  return &mapping->ranges[low];
}

uint64_t mapping_start(const struct mapping *mapping, const struct mapping_image *image)
{
  return mapping->ranges[image->first].start;
}
