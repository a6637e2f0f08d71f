/*
 * mapped.bpf.c - the files that a process maps, which /proc/PID/maps tells only to those who may read its
 * memory: the kernel calls this for each mapping, and it writes a struct mapped_record of those that
 * may be executed and of shared memory made by memfd_create.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/mapped_record.h"

char LICENSE[] SEC("license") = "GPL";

enum { MAY_EXECUTE = 4, PREFIX_BYTES = 6, NAME_BYTES = 8 };

/* What is read of the kernel's structures; libbpf finds where it lies. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inode {
  unsigned long i_ino;
  long long i_size;
};
struct qstr {
  const unsigned char *name;
};
struct dentry {
  struct qstr d_name;
};
struct path {
  struct dentry *dentry;
};
struct file {
  struct path f_path;
  struct inode *f_inode;
};
struct vm_area_struct {
  unsigned long vm_start, vm_flags;
  struct file *vm_file;
};
struct task_struct {
  int tgid;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file *seq;
};
struct bpf_iter__task_vma {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
  struct vm_area_struct *vma;
};
#pragma clang attribute pop

struct {
  /* Two readers on one processor may spoil each other's record, where the kernel lets one interrupt the
   * other: whoever opens a file by it looks whether it is the one that was meant. */
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct mapped_record);
} scratch SEC(".maps");

static __always_inline bool is_memfd(struct file *file)
{
  static const char prefix[NAME_BYTES] = "memfd:";
  char name[NAME_BYTES] = {};
  const unsigned char *text = BPF_CORE_READ(file, f_path.dentry, d_name.name);

  if (bpf_probe_read_kernel(name, PREFIX_BYTES, text) != 0)
    return false;
#pragma unroll
  for (int i = 0; i < PREFIX_BYTES; i++)
    if (name[i] != prefix[i])
      return false;
  return true;
}

SEC("iter/task_vma")
int each_mapping(struct bpf_iter__task_vma *ctx)
{
  struct vm_area_struct *vma = ctx->vma;
  struct file *file = vma ? vma->vm_file : NULL;
  __u32 zero = 0;
  struct mapped_record *record = bpf_map_lookup_elem(&scratch, &zero);
  long length;

  if (!ctx->task || !file || !record || !((vma->vm_flags & MAY_EXECUTE) || is_memfd(file)))
    return 0;
  record->start = vma->vm_start;
  record->executable = (vma->vm_flags & MAY_EXECUTE) != 0;
  record->inode = BPF_CORE_READ(file, f_inode, i_ino);
  record->file_bytes = (__u64)BPF_CORE_READ(file, f_inode, i_size);
  length = bpf_d_path(&file->f_path, record->path, sizeof(record->path));
  record->path_length = length > 0 ? (__u32)length - 1 : 0;
  (void)bpf_seq_write(ctx->meta->seq, record, sizeof(*record));
  return 0;
}
