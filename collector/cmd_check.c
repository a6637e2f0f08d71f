/*
 * cmd_check.c - `impasse check`: one question, one line, one exit code, as the Nagios Plugins
 * Development Guidelines have them.
 *
 *    IMPASSE CRITICAL - server_a -> server_b -> server_a | 'deadlock'=1;;;0 'leak'=U 'actors'=6;;;0
 *    '----- title ----' '--------- for people ---------'   '----------- performance data --------'
 *    critical, proven: ...         one line for each alert, and for each rule that cannot answer
 *
 * The answer is sure when a critical alert fires, or when whoever watches has been watching for as
 * long as the rules need before silence means "not there". Silence before that is UNKNOWN and never
 * OK; its count is U and never 0. Wrong use and failure are UNKNOWN as well, on standard output,
 * for that is all that Nagios shows.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/alert_rules.h"
#include "collector/clock.h"
#include "collector/command.h"
#include "collector/snapshot_filter.h"
#include "collector/take.h"
#include "collector/unreadable.h"
#include "collector/wishes.h"
#include "model/sweep.h"
#include "store/harmless.h"

/* Without names, the rules that can answer within this time. */
#define HISTORY_MAX_NS (20 * CLOCK_NS_PER_S)
/* Who finds nothing to watch in this time says so. */
#define NOTHING_NS CLOCK_NS_PER_S
/* An alert that is pending when the time is over gets so much longer to fire or to go. */
#define PENDING_PATIENCE_NS (10 * CLOCK_NS_PER_S)

enum status { STATUS_OK, STATUS_WARNING, STATUS_CRITICAL, STATUS_UNKNOWN };
static const char *const status_words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

struct checking {
  struct alert_rules rules;
  const struct options *options;
  uint64_t need_ns; /* of the rule that needs most, or --wait */
  struct snapshot *newest;
  uint64_t missing_ns; /* so much of the history passed before there was anything to watch */
  uint64_t history_ns;
};

/* What the newest snapshot says. */
struct answer {
  enum status status;
  unsigned firing[ALERT_RULES_MAX];
  unsigned pending[ALERT_RULES_MAX];
  unsigned firing_count;
  unsigned pending_count; /* of those that would not be mere information */
  uint32_t worst_row;     /* of alerts; counts where status is WARNING or CRITICAL */
};

static enum status status_of(const struct snapshot *s, uint32_t row)
{
  switch (snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, row)) {
  case SEVERITY_CRITICAL:
    return STATUS_CRITICAL;
  case SEVERITY_WARNING:
    return STATUS_WARNING;
  default:
    return STATUS_OK; /* information */
  }
}

static struct answer look(const struct checking *c, const struct snapshot *s)
{
  struct answer answer = {.status = STATUS_OK};

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ALERTS); row++) {
    int rule = alert_rules_match(&c->rules, s, row);
    uint8_t state = snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row);

    if (rule < 0 || state == ALERT_RESOLVED)
      continue;
    if (state == ALERT_PENDING) {
      answer.pending[rule]++;
      answer.pending_count += status_of(s, row) != STATUS_OK;
      continue;
    }
    answer.firing[rule]++;
    answer.firing_count++;
    if (status_of(s, row) > answer.status) {
      answer.status = status_of(s, row);
      answer.worst_row = row;
    }
  }
  return answer;
}

/* A circle that was read once: the next wait round tells whether it is one. */
static bool has_suspects(const struct checking *c, const struct snapshot *s)
{
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_WAITS); row++) {
    int64_t key = snapshot_int(s, RELATION_WAITS, WAITS_TARGET_KEY, row);

    if (snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, row) == CERTAINTY_SUSPECTED &&
        options_want_target(c->options, snapshot_text(s, RELATION_WAITS, WAITS_TARGET, row),
                            TARGET_KEY_PID((uint64_t)key)))
      return true;
  }
  return false;
}

static enum take_verdict each(void *context, struct feed *feed, const struct snapshot *s,
                              uint64_t history_ns)
{
  struct checking *c = context;
  struct answer answer = look(c, s);

  (void)feed;
  snapshot_unref(c->newest);
  c->newest = snapshot_ref(s);
  if (!take_has_target(s, c->options)) {
    bool waited =
        c->options->wait_ns == OPTION_UNSET || history_ns >= (uint64_t)c->options->wait_ns;

    const char *missing = snapshot_missing_target(s, c->options);

    c->missing_ns = history_ns;
    if (missing && wishes_is_there(missing))
      return TAKE_MORE; /* it has not been looked at yet */
    return history_ns >= NOTHING_NS && waited ? TAKE_DONE : TAKE_MORE;
  }
  c->history_ns = history_ns > c->missing_ns ? history_ns - c->missing_ns : 0;
  if (answer.status == STATUS_CRITICAL)
    return TAKE_DONE;
  if (c->history_ns < c->need_ns)
    return TAKE_MORE;
  if (c->history_ns > c->need_ns + PENDING_PATIENCE_NS)
    return TAKE_DONE;
  return answer.pending_count > 0 || has_suspects(c, s) ? TAKE_MORE : TAKE_DONE;
}

