/*
 * numbers.c - see numbers.h. Names only: opening so much as one file of each costs a hundred times more.
 */
#include "probe/reach/numbers.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { NUMBER_MOST = 1 << 30, FIRST_ROOM = 256 };

struct numbers {
  int *list;
  size_t count, room;
};

/* The number that a name stands for, or -1 where it is none. */
static int number_of_name(const char *name)
{
  int number = 0;
  for (const char *c = name; *c; c++) {
    if (*c < '0' || *c > '9' || number > NUMBER_MOST / 10)
      return -1;
    number = number * 10 + (*c - '0');
  }
  return *name ? number : -1;
}

static int compare_numbers(const void *left, const void *right)
{
  int a = *(const int *)left, b = *(const int *)right;
  return (a > b) - (a < b);
}

static int append(struct numbers *numbers, int number)
{
  if (numbers->count == numbers->room) {
    size_t room = numbers->room ? numbers->room * 2 : FIRST_ROOM;
    int *larger = reallocarray(numbers->list, room, sizeof *larger);
    if (!larger)
      return -ENOMEM;
    numbers->list = larger;
    numbers->room = room;
  }
  numbers->list[numbers->count++] = number;
  return 0;
}

static int read_names(DIR *directory, size_t most, struct numbers *numbers)
{
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (!entry)
      return -errno;
    int number = number_of_name(entry->d_name);
    if (number < 0)
      continue;
    if (numbers->count == most)
      return -E2BIG;
    int error = append(numbers, number);
    if (error)
      return error;
  }
}

int numbers_list(int fd, size_t most, int **ret_numbers, size_t *ret_count)
{
  struct numbers numbers = {0};
  DIR *directory = fdopendir(fd);
  if (!directory) {
    int error = -errno;
    (void)close(fd); /* only read */
    return error;
  }
  int error = read_names(directory, most, &numbers);
  (void)closedir(directory); /* only read */
  if (error && error != -E2BIG) {
    free(numbers.list);
    return error;
  }
  if (numbers.count > 0) /* the kernel's order is ascending, but nobody promised it */
    qsort(numbers.list, numbers.count, sizeof *numbers.list, compare_numbers);
  *ret_numbers = numbers.list;
  *ret_count = numbers.count;
  return error;
}
