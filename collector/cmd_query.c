/* cmd_query.c - `impasse query SQL`: any question over the relations of impasse-sql(5). */
#include "collector/command.h"
#include "collector/rows.h"
#include "collector/unreadable.h"

static int query(const struct options *options, struct complaint *complaint)
{
  struct rows rows;
  int code = EXIT_TROUBLE;

  if (options->arg_count != 1)
    return complaint_set(complaint, EXIT_TROUBLE,
                         "query wants one SQL text in quotes, for example: impasse query "
                         "'SELECT name, depth FROM actors ORDER BY depth DESC LIMIT 5'");
  if (options->target_count > 0 && options->db && options->at_ms == OPTION_UNSET)
    return complaint_set(
        complaint, EXIT_TROUBLE,
        "--target narrows what is now; over a recording say it in SQL: WHERE target = 'shop:812'");
  if (rows_open(&rows, options, true, complaint) == 0) {
    code = rows_print_query(&rows, options, options->args[0], complaint);
    if (rows.snapshot && options->target_count > 0)
      unreadable_tell(rows.snapshot, options);
  }
  rows_close(&rows);
  return code;
}

const struct command cmd_query = {
    .name = "query",
    .args = "SQL",
    .help = "Answer one SELECT over what is now, or over a recording",
    .manual = "The relations (targets, actors, waits, tables, call_graph, names, alerts,\n"
              "gaps) and their columns are in impasse-sql(5). Of now, unless --db names a\n"
              "recording or --at an instant of it; over a recording each row has the columns\n"
              "t (Unix seconds), t_ms and at as well. Only questions are allowed.\n",
    .options = OPTION_BIT(DB) | OPTION_BIT(AT) | OPTION_BIT(TARGET) | OPTION_BIT(FORMAT) |
               OPTION_BIT(JSON) | OPTION_BIT(INTERVAL),
    .trouble_code = EXIT_TROUBLE,
    .run = query,
};
