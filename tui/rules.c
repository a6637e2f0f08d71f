/* rules.c - what each detector says at the moment. Not here: cells. */
#include "tui/rules.h"

#include <stdlib.h>
#include <string.h>

#include "model/detector.h"

static struct rule *rule_named(struct rule *rules, unsigned count, const char *name)
{
  for (unsigned i = 0; name && i < count; i++)
    if (strcmp(rules[i].name, name) == 0)
      return &rules[i];
  return NULL;
}

static void rule_count(struct rule *rule, const struct snapshot *s, uint32_t row)
{
  uint8_t state = snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row);
  uint8_t severity = snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, row);
  int64_t since = snapshot_int(s, RELATION_ALERTS, ALERTS_SINCE, row);

  rule->pending += state == ALERT_PENDING;
  if (state != ALERT_FIRING)
    return;
  if (!rule->firing || since < rule->since)
    rule->since = since;
  if (severity != ENUM_UNKNOWN && severity > rule->severity)
    rule->severity = severity;
  rule->firing++;
}

static int rule_rank(const struct rule *rule)
{
  return rule->firing ? 2 + rule->severity : rule->pending ? 1 : 0;
}

unsigned rules_of(const struct snapshot *s, int64_t watched_ms, struct rule ret_rules[RULES_MAX])
{
  unsigned count = 0;

  for (; detectors[count] && count < RULES_MAX; count++)
    ret_rules[count] =
        (struct rule){.name = detectors[count]->name,
                      .severity = SEVERITY_INFO,
                      .too_early = (int64_t)(detectors[count]->history_ns / 1000000) > watched_ms};
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ALERTS); row++) {
    struct rule *rule =
        rule_named(ret_rules, count, snapshot_text(s, RELATION_ALERTS, ALERTS_RULE, row));

    if (rule)
      rule_count(rule, s, row);
  }
  for (unsigned i = 1; i < count;
       i++) { /* insertion sort: few, and equal ones keep the order of the detectors */
    struct rule rule = ret_rules[i];
    unsigned at = i;

    for (; at > 0 && rule_rank(&ret_rules[at - 1]) < rule_rank(&rule); at--)
      ret_rules[at] = ret_rules[at - 1];
    ret_rules[at] = rule;
  }
  return count;
}

int64_t rules_alert_urgency(const struct snapshot *s, uint32_t row)
{
  static const uint8_t by_state[] = {[ALERT_PENDING] = 2, [ALERT_FIRING] = 3, [ALERT_RESOLVED] = 1};
  uint8_t state = snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row);
  uint8_t severity = snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, row);
  uint8_t certainty = snapshot_enum(s, RELATION_ALERTS, ALERTS_CERTAINTY, row);
  int64_t since = snapshot_int(s, RELATION_ALERTS, ALERTS_SINCE, row);
  int64_t rank = state < sizeof by_state ? by_state[state] : 1;

  rank = rank * 8 + (severity < 7 ? severity : 0);
  rank = rank * 4 + (certainty < 3 ? certainty : 0);
  /* seconds since 1970 fit into 40 bits; what is older stands first */
  since = since < 0 ? 0 : since & 0xffffffffff;
  return (rank << 40) + (0xffffffffff - since);
}
