/* actor.c - see actor.h: mailboxes, receive, call and reply. */
#include "demo/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* A point of CLOCK_MONOTONIC, or never. */
struct deadline {
  bool never;
  struct timespec at;
};

static struct deadline deadline_in_us(int64_t us)
{
  struct deadline deadline = {.never = us < 0};
  if (deadline.never)
    return deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline.at); /* cannot fail for this clock */
  int64_t ns = deadline.at.tv_nsec + us % 1000000 * 1000;
  deadline.at.tv_sec += (time_t)(us / 1000000 + ns / 1000000000);
  deadline.at.tv_nsec = (long)(ns % 1000000000);
  return deadline;
}

static struct deadline deadline_in_ms(int timeout_ms)
{
  return deadline_in_us(timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000);
}

static uint64_t timeout_of(int timeout_ms)
{
  return timeout_ms < 0 ? IMPASSE_TIMEOUT_NONE : (uint64_t)timeout_ms * 1000000;
}

/* Waits for the condition of an actor whose lock is held. 0, -ETIMEDOUT, -ECANCELED. */
static int wait_until(struct actor *actor, pthread_cond_t *condition,
                      const struct deadline *deadline)
{
  if (world_stopping(actor->world))
    return -ECANCELED;
  int error = deadline->never ? pthread_cond_wait(condition, &actor->lock)
                              : pthread_cond_timedwait(condition, &actor->lock, &deadline->at);
  return world_stopping(actor->world) ? -ECANCELED : -error;
}

/* Waits for room in a mailbox whose lock is held. */
static int wait_for_room(struct actor *self, struct actor *to)
{
  static const struct deadline never = {.never = true};
  if (to->depth < to->capacity)
    return 0;
  if (!self)
    return -EAGAIN;
  struct impasse_wait wait =
      impasse_room_begin(self->hook, impasse_mailbox_of(to->hook), IMPASSE_TIMEOUT_NONE);
  int error = 0;
  while (error == 0 && to->depth >= to->capacity)
    error = wait_until(to, &to->room, &never);
  impasse_wait_end(wait);
  return error;
}

static int put(struct actor *self, struct actor *to, const struct message *message)
{
  struct node *node = malloc(sizeof *node);
  if (!node)
    return -ENOMEM;
  *node = (struct node){.message = *message};
  pthread_mutex_lock(&to->lock);
  int error = wait_for_room(self, to);
  if (error == 0) {
    impasse_put(impasse_mailbox_of(to->hook), 1);
    *to->last = node;
    to->last = &node->next;
    to->depth++;
    if (to->pool && !to->scheduled)
      pool_schedule(to);
    pthread_cond_signal(&to->changed);
  }
  pthread_mutex_unlock(&to->lock);
  if (error < 0)
    free(node);
  return error;
}

int actor_send(struct actor *self, struct actor *to, int kind, int64_t value)
{
  return put(self, to, &(struct message){.kind = kind, .value = value});
}

static bool takes(int kind, const struct message *message)
{
  return kind == MESSAGE_ANY || kind == message->kind;
}

/* Unlinks *link, the message is the caller's. */
static void take(struct actor *self, struct node **link, struct message *ret_message)
{
  struct node *node = *link;
  *link = node->next;
  if (self->last == &node->next)
    self->last = link;
  self->depth--;
  impasse_take(impasse_mailbox_of(self->hook), 1);
  pthread_cond_signal(&self->room);
  *ret_message = node->message;
  free(node);
}

bool actor_take(struct actor *self, int kind, struct message *ret_message)
{
  for (struct node **link = &self->first; *link; link = &(*link)->next) {
    if (takes(kind, &(*link)->message)) {
      take(self, link, ret_message);
      return true;
    }
  }
  return false;
}

int actor_receive(struct actor *self, int kind, int timeout_ms, struct message *ret_message)
{
  struct deadline deadline = deadline_in_ms(timeout_ms);
  int error = 0;
  pthread_mutex_lock(&self->lock);
  bool taken = actor_take(self, kind, ret_message);
  if (!taken) {
    self->receiving = true;
    impasse_receive_begin(self->hook);
    while (error == 0 && !(taken = actor_take(self, kind, ret_message)))
      error = wait_until(self, &self->changed, &deadline);
    impasse_receive_end(self->hook);
    self->receiving = false;
  }
  pthread_mutex_unlock(&self->lock);
  return error;
}

int actor_call(struct actor *self, struct actor *callee, int kind, int64_t value, int timeout_ms,
               int64_t *ret_value)
{
  struct deadline deadline = deadline_in_ms(timeout_ms);
  struct message message = {.kind = kind, .value = value, .from = self};
  pthread_mutex_lock(&self->lock);
  message.call = ++self->call_number;
  self->calling = callee;
  self->answered = false;
  pthread_mutex_unlock(&self->lock);

  /* Nobody but the callee has the call's number, so nobody else can answer. */
  struct impasse_wait wait = impasse_call_begin(self->hook, callee->hook.ref,
                                                timeout_of(timeout_ms), IMPASSE_WAIT_EXCLUSIVE);
  int error = put(self, callee, &message);
  pthread_mutex_lock(&self->lock);
  while (error == 0 && !self->answered)
    error = wait_until(self, &self->changed, &deadline);
  if (error == 0)
    *ret_value = self->answer;
  self->calling = NULL;
  pthread_mutex_unlock(&self->lock);
  impasse_call_end(wait);
  return error;
}

void actor_reply(const struct message *call, int64_t value)
{
  struct actor *caller = call->from;
  if (!caller)
    return;
  pthread_mutex_lock(&caller->lock);
  if (caller->calling && caller->call_number == call->call) {
    caller->answered = true;
    caller->answer = value;
    pthread_cond_signal(&caller->changed);
  }
  pthread_mutex_unlock(&caller->lock);
}

void actor_work(struct actor *self, unsigned us)
{
  struct deadline deadline = deadline_in_us(us);
  int error = us == 0 ? -ETIMEDOUT : 0;
  pthread_mutex_lock(&self->lock);
  while (error == 0) /* mail wakes it too soon */
    error = wait_until(self, &self->changed, &deadline);
  pthread_mutex_unlock(&self->lock);
}

size_t actor_depth(struct actor *actor)
{
  pthread_mutex_lock(&actor->lock);
  size_t depth = actor->depth;
  pthread_mutex_unlock(&actor->lock);
  return depth;
}

struct actor *actor_calling(struct actor *actor)
{
  pthread_mutex_lock(&actor->lock);
  struct actor *callee = actor->calling;
  pthread_mutex_unlock(&actor->lock);
  return callee;
}

bool actor_receiving(struct actor *actor)
{
  pthread_mutex_lock(&actor->lock);
  bool receiving = actor->receiving;
  pthread_mutex_unlock(&actor->lock);
  return receiving;
}

struct world *actor_world(const struct actor *actor)
{
  return actor->world;
}
