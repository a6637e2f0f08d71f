/* dump.c - see dump.h. Sections and the facts of the node. */
#include "probe/beam/dump/dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/dump/dump_deep.h"
#include "probe/beam/dump/dump_lines.h"
#include "probe/beam/dump/dump_proc.h"
#include "probe/beam/dump/dump_rows.h"
#include "probe/beam/dump/dump_text.h"

enum { PROGRESS_BYTES = 16 << 20, PEERS_MOST = 4096, VERSION_BYTES = 64, SLOGAN_BYTES = 512 };

struct dump {
  struct dump_lines lines;
  struct dump_rows rows;
  struct dump_deep deep;
  const struct section *section; /* NULL: one that tells nothing */
  bool wanted;                   /* its next lines may tell something */
  size_t index;                  /* of the process of this section */
  uint64_t channel;              /* of the node of this section */
  unsigned header_lines;
  struct sweep_table *table; /* of this section */
  bool ended;                /* "=end" was seen */
  int64_t wall_ms;
  uint32_t slogan, abort; /* texts */
  uint64_t told;          /* bytes, to `progress` */
};

/* What a section does with its first line ("=proc:<0.9.0>" without "=proc:") and with the others. begin returns 1 when
 * it wants its lines, else 0 or -errno; line the same. */
struct section {
  const char *name;
  int (*begin)(struct dump *dump, struct dump_line rest);
  int (*line)(struct dump *dump, struct dump_line line);
  void (*end)(struct dump *dump);
};

/* --- the node --- */

static int begin_header(struct dump *dump, struct dump_line rest)
{
  (void)rest;
  dump->header_lines = 0;
  return 1;
}

/* "Erlang/OTP 25 [erts-13.1.5] [source] ..." */
static void take_version(struct dump *dump, struct dump_line text)
{
  uint64_t otp = 0;
  char erts[VERSION_BYTES] = "";
  const char *open;

  if (!dump_text_take(&text, "Erlang/OTP ") || !dump_text_number(&text, &otp))
    return;
  open = memmem(text.bytes, text.length, "[erts-", 6);
  for (size_t n = 0;
       open && open + 6 + n < text.bytes + text.length && open[6 + n] != ']' && n + 1 < sizeof erts;
       n++)
    erts[n] = open[6 + n];
  dump->rows.sweep->target.version =
      sweep_add_format(dump->rows.sweep, "OTP %llu erts %s", (unsigned long long)otp, erts);
}

static int header_line(struct dump *dump, struct dump_line line)
{
  struct sweep *sweep = dump->rows.sweep;
  uint64_t atoms;

  if (dump->header_lines++ == 0)
    (void)dump_text_time(line, &dump->wall_ms);
  else if (dump_text_take(&line, "Slogan: "))
    dump->slogan =
        sweep_add_text(sweep, line.bytes, line.length < SLOGAN_BYTES ? line.length : SLOGAN_BYTES);
  else if (dump_text_take(&line, "System version: "))
    take_version(dump, line);
  else if (dump_text_take(&line, "Atoms: ") && dump_text_number(&line, &atoms) &&
           atoms <= INT64_MAX)
    sweep->target.atoms = (int64_t)atoms;
  return 1;
}

static int begin_scheduler(struct dump *dump, struct dump_line rest)
{
  (void)dump;
  (void)rest;
  return 1;
}

/* "Run Queue Normal Length: 3"; that of ports is no actor's. */
static int scheduler_line(struct dump *dump, struct dump_line line)
{
  static const char *const queues[] = {"Run Queue Max Length: ", "Run Queue High Length: ",
                                       "Run Queue Normal Length: ", "Run Queue Low Length: "};
  struct sweep_target *target = &dump->rows.sweep->target;
  uint64_t length;

  for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
    if (dump_text_take(&line, queues[i]) && dump_text_number(&line, &length) && length <= INT32_MAX)
      target->run_queue =
          (target->run_queue == VALUE_UNKNOWN ? 0 : target->run_queue) + (int64_t)length;
  return 1;
}

/* "=node:'rabbit@host'" */
static int begin_node(struct dump *dump, struct dump_line rest)
{
  struct sweep *sweep = dump->rows.sweep;
  char name[DUMP_ATOM_BYTES];
  int length = dump_text_atom(&rest, name, sizeof name);

  if (length > 0 && !sweep->target.name) {
    sweep->target.name = sweep_add_text(sweep, name, (size_t)length);
    sweep->target.peer = strcmp(name, "nonode@nohost") != 0 ? sweep->target.name : 0;
    sweep->target.unique_name = true;
  }
  return 0;
}

static int begin_peer(struct dump *dump, struct dump_line rest)
{
  return dump_text_number(&rest, &dump->channel) && dump->rows.peer_count < PEERS_MOST;
}