/* --- the answer in words --- */

/* Everything before '|' is for people: names must not end it, nor the line. */
static void print_text(const char *text)
{
  char *harmless = text ? harmless_text(text, strlen(text), harmless_locale_is_utf8(), NULL) : NULL;

  for (char *c = harmless; c && *c; c++)
    if (*c == '|')
      *c = '/';
  (void)fputs(harmless ? harmless : "?", stdout); /* errors of the output are main's */
  free(harmless);
}

static void print_title(const struct checking *c, enum status status)
{
  const char *name = c->rules.count == 1 ? c->rules.list[0]->name : "impasse";

  for (; *name; name++)
    (void)putchar(toupper((unsigned char)*name));
  (void)printf(" %s - ", status_words[status]);
}

/* Silent, and watched for too short a time to have a right to it. */
static bool is_unjudged(const struct checking *c, const struct answer *answer, size_t rule)
{
  return answer->firing[rule] == 0 && c->rules.list[rule]->history_ns > c->history_ns;
}

/* Without `answer` no rule could be judged. The severity is that of the findings and not of their
 * number: there are no thresholds. */
static void print_performance(const struct checking *c, const struct answer *answer)
{
  const struct snapshot *s = c->newest;

  (void)fputs(" |", stdout);
  for (size_t i = 0; i < c->rules.count; i++) {
    if (!answer || is_unjudged(c, answer, i))
      (void)printf(" '%s'=U", c->rules.list[i]->name);
    else
      (void)printf(" '%s'=%u;;;0", c->rules.list[i]->name, answer->firing[i]);
  }
  if (s)
    (void)printf(" 'targets'=%u;;;0 'actors'=%u;;;0", snapshot_rows(s, RELATION_TARGETS),
                 snapshot_rows(s, RELATION_ACTORS));
  (void)putchar('\n');
}

static void print_alert(const struct snapshot *s, uint32_t row)
{
  struct value severity = snapshot_value(s, RELATION_ALERTS, ALERTS_SEVERITY, row);
  struct value certainty = snapshot_value(s, RELATION_ALERTS, ALERTS_CERTAINTY, row);

  (void)printf("%s, %s: ", severity.known ? severity.text : "?",
               certainty.known ? certainty.text : "?");
  print_text(snapshot_text(s, RELATION_ALERTS, ALERTS_KEY, row));
  (void)fputs(": ", stdout);
  print_text(snapshot_text(s, RELATION_ALERTS, ALERTS_SUMMARY, row));
  (void)putchar('\n');
}

/* One line for each alert that fires, and for each rule that cannot answer. */
static void print_details(const struct checking *c, const struct answer *answer)
{
  const struct snapshot *s = c->newest;

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ALERTS); row++)
    if (alert_rules_match(&c->rules, s, row) >= 0 &&
        snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row) == ALERT_FIRING)
      print_alert(s, row);
  for (size_t i = 0; i < c->rules.count; i++) {
    if (is_unjudged(c, answer, i))
      (void)printf("unknown: %s needs %.0f s of watching, there are %.1f s; use --wait or run "
                   "`impasse record`\n",
                   c->rules.list[i]->name, (double)c->rules.list[i]->history_ns / 1e9,
                   (double)c->history_ns / 1e9);
    if (answer->pending[i] > 0)
      (void)printf("pending: %s: %u not yet for long enough\n", c->rules.list[i]->name,
                   answer->pending[i]);
  }
}

/* For targets that a source knows and cannot read nobody can answer. */
static unsigned unreadable_targets(const struct checking *c)
{
  unsigned count = 0;

  for (uint32_t row = 0; row < snapshot_rows(c->newest, RELATION_TARGETS); row++)
    count += unreadable_is(c->newest, c->options, row);
  return count;
}

static void print_unreadable(const struct checking *c)
{
  const struct snapshot *s = c->newest;

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_TARGETS); row++) {
    if (!unreadable_is(s, c->options, row))
      continue;
    (void)fputs("unreadable: ", stdout);
    print_text(snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row));
    (void)fputs(": ", stdout);
    print_text(snapshot_text(s, RELATION_TARGETS, TARGETS_REASON, row));
    (void)putchar('\n');
  }
}

/* Rules that are silent and have no right to be, or not for long any more. */
static unsigned unsure_rules(const struct checking *c, const struct answer *answer)
{
  unsigned unsure = 0;

  for (size_t i = 0; i < c->rules.count; i++)
    unsure += is_unjudged(c, answer, i) || (answer->firing[i] == 0 && answer->pending[i] > 0);
  return unsure;
}

