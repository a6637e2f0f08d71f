/* graph_text.c - see graph_text.h. */
#include "collector/graph_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/harmless.h"

/* --- one edge --- */

static uint8_t verdict_of(const struct snapshot *s, uint32_t row)
{
  return snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, row);
}

static int64_t wait_int(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_WAITS, column, row);
}

static const char *wait_word(const struct snapshot *s, unsigned column, uint32_t row)
{
  struct value value = snapshot_value(s, RELATION_WAITS, column, row);

  return value.known ? value.text : "unknown";
}

/* A name made harmless; "?" where it is unknown. */
static void print_name(FILE *out, const char *name, const char *unknown)
{
  char *text = name ? harmless_text(name, strlen(name), harmless_locale_is_utf8(), NULL) : NULL;

  (void)fputs(text ? text : unknown, out); /* the stream's error is looked at in the end */
  free(text);
}

static void print_waiter(FILE *out, const struct snapshot *s, uint32_t row)
{
  print_name(out, snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, row), "?");
}

static void print_holder(FILE *out, const struct snapshot *s, uint32_t row)
{
  const char *name = snapshot_text(s, RELATION_WAITS, WAITS_HOLDER_NAME, row);
  bool nobody =
      verdict_of(s, row) == VERDICT_STUCK && wait_int(s, WAITS_HOLDER, row) == VALUE_UNKNOWN;

  print_name(out, name, nobody ? "(nobody is left)" : "(unknown)");
}

/* "call shop.checkout, 12.3 s, timeout none" */
static void print_manner(FILE *out, const struct snapshot *s, uint32_t row)
{
  const char *object = snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, row);
  int64_t blocked_ms = wait_int(s, WAITS_BLOCKED_MS, row);

  (void)fprintf(out, "  [%s", wait_word(s, WAITS_VIA, row));
  if (object) {
    (void)fputc(' ', out);
    print_name(out, object, "?");
  }
  if (blocked_ms != VALUE_UNKNOWN)
    (void)fprintf(out, ", %.1f s", (double)blocked_ms / 1000);
  (void)fprintf(out, ", timeout %s%s]\n", wait_word(s, WAITS_TIMEOUT, row),
                snapshot_enum(s, RELATION_WAITS, WAITS_NEEDS, row) == NEEDS_ANY
                    ? ", any of its holders"
                    : "");
}

static void print_edge(FILE *out, const struct snapshot *s, uint32_t row, int indent)
{
  (void)fprintf(out, "%*s", indent, "");
  print_waiter(out, s, row);
  (void)fputs(" -> ", out);
  print_holder(out, s, row);
  print_manner(out, s, row);
}

/* --- cores --- */

static int64_t core_count(const struct snapshot *s)
{
  int64_t most = -1;

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_WAITS); row++)
    if (wait_int(s, WAITS_CORE, row) != VALUE_UNKNOWN && wait_int(s, WAITS_CORE, row) > most)
      most = wait_int(s, WAITS_CORE, row);
  return most + 1;
}

static void print_cores(FILE *out, const struct snapshot *s, int64_t edges_max)
{
  int64_t cores = core_count(s);

  for (int64_t core = 0; core < cores; core++) {
    int64_t edges = 0;

    for (uint32_t row = 0; row < snapshot_rows(s, RELATION_WAITS); row++) {
      if (wait_int(s, WAITS_CORE, row) != core)
        continue;
      if (edges == 0) {
        (void)fprintf(out, "%s (%s) in ",
                      verdict_of(s, row) == VERDICT_TIMED ? "circle that only a timeout breaks"
                                                          : "deadlock",
                      wait_word(s, WAITS_CERTAINTY, row));
        print_name(out, snapshot_text(s, RELATION_WAITS, WAITS_TARGET, row), "?");
        (void)fputs(":\n", out);
      }
      if (edges++ < edges_max)
        print_edge(out, s, row, 2);
    }
    if (edges > edges_max)
      (void)fprintf(out, "  ... %lld more, with --limit or as rows: impasse show waits\n",
                    (long long)(edges - edges_max));
  }
}

/* --- trees --- */

