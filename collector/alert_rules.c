/* alert_rules.c - see alert_rules.h. */
#include "collector/alert_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/sweep.h"

static int unknown_rule(const char *name, struct complaint *complaint)
{
  char all[512] = "";

  for (const struct detector *const *rule = detectors; *rule; rule++) {
    size_t length = strlen(all);

    (void)snprintf(all + length, sizeof(all) - length, "%s%s", length ? ", " : "", (*rule)->name);
  }
  return complaint_set(complaint, -EINVAL, "no detector \"%s\"; there are %s", name, all);
}

int alert_rules_init(struct alert_rules *rules, const struct options *options, uint64_t history_ns,
                     struct complaint *complaint)
{
  *rules = (struct alert_rules){.options = options};
  for (size_t i = 0; i < options->arg_count && rules->count < ALERT_RULES_MAX; i++) {
    const struct detector *rule = detector_by_name(options->args[i]);

    if (!rule)
      return unknown_rule(options->args[i], complaint);
    rules->list[rules->count++] = rule;
  }
  for (const struct detector *const *rule = detectors; options->arg_count == 0 && *rule; rule++)
    if ((*rule)->history_ns <= history_ns && rules->count < ALERT_RULES_MAX)
      rules->list[rules->count++] = *rule;
  return 0;
}

int alert_rules_match(const struct alert_rules *rules, const struct snapshot *snapshot,
                      uint32_t row)
{
  const char *name = snapshot_text(snapshot, RELATION_ALERTS, ALERTS_RULE, row);
  const char *target = snapshot_text(snapshot, RELATION_ALERTS, ALERTS_TARGET, row);
  int64_t key = snapshot_int(snapshot, RELATION_ALERTS, ALERTS_TARGET_KEY, row);
  int64_t pid = key == VALUE_UNKNOWN ? VALUE_UNKNOWN : TARGET_KEY_PID((uint64_t)key);

  if (!name || !options_want_target(rules->options, target, pid))
    return -1;
  for (size_t i = 0; i < rules->count; i++)
    if (strcmp(rules->list[i]->name, name) == 0)
      return (int)i;
  return -1;
}
