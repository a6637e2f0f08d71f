/* dump_deep.c - see dump_deep.h. */
#include "probe/beam/dump/dump_deep.h"

#include <errno.h>
#include <string.h>

enum { RETURNS_MOST = 2, KEYS_MOST = 32 };

/* Callers that say by themselves whether they have a timeout: by what they are, or by a frame of so few values that the
 * timeout can be no value but the `infinity` of a clause. */
static const struct caller {
  const char *module, *function;
  uint32_t arity;
  unsigned values;
  uint8_t timeout;
} callers[] = {
    {"gen_server", "call", 2, 0, TIMEOUT_SOME},     {"gen_statem", "call", 2, 0, TIMEOUT_NONE},
    {"gen_statem", "call", 3, 2, TIMEOUT_NONE},     {"gen_event", "rpc", 2, 0, TIMEOUT_NONE},
    {"sys", "send_system_msg", 2, 0, TIMEOUT_SOME},
};

void dump_deep_begin(struct dump_deep *deep, const struct dump_rows *rows, size_t index)
{
  *deep = (struct dump_deep){.index = index, .timeout = TIMEOUT_UNKNOWN, .first = TIMEOUT_UNKNOWN};
  if (index != DUMP_NOBODY)
    deep->words = rows->procs[index].words;
}

static const struct dump_proc *proc_of(const struct dump_deep *deep, const struct dump_rows *rows)
{
  return &rows->procs[deep->index];
}

static bool may_be_in_a_call(const struct dump_deep *deep, const struct dump_rows *rows)
{
  return proc_of(deep, rows)->words != NULL;
}

static void want(struct dump_deep *deep, uint64_t address, enum dump_role role)
{
  if (deep->wanted_count < DUMP_WANTED_MOST) {
    deep->wanted[deep->wanted_count].address = address;
    deep->wanted[deep->wanted_count++].role = role;
  }
}

static bool is_atom(const struct dump_element *element, const char *name)
{
  return element->kind == DUMP_ATOM && element->atom.length == strlen(name) &&
         memcmp(element->atom.bytes, name, element->atom.length) == 0;
}

bool dump_deep_dictionary(struct dump_deep *deep, const struct dump_rows *rows,
                          struct dump_line line)
{
  struct dump_element entry;

  if (rows->sweep->actors[deep->index].name) /* registered: it needs no other */
    return false;
  if (dump_text_element(&line, &entry) && entry.kind == DUMP_POINTER)
    want(deep, entry.address, DUMP_ROLE_ENTRY);
  return deep->wanted_count < DUMP_WANTED_MOST / 2; /* the rest is for the stack */
}

/* --- stack --- */

/* The frame of a known caller was read: what does it say of the timeout? */
static void end_frame(struct dump_deep *deep)
{
  const struct caller *caller = deep->caller;

  if (deep->timeout != TIMEOUT_UNKNOWN)
    return;
  deep->timeout = caller && (caller->values == 0 || caller->values == deep->values)
                      ? caller->timeout
                      : deep->first;
}

/* A return address: from here on the lines are of its function's frame. */
static void take_return(struct dump_deep *deep, struct dump_line function)
{
  const struct beam_wait_words *words = NULL;
  struct dump_mfa mfa;

  end_frame(deep);
  deep->returns++;
  deep->caller = NULL;
  deep->values = 0;
  deep->first = TIMEOUT_UNKNOWN;
  if (deep->words->flags & BEAM_WAIT_INNER && dump_text_mfa(&function, &mfa)) {
    words = beam_wait_words_named(mfa.module, mfa.function, mfa.arity);
    for (size_t i = 0; words && i < sizeof callers / sizeof *callers; i++)
      if (callers[i].arity == mfa.arity && strcmp(callers[i].module, mfa.module) == 0 &&
          strcmp(callers[i].function, mfa.function) == 0)
        deep->caller = &callers[i];
  }
  deep->caller_known = words != NULL;
  if (words)
    deep->words = words;
}

/* A value of the caller's frame. Of its arguments the timeout is the last, and lies first. */
static void take_value(struct dump_deep *deep, const struct dump_element *value)
{
  deep->values++;
  if (deep->first != TIMEOUT_UNKNOWN)
    return;
  if (is_atom(value, "infinity"))
    deep->first = TIMEOUT_NONE;
  else if (value->kind == DUMP_INTEGER && value->integer >= 0)
    deep->first = TIMEOUT_SOME;
}

