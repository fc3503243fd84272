/*
 * Fails writes and flushes of chosen files, for tests: LD_PRELOAD this, and write the fault into the file named by
 * IO_FAULT_CONTROL as "<call> <error> <end of name> <skip>": call = write | sync | grow | map, error = ENOSPC | EIO | SHORT,
 * skip = calls to let through first. An empty control file means no fault. Read again at each call: a test can switch it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static char last[256];
static long calls;

/* The errno to fail with, -1 for a short write, 0 for none. */
static int fault(const char *call, int fd) {
  const char *control = getenv("IO_FAULT_CONTROL");
  if (!control) return 0;
  int handle = open(control, O_RDONLY);
  if (handle < 0) return 0;
  char text[256] = {0};
  ssize_t length = read(handle, text, sizeof text - 1);
  close(handle);
  if (length <= 0) return 0;
  char wanted[16] = {0}, error[16] = {0}, part[128] = {0};
  long skip = 0;
  if (sscanf(text, "%15s %15s %127s %ld", wanted, error, part, &skip) < 3 || strcmp(wanted, call)) return 0;
  char link[64], path[512] = {0};
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, path, sizeof path - 1) < 0) return 0;
  size_t end = strlen(path), tail = strlen(part);
  if (end < tail || strcmp(path + end - tail, part)) return 0;
  if (strcmp(text, last)) {
    strcpy(last, text);
    calls = 0;
  }
  if (calls++ < skip) return 0;
  if (!strcmp(error, "SHORT")) return -1;
  return strcmp(error, "EIO") ? ENOSPC : EIO;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = dlsym(RTLD_NEXT, name)

static ssize_t put(ssize_t (*real)(int, const void *, size_t, off64_t), int fd, const void *from, size_t size, off64_t at) {
  int code = fault("write", fd);
  if (code == 0) return real(fd, from, size, at);
  /* What a full disk does: part of it is written, the next try gets the error. */
  if (code < 0 && size > 1) return real(fd, from, size / 2, at);
  errno = code < 0 ? ENOSPC : code;
  return -1;
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  return put(real, fd, from, size, at);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { return pwrite64(fd, from, size, at); }

static int flush(const char *name, int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  int code = fault("sync", fd);
  if (code == 0) return real(fd);
  errno = code < 0 ? EIO : code;
  return -1;
}

int fsync(int fd) { return flush("fsync", fd); }
int fdatasync(int fd) { return flush("fdatasync", fd); }

static int grow(const char *name, int fd, off64_t size) {
  int (*real)(int, off64_t) = dlsym(RTLD_NEXT, name);
  int code = fault("grow", fd);
  if (code == 0) return real(fd, size);
  errno = code < 0 ? ENOSPC : code;
  return -1;
}

int ftruncate(int fd, off_t size) { return grow("ftruncate", fd, size); }
int ftruncate64(int fd, off64_t size) { return grow("ftruncate64", fd, size); }

int posix_fallocate(int fd, off_t at, off_t size) {
  REAL(int, "posix_fallocate", int, off_t, off_t);
  int code = fault("grow", fd);
  return code == 0 ? real(fd, at, size) : code < 0 ? ENOSPC : code;
}

ssize_t write(int fd, const void *from, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  int code = fault("write", fd);
  if (code == 0) return real(fd, from, size);
  if (code < 0 && size > 1) return real(fd, from, size / 2);
  errno = code < 0 ? ENOSPC : code;
  return -1;
}

void *mmap64(void *near, size_t size, int protection, int flags, int fd, off64_t at) {
  REAL(void *, "mmap64", void *, size_t, int, int, int, off64_t);
  int code = fd < 0 ? 0 : fault("map", fd);
  if (code == 0) return real(near, size, protection, flags, fd, at);
  errno = code < 0 ? ENOMEM : code;
  return MAP_FAILED;
}

void *mmap(void *near, size_t size, int protection, int flags, int fd, off_t at) {
  return mmap64(near, size, protection, flags, fd, at);
}