/* Rows in the order of their holder, so that the children of a node are found by binary search. */
struct by_holder {
  const struct snapshot *snapshot;
  uint32_t *rows;
  bool *shown;
  uint32_t count;
  int64_t siblings_max; /* lines for those who wait for the same actor; the others are counted */
};

static int compare_int(int64_t a, int64_t b)
{
  return (a > b) - (a < b);
}

static int compare_holder(const struct snapshot *s, uint32_t row, int64_t target, int64_t actor)
{
  int order = compare_int(wait_int(s, WAITS_HOLDER_TARGET_KEY, row), target);

  return order ? order : compare_int(wait_int(s, WAITS_HOLDER, row), actor);
}

static int compare_rows(const void *a, const void *b, void *snapshot)
{
  uint32_t row = *(const uint32_t *)a, other = *(const uint32_t *)b;
  int order = compare_holder(snapshot, row, wait_int(snapshot, WAITS_HOLDER_TARGET_KEY, other),
                             wait_int(snapshot, WAITS_HOLDER, other));

  return order ? order : compare_int(row, other);
}

static int by_holder_init(struct by_holder *list, const struct snapshot *s)
{
  uint32_t rows = snapshot_rows(s, RELATION_WAITS);

  *list = (struct by_holder){.snapshot = s};
  list->rows = calloc(rows + 1, sizeof(*list->rows));
  list->shown = calloc(rows + 1, sizeof(*list->shown));
  if (!list->rows || !list->shown)
    return -ENOMEM;
  for (uint32_t row = 0; row < rows; row++)
    if (wait_int(s, WAITS_CORE, row) == VALUE_UNKNOWN)
      list->rows[list->count++] = row;
  qsort_r(list->rows, list->count, sizeof(*list->rows), compare_rows, (void *)s);
  return 0;
}

static void by_holder_done(struct by_holder *list)
{
  free(list->rows);
  free(list->shown);
}