/* "y3:H7F8354131F98", "0x00007f83541323f0:SReturn addr 0x55821AAC (gen_server:call/3 + 140)" */
bool dump_deep_stack(struct dump_deep *deep, const struct dump_rows *rows, struct dump_line line)
{
  const char *colon = memchr(line.bytes, ':', line.length);
  struct dump_element value;
  const char *open;

  if (!may_be_in_a_call(deep, rows) || !colon)
    return false;
  line.length -= (size_t)(colon + 1 - line.bytes);
  line.bytes = colon + 1;
  if (dump_text_take(&line, "SReturn addr ")) {
    open = memchr(line.bytes, '(', line.length);
    if (open) {
      line.length -= (size_t)(open + 1 - line.bytes);
      line.bytes = open + 1;
    }
    take_return(deep, open ? line : (struct dump_line){line.bytes, 0});
    return deep->returns <= RETURNS_MOST && deep->caller_known;
  }
  if (dump_text_take(&line, "SCatch ") || !dump_text_element(&line, &value))
    return true;
  if (deep->returns > 0)
    take_value(deep, &value);
  else if (value.kind == DUMP_POINTER)
    want(deep, value.address, DUMP_ROLE_REFERENCE);
  return true;
}

/* --- heap --- */

static bool is_of_maps(const struct dump_deep *deep, const struct dump_rows *rows)
{
  return proc_of(deep, rows)->words->flags & (BEAM_WAIT_ANY_OF_MAP | BEAM_WAIT_ALL_OF_MAP);
}

/* `wanted`: it hangs from the first frame; else it is any reference on the heap. */
static void take_reference(struct dump_deep *deep, const struct dump_rows *rows,
                           struct dump_line text, bool wanted)
{
  const struct dump_proc *proc = proc_of(deep, rows);
  struct dump_reference reference;

  if (!dump_text_external(text, &reference))
    return;
  for (size_t i = 0; i < proc->monitor_count; i++) {
    size_t monitor = proc->monitor_first + i, claim = 0;
    if (memcmp(&rows->monitors[monitor].reference, &reference, sizeof reference) != 0)
      continue;
    while (claim < deep->claim_count && deep->claims[claim].monitor != monitor)
      claim++;
    if (claim < deep->claim_count)
      deep->claims[claim].seen++;
    else if (wanted && claim < DUMP_CLAIMS_MOST) {
      deep->claims[deep->claim_count].monitor = monitor;
      deep->claims[deep->claim_count++].seen = 1;
    } else if (wanted) {
      deep->more = true;
    }
    return;
  }
}

/* "t2:AD:$initial_call,H7F8354131E68" */
static bool take_tuple(struct dump_line *text, uint64_t *ret_count)
{
  return dump_text_take(text, "t") && dump_text_hex(text, ret_count) && dump_text_take(text, ":");
}

static void take_keys(struct dump_deep *deep, struct dump_line text)
{
  struct dump_element key;
  uint64_t count, n = 0;

  if (!take_tuple(&text, &count))
    return;
  for (; n < KEYS_MOST && dump_text_element(&text, &key); n++)
    if (key.kind == DUMP_POINTER)
      want(deep, key.address, DUMP_ROLE_REFERENCE);
  deep->more |= count > n;
}

static void take_map(struct dump_deep *deep, struct dump_line text)
{
  struct dump_element keys;
  uint64_t count;

  if (!dump_text_take(&text, "Mf")) {
    deep->more |=
        text.length > 1 && text.bytes[0] == 'M'; /* a large one: its keys are not followed */
    return;
  }
  struct dump_line rest = text;
  const char *colon;
  if (!dump_text_hex(&rest, &count) || !dump_text_take(&rest, ":") ||
      !(colon = memchr(rest.bytes, ':', rest.length)))
    return;
  rest.length = (size_t)(colon - rest.bytes);
  if (dump_text_element(&rest, &keys) && keys.kind == DUMP_POINTER)
    want(deep, keys.address, DUMP_ROLE_KEYS);
}

static void take_entry(struct dump_deep *deep, struct dump_line text)
{
  struct dump_element key, value;
  uint64_t count;

  if (take_tuple(&text, &count) && count == 2 && dump_text_element(&text, &key) &&
      is_atom(&key, "$initial_call") && dump_text_element(&text, &value) &&
      value.kind == DUMP_POINTER)
    want(deep, value.address, DUMP_ROLE_INITIAL_CALL);
}

static void take_initial_call(struct dump_deep *deep, struct dump_rows *rows, struct dump_line text)
{
  struct dump_element module, function, arity;
  uint64_t count;

  if (take_tuple(&text, &count) && count == 3 && dump_text_element(&text, &module) &&
      module.kind == DUMP_ATOM && dump_text_element(&text, &function) &&
      function.kind == DUMP_ATOM && dump_text_element(&text, &arity) &&
      arity.kind == DUMP_INTEGER && arity.integer >= 0 && arity.integer <= 255 &&
      module.atom.length < DUMP_ATOM_BYTES && function.atom.length < DUMP_ATOM_BYTES)
    rows->procs[deep->index].spawned =
        sweep_add_format(rows->sweep, "%.*s:%.*s/%lld", (int)module.atom.length, module.atom.bytes,
                         (int)function.atom.length, function.atom.bytes, (long long)arity.integer);
}

