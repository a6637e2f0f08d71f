/* broker_load.c - see broker_load.h. */
#include "collector/broker_load.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What goes over; the parameters follow, as many as there are. The reply is the reason, without a NUL. */
struct order_head {
  uint32_t program;
  uint32_t parameter_bytes;
};
static_assert(sizeof(struct order_head) + LOAD_PARAMETER_BYTES <= (size_t)BROKER_CALL_BYTES &&
                  (int)LOAD_REASON_BYTES <= (int)BROKER_CALL_BYTES &&
                  (int)LOAD_FDS_MOST <= (int)BROKER_FDS_MOST,
              "an order is one message");

static int read_order(const struct broker_message *request, struct load_order *ret_order)
{
  struct order_head head;

  if (request->length < sizeof(head) || request->fd_count > LOAD_FDS_MOST)
    return -EINVAL;
  memcpy(&head, request->bytes, sizeof(head));
  if (head.parameter_bytes > LOAD_PARAMETER_BYTES ||
      request->length != sizeof(head) + head.parameter_bytes)
    return -EINVAL;
  *ret_order = (struct load_order){.program = head.program,
                                   .parameter_bytes = head.parameter_bytes,
                                   .fd_count = (uint32_t)request->fd_count};
  memcpy(ret_order->parameters, request->bytes + sizeof(head), head.parameter_bytes);
  memcpy(ret_order->fds, request->fds, request->fd_count * sizeof(*request->fds));
  return 0;
}

int broker_load_serve(const struct broker_message *request, struct broker_message *ret_reply)
{
  struct load_order order;
  struct loaded loaded = {0};
  int error = read_order(request, &order);

  if (error < 0)
    return error;
  error = load_here(NULL, &order, &loaded);
  ret_reply->length = strnlen(loaded.reason, sizeof(loaded.reason));
  memcpy(ret_reply->bytes, loaded.reason, ret_reply->length);
  ret_reply->fd_count = loaded.fd_count;
  memcpy(ret_reply->fds, loaded.fds, loaded.fd_count * sizeof(*loaded.fds));
  return error;
}

int broker_load(void *unused, const struct load_order *order, struct loaded *ret_loaded)
{
  const struct order_head head = {order->program, order->parameter_bytes};
  struct broker_message request = {.fd_count = order->fd_count}, reply = {0};
  int error;

  (void)unused;
  *ret_loaded = (struct loaded){0};
  if (order->parameter_bytes > LOAD_PARAMETER_BYTES || order->fd_count > LOAD_FDS_MOST)
    return -EINVAL;
  memcpy(request.bytes, &head, sizeof(head));
  memcpy(request.bytes + sizeof(head), order->parameters, order->parameter_bytes);
  request.length = sizeof(head) + order->parameter_bytes;
  memcpy(request.fds, order->fds, order->fd_count * sizeof(*order->fds));
  error = broker_call(&request, &reply);
  (void)snprintf(ret_loaded->reason, sizeof(ret_loaded->reason), "%.*s", (int)reply.length,
                 (const char *)reply.bytes);
  memcpy(ret_loaded->fds, reply.fds, reply.fd_count * sizeof(*reply.fds));
  ret_loaded->fd_count = (uint32_t)reply.fd_count;
  if (error < 0 && reply.length == 0)
    (void)snprintf(ret_loaded->reason, sizeof(ret_loaded->reason),
                   "the process that loads programs: %s", strerror(-error));
  return error;
}
