/* What a sweep says of the target as a whole, from a region made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "probe/hook/reader.h"
#include "probe/hook/test_region.h"

static void *image_new(void)
{
  void *image = mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_true(image != MAP_FAILED);
  test_region_header(image, 1, 0);
  return image;
}

static void assert_lives(struct reader *reader, int64_t born, int64_t died)
{
  struct sweep *sweep;
  assert_int_equal(reader_sweep(reader, false, &sweep), 0);
  assert_int_equal(sweep->target.born_count, born);
  assert_int_equal(sweep->target.died_count, died);
  sweep_free(sweep);
}

static void what_is_in_the_making_never_makes_a_count_fall(void **state)
{
  (void)state;
  void *image = image_new();
  struct reader reader = {.target_key = TARGET_KEY(1, 1), .same_clock = true};
  assert_int_equal(reader_region_of_bytes(image, &reader.regions.chain[0]), 0);
  reader.regions.count = 1;
  struct impasse_shard *one = test_region_shard(image, 0), *other = test_region_shard(image, 7);
  assert_lives(&reader, 0, 0);

  one->fresh_count = 3;
  one->head_count = 10;
  one->others_born = 6;
  one->tail_count = 11;
  one->others_died = 5;
  other->fresh_count = 2;
  assert_lives(&reader, 9, 6);
  one->others_born++; /* one that had been taken turns out to be something else */
  one->others_died++;
  assert_lives(&reader, 9, 6);
  one->head_count += 2;
  one->tail_count += 2;
  assert_lives(&reader, 10, 7);
  one->others_born = UINT64_MAX; /* a lie of one shard does not spoil the others */
  other->head_count = 20;
  assert_lives(&reader, 22, 7);

  reader_done(&reader);
  assert_int_equal(munmap(image, IMPASSE_FILE_BYTES), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_in_the_making_never_makes_a_count_fall),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
