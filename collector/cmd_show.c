/* cmd_show.c - `impasse show`: a relation as rows, the wait-for graph as a drawing, or one question
 * about one actor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/command.h"
#include "collector/feeds.h"
#include "collector/graph_text.h"
#include "collector/questions.h"
#include "collector/rows.h"
#include "collector/take.h"
#include "collector/unreadable.h"
#include "model/addressee.h"
#include "model/maker.h"
#include "model/sweep.h"
#include "store/harmless.h"

/* --- a relation --- */

static int show_relation(const struct options *options, enum relation relation,
                         struct complaint *complaint)
{
  const struct query_show show = {
      .relation = relation,
      .where = options->where,
      .order = options->order,
      .limit = options->limit == OPTION_UNSET ? -1 : options->limit,
      .targets = options->targets,
      .target_count = options->target_count,
      .history = options->since_ms != OPTION_UNSET || options->until_ms != OPTION_UNSET,
      .since_ms = options->since_ms,
      .until_ms = options->until_ms,
  };
  struct rows rows;
  int code = EXIT_TROUBLE;

  if (rows_open(&rows, options, false, complaint) == 0) {
    code = rows_print_show(&rows, options, &show, complaint);
    if (rows.snapshot && relation != RELATION_TARGETS)
      unreadable_tell(rows.snapshot, options);
  }
  rows_close(&rows);
  return code;
}

/* --- the graph --- */

static int show_graph(const struct options *options, struct complaint *complaint)
{
  bool dot = strcmp(options->format, "dot") == 0;
  struct rows rows;
  int code = EXIT_TROUBLE, error;

  if (!dot && strcmp(options->format, "table") != 0)
    return complaint_set(
        complaint, EXIT_TROUBLE,
        "show graph draws (--format table or dot); as rows it is: impasse show waits");
  if (options->since_ms != OPTION_UNSET || options->until_ms != OPTION_UNSET)
    return complaint_set(complaint, EXIT_TROUBLE, "show graph is of one instant: use --at");
  if (rows_open(&rows, options, false, complaint) == 0) {
    error = dot ? graph_text_print_dot(stdout, rows.snapshot)
                : graph_text_print(stdout, rows.snapshot,
                                   options->limit == OPTION_UNSET ? -1 : options->limit);
    code = error == -ENOMEM ? complaint_set(complaint, EXIT_TROUBLE, "out of memory") : EXIT_FINE;
    unreadable_tell(rows.snapshot, options);
  }
  rows_close(&rows);
  return code;
}

/* --- one question --- */

/* A process is read some time after it is listed: how long is watched before one actor of a name is the only one, and
 * before there is none. */
#define FOUND_NS UINT64_C(900000000)
#define MISSING_NS UINT64_C(3000000000)

struct asking {
  const struct options *options;
  const char *name; /* of the actor; NULL: it is about a whole target */
  enum feed_question question;
  struct complaint *complaint;
  bool asked, answered;
  int code;
};

/* By its name, or by the id in angle brackets that names end in where an actor has no other of its
 * own: "<0.123.0>". */
static bool has_name(const char *name, const char *wish)
{
  size_t length = strlen(name), wanted = strlen(wish);

  if (strcmp(name, wish) == 0)
    return true;
  return *wish == '<' && length > wanted && name[length - wanted - 1] == ' ' &&
         strcmp(name + length - wanted, wish) == 0;
}

static bool is_meant(const struct asking *asking, const struct snapshot *s, uint32_t row)
{
  const char *name = snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row);
  const char *target = snapshot_text(s, RELATION_ACTORS, ACTORS_TARGET, row);
  int64_t pid = TARGET_KEY_PID((uint64_t)snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, row));
  char *end;
  long long key = strtoll(asking->name, &end, 10);

  if (!options_want_target(asking->options, target, pid))
    return false;
  return (name && has_name(name, asking->name)) ||
         (*end == '\0' && key == snapshot_int(s, RELATION_ACTORS, ACTORS_ACTOR, row));
}

