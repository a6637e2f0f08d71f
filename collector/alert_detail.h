/*
 * alert_detail.h - the detail of an alert as one line of JSON. It was made by a detector, but perhaps in another
 * process: only what parses is passed on. (A file of its own, since the names of model/jsontext.h and of jansson collide.)
 */
#ifndef IMPASSE_COLLECTOR_ALERT_DETAIL_H
#define IMPASSE_COLLECTOR_ALERT_DETAIL_H

/* A malloc'ed JSON object on one line; NULL where `detail` is NULL, is no object, or memory is out. */
char *alert_detail(const char *detail);

#endif
