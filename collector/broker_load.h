/*
 * broker_load.h - programs for the kernel are loaded by the broker: an order of bpf/load.h as a message of
 * probe/reach/broker.h, and back.
 */
#ifndef IMPASSE_COLLECTOR_BROKER_LOAD_H
#define IMPASSE_COLLECTOR_BROKER_LOAD_H

#include "bpf/load.h"
#include "probe/reach/broker.h"

/* The broker's side, for broker_start. */
int broker_load_serve(const struct broker_message *request, struct broker_message *ret_reply);

/* The client's, for load_elsewhere. */
int broker_load(void *unused, const struct load_order *order, struct loaded *ret_loaded);

#endif
