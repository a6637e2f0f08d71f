/* options.c - see options.h: the table of options and what reads it. */
#include "collector/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collector/timespec.h"
#include "store/format.h"

/* What an option's argument becomes, and where it goes. */
enum option_kind {
  KIND_FLAG,
  KIND_TEXT,
  KIND_TARGET,
  KIND_FORMAT,
  KIND_TIME,
  KIND_DURATION,
  KIND_COUNT,
  KIND_BYTES
};

struct option_rule {
  struct option_row row;
  enum option_kind kind;
  size_t offset; /* of the field in struct options */
};

#define FIELD(name) offsetof(struct options, name)

static const struct option_rule rules[OPTION_COUNT] = {
    [OPTION_TARGET] = {{"target", "T", "only this process: its name, node or pid; may be repeated"},
                       KIND_TARGET,
                       0},
    [OPTION_DB] = {{"db", "DIR", "the recording in DIR (default: your own, else the service's)"},
                   KIND_TEXT,
                   FIELD(db)},
    [OPTION_AT] = {{"at", "TIME",
                    "the state then: \"10m ago\", \"yesterday 14:00\", ISO 8601, epoch"},
                   KIND_TIME,
                   FIELD(at_ms)},
    [OPTION_SINCE] = {{"since", "TIME", "the past from then on"}, KIND_TIME, FIELD(since_ms)},
    [OPTION_UNTIL] = {{"until", "TIME", "the past up to then"}, KIND_TIME, FIELD(until_ms)},
    [OPTION_WHERE] = {{"where", "EXPR",
                       "only rows for which this SQL expression holds: \"depth > 100\""},
                      KIND_TEXT,
                      FIELD(where)},
    [OPTION_ORDER] = {{"order", "EXPR", "sort by this SQL expression: \"depth DESC\""},
                      KIND_TEXT,
                      FIELD(order)},
    [OPTION_LIMIT] = {{"limit", "N", "at most N rows"}, KIND_COUNT, FIELD(limit)},
    [OPTION_FORMAT] = {{"format", "F",
                        "table, json, ndjson, csv, tsv or openmetrics; graphs: table or dot"},
                       KIND_FORMAT,
                       FIELD(format)},
    [OPTION_JSON] = {{"json", "", "the same as --format json"}, KIND_FLAG, 0},
    [OPTION_NO_COLOR] = {{"no-color", "", "no colours; so does NO_COLOR in the environment"},
                         KIND_FLAG,
                         FIELD(no_color)},
    [OPTION_EXACT] = {{"exact", "",
                       "counts with probes what sweeps sample or may not read; says the cost"},
                      KIND_FLAG,
                      FIELD(exact)},
    [OPTION_INTERVAL] = {{"interval", "T", "time between sweeps (default 1s)"},
                         KIND_DURATION,
                         FIELD(interval_ns)},
    [OPTION_WAIT] = {{"wait", "T", "watch for so long before the answer"},
                     KIND_DURATION,
                     FIELD(wait_ns)},
    [OPTION_DURATION] = {{"duration", "T", "end after that time"},
                         KIND_DURATION,
                         FIELD(duration_ns)},
    [OPTION_DAYS] = {{"days", "N", "keep so many days (default 7)"}, KIND_COUNT, FIELD(days)},
    [OPTION_BYTES] = {{"bytes", "SIZE", "keep at most so much: 500M, 2G (default 2G)"},
                      KIND_BYTES,
                      FIELD(bytes)},
    [OPTION_SCALE] = {{"scale", "N", "so many of the numerous actors"}, KIND_COUNT, FIELD(scale)},
    [OPTION_CRASH_DUMP] = {{"crash-dump", "FILE", "the Erlang node whose crash dump this is"},
                           KIND_TEXT,
                           FIELD(crash_dump)},
    [OPTION_HELP] = {{"help", "", "this text"}, KIND_FLAG, FIELD(help)},
    [OPTION_VERSION] = {{"version", "", "the version"}, KIND_FLAG, FIELD(version)},
};

#define OPTIONS_EVERYWHERE (OPTION_BIT(HELP) | OPTION_BIT(VERSION))