static void take_object(struct dump_deep *deep, struct dump_rows *rows, enum dump_role role,
                        struct dump_line text)
{
  switch (role) {
  case DUMP_ROLE_REFERENCE:
    if (text.length > 0 && text.bytes[0] == 'E')
      take_reference(deep, rows, text, true);
    else if (is_of_maps(deep, rows))
      take_map(deep, text);
    break;
  case DUMP_ROLE_KEYS:
    take_keys(deep, text);
    break;
  case DUMP_ROLE_ENTRY:
    take_entry(deep, text);
    break;
  case DUMP_ROLE_INITIAL_CALL:
    take_initial_call(deep, rows, text);
    break;
  }
}

bool dump_deep_heap(struct dump_deep *deep, struct dump_rows *rows, struct dump_line line)
{
  /* something has come for it: is an answer among it? */
  bool all = may_be_in_a_call(deep, rows) && !proc_of(deep, rows)->waiting;
  uint64_t address;

  if (deep->wanted_count == 0 && !(all && deep->claim_count > 0))
    return false;
  if (!dump_text_hex(&line, &address) || !dump_text_take(&line, ":"))
    return true;
  for (size_t i = 0; i < deep->wanted_count; i++) {
    if (deep->wanted[i].address != address)
      continue;
    enum dump_role role = deep->wanted[i].role;
    deep->wanted[i] = deep->wanted[--deep->wanted_count];
    take_object(deep, rows, role, line);
    return true;
  }
  if (all && line.length > 0 && line.bytes[0] == 'E')
    take_reference(deep, rows, line, false);
  return true;
}

/* --- the wait --- */

/* An answer, or the message that the callee has ended, carries the reference: then it is on the heap a second time, and
 * who has got messages may have got that one. */
static bool may_be_answered(const struct dump_deep *deep, const struct dump_rows *rows)
{
  for (size_t i = 0; i < deep->claim_count && !proc_of(deep, rows)->waiting; i++)
    if (deep->claims[i].seen > 1)
      return true;
  return false;
}

/* Adds the holder where it is known. 1 or 0, -ENOMEM. */
static int add_holder(struct dump_rows *rows, const struct dump_monitor *monitor)
{
  const char *node = sweep_text(rows->sweep, monitor->node);
  const char *own = sweep_text(rows->sweep, rows->sweep->target.name);
  bool local = monitor->name ? node && own && strcmp(node, own) == 0 : monitor->pid.channel == 0;
  uint32_t peer = local           ? 0
                  : monitor->name ? monitor->node
                                  : dump_rows_peer(rows, monitor->pid.channel);
  size_t index = DUMP_NOBODY;

  if (local)
    index = monitor->name ? dump_rows_find_name(rows, sweep_text(rows->sweep, monitor->name))
                          : dump_rows_find(rows, beam_pid_key(monitor->pid.pid));
  if (local ? index == DUMP_NOBODY || rows->sweep->actors[index].state == ACTOR_EXITING : peer == 0)
    return 0;
  struct sweep_holder *holder = sweep_add_holder(rows->sweep);
  if (!holder)
    return -ENOMEM;
  holder->actor = local           ? rows->procs[index].key
                  : monitor->name ? 0
                                  : beam_pid_key(monitor->pid.pid);
  holder->name = local ? 0 : monitor->name;
  holder->peer = peer;
  return 1;
}

static struct wait_id id_of(const struct dump_rows *rows, size_t monitor)
{
  const uint32_t *number = rows->monitors[monitor].reference.number;

  return (struct wait_id){(uint64_t)number[2] << 32 | number[1], number[0]};
}

int dump_deep_end(struct dump_deep *deep, struct dump_rows *rows)
{
  uint32_t first = (uint32_t)rows->sweep->holder_count, known = 0;

  if (deep->index == DUMP_NOBODY || !may_be_in_a_call(deep, rows) || deep->claim_count == 0 ||
      may_be_answered(deep, rows))
    return 0;
  end_frame(deep);
  for (size_t i = 0; i < deep->claim_count; i++) {
    int added = add_holder(rows, &rows->monitors[deep->claims[i].monitor]);
    if (added < 0)
      return added;
    known += (uint32_t)added;
  }
  unsigned flags = proc_of(deep, rows)->words->flags;
  bool any = flags & BEAM_WAIT_ANY_OF_MAP, all = flags & BEAM_WAIT_ALL_OF_MAP;
  bool unclear = deep->claim_count > 1 && !any && !all;
  struct sweep_wait *wait = sweep_add_wait(rows->sweep);
  if (!wait)
    return -ENOMEM;
  wait->waiter = proc_of(deep, rows)->key;
  wait->id = id_of(rows, deep->claims[0].monitor);
  wait->holder_first = first;
  wait->holder_count = known;
  wait->via = flags & BEAM_WAIT_JOIN ? VIA_JOIN : VIA_CALL;
  wait->needs = any || unclear ? NEEDS_ANY : NEEDS_ALL;
  wait->open = unclear || deep->more || known < deep->claim_count;
  wait->timeout = deep->timeout;
  wait->object = sweep_add_text(rows->sweep, deep->words->words, strlen(deep->words->words));
  rows->sweep->actors[deep->index].state = ACTOR_BLOCKED;
  rows->procs[deep->index].words = NULL; /* once */
  return 0;
}
