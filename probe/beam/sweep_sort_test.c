/* sweep_sort_test.c - radix sort agrees with the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "probe/beam/sweep_sort.h"

enum { COUNT = 5000 };

static uint64_t next_random(uint64_t *seed)
{
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static int compare(const void *left, const void *right)
{
  const struct sweep_sort_item *a = left, *b = right;
  int order = (a->key > b->key) - (a->key < b->key);
  return order ? order : (a->index > b->index) - (a->index < b->index);
}

static void check(uint64_t mask, uint64_t fixed)
{
  static struct sweep_sort_item items[COUNT], scratch[COUNT], wanted[COUNT];
  uint64_t seed = 0x9e3779b97f4a7c15 ^ mask;
  for (uint32_t i = 0; i < COUNT; i++)
    items[i] = wanted[i] = (struct sweep_sort_item){(next_random(&seed) & mask) | fixed, i};
  qsort(wanted, COUNT, sizeof *wanted, compare);
  sweep_sort_items(items, scratch, COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(items[i].key, wanted[i].key);
    assert_int_equal(items[i].index, wanted[i].index); /* stable */
  }
}

static void keys_of_all_widths_are_sorted(void **state)
{
  (void)state;
  for (unsigned bits = 0; bits <= 64; bits++)
    check(bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1, UINT64_C(3) << 56);
  check(UINT64_C(0x7fff000000007fff), 0);
  check(UINT64_C(0x8000000000000001), 0);
}

static void nothing_and_one_are_sorted(void **state)
{
  (void)state;
  struct sweep_sort_item one = {7, 7}, scratch;
  sweep_sort_items(NULL, NULL, 0);
  sweep_sort_items(&one, &scratch, 1);
  assert_int_equal(one.index, 7);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_of_all_widths_are_sorted),
      cmocka_unit_test(nothing_and_one_are_sorted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