int complaint_set(struct complaint *complaint, int code, const char *format, ...)
{
  va_list arguments;

  if (complaint->text[0] != '\0')
    return code;
  va_start(arguments, format);
  (void)vsnprintf(complaint->text, sizeof(complaint->text), format, arguments); /* cut is fine */
  va_end(arguments);
  return code;
}

const struct option_row *option_row(enum option_id id)
{
  return &rules[id].row;
}

int options_parse_bytes(const char *text, int64_t *ret_bytes)
{
  static const char suffixes[] = "KMGT";
  char *end;
  double number;
  int64_t factor = 1;
  const char *suffix;

  if (!isdigit((unsigned char)*text))
    return -EINVAL;
  number = strtod(text, &end);
  while (*end == ' ')
    end++;
  suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
  if (suffix) {
    factor = INT64_C(1) << (10 * (suffix - suffixes + 1));
    end++;
    if (*end == 'i')
      end++;
  }
  if (toupper((unsigned char)*end) == 'B')
    end++;
  if (*end != '\0' || !(number >= 1) || number * (double)factor > 9e18)
    return -EINVAL;
  *ret_bytes = (int64_t)(number * (double)factor);
  return 0;
}

static int take_count(const char *text, int64_t *ret_count)
{
  char *end;
  long long value;

  errno = 0;
  value = strtoll(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < 1)
    return -EINVAL;
  *ret_count = value;
  return 0;
}

static int take_format(const char *text, struct options *options)
{
  if (strcmp(text, "dot") == 0) { /* of graphs alone; whoever prints rows refuses it */
    options->format = "dot";
    return 0;
  }
  for (const char *const *name = format_names; *name; name++) {
    if (strcmp(*name, text) == 0) {
      options->format = *name;
      return 0;
    }
  }
  return -EINVAL;
}

static int take_target(const char *text, struct options *options)
{
  if (options->target_count == OPTIONS_TARGETS_MAX || *text == '\0')
    return -EINVAL;
  options->targets[options->target_count++] = text;
  options->wish_count = options->target_count;
  return 0;
}

/* What a value that was refused should have looked like. */
static const char *const wanted[] = {
    [KIND_FLAG] = "nothing",
    [KIND_TEXT] = "a text",
    [KIND_TARGET] = "a name or a pid (at most 64 of them)",
    [KIND_FORMAT] = "table, json, ndjson, csv, tsv or openmetrics",
    [KIND_TIME] = "a time such as now, \"10m ago\", -1h30m, \"yesterday 14:00\", 2024-05-01T12:00Z",
    [KIND_DURATION] = "a duration such as 500ms, 10s, 1h30m",
    [KIND_COUNT] = "a whole number above 0",
    [KIND_BYTES] = "a size such as 500M or 2G",
};

static int take_value(const struct option_rule *rule, const char *text, int64_t now_ms,
                      struct options *options)
{
  void *field = (char *)options + rule->offset;

  switch (rule->kind) {
  case KIND_FLAG:
    if (rule->row.name == rules[OPTION_JSON].row.name)
      options->format = "json";
    else
      *(bool *)field = true;
    return 0;
  case KIND_TEXT:
    *(const char **)field = text;
    return 0;
  case KIND_TARGET:
    return take_target(text, options);
  case KIND_FORMAT:
    return take_format(text, options);
  case KIND_TIME:
    return timespec_parse(text, now_ms, field);
  case KIND_DURATION:
    return timespec_parse_duration(text, field);
  case KIND_COUNT:
    return take_count(text, field);
  case KIND_BYTES:
    return options_parse_bytes(text, field);
  }
  return -EINVAL;
}

static const struct option_rule *rule_by_name(const char *name, size_t length)
{
  for (size_t i = 0; i < OPTION_COUNT; i++)
    if (strlen(rules[i].row.name) == length && strncmp(rules[i].row.name, name, length) == 0)
      return &rules[i];
  return NULL;
}

/* One "--name", "--name=value" or "--name value" at argv[*index]; moves *index behind it. */
static int take_option(int argc, char *const *argv, int *index, uint32_t allowed, int64_t now_ms,
                       struct options *options, struct complaint *complaint)
{
  const char *name = argv[*index] + 2;
  const char *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  const struct option_rule *rule = rule_by_name(name, length);
  const char *value = equals ? equals + 1 : NULL;
  uint32_t bit = rule ? UINT32_C(1) << (rule - rules) : 0;

