/* shard_make.h - a new, empty shard: made aside and renamed when it is complete, so that whoever
 * sees a file of a shard's name sees all of its tables. Not here: opening and writing it
 * (writer.c). */
#ifndef IMPASSE_STORE_SHARD_MAKE_H
#define IMPASSE_STORE_SHARD_MAKE_H

/* The group's, if there is a group impasse and it is ours to do; else only the owner may read. */
void shard_give_to_group(int fd);

/* Makes the file `path`, mode 0640. -EEXIST where there is one already, else -errno; then nothing
 * is left behind. */
int shard_make(const char *path);

#endif