static int print_answer(const struct checking *c)
{
  struct answer answer = look(c, c->newest);
  unsigned unsure = unsure_rules(c, &answer), unreadable = unreadable_targets(c);

  if (answer.status == STATUS_OK && (unsure > 0 || unreadable > 0))
    answer.status = STATUS_UNKNOWN;
  print_title(c, answer.status);
  if (answer.status == STATUS_UNKNOWN && unsure > 0) {
    (void)printf("%u of %zu rules cannot answer yet", unsure, c->rules.count);
  } else if (answer.status == STATUS_UNKNOWN) {
    (void)printf("nothing found, but %u program%s cannot be read", unreadable,
                 unreadable == 1 ? "" : "s");
  } else if (answer.status == STATUS_OK) {
    (void)printf("nothing %sfound among %u actors, watched for %.1f s",
                 answer.firing_count > 0 ? "worse than information " : "",
                 snapshot_rows(c->newest, RELATION_ACTORS), (double)c->history_ns / 1e9);
  } else {
    print_text(snapshot_text(c->newest, RELATION_ALERTS, ALERTS_SUMMARY, answer.worst_row));
    if (answer.firing_count > 1)
      (void)printf(" (and %u more)", answer.firing_count - 1);
  }
  print_performance(c, &answer);
  print_details(c, &answer);
  print_unreadable(c);
  return (int)answer.status;
}

/* Nothing could be watched: which of the reasons it is. */
static int print_nothing(const struct checking *c)
{
  const struct snapshot *s = c->newest;
  const char *reason = NULL, *name = NULL;
  char words[512];

  for (uint32_t row = 0; s && row < snapshot_rows(s, RELATION_TARGETS); row++) {
    const char *why = snapshot_text(s, RELATION_TARGETS, TARGETS_REASON, row);
    const char *target = snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row);

    if (why && options_want_target(c->options, target,
                                   snapshot_int(s, RELATION_TARGETS, TARGETS_PID, row))) {
      reason = why;
      name = target;
    }
  }
  print_title(c, STATUS_UNKNOWN);
  if (reason) {
    print_text(name);
    (void)fputs(": ", stdout);
    print_text(reason);
  } else if (c->options->target_count > 0) {
    wishes_explain_missing(c->options->targets[0], words, sizeof(words));
    print_text(words);
  } else {
    (void)fputs("no program that impasse can watch is running; see: impasse doctor", stdout);
  }
  print_performance(c, NULL);
  return STATUS_UNKNOWN;
}

/* Wrong use and failure: the one line that Nagios shows. */
static void complain(const char *text)
{
  (void)fputs("IMPASSE UNKNOWN - ", stdout);
  print_text(text);
  (void)putchar('\n');
}

static int check(const struct options *options, struct complaint *complaint)
{
  struct checking c = {.options = options};
  struct take take = {
      .options = options, .interval_ns = CLOCK_NS_PER_S, .each = each, .context = &c};
  int code = STATUS_UNKNOWN, error;

  if (alert_rules_init(&c.rules, options, HISTORY_MAX_NS, complaint) < 0)
    return STATUS_UNKNOWN;
  for (size_t i = 0; i < c.rules.count; i++)
    if (c.rules.list[i]->history_ns > c.need_ns)
      c.need_ns = c.rules.list[i]->history_ns;
  if (options->wait_ns != OPTION_UNSET && (uint64_t)options->wait_ns > c.need_ns)
    c.need_ns = (uint64_t)options->wait_ns;
  take.patience_ns = c.need_ns + PENDING_PATIENCE_NS + 5 * CLOCK_NS_PER_S;
  error = take_run(&take, complaint);
  if (error == -ETIME && !c.newest)
    (void)complaint_set(complaint, error, "nothing was read in time");
  else if (error == 0 || error == -ETIME)
    code = take_has_target(c.newest, options) ? print_answer(&c) : print_nothing(&c);
  snapshot_unref(c.newest);
  return code;
}

const struct command cmd_check = {
    .name = "check",
    .args = "[DETECTOR...]",
    .help = "Say in one line and an exit code whether all is well",
    .manual = "A plugin for Nagios, and a question for scripts. Exit code 0 nothing found,\n"
              "1 warning, 2 critical, 3 unknown: nothing could be read, a rule has not been\n"
              "watched for as long as it needs, or wrong use. Uses a running `impasse record`\n"
              "where one answers; else it watches by itself for as long as the rules need\n"
              "(deadlock: about a second; --wait extends it) and stops at once when something\n"
              "critical is found. Without a DETECTOR: all that can answer within 20 s.\n"
              "\n"
              "The first line ends in performance data: the findings of each detector, U where\n"
              "it could not judge. The other lines tell more.\n",
    .options = OPTION_BIT(TARGET) | OPTION_BIT(WAIT) | OPTION_BIT(INTERVAL) | OPTION_BIT(EXACT),
    .trouble_code = STATUS_UNKNOWN,
    .complain = complain,
    .run = check,
};