  if (!rule || !((allowed | OPTIONS_EVERYWHERE) & bit))
    return complaint_set(complaint, -EINVAL, "%s does not know --%.*s; try: impasse %s --help",
                         argv[0], (int)length, name, argv[0]);
  if (rule->kind == KIND_FLAG && value)
    return complaint_set(complaint, -EINVAL, "--%s takes no value", rule->row.name);
  if (rule->kind != KIND_FLAG && !value) {
    if (*index + 1 >= argc)
      return complaint_set(complaint, -EINVAL, "--%s needs a value: %s", rule->row.name,
                           wanted[rule->kind]);
    value = argv[++*index];
  }
  if (take_value(rule, value, now_ms, options) < 0)
    return complaint_set(complaint, -EINVAL, "--%s %s: not understood; it wants %s", rule->row.name,
                         value, wanted[rule->kind]);
  options->given |= bit;
  ++*index;
  return 0;
}

static void options_init(struct options *options)
{
  const char *no_color = getenv("NO_COLOR");

  *options = (struct options){
      .format = "table",
      .at_ms = OPTION_UNSET,
      .since_ms = OPTION_UNSET,
      .until_ms = OPTION_UNSET,
      .limit = OPTION_UNSET,
      .interval_ns = OPTION_UNSET,
      .wait_ns = OPTION_UNSET,
      .duration_ns = OPTION_UNSET,
      .days = OPTION_UNSET,
      .bytes = OPTION_UNSET,
      .scale = OPTION_UNSET,
      .no_color = no_color && *no_color,
  };
}

/* Arguments that are no options are gathered at the front of argv, behind the command's name. */
int options_parse(int argc, char *const *argv, uint32_t allowed, int64_t now_ms,
                  struct options *ret_options, struct complaint *complaint)
{
  struct options options;
  char **left = (char **)argv; /* the array is main's, and writable */
  int kept = 1;

  options_init(&options);
  for (int i = 1; i < argc;) {
    if (strcmp(argv[i], "--") == 0) {
      for (i++; i < argc; i++)
        left[kept++] = argv[i];
      break;
    }
    if (strcmp(argv[i], "-h") == 0) {
      options.help = true;
      i++;
    } else if (strncmp(argv[i], "--", 2) == 0) {
      if (take_option(argc, argv, &i, allowed, now_ms, &options, complaint) < 0)
        return -EINVAL;
    } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
      return complaint_set(complaint, -EINVAL, "%s does not know %s; try: impasse %s --help",
                           argv[0], argv[i], argv[0]);
    } else {
      left[kept++] = argv[i++];
    }
  }
  left[kept] = NULL;
  options.args = argv + 1;
  options.arg_count = (size_t)kept - 1;
  *ret_options = options;
  return 0;
}

void options_print_help(FILE *out, uint32_t allowed)
{
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    const struct option_row *row = &rules[i].row;
    char left[40];

    if (!((allowed | OPTIONS_EVERYWHERE) & (UINT32_C(1) << i)))
      continue;
    (void)snprintf(left, sizeof(left), "--%s%s%s", row->name, *row->argument ? " " : "",
                   row->argument);
    (void)fprintf(out, "  %-16s %s\n", left, row->help);
  }
}

/* "name" stands for "name:pid" as well. */
static bool name_means(const char *wish, const char *target)
{
  size_t length = strlen(wish);

  if (!target || strncmp(wish, target, length) != 0)
    return false;
  return target[length] == '\0' ||
         (target[length] == ':' &&
          target[length + 1 + strspn(target + length + 1, "0123456789")] == '\0');
}

bool options_target_means(const char *wish, const char *target, int64_t pid)
{
  char *end;
  long long number = strtoll(wish, &end, 10);

  return *end == '\0' ? number == pid : name_means(wish, target);
}

bool options_want_target(const struct options *options, const char *target, int64_t pid)
{
  for (size_t i = 0; i < options->target_count; i++)
    if (options_target_means(options->targets[i], target, pid))
      return true;
  return options->target_count == 0;
}
