/* What is possible here, and the words for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "bpf/ladder.h"
#include "bpf/load.h"
#include "bpf/loader.h"
#include "bpf/test_subject.h"

/* First of all, before anything is loaded that a child would inherit. */
static void tells_the_unprivileged_what_they_lack(void **state)
{
  int status = 0;
  pid_t pid = fork();

  (void)state;
  if (pid == 0) {
    struct ladder_rung rungs[LADDER_RUNGS_MOST];
    size_t count, refused = 0;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
      _exit(2);
    count = ladder_climb(rungs);
    for (size_t i = 0; i < count; i++)
      refused += rungs[i].error == -EPERM && strstr(rungs[i].words, "CAP_BPF and CAP_PERFMON") &&
                 strlen(rungs[i].without) > 0;
    _exit(count > 0 && refused == count ? 0 : 3);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* CI runs on such a machine: a rung that is missing is a failure, and says why. */
static void climbs_every_rung(void **state)
{
  struct ladder_rung rungs[LADDER_RUNGS_MOST];
  size_t count = ladder_climb(rungs);

  (void)state;
  assert_in_range(count, 1, LADDER_RUNGS_MOST);
  for (size_t i = 0; i < count; i++) {
    print_message("%s: %s\n", rungs[i].name, rungs[i].words);
    assert_int_equal(rungs[i].error, 0);
    assert_true(rungs[i].words[0] != '\0');
  }
}

static void explains_by_what_the_program_needs(void **state)
{
  char words[256];

  (void)state;
  ladder_explain_needs(-EINVAL, "Linux 6.1 or later", words, sizeof(words));
  assert_non_null(strstr(words, "Linux 6.1 or later is needed"));
  ladder_explain(-EINVAL, words, sizeof(words));
  assert_non_null(strstr(words, "CONFIG_UPROBE_EVENTS is needed"));
  ladder_explain(-ESRCH, words, sizeof(words));
  assert_string_equal(words, "the process is gone");
}

static void refuses_orders_that_it_does_not_know(void **state)
{
  struct load_order order = {.program = 1000};
  struct loaded loaded;

  (void)state;
  assert_int_equal(load_here(NULL, &order, &loaded), -EPROTO);
  assert_true(loaded.reason[0] != '\0');
  order = (struct load_order){.program = LOAD_TASKS, .parameter_bytes = LOAD_PARAMETER_BYTES + 1};
  assert_int_equal(load_here(NULL, &order, &loaded), -EPROTO);
  order.parameter_bytes = 1; /* a pid has four */
  assert_int_equal(load_here(NULL, &order, &loaded), -EINVAL);
  order.parameter_bytes = 4; /* of nobody: pid 0 */
  assert_int_equal(load_here(NULL, &order, &loaded), -EINVAL);
  assert_int_equal(loaded.fd_count, 0);
}

static int deny(void *context, const struct load_order *order, struct loaded *ret_loaded)
{
  *ret_loaded = (struct loaded){.reason = "not today"};
  *(uint32_t *)context = order->program;
  return -EACCES;
}

/* Last: from then on nothing is loaded here. */
static void loads_where_it_is_told_to(void **state)
{
  uint32_t asked = 0;
  char words[256];

  (void)state;
  load_elsewhere(deny, &asked);
  asked = UINT32_MAX;
  assert_int_equal(ladder_try(words, sizeof(words)), -EACCES);
  assert_string_equal(words, "not today");
  assert_int_equal(asked, LOAD_NOTHING);
  load_elsewhere(load_here, NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_the_unprivileged_what_they_lack),
      cmocka_unit_test(climbs_every_rung),
      cmocka_unit_test(explains_by_what_the_program_needs),
      cmocka_unit_test(refuses_orders_that_it_does_not_know),
      cmocka_unit_test(loads_where_it_is_told_to),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
