/*
 * options.h - the options that all commands share, one table: parsing, help and manual come from
 * its rows.
 *
 * Not here: what a command does with them; the grammar of times (timespec.h).
 */
#ifndef IMPASSE_COLLECTOR_OPTIONS_H
#define IMPASSE_COLLECTOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_id {
  OPTION_TARGET,
  OPTION_DB,
  OPTION_AT,
  OPTION_SINCE,
  OPTION_UNTIL,
  OPTION_WHERE,
  OPTION_ORDER,
  OPTION_LIMIT,
  OPTION_FORMAT,
  OPTION_JSON,
  OPTION_NO_COLOR,
  OPTION_EXACT,
  OPTION_INTERVAL,
  OPTION_WAIT,
  OPTION_DURATION,
  OPTION_DAYS,
  OPTION_BYTES,
  OPTION_SCALE,
  OPTION_CRASH_DUMP,
  OPTION_HELP,
  OPTION_VERSION,
  OPTION_COUNT
};
#define OPTION_BIT(id) (UINT32_C(1) << OPTION_##id)
/* What every command that shows rows of now or of then takes. */
#define OPTIONS_FEED                                                                               \
  (OPTION_BIT(TARGET) | OPTION_BIT(DB) | OPTION_BIT(AT) | OPTION_BIT(SINCE) | OPTION_BIT(UNTIL) |  \
   OPTION_BIT(INTERVAL) | OPTION_BIT(EXACT))

#define OPTIONS_TARGETS_MAX 64
#define OPTION_UNSET INT64_MIN

struct options {
  uint32_t given;                           /* OPTION_BIT()s that stood on the command line */
  const char *targets[OPTIONS_TARGETS_MAX]; /* name, node or pid */
  size_t target_count;
  /* The first so many stood on the command line; others were added for them (wishes.h): pid and wish. */
  size_t wish_count;
  char pids[OPTIONS_TARGETS_MAX][12];
  uint8_t wish_of[OPTIONS_TARGETS_MAX];
  const char *db;                            /* NULL: none named */
  const char *crash_dump;                    /* NULL: none named */
  const char *where, *order;                 /* NULL: none */
  const char *format;                        /* never NULL; "table" by default */
  int64_t at_ms, since_ms, until_ms;         /* Unix time, OPTION_UNSET where not given */
  int64_t limit;                             /* rows, OPTION_UNSET */
  int64_t interval_ns, wait_ns, duration_ns; /* OPTION_UNSET */
  int64_t days, bytes;                       /* OPTION_UNSET */
  int64_t scale;                             /* actors, OPTION_UNSET */
  bool no_color;                             /* --no-color, or NO_COLOR in the environment */
  bool exact;
  bool help, version;
  char *const *args; /* what is left, NULL-terminated */
  size_t arg_count;
};

/* One message for the person at the terminal: what, where, and what to do next. */
struct complaint {
  char text[1024];
};
/* Sets the message; the first one stays. Returns `code`, so that `return complaint_set(...)` reads
 * well. */
int complaint_set(struct complaint *complaint, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads argv[1..] (argv[0] is the command's name) and takes only the options in `allowed`. Options
 * and arguments may be mixed; "--" ends the options. `now_ms` is what relative times refer to. 0,
 * or -EINVAL with the complaint. The result points into argv. */
int options_parse(int argc, char *const *argv, uint32_t allowed, int64_t now_ms,
                  struct options *ret_options, struct complaint *complaint);

/* Prints one line of help for each option in `allowed`. */
void options_print_help(FILE *out, uint32_t allowed);

/* A row of the table, for the manual and completions: "--limit", "N", "..."; NULLs end the walk at
 * OPTION_COUNT. */
struct option_row {
  const char *name;     /* without the dashes */
  const char *argument; /* "" where it takes none */
  const char *help;
};
const struct option_row *option_row(enum option_id id);

/* Does this argument of --target mean this process? A number is a pid, anything else a name. `target` is the name for
 * people ("name:pid" or a node's name), NULL where unknown. */
bool options_target_means(const char *wish, const char *target, int64_t pid);

/* Does one of the --target options mean it? No --target at all means every process. */
bool options_want_target(const struct options *options, const char *target, int64_t pid);

/* "64M", "2 GiB", "1000000" -> bytes. 0 or -EINVAL. */
int options_parse_bytes(const char *text, int64_t *ret_bytes);

#endif
