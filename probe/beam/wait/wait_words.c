/* wait_words.c - see wait_words.h. Read in the sources of OTP 24 to 29 and of Elixir 1.14; seen with 1.18. */
#include "probe/beam/wait/wait_words.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define CALL BEAM_WAIT_CALL
#define INNER (BEAM_WAIT_CALL | BEAM_WAIT_INNER)

static const struct beam_wait_words table[] = {
    /* where calls wait */
    {"gen", "do_call", 4, "gen:call", INNER},
    {"gen", "receive_response", 2, "gen:receive_response", INNER},
    {"gen", "wait_response", 2, "gen:wait_response", INNER},
    {"gen", "receive_response", 3, "gen:receive_response", INNER | BEAM_WAIT_ANY_OF_MAP},
    {"gen", "wait_response", 3, "gen:wait_response", INNER | BEAM_WAIT_ANY_OF_MAP},
    {"gen", "monitor_return", 1, "gen:start", CALL | BEAM_WAIT_JOIN},
    {"erpc", "call", 5, "erpc:call", INNER},
    /* for a process that calls in its place */
    {"gen_statem", "call_clean", -1, "gen_statem:call", CALL},
    {"io", "execute_request", -1, "io request", CALL},
    {"file", "file_request", 2, "file request", CALL},
    {"code_server", "call", 1, "code_server:call", CALL},
    {"proc_lib", "sync_start", 2, "proc_lib:start", CALL},
    {"proc_lib", "sync_start_link", 2, "proc_lib:start_link", CALL | BEAM_WAIT_LINK},
    {"proc_lib", "sync_start_monitor", 2, "proc_lib:start_monitor", CALL},
    {"proc_lib", "stop", 3, "proc_lib:stop", CALL | BEAM_WAIT_JOIN},
    {"Elixir.Task", "await", 2, "Task.await", CALL},
    {"Elixir.Task", "await_receive", 3, "Task.await", CALL},
    {"Elixir.Task", "await_many", 5, "Task.await_many",
     CALL | BEAM_WAIT_ALL_OF_MAP | BEAM_WAIT_TIMER_MESSAGE},
    {"Elixir.Task", "yield", 2, "Task.yield", CALL},
    {"Elixir.Task", "yield_receive", 3, "Task.yield", CALL},
    {"Elixir.Task", "yield_many", 3, "Task.yield_many", CALL | BEAM_WAIT_TIMER_MESSAGE},
    {"Elixir.Task", "yield_many", 4, "Task.yield_many",
     CALL | BEAM_WAIT_ALL_OF_MAP | BEAM_WAIT_TIMER_MESSAGE},
    /* who calls them */
    {"gen", "call", -1, "gen:call", BEAM_WAIT_INNER},
    {"gen_server", "call", -1, "gen_server:call", 0},
    {"gen_server2", "call", -1, "gen_server2:call", 0}, /* RabbitMQ */
    {"gen_server", "receive_response", -1, "gen_server:receive_response", 0},
    {"gen_server", "wait_response", -1, "gen_server:wait_response", 0},
    {"gen_statem", "call", -1, "gen_statem:call", 0},
    {"gen_statem", "call_dirty", -1, "gen_statem:call", 0},
    {"gen_statem", "receive_response", -1, "gen_statem:receive_response", 0},
    {"gen_statem", "wait_response", -1, "gen_statem:wait_response", 0},
    {"gen_event", "call1", -1, "gen_event:call", 0},
    {"gen_event", "rpc", 2, "gen_event request", 0}, /* sync_notify, call, add_handler ... */
    {"gen_event", "receive_response", -1, "gen_event:receive_response", 0},
    {"gen_event", "wait_response", -1, "gen_event:wait_response", 0},
    {"sys", "send_system_msg", -1, "sys request", 0},
    {"rpc", "call", -1, "rpc:call", 0},
    {"Elixir.GenServer", "call", 3, "GenServer.call", 0},
};

static bool same(struct beam_atoms *atoms, uint64_t atom, const char *text)
{
  size_t length;
  const char *got = beam_atom_text(atoms, atom, &length);
  return got && length == strlen(text) && memcmp(got, text, length) == 0;
}

const struct beam_wait_words *beam_wait_words_find(struct beam_atoms *atoms,
                                                   const struct beam_mfa *mfa)
{
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const struct beam_wait_words *row = &table[i];
    if ((row->arity < 0 || (uint32_t)row->arity == mfa->arity) &&
        same(atoms, mfa->function, row->function) && same(atoms, mfa->module, row->module))
      return row;
  }
  return NULL;
}

const struct beam_wait_words *beam_wait_words_named(const char *module, const char *function,
                                                    uint32_t arity)
{
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const struct beam_wait_words *row = &table[i];
    if ((row->arity < 0 || (uint32_t)row->arity == arity) && strcmp(row->function, function) == 0 &&
        strcmp(row->module, module) == 0)
      return row;
  }
  return NULL;
}
