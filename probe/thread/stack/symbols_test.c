/* symbols_test.c - which of many names an address gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/thread/stack/symbols.h"

static const char names[] =
    "\0___lock\0lock\0outer\0inner\0data\0assembled\0elsewhere\0thread_local";
enum {
  LOCK_ODD = 1,
  LOCK = 9,
  OUTER = 14,
  INNER = 20,
  DATA = 26,
  ASSEMBLED = 31,
  ELSEWHERE = 41,
  LOCAL = 51
};

#define SYMBOL(name, binding, type, section, value, size)                                          \
  {                                                                                                \
    name, ELF64_ST_INFO(binding, type), STV_DEFAULT, section, value, size                          \
  }

static const Elf64_Sym table[] = {
    SYMBOL(LOCK, STB_GLOBAL, STT_FUNC, 1, 0x100, 0x40),
    SYMBOL(LOCK_ODD, STB_GLOBAL, STT_FUNC, 1, 0x100, 0x40),
    SYMBOL(OUTER, STB_LOCAL, STT_FUNC, 1, 0x200, 0x100),
    SYMBOL(INNER, STB_LOCAL, STT_FUNC, 1, 0x220, 0x10),
    SYMBOL(DATA, STB_LOCAL, STT_OBJECT, 2, 0x1000, 0x28),
    SYMBOL(ASSEMBLED, STB_GLOBAL, STT_NOTYPE, 1, 0x400, 0),
    SYMBOL(ELSEWHERE, STB_GLOBAL, STT_FUNC, SHN_UNDEF, 0x500, 0x10),
    SYMBOL(LOCAL, STB_GLOBAL, STT_TLS, 3, 0x10, 8),
    SYMBOL(100000, STB_GLOBAL, STT_FUNC, 1, 0x600, 0x10), /* its name lies outside */
    SYMBOL(DATA, STB_LOCAL, STT_OBJECT, 2, UINT64_MAX - 4, UINT64_MAX),
};

static struct symbols sorted(void)
{
  struct symbols symbols;
  assert_int_equal(symbols_sort(table, sizeof table / sizeof *table, names, sizeof names, &symbols),
                   0);
  symbols.whole = true;
  return symbols;
}

static void assert_named(const struct symbols *symbols, enum symbols_kind kind, uint64_t address,
                         const char *wanted)
{
  const struct symbol *symbol = symbols_find(symbols, kind, address);
  if (!wanted) {
    assert_null(symbol);
    return;
  }
  assert_non_null(symbol);
  assert_string_equal(symbols_name(symbols, symbol), wanted);
}

static void an_address_gets_the_name_that_people_write(void **state)
{
  struct symbols symbols = sorted();
  (void)state;
  assert_named(&symbols, SYMBOLS_CODE, 0x100, "lock");
  assert_named(&symbols, SYMBOLS_CODE, 0x13f, "lock");
  assert_named(&symbols, SYMBOLS_CODE, 0x140, NULL);
  symbols_done(&symbols);
}

static void a_function_around_another_has_what_lies_behind_that(void **state)
{
  struct symbols symbols = sorted();
  (void)state;
  assert_named(&symbols, SYMBOLS_CODE, 0x21f, "outer");
  assert_named(&symbols, SYMBOLS_CODE, 0x220, "inner");
  assert_named(&symbols, SYMBOLS_CODE, 0x230, "outer");
  symbols_done(&symbols);
}

static void data_must_contain_the_address(void **state)
{
  struct symbols symbols = sorted();
  (void)state;
  assert_named(&symbols, SYMBOLS_DATA, 0x1027, "data");
  assert_named(&symbols, SYMBOLS_DATA, 0x1028, NULL);
  assert_named(&symbols, SYMBOLS_DATA, 0xfff, NULL);
  assert_named(&symbols, SYMBOLS_DATA, 0x100, NULL);
  assert_named(&symbols, SYMBOLS_DATA, 0x10, NULL);
  assert_named(&symbols, SYMBOLS_DATA, UINT64_MAX, "data"); /* its end is no address */
  symbols_done(&symbols);
}

static void code_without_a_size_reaches_on_where_all_symbols_are_there(void **state)
{
  struct symbols symbols = sorted();
  (void)state;
  assert_named(&symbols, SYMBOLS_CODE, 0x480, "assembled");
  assert_named(&symbols, SYMBOLS_CODE, 0x505,
               "assembled"); /* what is defined elsewhere is not here */
  assert_named(&symbols, SYMBOLS_CODE, 0x605, "assembled"); /* nor what has no name */
  symbols.whole = false;
  assert_named(&symbols, SYMBOLS_CODE, 0x480, NULL);
  symbols_done(&symbols);
}

static void an_empty_table_names_nothing(void **state)
{
  struct symbols symbols = {0};
  (void)state;
  assert_named(&symbols, SYMBOLS_CODE, 0, NULL);
  assert_int_equal(symbols_sort(NULL, 0, "", 0, &symbols), 0);
  assert_named(&symbols, SYMBOLS_DATA, 0, NULL);
  symbols_done(&symbols);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_address_gets_the_name_that_people_write),
      cmocka_unit_test(a_function_around_another_has_what_lies_behind_that),
      cmocka_unit_test(data_must_contain_the_address),
      cmocka_unit_test(code_without_a_size_reaches_on_where_all_symbols_are_there),
      cmocka_unit_test(an_empty_table_names_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