static int peer_line(struct dump *dump, struct dump_line line)
{
  char name[DUMP_ATOM_BYTES];
  int length;

  if (!dump_text_take(&line, "Name: "))
    return 1;
  length = dump_text_atom(&line, name, sizeof name);
  if (length <= 0)
    return 0;
  return dump_rows_add_peer(&dump->rows, dump->channel,
                            sweep_add_text(dump->rows.sweep, name, (size_t)length));
}

/* "=abort:CRASH DUMP SIZE LIMIT REACHED" */
static int begin_abort(struct dump *dump, struct dump_line rest)
{
  dump->abort = sweep_add_text(dump->rows.sweep, rest.bytes,
                               rest.length < SLOGAN_BYTES ? rest.length : SLOGAN_BYTES);
  return 0;
}

static int begin_end(struct dump *dump, struct dump_line rest)
{
  (void)rest;
  dump->ended = true;
  return 0;
}

/* --- processes --- */

static int begin_proc(struct dump *dump, struct dump_line rest)
{
  struct dump_pid pid;
  int error;

  dump->index = DUMP_NOBODY;
  if (!dump_text_pid(&rest, &pid) || pid.channel != 0)
    return 0;
  error = dump_rows_add(&dump->rows, pid.pid, &dump->index);
  return error == -EEXIST ? 0 : error < 0 ? error : 1;
}

static int proc_line(struct dump *dump, struct dump_line line)
{
  int error = dump_proc_line(&dump->rows, dump->index, line);

  return error < 0 ? error : 1;
}

static void end_proc(struct dump *dump)
{
  if (dump->index != DUMP_NOBODY)
    dump_proc_end(&dump->rows, dump->index);
}

/* The three sections of one process follow each other. */
static int begin_deep(struct dump *dump, struct dump_line rest)
{
  struct dump_pid pid;
  size_t index = DUMP_NOBODY;
  int error = 0;

  if (dump_text_pid(&rest, &pid) && pid.channel == 0)
    index = dump_rows_find(&dump->rows, beam_pid_key(pid.pid));
  if (index != dump->deep.index) {
    error = dump_deep_end(&dump->deep, &dump->rows);
    dump_deep_begin(&dump->deep, &dump->rows, index);
  }
  return error < 0 ? error : index != DUMP_NOBODY;
}

static int dictionary_line(struct dump *dump, struct dump_line line)
{
  return dump_deep_dictionary(&dump->deep, &dump->rows, line);
}

static int stack_line(struct dump *dump, struct dump_line line)
{
  return dump_deep_stack(&dump->deep, &dump->rows, line);
}

static int heap_line(struct dump *dump, struct dump_line line)
{
  return dump_deep_heap(&dump->deep, &dump->rows, line);
}

/* --- tables --- */

/* "=ets:<0.42.0>", the owner */
static int begin_table(struct dump *dump, struct dump_line rest)
{
  struct dump_pid pid;

  dump->table = sweep_add_table(dump->rows.sweep);
  if (!dump->table)
    return -ENOMEM;
  dump->table->kind = TABLE_ETS;
  if (dump_text_pid(&rest, &pid) && pid.channel == 0)
    dump->table->owner = beam_pid_key(pid.pid);
  return 1;
}

static int table_line(struct dump *dump, struct dump_line line)
{
  enum { WORD_BYTES = 8 };
  struct sweep *sweep = dump->rows.sweep;
  char name[DUMP_ATOM_BYTES];
  uint64_t number;
  int length;

  if (dump_text_take(&line, "Slot: ") && dump_text_number(&line, &number)) {
    dump->table->key = number & INT64_MAX;
  } else if (dump_text_take(&line, "Name: ")) {
    length = dump_text_atom(&line, name, sizeof name);
    if (length > 0)
      dump->table->name = sweep_add_text(sweep, name, (size_t)length);
  } else if (dump_text_take(&line, "Objects: ") && dump_text_number(&line, &number) &&
             number <= INT64_MAX) {
    dump->table->items = (int64_t)number;
  } else if (dump_text_take(&line, "Words: ") && dump_text_number(&line, &number) &&
             number <= INT64_MAX / WORD_BYTES) {
    dump->table->bytes = (int64_t)number * WORD_BYTES;
  }
  return 1;
}

/* Cut off before it had an identity. */
static void end_table(struct dump *dump)
{
  if (dump->table->key == 0)
    dump->rows.sweep->table_count--;
  dump->table = NULL;
}

/* --- the whole --- */

static const struct section sections[] = {
    {"=erl_crash_dump:", begin_header, header_line, NULL},
    {"=scheduler:", begin_scheduler, scheduler_line, NULL},
    {"=node:", begin_node, NULL, NULL},
    {"=visible_node:", begin_peer, peer_line, NULL},
    {"=hidden_node:", begin_peer, peer_line, NULL},
    {"=not_connected:", begin_peer, peer_line, NULL},
    {"=proc:", begin_proc, proc_line, end_proc},
    {"=proc_dictionary:", begin_deep, dictionary_line, NULL},
    {"=proc_stack:", begin_deep, stack_line, NULL},
    {"=proc_heap:", begin_deep, heap_line, NULL},
    {"=ets:", begin_table, table_line, end_table},
    {"=abort:", begin_abort, NULL, NULL},
    {"=end", begin_end, NULL, NULL},
};

