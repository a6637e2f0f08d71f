/* status.c - the lines above every pane. Not here: the panes. */
#include "tui/status.h"

#include <stdio.h>
#include <string.h>

#include "model/maker.h"
#include "tui/alertline.h"
#include "tui/format.h"
#include "tui/rules.h"

#define LATE_INTERVALS 3

struct totals {
  int64_t targets, actors, blocked;
  const char *name; /* of the last of them */
  /* Of impasse itself, VALUE_UNKNOWN where it is not watched. */
  int64_t own_cpu_permille, own_rss_bytes;
};

static void add_known(int64_t *sum, int64_t value)
{
  *sum += value == VALUE_UNKNOWN ? 0 : value;
}

static struct totals totals_of(const struct snapshot *s)
{
  struct totals totals = {.own_cpu_permille = VALUE_UNKNOWN, .own_rss_bytes = VALUE_UNKNOWN};

  for (uint32_t i = 0; i < snapshot_rows(s, RELATION_TARGETS); i++) {
    if (maker_is_row(s, i)) {
      totals.own_cpu_permille = snapshot_int(s, RELATION_TARGETS, TARGETS_CPU_PERMILLE, i);
      totals.own_rss_bytes = snapshot_int(s, RELATION_TARGETS, TARGETS_RSS_BYTES, i);
      continue;
    }
    totals.targets++;
    totals.name = snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, i);
    add_known(&totals.actors, snapshot_int(s, RELATION_TARGETS, TARGETS_ACTORS, i));
    add_known(&totals.blocked, snapshot_int(s, RELATION_TARGETS, TARGETS_BLOCKED, i));
  }
  return totals;
}

static int64_t age_ms(const struct view *view)
{
  uint64_t made = snapshot_about(view->snapshot).now.mono_ns;

  return view->now.mono_ns > made ? (int64_t)((view->now.mono_ns - made) / 1000000) : 0;
}

static void draw_age(const struct view *view, bool paused, struct canvas_pen *pen)
{
  int64_t age = age_ms(view),
          interval = view->options.interval_ms ? view->options.interval_ms : 1000;
  char text[FORMAT_SIZE];

  if (paused) {
    pen_text(pen, STYLE_BADGE_WARNING, "PAUSED");
    pen_text(pen, STYLE_BAR, " ");
  }
  if (!paused && age > LATE_INTERVALS * interval)
    pen_format(pen, STYLE_BADGE_CRITICAL, "LATE %s old", format_duration(text, age));
  else
    pen_format(pen, STYLE_BAR, "%s old", format_duration(text, age));
}

/* Missing where it is not known, not cut where there is little room. */
static void draw_cost(const struct totals *totals, struct canvas_pen *pen)
{
  char text[3 * FORMAT_SIZE], cpu[FORMAT_SIZE], memory[FORMAT_SIZE];

  if (totals->own_cpu_permille == VALUE_UNKNOWN && totals->own_rss_bytes == VALUE_UNKNOWN)
    return;
  (void)snprintf(text, sizeof text, "own cost %s %s ",
                 format_permille(cpu, totals->own_cpu_permille),
                 format_bytes(memory, totals->own_rss_bytes));
  pen_at_end(pen, STYLE_BAR, text);
}

void status_draw_header(const struct view *view, const char *title, bool paused,
                        struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 0);
  struct totals totals;
  struct snapshot_about about;
  char text[FORMAT_SIZE];

  canvas_restyle(area, 0, 0, area.columns, STYLE_BAR);
  pen_format(&pen, STYLE_BAR, " %s", title);
  if (!view->snapshot) {
    pen_text(&pen, STYLE_BAR, "  waiting for the first data");
    return;
  }
  totals = totals_of(view->snapshot);
  about = snapshot_about(view->snapshot);
  if (area.columns >= 60)
    pen_format(&pen, STYLE_BAR, "  %s", about.host);
  pen_format(&pen, STYLE_BAR, "  %s  ", format_clock(text, about.now.wall_ms, false));
  draw_age(view, paused, &pen);
  if (view->options.feed && *view->options.feed)
    pen_format(&pen, STYLE_BAR, "  %s", view->options.feed);
  pen_format(&pen, STYLE_BAR, "  %s of", format_count(text, totals.blocked));
  pen_format(&pen, STYLE_BAR, " %s blocked", format_count(text, totals.actors));
  draw_cost(&totals, &pen);
  if (pen_room(&pen) < 14)
    return;
  if (totals.targets == 1 && totals.name)
    pen_format(&pen, STYLE_BAR, "  %s", totals.name);
  else
    pen_format(&pen, STYLE_BAR, "  %s target%s", format_count(text, totals.targets),
               totals.targets == 1 ? "" : "s");
}

static void draw_firing(const struct snapshot *s, const struct rule *rule, struct canvas_pen *pen)
{
  struct severity_look look = alertline_severity(rule->severity);
  int64_t for_s = snapshot_about(s).now.wall_ms / 1000 - rule->since;
  char text[FORMAT_SIZE];

  pen_text(pen, look.badge, look.letter);
  pen_format(pen, look.text, " %s", rule->name);
  if (rule->firing > 1)
    pen_format(pen, look.text, " x%u", rule->firing);
  if (for_s >= 0 && rule->since >= 0)
    pen_format(pen, STYLE_DIM, " %s", format_seconds(text, for_s));
  pen_skip(pen, 2);
}

void status_draw_rules(const struct view *view, struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 1);
  struct rule rules[RULES_MAX];
  unsigned count = rules_of(view->snapshot, view->watched_ms, rules), firing = 0, quiet = 0,
           early = 0;

  for (; firing < count && rules[firing].firing; firing++)
    draw_firing(view->snapshot, &rules[firing], &pen);
  for (unsigned i = firing; i < count; i++) {
    if (rules[i].too_early && !rules[i].pending)
      continue;
    if (rules[i].pending)
      pen_format(&pen, STYLE_INFO, "%s pending  ", rules[i].name);
    else
      pen_format(&pen, STYLE_GOOD,
                 quiet++  ? " %s"
                 : firing ? "ok: %s"
                          : "\u2713 quiet: %s",
                 rules[i].name);
  }
  for (unsigned i = firing; i < count; i++)
    if (rules[i].too_early && !rules[i].pending)
      pen_format(&pen, STYLE_DIM,
                 early++ ? " %s"
                 : quiet ? "  too early: %s"
                         : "too early: %s",
                 rules[i].name);
}

void status_draw_panes(const struct pane *current, struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 1);

  for (unsigned i = 0; panes[i]; i++) {
    bool here = panes[i] == current;

    if (panes[i]->unlisted && !here)
      continue;
    if (!panes[i]->unlisted)
      pen_format(&pen, here ? STYLE_SORTED : STYLE_STRONG, "%u", i + 1);
    pen_format(&pen, here ? STYLE_SORTED : STYLE_DIM, " %s", panes[i]->title);
    pen_skip(&pen, 2);
  }
}
