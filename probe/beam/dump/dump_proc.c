/* dump_proc.c - see dump_proc.h. */
#include "probe/beam/dump/dump_proc.h"

#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

static struct sweep_actor *actor_of(const struct dump_rows *rows, size_t index)
{
  return &rows->sweep->actors[index];
}

static uint32_t mfa_text(const struct dump_rows *rows, const struct dump_mfa *mfa)
{
  return sweep_add_format(rows->sweep, "%s:%s/%u", mfa->module, mfa->function, mfa->arity);
}

static int take_state(struct dump_rows *rows, size_t index, struct dump_line value)
{
  static const struct {
    const char *word;
    uint8_t state; /* enum actor_state */
    bool waiting;
  } states[] = {
      {"Waiting", ACTOR_RECEIVE, true},      {"Scheduled", ACTOR_RUNNABLE, false},
      {"Running", ACTOR_RUNNING, false},     {"Garbing", ACTOR_RUNNING, false},
      {"Suspended", ACTOR_SUSPENDED, false}, {"Exiting", ACTOR_EXITING, false},
  };

  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    if (strlen(states[i].word) == value.length &&
        memcmp(states[i].word, value.bytes, value.length) == 0) {
      actor_of(rows, index)->state = states[i].state;
      rows->procs[index].waiting = states[i].waiting;
    }
  }
  return 0;
}

static int take_name(struct dump_rows *rows, size_t index, struct dump_line value)
{
  char name[DUMP_ATOM_BYTES];
  int length = dump_text_atom(&value, name, sizeof name);

  if (length <= 0)
    return 0;
  actor_of(rows, index)->name = sweep_add_text(rows->sweep, name, (size_t)length);
  actor_of(rows, index)->flags |= SWEEP_ACTOR_REGISTERED | SWEEP_ACTOR_NAMED;
  rows->names_sorted = false;
  return 0;
}

/* A bare fun and proc_lib's own begin say nothing of what the process is. */
static int take_spawned_as(struct dump_rows *rows, size_t index, struct dump_line value)
{
  struct dump_mfa mfa;

  if (dump_text_mfa(&value, &mfa) && strcmp(mfa.module, "erlang") != 0 &&
      !(strcmp(mfa.module, "proc_lib") == 0 && strcmp(mfa.function, "init_p") == 0))
    rows->procs[index].spawned = mfa_text(rows, &mfa);
  return 0;
}

static int take_spawned_by(struct dump_rows *rows, size_t index, struct dump_line value)
{
  struct dump_pid pid;

  if (dump_text_pid(&value, &pid) && pid.channel == 0)
    actor_of(rows, index)->parent = beam_pid_key(pid.pid);
  return 0;
}

static int64_t number_of(struct dump_line value)
{
  uint64_t number;

  return dump_text_number(&value, &number) && number <= INT64_MAX ? (int64_t)number : VALUE_UNKNOWN;
}

static int take_depth(struct dump_rows *rows, size_t index, struct dump_line value)
{
  actor_of(rows, index)->depth = number_of(value);
  return 0;
}

static int take_reductions(struct dump_rows *rows, size_t index, struct dump_line value)
{
  actor_of(rows, index)->work_count = number_of(value);
  return 0;
}

static int take_memory(struct dump_rows *rows, size_t index, struct dump_line value)
{
  actor_of(rows, index)->memory_bytes = number_of(value);
  return 0;
}

/* "0x00007f835580e1b8 (gen:do_call/4 + 776)" */
static int take_counter(struct dump_rows *rows, size_t index, struct dump_line value)
{
  const char *open = memchr(value.bytes, '(', value.length);
  struct dump_mfa mfa;

  if (!open)
    return 0;
  value.length -= (size_t)(open + 1 - value.bytes);
  value.bytes = open + 1;
  if (!dump_text_mfa(&value, &mfa))
    return 0;
  actor_of(rows, index)->function = mfa_text(rows, &mfa);
  if (strcmp(mfa.module, "gen_server2") == 0) /* keeps a queue of its own besides */
    actor_of(rows, index)->depth_is = DEPTH_AT_LEAST;
  const struct beam_wait_words *words = beam_wait_words_named(mfa.module, mfa.function, mfa.arity);
  rows->procs[index].words = words && words->flags & BEAM_WAIT_CALL ? words : NULL;
  return 0;
}

/* "{to,<0.84.0>,#Ref<0.1.2.3>}", "{to,{name,node@host},#Ref<0.1.2.3>}" */
static bool take_monitor(struct dump_rows *rows, struct dump_line *list,
                         struct dump_monitor *ret_monitor)
{
  char name[DUMP_ATOM_BYTES], node[DUMP_ATOM_BYTES];
  struct dump_monitor monitor = {0};

  if (!dump_text_take(list, "{to,"))
    return false;
  if (dump_text_take(list, "{")) {
    int length = dump_text_atom(list, name, sizeof name), node_length;
    if (length <= 0 || !dump_text_take(list, ","))
      return false;
    node_length = dump_text_atom(list, node, sizeof node);
    if (node_length <= 0 || !dump_text_take(list, "},"))
      return false;
    monitor.name = sweep_add_text(rows->sweep, name, (size_t)length);
    monitor.node = sweep_add_text(rows->sweep, node, (size_t)node_length);
  } else if (!dump_text_pid(list, &monitor.pid) || !dump_text_take(list, ",")) {
    return false;
  }
  if (!dump_text_reference(list, &monitor.reference))
    return false;
  *ret_monitor = monitor;
  return true;
}

static int take_links(struct dump_rows *rows, size_t index, struct dump_line list)
{
  int error = 0;

  while (error == 0 && list.length > 0) {
    const char *to = memmem(list.bytes, list.length, "{to,", 4);
    struct dump_monitor monitor;
    if (!to)
      break;
    list.length -= (size_t)(to - list.bytes);
    list.bytes = to;
    if (take_monitor(rows, &list, &monitor))
      error = dump_rows_add_monitor(rows, &monitor);
  }
  rows->procs[index].monitor_count = rows->monitor_count - rows->procs[index].monitor_first;
  return error;
}

static const struct {
  const char *begin;
  int (*take)(struct dump_rows *rows, size_t index, struct dump_line value);
} fields[] = {
    {"State: ", take_state},
    {"Name: ", take_name},
    {"Spawned as: ", take_spawned_as},
    {"Spawned by: ", take_spawned_by},
    {"Message queue length: ", take_depth},
    {"Link list: [", take_links},
    {"Reductions: ", take_reductions},
    {"Memory: ", take_memory},
    {"Program counter: ", take_counter},
};

int dump_proc_line(struct dump_rows *rows, size_t index, struct dump_line line)
{
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (dump_text_take(&line, fields[i].begin))
      return fields[i].take(rows, index, line);
  return 0;
}

void dump_proc_end(struct dump_rows *rows, size_t index)
{
  struct dump_proc *proc = &rows->procs[index];
  uint8_t state = actor_of(rows, index)->state;

  if (proc->words && proc->monitor_count > 0 &&
      (state == ACTOR_RECEIVE || state == ACTOR_RUNNABLE || state == ACTOR_SUSPENDED))
    return;
  proc->words = NULL;
  rows->monitor_count = proc->monitor_first;
  proc->monitor_count = 0;
}