static void on_answer(void *context, int error, const char *text)
{
  struct asking *asking = context;
  char *harmless;

  asking->answered = true;
  if (error < 0) {
    asking->code =
        asking->name ? complaint_set(asking->complaint, EXIT_TROUBLE, "%s: %s", asking->name, text)
                     : complaint_set(asking->complaint, EXIT_TROUBLE, "%s", text);
    return;
  }
  for (const char *line = text; *line;) { /* each by itself: their ends are ours */
    size_t length = strcspn(line, "\n");

    harmless = harmless_text(line, length, harmless_locale_is_utf8(), NULL);
    (void)puts(harmless ? harmless : "?");
    free(harmless);
    line += length + (line[length] == '\n');
  }
}

static uint32_t find_actors(const struct asking *asking, const struct snapshot *s,
                            uint32_t *ret_match)
{
  uint32_t found = 0;

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ACTORS); row++) {
    if (is_meant(asking, s, row)) {
      *ret_match = row;
      found++;
    }
  }
  return found;
}

/* Those that can be read; impasse itself only where it is named. */
static uint32_t find_targets(const struct asking *asking, const struct snapshot *s,
                             uint32_t *ret_match)
{
  uint32_t found = 0;

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_TARGETS); row++) {
    uint8_t state = snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row);

    if (state == TARGET_GONE || state == TARGET_UNREADABLE ||
        (maker_is_row(s, row) && asking->options->target_count == 0) ||
        !options_want_target(asking->options,
                             snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row),
                             snapshot_int(s, RELATION_TARGETS, TARGETS_PID, row)))
      continue;
    *ret_match = row;
    found++;
  }
  return found;
}

static int complain_of_match(const struct asking *asking, const struct snapshot *s, uint32_t found)
{
  struct complaint *complaint = asking->complaint;
  char unreadable[UNREADABLE_BYTES];

  if (found == 0 && unreadable_write(s, asking->options, unreadable) > 0)
    return asking->name ? complaint_set(complaint, EXIT_TROUBLE, "%s: not found; %s", asking->name,
                                        unreadable)
                        : complaint_set(complaint, EXIT_TROUBLE, "%s", unreadable);

  if (!asking->name)
    return complaint_set(complaint, EXIT_TROUBLE,
                         found == 0 ? "no such process is watched; see: impasse show targets"
                                    : "several processes are meant; name one with --target");
  return complaint_set(complaint, EXIT_TROUBLE,
                       found == 0 ? "no actor is called \"%s\"; see: impasse show actors"
                                  : "several actors are called \"%s\"; add --target, or give its "
                                    "key (column actor)",
                       asking->name);
}

static enum take_verdict ask_of(void *context, struct feed *feed, const struct snapshot *s,
                                uint64_t history_ns)
{
  struct asking *asking = context;
  uint32_t found, match = 0;
  int64_t target_key, actor = 0;

  if (asking->asked)
    return asking->answered ? TAKE_DONE : TAKE_MORE;
  found = asking->name ? find_actors(asking, s, &match) : find_targets(asking, s, &match);
  if (history_ns < (found > 0 ? FOUND_NS : MISSING_NS))
    return TAKE_MORE;
  if (found != 1) {
    asking->code = complain_of_match(asking, s, found);
    return TAKE_DONE;
  }
  if (asking->name) {
    target_key = snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, match);
    actor = addressee_of(s, target_key, snapshot_int(s, RELATION_ACTORS, ACTORS_ACTOR, match),
                         asking->question);
  } else {
    target_key = snapshot_int(s, RELATION_TARGETS, TARGETS_TARGET_KEY, match);
  }
  asking->asked = true;
  feed->ops->ask(feed, target_key, actor, asking->question, on_answer, asking);
  return TAKE_MORE;
}

/* --- what to show --- */

static int show_answer(const struct options *options, const struct question *question,
                       struct complaint *complaint)
{
  struct asking asking = {.options = options,
                          .question = question->question,
                          .complaint = complaint,
                          .code = EXIT_FINE};
  const struct take take = {.options = options,
                            .interval_ns = UINT64_C(500000000),
                            .patience_ns = UINT64_C(15000000000),
                            .each = ask_of,
                            .context = &asking};
  int error;