/* Index of the first row whose holder is that actor; list->count where there is none. */
static uint32_t first_child(const struct by_holder *list, int64_t target, int64_t actor)
{
  uint32_t low = 0, high = list->count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;

    if (compare_holder(list->snapshot, list->rows[middle], target, actor) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_child(const struct by_holder *list, uint32_t i, int64_t target, int64_t actor)
{
  return i < list->count && compare_holder(list->snapshot, list->rows[i], target, actor) == 0;
}

/* Those who wait for an actor, and those who wait for them. Depth first with an index for each
 * level, at most as deep as is readable; what is deeper is shown where the next root is looked
 * for. */
enum { LEVELS_MAX = 24, SIBLINGS_MAX = 12, CORE_EDGES_MAX = 64 };

/* Marks what is behind an actor as counted, without a line each; returns how many. */
static uint32_t skip_behind(struct by_holder *list, uint32_t i, int64_t target, int64_t actor)
{
  uint32_t skipped = 0;

  for (; is_child(list, i, target, actor); i++) {
    skipped += !list->shown[list->rows[i]];
    list->shown[list->rows[i]] = true;
  }
  return skipped;
}

static void print_behind(FILE *out, struct by_holder *list, int64_t target, int64_t actor,
                         int level)
{
  const struct snapshot *s = list->snapshot;
  int siblings = 0;

  for (uint32_t i = first_child(list, target, actor); is_child(list, i, target, actor); i++) {
    uint32_t row = list->rows[i];

    if (list->shown[row])
      continue;
    if (siblings++ == list->siblings_max) {
      (void)fprintf(out, "%*s<- ... %u more\n", 2 + 3 * level, "",
                    skip_behind(list, i, target, actor));
      return;
    }
    list->shown[row] = true;
    (void)fprintf(out, "%*s<- ", 2 + 3 * level, "");
    print_waiter(out, s, row);
    print_manner(out, s, row);
    if (level < LEVELS_MAX)
      print_behind(out, list, wait_int(s, WAITS_TARGET_KEY, row), wait_int(s, WAITS_WAITER, row),
                   level + 1);
  }
}

static bool waits_itself(const struct snapshot *s, int64_t target, int64_t actor)
{
  uint32_t first, count;

  snapshot_range_of_target(s, RELATION_WAITS, target, &first, &count);
  for (uint32_t row = first; row < first + count; row++)
    if (wait_int(s, WAITS_WAITER, row) == actor && wait_int(s, WAITS_CORE, row) == VALUE_UNKNOWN)
      return true;
  return false;
}

/* A root is an actor that others wait for and that waits for nobody, or is in a core. */
static void print_trees(FILE *out, struct by_holder *list, bool roots_only)
{
  const struct snapshot *s = list->snapshot;

  for (uint32_t i = 0; i < list->count; i++) {
    uint32_t row = list->rows[i];
    int64_t target = wait_int(s, WAITS_HOLDER_TARGET_KEY, row),
            actor = wait_int(s, WAITS_HOLDER, row);
    bool first = i == 0 || !is_child(list, i - 1, target, actor);

    if (list->shown[row] || (roots_only && (!first || waits_itself(s, target, actor))))
      continue;
    print_holder(out, s, row);
    (void)fputs(verdict_of(s, row) == VERDICT_VICTIM ? " (deadlocked)\n" : "\n", out);
    print_behind(out, list, target, actor, 0);
  }
}

int graph_text_print(FILE *out, const struct snapshot *snapshot, int64_t siblings_max)
{
  struct by_holder list;
  int error = by_holder_init(&list, snapshot);

  list.siblings_max = siblings_max < 0 ? SIBLINGS_MAX : siblings_max;
  if (error == 0) {
    print_cores(out, snapshot, siblings_max < 0 ? CORE_EDGES_MAX : siblings_max);
    print_trees(out, &list, true);
    print_trees(out, &list, false);
    if (snapshot_rows(snapshot, RELATION_WAITS) == 0)
      (void)fputs("nobody waits for anybody\n", out);
  }
  by_holder_done(&list);
  return error < 0 ? error : ferror(out) ? -EIO : 0;
}

/* --- dot --- */

/* In a quoted string of the DOT language only " and \ need a backslash. */
static void print_quoted(FILE *out, const char *name)
{
  char *text = name ? harmless_text(name, strlen(name), true, NULL) : NULL;

  (void)fputc('"', out);
  for (const char *c = text ? text : "?"; *c; c++)
    (void)fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
  (void)fputc('"', out);
  free(text);
}

static void print_dot_edge(FILE *out, const struct snapshot *s, uint32_t row)
{
  uint8_t verdict = verdict_of(s, row);

  (void)fprintf(out, "  n%llx_%llx [label=", (unsigned long long)wait_int(s, WAITS_TARGET_KEY, row),
                (unsigned long long)wait_int(s, WAITS_WAITER, row));
  print_quoted(out, snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, row));
  (void)fprintf(out, "];\n  n%llx_%llx [label=",
                (unsigned long long)wait_int(s, WAITS_HOLDER_TARGET_KEY, row),
                (unsigned long long)wait_int(s, WAITS_HOLDER, row));
  print_quoted(out, snapshot_text(s, RELATION_WAITS, WAITS_HOLDER_NAME, row));
  (void)fprintf(out, "];\n  n%llx_%llx -> n%llx_%llx [label=\"%s\"%s];\n",
                (unsigned long long)wait_int(s, WAITS_TARGET_KEY, row),
                (unsigned long long)wait_int(s, WAITS_WAITER, row),
                (unsigned long long)wait_int(s, WAITS_HOLDER_TARGET_KEY, row),
                (unsigned long long)wait_int(s, WAITS_HOLDER, row), wait_word(s, WAITS_VIA, row),
                verdict == VERDICT_DEADLOCK ? ", color=red, penwidth=2"
                : verdict == VERDICT_TIMED  ? ", color=orange"
                : verdict == VERDICT_VICTIM ? ", color=gray"
                                            : "");
}

int graph_text_print_dot(FILE *out, const struct snapshot *snapshot)
{
  (void)fputs("digraph impasse {\n  rankdir=LR;\n", out);
  for (uint32_t row = 0; row < snapshot_rows(snapshot, RELATION_WAITS); row++)
    print_dot_edge(out, snapshot, row);
  (void)fputs("}\n", out);
  return ferror(out) ? -EIO : 0;
}
