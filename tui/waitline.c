/* waitline.c - how a line of the wait tree looks. Not here: which lines there are (waittree.c). */
#include "tui/waitline.h"

#include <stdio.h>
#include <string.h>

#include "tui/format.h"

#define MANY_BEHIND 10
#define TIMEOUT_FROM_COLUMNS 60u /* in less room names come first */

static const char *text_of(const struct snapshot *s, unsigned column, uint32_t row,
                           const char *otherwise)
{
  const char *text = snapshot_text(s, RELATION_WAITS, column, row);

  return text ? text : otherwise;
}

static const char *word_of(const struct snapshot *s, unsigned column, uint32_t row)
{
  struct value value = snapshot_value(s, RELATION_WAITS, column, row);

  return value.known ? value.text : "";
}

const char *waitline_timeout(const struct snapshot *s, uint32_t wait,
                             char buffer[WAITLINE_TIMEOUT_SIZE])
{
  int64_t ms = snapshot_int(s, RELATION_WAITS, WAITS_TIMEOUT_MS, wait);
  uint8_t timeout = snapshot_enum(s, RELATION_WAITS, WAITS_TIMEOUT, wait);
  char length[FORMAT_SIZE];

  if (timeout == TIMEOUT_NONE)
    return "no timeout";
  if (timeout != TIMEOUT_SOME)
    return "timeout?";
  if (ms == VALUE_UNKNOWN)
    return "timeout";
  (void)snprintf(buffer, WAITLINE_TIMEOUT_SIZE, "of %s", format_duration(length, ms));
  return buffer;
}

static enum style style_of(const struct snapshot *s, uint32_t wait)
{
  static const uint8_t styles[] = {[VERDICT_FREE] = STYLE_NORMAL,
                                   [VERDICT_DEADLOCK] = STYLE_CRITICAL,
                                   [VERDICT_TIMED] = STYLE_WARNING,
                                   [VERDICT_VICTIM] = STYLE_WARNING,
                                   [VERDICT_STUCK] = STYLE_CRITICAL};
  uint8_t verdict = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, wait);

  return verdict < sizeof styles ? (enum style)styles[verdict] : STYLE_NORMAL;
}

/* How long it has waited and what will end it, at the right end; details go first where room is
 * short. */
static void draw_wait_times(const struct snapshot *s, uint32_t wait, struct canvas_pen *pen)
{
  char duration[FORMAT_SIZE], timeout[WAITLINE_TIMEOUT_SIZE],
      text[FORMAT_SIZE + WAITLINE_TIMEOUT_SIZE + 8];

  format_duration(duration, snapshot_int(s, RELATION_WAITS, WAITS_BLOCKED_MS, wait));
  if (pen_room(pen) < TIMEOUT_FROM_COLUMNS)
    (void)snprintf(text, sizeof text, "%7s", duration);
  else
    (void)snprintf(text, sizeof text, "%7s %-10.24s", duration, waitline_timeout(s, wait, timeout));
  pen_at_end(pen, style_of(s, wait), text);
}

/* "mutex audit" says itself that it is a lock. */
static bool says_how(const struct snapshot *s, uint32_t wait)
{
  static const char *const locks[] = {"mutex ", "rwlock "};
  const char *object = snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, wait);

  if (!object || snapshot_enum(s, RELATION_WAITS, WAITS_VIA, wait) != VIA_LOCK)
    return false;
  for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
    if (strncmp(object, locks[i], strlen(locks[i])) == 0)
      return true;
  return false;
}

/* "call query", "lock accounts", "mutex audit", "disk": what it waits on and how. */
static void draw_object(const struct snapshot *s, uint32_t wait, enum style style,
                        struct canvas_pen *pen)
{
  const char *object = snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, wait);
  bool other = snapshot_enum(s, RELATION_WAITS, WAITS_VIA, wait) == VIA_OTHER || says_how(s, wait);

  if (!object || !other)
    pen_text(pen, STYLE_DIM, word_of(s, WAITS_VIA, wait));
  if (object && !other)
    pen_skip(pen, 1);
  if (object)
    pen_text(pen, style, object);
}

static void draw_core(const struct snapshot *s, const struct waittree_line *line,
                      struct canvas_pen *pen)
{
  bool timed = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, line->wait) == VERDICT_TIMED;
  enum style style = timed ? STYLE_WARNING : STYLE_CRITICAL;
  char count[FORMAT_SIZE];

  pen_text(pen, timed ? STYLE_BADGE_WARNING : STYLE_BADGE_CRITICAL, timed ? "W" : "C");
  pen_text(pen, style, timed ? " timed deadlock" : " deadlock");
  if (line->count == 1)
    pen_text(pen, style, " of one actor with itself");
  else
    pen_format(pen, style, " of %s actors", format_count(count, line->count));
  if (line->victims)
    pen_format(pen, STYLE_WARNING, ", %s behind", format_count(count, line->victims));
  pen_format(pen, STYLE_DIM, "  %s", word_of(s, WAITS_CERTAINTY, line->wait));
  pen_format(pen, STYLE_DIM, "  %s", text_of(s, WAITS_TARGET, line->wait, ""));
}