  if (options->arg_count > 2 ||
      (question->scope != QUESTION_OF_EITHER &&
       options->arg_count != (question->scope == QUESTION_OF_TARGET ? 1 : 2)))
    return complaint_set(complaint, EXIT_TROUBLE,
                         question->scope == QUESTION_OF_ACTOR
                             ? "show %s wants the name of one actor"
                             : "show %s is about a whole process: --target NAME",
                         options->args[0]);
  if (options->crash_dump)
    return complaint_set(complaint, EXIT_TROUBLE, "show %s cannot be asked of a crash dump",
                         options->args[0]);
  if (feeds_speak_of_past(options))
    return complaint_set(complaint, EXIT_TROUBLE,
                         "show %s: not recorded; it can only be asked of now", options->args[0]);
  asking.name = options->arg_count == 2 ? options->args[1] : NULL;
  error = take_run(&take, complaint);
  if (error == -ETIME)
    return complaint_set(complaint, EXIT_TROUBLE, "no answer in time");
  return error < 0 ? EXIT_TROUBLE : asking.code;
}

static int show(const struct options *options, struct complaint *complaint)
{
  const char *what = options->arg_count > 0 ? options->args[0] : "";
  const struct question *question = question_by_name(what);
  enum relation relation;

  if (question)
    return show_answer(options, question, complaint);
  if (options->arg_count != 1)
    return complaint_set(
        complaint, EXIT_TROUBLE,
        "show wants one thing to show, for example: impasse show actors --order \"depth DESC\"");
  if (strcmp(what, "graph") == 0)
    return show_graph(options, complaint);
  if (relation_by_name(what, &relation) == 0)
    return show_relation(options, relation, complaint);
  return complaint_set(
      complaint, EXIT_TROUBLE,
      "there is no \"%s\" to show; there are targets, actors, waits, tables, call_graph, names, "
      "alerts, gaps, graph, exits and locks of a process, messages and senders of an ACTOR, and "
      "the stack of "
      "either",
      what);
}

const struct command cmd_show = {
    .name = "show",
    .args = "WHAT [ACTOR]",
    .help = "Print rows, or the wait-for graph, of now or of the past",
    .manual = "WHAT is a relation: targets, actors, waits, tables, call_graph, names, alerts or\n"
              "gaps, whose columns are in impasse-sql(5); or graph, a drawing of who waits for\n"
              "whom (--format dot for dot(1)); or one of the questions below. Without a time:\n"
              "now, from a running `impasse record` where one answers, else by looking for a\n"
              "second. With --at the state of that instant, with --since and --until all rows\n"
              "between, from a recording. A process that is wanted and cannot be read is told\n"
              "on standard error: its rows are missing.\n"
              "\n"
              "With --crash-dump FILE of an Erlang node that is no more: how it ended, from the\n"
              "erl_crash.dump that it left (- for standard input), with the same findings as of\n"
              "a living node. The node stands still while it writes its dump, so one reading\n"
              "is enough to confirm a circle; how long its calls had lasted, rates and growth\n"
              "are not in a dump. A dump that was not written whole is read as far as it goes,\n"
              "and `gaps` says so.\n"
              "\n"
              "Questions are answered by the source itself and are not recorded; the screen has\n"
              "keys for them. ACTOR is a name, the id in angle brackets that it ends in, or the\n"
              "key of the column actor. What takes probes needs root (or CAP_BPF, CAP_PERFMON\n"
              "and CAP_SYS_PTRACE), ends by itself, and says what it cost:\n",
    .list = questions_list,
    .options = OPTIONS_FEED | OPTION_BIT(WHERE) | OPTION_BIT(ORDER) | OPTION_BIT(LIMIT) |
               OPTION_BIT(FORMAT) | OPTION_BIT(JSON) | OPTION_BIT(CRASH_DUMP),
    .trouble_code = EXIT_TROUBLE,
    .run = show,
};
