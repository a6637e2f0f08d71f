/*
 * hangs.c - `hangs DIRECTORY FILE`: a file system with one file, `program`, whose bytes are those of FILE, and which from
 * SIGUSR1 on does not answer any more, as one whose server is gone. It says `ready`, and then `silent`. What is not needed
 * to execute that file once is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, WRITE_BYTES = 1 << 16, ROOT = 1, PROGRAM = 2 };

static volatile sig_atomic_t silent;
static struct fuse_attr attributes[] = {
    [ROOT] = {.ino = ROOT, .mode = S_IFDIR | 0755, .nlink = 2},
    [PROGRAM] = {.ino = PROGRAM, .mode = S_IFREG | 0755, .nlink = 1, .blksize = 4096},
};

static void on_signal(int number)
{
  (void)number;
  silent = 1;
}

struct answer {
  struct fuse_out_header head;
  union {
    struct fuse_init_out init;
    struct fuse_entry_out entry;
    struct fuse_attr_out attr;
    struct fuse_open_out open;
    char bytes[BUFFER_BYTES];
  } body;
};

/* Returns the length of the body, or -errno. */
static ssize_t answer(int file, const struct fuse_in_header *request, struct answer *ret)
{
  const char *name = (const void *)(request + 1);
  const struct fuse_read_in *read_in = (const void *)(request + 1);

  switch (request->opcode) {
  case FUSE_INIT:
    ret->body.init = (struct fuse_init_out){.major = 7, .minor = 31, .max_write = WRITE_BYTES};
    return sizeof ret->body.init;
  case FUSE_LOOKUP:
    ret->body.entry = (struct fuse_entry_out){.nodeid = PROGRAM, .attr = attributes[PROGRAM]};
    return strcmp(name, "program") == 0 ? (ssize_t)sizeof ret->body.entry : -ENOENT;
  case FUSE_GETATTR:
    ret->body.attr =
        (struct fuse_attr_out){.attr = attributes[request->nodeid == ROOT ? ROOT : PROGRAM]};
    return sizeof ret->body.attr;
  case FUSE_OPEN:
    ret->body.open = (struct fuse_open_out){0};
    return sizeof ret->body.open;
  case FUSE_READ:
    return read_in->size <= BUFFER_BYTES
               ? pread(file, ret->body.bytes, read_in->size, (off_t)read_in->offset)
               : -EINVAL;
  case FUSE_FLUSH:
  case FUSE_RELEASE:
    return 0;
  default:
    return -ENOSYS;
  }
}

static int serve(int device, int file)
{
  static _Alignas(struct fuse_in_header) char request[BUFFER_BYTES];
  static struct answer reply;
  const struct fuse_in_header *head = (const void *)request;

  while (!silent) {
    ssize_t length = read(device, request, sizeof request);
    if (length < 0 && errno != EINTR && errno != ENOENT)
      return 1;
    if (length < 0 || head->opcode == FUSE_FORGET || head->opcode == FUSE_BATCH_FORGET)
      continue; /* a signal, a request that was taken back, one that wants no answer */
    length = answer(file, head, &reply);
    reply.head = (struct fuse_out_header){
        .len = (uint32_t)sizeof reply.head + (length > 0 ? (uint32_t)length : 0),
        .error = length < 0 ? (int)length : 0,
        .unique = head->unique,
    };
    if (write(device, &reply, reply.head.len) < 0 && errno != ENOENT)
      return 1;
  }
  return 0;
}

int main(int count, char **words)
{
  struct sigaction action = {.sa_handler = on_signal};
  struct stat facts;
  char options[128];
  int device = open("/dev/fuse", O_RDWR | O_CLOEXEC),
      file = count == 3 ? open(words[2], O_RDONLY | O_CLOEXEC) : -1;

  if (device < 0 || file < 0 || fstat(file, &facts) != 0)
    return 2;
  attributes[PROGRAM].size = (uint64_t)facts.st_size;
  (void)snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
                 device);
  if (mount("hangs", words[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
    perror("mount");
    return 2;
  }
  (void)sigaction(SIGUSR1, &action, NULL); /* without SA_RESTART, so that a read ends */
  (void)puts("ready");
  (void)fflush(stdout);
  if (serve(device, file) != 0)
    return 1;
  (void)puts("silent");
  (void)fflush(stdout);
  for (;;)
    (void)pause();
}