static void draw_member(const struct snapshot *s, const struct waittree_line *line,
                        struct canvas_pen *pen)
{
  enum style style = style_of(s, line->wait);
  bool alone = line->first && line->last;

  draw_wait_times(s, line->wait, pen);
  pen_text(pen, style,
           alone         ? "\u21bb\u2500"
           : line->first ? "\u256d\u25b6"
           : line->last  ? "\u2570\u2500"
                         : "\u2502 ");
  pen_format(pen, STYLE_STRONG, " %s", text_of(s, WAITS_WAITER_NAME, line->wait, "?"));
  if (!says_how(s, line->wait))
    pen_format(pen, STYLE_DIM, "  %s", word_of(s, WAITS_VIA, line->wait));
  pen_format(pen, style, " \u2192 %s", text_of(s, WAITS_HOLDER_NAME, line->wait, "?"));
  if (snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, line->wait))
    pen_format(pen, STYLE_DIM, "  %s", text_of(s, WAITS_OBJECT, line->wait, ""));
}

static void draw_root_actor(const struct snapshot *s, const struct waittree_line *line,
                            struct canvas_pen *pen)
{
  struct value state = {.known = false};
  int64_t behind = line->count;
  char count[FORMAT_SIZE];
  uint32_t actor;

  if (!snapshot_find_actor(s, line->target_key, line->actor, &actor)) {
    int64_t known = snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, actor);

    state = snapshot_value(s, RELATION_ACTORS, ACTORS_STATE, actor);
    behind = known > behind ? known : behind;
  }
  pen_text(pen, STYLE_STRONG, text_of(s, WAITS_HOLDER_NAME, line->wait, "?"));
  pen_format(pen, behind >= MANY_BEHIND ? STYLE_WARNING : STYLE_NORMAL, "  holds up %s",
             format_count(count, behind));
  pen_format(pen, STYLE_DIM, "  %s", state.known ? state.text : "state unknown");
}

/* What is waited on, where nobody is known to hold it or nobody is left to. */
static void draw_root_object(const struct snapshot *s, const struct waittree_line *line,
                             struct canvas_pen *pen)
{
  bool stuck = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, line->wait) == VERDICT_STUCK;
  char count[FORMAT_SIZE];

  if (stuck) {
    pen_text(pen, STYLE_BADGE_CRITICAL, "C");
    pen_skip(pen, 1);
  }
  draw_object(s, line->wait, STYLE_STRONG, pen);
  pen_text(pen, stuck ? STYLE_CRITICAL : STYLE_NORMAL,
           stuck ? "  nobody is left to end it" : "  holder unknown");
  pen_format(pen, STYLE_NORMAL, "  holds up %s", format_count(count, line->count));
}

static void draw_root(const struct snapshot *s, const struct waittree_line *line,
                      struct canvas_pen *pen)
{
  if (line->actor != VALUE_UNKNOWN)
    draw_root_actor(s, line, pen);
  else
    draw_root_object(s, line, pen);
  pen_format(pen, STYLE_DIM, "  %s", text_of(s, WAITS_TARGET, line->wait, ""));
}

static void draw_indent(const struct waittree_line *line, struct canvas_pen *pen)
{
  if (line->in_ring)
    pen_text(pen, STYLE_LINE, "\u2502  ");
  else
    pen_skip(pen, line->depth ? 1 : 0);
  for (unsigned d = 1; d < line->depth; d++)
    pen_text(pen, STYLE_LINE, line->rails >> d & 1 ? "\u2502  " : "   ");
  pen_text(pen, STYLE_LINE, line->last ? "\u2514\u2500 " : "\u251c\u2500 ");
}

static void draw_waiter(const struct snapshot *s, const struct waittree_line *line,
                        struct canvas_pen *pen)
{
  draw_wait_times(s, line->wait, pen);
  draw_indent(line, pen);
  pen_text(pen, STYLE_NORMAL, text_of(s, WAITS_WAITER_NAME, line->wait, "?"));
  pen_skip(pen, 2);
  draw_object(s, line->wait, STYLE_DIM, pen);
  if (line->again)
    pen_text(pen, STYLE_DIM, "  (see above)");
}

void waitline_draw(const struct snapshot *s, const struct waittree_line *line,
                   struct canvas_area area, unsigned row)
{
  struct canvas_pen pen = canvas_pen(area, row, 0);
  char count[FORMAT_SIZE];

  switch ((enum waittree_kind)line->kind) {
  case LINE_CORE:
    draw_core(s, line, &pen);
    break;
  case LINE_MEMBER:
    draw_member(s, line, &pen);
    break;
  case LINE_ROOT:
    draw_root(s, line, &pen);
    break;
  case LINE_WAITER:
    draw_waiter(s, line, &pen);
    break;
  case LINE_MORE:
    if (line->depth)
      draw_indent(line, &pen);
    else
      pen_text(&pen, STYLE_LINE, "\u2502  ");
    pen_format(&pen, STYLE_DIM, "%s more", format_count(count, line->count));
    break;
  }
}
