/*
 * records.h - a list of queues (struct file_record) that grows up to a bound, sorted by kind and inode when it is to be
 * searched. Not for knowing where they come from.
 */
#ifndef IMPASSE_PROBE_QUEUE_RECORDS_H
#define IMPASSE_PROBE_QUEUE_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/file_record.h"

enum { RECORDS_MOST = 65536 };

struct records {
  struct file_record *list;
  size_t count, room;
  size_t left_out; /* beyond RECORDS_MOST */
};

/* Appends a copy; beyond RECORDS_MOST it is counted only. 0 or -ENOMEM. */
int records_add(struct records *records, const struct file_record *record);

/* By inode. */
void records_sort(struct records *records);

/* The socket with that inode among `count` sorted ones, NULL where there is none. Of two with the same inode, which only
 * forged texts and a counter that wrapped give, the first. */
const struct file_record *records_find(const struct records *records, uint64_t inode);

void records_done(struct records *records);

#endif
