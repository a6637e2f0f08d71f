/* mapping_test.c - which addresses belong to which file, as maps tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/thread/stack/mapping.h"

static const char program[] = "1000-2000 r--p 00000000 fe:01 7 /usr/bin/prog\n"
                              "2000-3000 r-xp 00001000 fe:01 7 /usr/bin/prog\n"
                              "3000-4000 rw-p 00002000 fe:01 7 /usr/bin/prog\n"
                              "4000-6000 rw-p 00000000 00:00 0 \n"
                              "6000-8000 rw-p 00000000 00:00 0 [heap]\n"
                              "9000-a000 r--p 00000000 fe:01 9 /lib/lib with blank.so (deleted)\n"
                              "a000-b000 r-xp 00001000 fe:01 9 /lib/lib with blank.so (deleted)\n"
                              "b000-c000 r--p 00000000 fe:01 9 /lib/lib with blank.so (deleted)\n"
                              "d000-e000 rw-p 00000000 00:00 0 \n"
                              "f000-10000 r-xp 00000000 00:00 0 [vdso]\n";

static struct mapping parsed(const char *text)
{
  struct mapping mapping;
  assert_int_equal(mapping_parse(text, &mapping), 0);
  return mapping;
}

static uint32_t image_at(const struct mapping *mapping, uint64_t address)
{
  const struct mapping_range *range = mapping_find(mapping, address);
  return range ? range->image : MAPPING_NO_IMAGE;
}

static void ranges_of_a_file_in_a_row_are_one_image(void **state)
{
  struct mapping m = parsed(program);
  (void)state;
  assert_int_equal(m.range_count, 10);
  assert_int_equal(m.image_count, 3);
  assert_string_equal(m.images[0].path, "/usr/bin/prog");
  assert_true(m.images[0].executable && !m.images[0].deleted);
  assert_int_equal(image_at(&m, 0x1000), 0);
  assert_int_equal(image_at(&m, 0x2fff), 0);
  assert_int_equal(image_at(&m, 0x3000), 0);
  assert_int_equal(mapping_start(&m, &m.images[0]), 0x1000);
  mapping_done(&m);
}

static void memory_right_behind_an_image_is_its_bss(void **state)
{
  struct mapping m = parsed(program);
  (void)state;
  assert_int_equal(image_at(&m, 0x5fff), 0);
  assert_int_equal(image_at(&m, 0x6000), MAPPING_NO_IMAGE); /* the heap has a name */
  assert_int_equal(image_at(&m, 0xd000), MAPPING_NO_IMAGE); /* there is a gap */
  assert_int_equal(image_at(&m, 0xf000), MAPPING_NO_IMAGE);
  assert_null(mapping_find(&m, 0x8000));
  assert_null(mapping_find(&m, 0xfff));
  assert_null(mapping_find(&m, 0x10000));
  mapping_done(&m);
}

static void a_deleted_file_is_told_and_its_path_kept(void **state)
{
  struct mapping m = parsed(program);
  (void)state;
  assert_string_equal(m.images[1].path, "/lib/lib with blank.so");
  assert_true(m.images[1].deleted && m.images[1].executable);
  mapping_done(&m);
}

static void a_file_that_begins_again_is_another_image(void **state)
{
  struct mapping m = parsed(program);
  (void)state;
  assert_int_equal(image_at(&m, 0xa000), 1);
  assert_int_equal(image_at(&m, 0xb000), 2);
  assert_false(m.images[2].executable);
  mapping_done(&m);
}

static void lines_without_sense_are_left_out(void **state)
{
  struct mapping m = parsed("nonsense\n"
                            "2000-1000 r-xp 00000000 fe:01 7 /a\n"
                            "1000-2000 r-xp 00000000 fe:01 7 /a\n"
                            "1800-3000 r-xp 00000000 fe:01 7 /b\n" /* over the one before */
                            "11111111111111111-2 r-xp 00000000 fe:01 7 /c\n"
                            "5000-6000 r-xp 00000000 fe:01\n"
                            "7000-8000 r-xp 00000000 fe:01 7 /cut");
  (void)state;
  assert_int_equal(m.range_count, 1);
  assert_int_equal(m.image_count, 1);
  mapping_done(&m);
  m = parsed("");
  assert_int_equal(m.range_count, 0);
  assert_null(mapping_find(&m, 0));
  mapping_done(&m);
}

static void more_than_is_looked_at_is_cut_and_told(void **state)
{
  size_t lines = MAPPING_RANGES_MOST + 10, length = 0, room = lines * 64;
  char *text = malloc(room);
  (void)state;
  assert_non_null(text);
  for (size_t i = 0; i < lines; i++)
    length += (size_t)snprintf(text + length, room - length, "%zx-%zx r-xp 00000000 fe:01 %zu /f\n",
                               i * 4096, (i + 1) * 4096, i + 1);
  struct mapping m = parsed(text);
  assert_true(m.cut);
  assert_int_equal(m.range_count, MAPPING_RANGES_MOST);
  assert_int_equal(m.image_count, MAPPING_IMAGES_MOST);
  assert_int_equal(image_at(&m, UINT64_C(4096) * MAPPING_IMAGES_MOST), MAPPING_NO_IMAGE);
  mapping_done(&m);
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_of_a_file_in_a_row_are_one_image),
      cmocka_unit_test(memory_right_behind_an_image_is_its_bss),
      cmocka_unit_test(a_deleted_file_is_told_and_its_path_kept),
      cmocka_unit_test(a_file_that_begins_again_is_another_image),
      cmocka_unit_test(lines_without_sense_are_left_out),
      cmocka_unit_test(more_than_is_looked_at_is_cut_and_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
