/* pane_mailboxes.c - all actors with their mailboxes, deepest first. */
#include "tui/mailbox.h"
#include "tui/pane.h"

static enum style style_of(const struct snapshot *s, uint32_t row, unsigned column)
{
  switch (column) {
  case ACTORS_STATE:
    return snapshot_enum(s, RELATION_ACTORS, ACTORS_STATE, row) == ACTOR_BLOCKED ? STYLE_WARNING
                                                                                 : STYLE_NORMAL;
  case ACTORS_GROWTH_PER_S:
    return snapshot_real(s, RELATION_ACTORS, ACTORS_GROWTH_PER_S, row) > 0 ? STYLE_WARNING
                                                                           : STYLE_NORMAL;
  case ACTORS_DEPTH_TREND:
    return STYLE_GRAPH;
  case ACTORS_BEHIND:
    return snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row) >= 10 ? STYLE_WARNING
                                                                      : STYLE_NORMAL;
  case ACTORS_TARGET:
  case ACTORS_FUNCTION:
    return STYLE_DIM;
  default:
    return STYLE_NORMAL;
  }
}

#define WORK_BITS 24
#define DEPTH_MAX (INT64_MAX >> WORK_BITS)

/* The deepest first; of equally deep ones, which is all of them in good times, who works most. */
static int64_t score(const struct snapshot *s, uint32_t row)
{
  int64_t depth = mailbox_weight(s, row), work_most = (INT64_C(1) << WORK_BITS) - 1;
  double work = snapshot_real(s, RELATION_ACTORS, ACTORS_WORK_PER_S, row);

  depth = depth < DEPTH_MAX ? depth : DEPTH_MAX - 1;
  return depth * (work_most + 1) +
         (work > 0 ? (work < (double)work_most ? (int64_t)work : work_most) : 0);
}

static const struct table_spec spec = {
    .relation = RELATION_ACTORS,
    .columns = {ACTORS_NAME, ACTORS_DEPTH, ACTORS_DEPTH_TREND, ACTORS_GROWTH_PER_S, ACTORS_STATE,
                ACTORS_BEHIND, ACTORS_BLOCKED_MS, ACTORS_WAITS_FOR, ACTORS_WORK_PER_S,
                ACTORS_IN_PER_S, ACTORS_OUT_PER_S, ACTORS_TARGET, ACTORS_MEMORY_BYTES,
                ACTORS_DROPPED, ACTORS_CAPACITY, ACTORS_KIND, ACTORS_FUNCTION, ACTORS_UNMATCHED_MS},
    .column_count = 18,
    .optional = {ACTORS_DEPTH_TREND, ACTORS_GROWTH_PER_S, ACTORS_IN_PER_S, ACTORS_OUT_PER_S,
                 ACTORS_MEMORY_BYTES, ACTORS_DROPPED, ACTORS_CAPACITY, ACTORS_UNMATCHED_MS},
    .wide = {{ACTORS_WAITS_FOR, 19}, {ACTORS_TARGET, 19}},
    .sort = ACTORS_DEPTH,
    .score = score,
    .shows = mailbox_is_shown,
    .style = style_of,
};

const struct pane pane_mailboxes = {
    .name = "mailboxes",
    .title = "Mailboxes",
    .help = "Every actor and its mailbox. The bars are the last 16 depths, the newest at the "
            "right; each step up is a doubling. Growth that stays positive is a leak. Equally deep "
            "ones: "
            "who works most comes first (work/s: of Erlang processes reductions). Of threads only "
            "those that wait for somebody, or somebody for them; a word that is looked for is "
            "looked for in all. Pipes and streams are told in bytes (K, M).",
    .table = &spec,
};