static void end_section(struct dump *dump)
{
  if (dump->section && dump->section->end)
    dump->section->end(dump);
  dump->section = NULL;
  dump->wanted = false;
}

static int begin_section(struct dump *dump, struct dump_line line)
{
  int wanted = 0;

  end_section(dump);
  for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
    if (!dump_text_take(&line, sections[i].name))
      continue;
    wanted = sections[i].begin(dump, line);
    dump->section = &sections[i];
    dump->wanted = wanted > 0 && sections[i].line;
    break;
  }
  return wanted < 0 ? wanted : 0;
}

static int take_line(struct dump *dump, struct dump_line line)
{
  int wanted;

  if (line.length > 0 && line.bytes[0] == '=')
    return begin_section(dump, line);
  if (!dump->wanted)
    return 0;
  wanted = dump->section->line(dump, line);
  dump->wanted = wanted > 0;
  return wanted < 0 ? wanted : 0;
}

static int read_all(struct dump *dump, dump_progress_fn *progress, void *context)
{
  struct dump_line line;
  int got = dump_lines_next(&dump->lines, &line);

  if (got == 1 && !(line.length > 16 && memcmp(line.bytes, "=erl_crash_dump:", 16) == 0))
    return -EINVAL;
  if (got == 0)
    return -EINVAL;
  while (got == 1) {
    int error = take_line(dump, line);
    if (error < 0)
      return error;
    if (progress && dump->lines.offset - dump->told >= PROGRESS_BYTES)
      progress(context, dump->told = dump->lines.offset);
    got = dump->wanted ? dump_lines_next(&dump->lines, &line)
                       : dump_lines_find(&dump->lines, '=', &line);
  }
  if (got < 0)
    return got;
  end_section(dump);
  return dump_deep_end(&dump->deep, &dump->rows);
}

/* A copy: the text of a sweep may move while it is added to. */
static void copy_text(const struct dump *dump, uint32_t text, const char *otherwise,
                      char ret_words[SLOGAN_BYTES + 1])
{
  const char *words = sweep_text(dump->rows.sweep, text);

  (void)snprintf(ret_words, SLOGAN_BYTES + 1, "%s", words ? words : otherwise);
}

static void add_gap(struct sweep *sweep, uint32_t reason, int64_t count)
{
  struct sweep_gap *gap = sweep_add_gap(sweep);

  if (gap) {
    gap->reason = reason;
    gap->count = count;
  }
}

static void finish(struct dump *dump)
{
  struct sweep *sweep = dump->rows.sweep;
  char words[SLOGAN_BYTES + 1];

  copy_text(dump, dump->slogan, "no slogan", words);
  sweep->instant = true;
  sweep->target.state = TARGET_GONE;
  sweep->target.crashed = true;
  sweep->target.runtime = sweep_add_text(sweep, "beam", 4);
  sweep->target.reason = sweep_add_format(sweep, "crash dump%s: %s",
                                          dump->ended ? "" : " (ends before its end)", words);
  if (!sweep->target.name)
    sweep->target.name = sweep_add_text(sweep, "nonode@nohost", 13);
  sweep->target.unique_name = true;
  copy_text(dump, dump->abort, "it was not written whole", words);
  if (!dump->ended)
    add_gap(sweep, sweep_add_format(sweep, "the crash dump ends before its end: %s", words),
            VALUE_UNKNOWN);
  if (dump->lines.cut)
    add_gap(sweep,
            sweep_add_format(sweep, "lines of the crash dump were too long to be read whole"),
            (int64_t)dump->lines.cut);
  dump_rows_finish(&dump->rows);
}

int dump_read(int fd, dump_progress_fn *progress, void *context, struct dump_result *ret_result)
{
  struct dump *dump = calloc(1, sizeof *dump);
  int error = dump ? dump_lines_init(&dump->lines, fd) : -ENOMEM;

  if (error < 0)
    goto out;
  dump->wall_ms = VALUE_UNKNOWN;
  dump->deep.index = DUMP_NOBODY;
  error = dump_rows_init(&dump->rows);
  if (error == 0)
    error = read_all(dump, progress, context);
  if (error < 0)
    goto out;
  finish(dump);
  *ret_result = (struct dump_result){dump->rows.sweep, dump->wall_ms};
  dump->rows.sweep = NULL;
out:
  if (dump) {
    dump_rows_done(&dump->rows);
    dump_lines_done(&dump->lines);
  }
  free(dump);
  return error;
}
