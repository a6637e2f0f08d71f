/* manual_test.c - the generated sections name every relation and column, and are valid enough for
 * the page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/dictionary.h"
#include "store/manual.h"

static void every_column_has_its_entry(void **state)
{
  char *text = NULL, item[64];
  size_t length;
  FILE *out = open_memstream(&text, &length);

  (void)state;
  assert_int_equal(manual_sql_write(out), 0);
  fclose(out);
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    const struct relation_info *info = relation_info((enum relation)r);
    char *section;

    snprintf(item, sizeof(item), ".Ss %s\n", info->name);
    section = strstr(text, item);
    assert_non_null(section);
    for (unsigned c = 0; c < info->column_count; c++) {
      snprintf(item, sizeof(item), ".It Va %s Pq", info->columns[c].name);
      if (!strstr(section, item))
        fail_msg("%s.%s is missing", info->name, info->columns[c].name);
    }
  }
  free(text);
}

static void what_cannot_be_written_is_an_error(void **state)
{
  FILE *full = fopen("/dev/full", "w");

  (void)state;
  assert_non_null(full);
  assert_true(manual_sql_write(full) < 0);
  fclose(full);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_column_has_its_entry),
      cmocka_unit_test(what_cannot_be_written_is_an_error),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
