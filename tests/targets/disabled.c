/*
 * disabled.c - uses every call of impasse.h under IMPASSE_DISABLE, without optimisation and without
 * linking the library: that it links at all shows that nothing was left. Arguments are still
 * evaluated, once each.
 */
#define IMPASSE_DISABLE
#include <stdio.h>

#include "probe/hook/impasse.h"

static int evaluated;

static uint64_t once(void)
{
  evaluated++;
  return 1;
}

static int use_actors(struct impasse_actor actor, struct impasse_pool pool)
{
  struct impasse_worker worker = impasse_worker_begin(pool);
  impasse_receive_begin(actor);
  impasse_receive_end(actor);
  impasse_run_begin(&worker, actor);
  impasse_run_end(actor, IMPASSE_RUNNABLE);
  impasse_runnable(actor);
  impasse_actor_function(actor, impasse_class("function"));
  impasse_actor_memory(actor, 1);
  impasse_pool_close(pool);
  return impasse_start(NULL) | impasse_status();
}

static void use_mailboxes(struct impasse_actor actor)
{
  struct impasse_mailbox mailbox = impasse_mailbox_open(actor);
  struct impasse_mailbox queue = impasse_queue_open(impasse_unnamed());
  impasse_put(mailbox, once());
  impasse_put_single(mailbox, 1);
  impasse_take(mailbox, 1);
  impasse_take_shared(queue, 1);
  impasse_drop_newest(mailbox, 1);
  impasse_drop_oldest(mailbox, 1);
  impasse_capacity(impasse_mailbox_of(actor), 1);
  impasse_adopt(mailbox, &evaluated, sizeof evaluated, true);
  impasse_mailbox_close(mailbox);
}

static void use_waits(struct impasse_actor actor)
{
  struct impasse_promise promise = impasse_promise_open(impasse_text("promise"));
  struct impasse_service service = impasse_service_open(impasse_text("service"));
  struct impasse_wait_request request = {&actor.ref, 1, IMPASSE_VIA_OTHER, 0, 0, 0};
  struct impasse_wait call = impasse_call_begin(actor, actor.ref, 0, 0);
  impasse_call_forward(call, actor.ref);
  impasse_call_end(call);
  impasse_wait_end(impasse_wait_begin(actor, &request));
  impasse_wait_end(impasse_room_begin(actor, impasse_mailbox_of(actor), 0));
  impasse_wait_end(impasse_await_begin(actor, promise, 0));
  impasse_wait_end(impasse_join_begin(actor, actor, 0));
  impasse_promise_fulfiller(promise, actor.ref);
  impasse_promise_close(promise);
  impasse_service_join(service, actor);
  impasse_service_leave(service, actor);
  impasse_service_close(service);
}

static void use_tables(struct impasse_actor actor)
{
  struct impasse_table table = impasse_table_open(impasse_text("table"), IMPASSE_TABLE);
  impasse_table_wait_end(impasse_table_wait_begin(table, actor, IMPASSE_WRITE, 0));
  impasse_table_acquired(table, actor, IMPASSE_WRITE);
  impasse_table_released(table, actor);
  impasse_table_size(table, 1, 1);
  impasse_table_close(table);
}

int main(void)
{
  struct impasse_pool pool = impasse_pool_open(impasse_text("pool"), 1);
  struct impasse_actor root = impasse_actor_open(impasse_registered("root"));
  struct impasse_actor actor = impasse_actor_open_in(impasse_numbered(1, 2), root, pool);
  int result = use_actors(actor, pool);
  use_mailboxes(actor);
  use_waits(actor);
  use_tables(actor);
  impasse_actor_close(actor);
  impasse_stop();
  if (result != 0 || evaluated != 1 || actor.ref.slot) {
    fprintf(stderr, "disabled: result %d, evaluated %d times\n", result, evaluated);
    return 1;
  }
  return 0;
}
