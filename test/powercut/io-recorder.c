/*
 * Records what a process does to the files below IO_RECORD_ROOT, and what it says on its sockets, in order: LD_PRELOAD
 * this with IO_RECORD_LOG naming the file to append to. Several processes may share one log: each record is one write in
 * append mode, so their order is the order in which they were made.
 *
 * A record: kind (u8), three zero bytes, file (u64: inode, or descriptor for a socket), at (u64), length (u32), bytes.
 *   W  length bytes were written at `at`            T  the file now ends at `at`
 *   S  thread `at` begins a flush; bytes = the path E  its flush has succeeded
 *   C  a file was opened with O_CREAT, D a directory was made; bytes = the path
 *   U  the path was removed                         R  renamed, L linked: bytes = old path, NUL, new path
 *   A  bytes are about to be sent on a socket
 *
 * Changes are recorded after they were made and sends before: a record in front of another one happened before it, as far
 * as the order matters. Shared-memory indexes (-shm) are left out: nothing of them counts after a power cut.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *root;
static size_t root_length;
static int record_fd = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = dlsym(RTLD_NEXT, name)

static void start(void) {
  root = getenv("IO_RECORD_ROOT");
  const char *path = getenv("IO_RECORD_LOG");
  if (!root || !path) return;
  root_length = strlen(root);
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  record_fd = real(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int is_recording(void) {
  int kept = errno;
  pthread_once(&once, start);
  errno = kept;
  return record_fd >= 0;
}

static void record(char kind, uint64_t file, uint64_t at, const void *bytes, size_t length) {
  ssize_t (*real)(int, const struct iovec *, int) = dlsym(RTLD_NEXT, "writev");
  char head[24] = {kind};
  uint32_t size = length;
  memcpy(head + 4, &file, 8);
  memcpy(head + 12, &at, 8);
  memcpy(head + 20, &size, 4);
  struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
  int kept = errno;
  /* A record that is not whole makes the run worthless: better none at all. */
  if (real(record_fd, parts, 2) != (ssize_t)(sizeof head + length)) abort();
  errno = kept;
}

static int is_recorded_path(const char *path) {
  size_t length = strlen(path);
  if (strncmp(path, root, root_length)) return 0;
  return length < 4 || strcmp(path + length - 4, "-shm");
}

/* The path of an open file, empty when it is none that is recorded. */
static void path_of(int fd, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int kept = errno;
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = kept;
  path[length < 0 ? 0 : length] = 0;
  if (!is_recorded_path(path)) path[0] = 0;
}

/* The file's number, 0 when it is none that is recorded. */
static uint64_t file_of(int fd) {
  char path[PATH_MAX];
  struct stat facts;
  if (!is_recording() || fstat(fd, &facts) || S_ISSOCK(facts.st_mode)) return 0;
  path_of(fd, path);
  return path[0] ? facts.st_ino : 0;
}

static int is_socket(int fd) {
  struct stat facts;
  return is_recording() && !fstat(fd, &facts) && S_ISSOCK(facts.st_mode);
}

/* ---------------------------------------------------------------------------------------------------------- content */

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  ssize_t done = real(fd, from, size, at);
  uint64_t file = done > 0 ? file_of(fd) : 0;
  if (file) record('W', file, at, from, done);
  return done;
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { return pwrite64(fd, from, size, at); }

ssize_t write(int fd, const void *from, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (is_socket(fd)) record('A', fd, 0, from, size);
  ssize_t done = real(fd, from, size);
  uint64_t file = done > 0 ? file_of(fd) : 0;
  if (file) record('W', file, lseek(fd, 0, SEEK_CUR) - done, from, done);
  return done;
}

/* Records the first `size` bytes of the parts. */
static void record_parts(char kind, uint64_t file, uint64_t at, const struct iovec *parts, int count, size_t size) {
  for (int i = 0; i < count && size > 0; i++) {
    size_t length = parts[i].iov_len < size ? parts[i].iov_len : size;
    if (length > 0) record(kind, file, at, parts[i].iov_base, length);
    at += length;
    size -= length;
  }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  if (is_socket(fd)) record_parts('A', fd, 0, parts, count, SIZE_MAX);
  ssize_t done = real(fd, parts, count);
  uint64_t file = done > 0 ? file_of(fd) : 0;
  if (file) record_parts('W', file, lseek(fd, 0, SEEK_CUR) - done, parts, count, done);
  return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
  ssize_t done = real(fd, parts, count, at);
  uint64_t file = done > 0 ? file_of(fd) : 0;
  if (file) record_parts('W', file, at, parts, count, done);
  return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

ssize_t send(int fd, const void *from, size_t size, int flags) {
  REAL(ssize_t, "send", int, const void *, size_t, int);
  if (is_socket(fd)) record('A', fd, 0, from, size);
  return real(fd, from, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
  if (is_socket(fd)) record_parts('A', fd, 0, message->msg_iov, message->msg_iovlen, SIZE_MAX);
  return real(fd, message, flags);
}

int ftruncate64(int fd, off64_t size) {
  REAL(int, "ftruncate64", int, off64_t);
  int result = real(fd, size);
  uint64_t file = result == 0 ? file_of(fd) : 0;
  if (file) record('T', file, size, "", 0);
  return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* SQLite does without where it is not supported; what it would do to a file's end is then in the writes. */
int posix_fallocate(int fd, off_t at, off_t size) {
  REAL(int, "posix_fallocate", int, off_t, off_t);
  return file_of(fd) ? EINVAL : real(fd, at, size);
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned int flags) {
  REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned int);
  if (!file_of(out)) return real(in, from, out, to, size, flags);
  errno = ENOSYS;
  return -1;
}

/* Two threads may flush one file at a time: the log's writer and who moves its write-ahead log. Each has one flush at a time. */
static int flush(const char *name, int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  uint64_t file = file_of(fd);
  char path[PATH_MAX];
  if (file) {
    path_of(fd, path);
    record('S', file, gettid(), path, strlen(path));
  }
  int result = real(fd);
  if (file && result == 0) record('E', file, gettid(), "", 0);
  return result;
}

int fsync(int fd) { return flush("fsync", fd); }
int fdatasync(int fd) { return flush("fdatasync", fd); }

/* ------------------------------------------------------------------------------------------------------------ names */

/* Our paths are absolute; SQLite and Node.js resolve theirs before they get here. */
static void record_name(char kind, const char *path) {
  if (!is_recording() || !is_recorded_path(path)) return;
  struct stat facts = {0};
  if (kind != 'U' && stat(path, &facts)) return;
  record(kind, facts.st_ino, 0, path, strlen(path));
}

static void record_pair(char kind, const char *from, const char *to) {
  char both[2 * PATH_MAX];
  if (!is_recording() || !is_recorded_path(to)) return;
  size_t length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
  record(kind, 0, 0, both, length);
}

static int open_file(const char *name, const char *path, int flags, mode_t mode) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
  int fd = real(path, flags, mode);
  if (fd < 0 || !(flags & (O_CREAT | O_TRUNC))) return fd;
  if (flags & O_CREAT) record_name('C', path);
  uint64_t file = flags & O_TRUNC ? file_of(fd) : 0;
  if (file) record('T', file, 0, "", 0);
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if (flags & O_CREAT) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return open_file("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags)
  return open_file("open64", path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  int result = real(path, mode);
  if (result == 0) record_name('D', path);
  return result;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  int result = real(path);
  if (result == 0) record_name('U', path);
  return result;
}

int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  int result = real(path);
  if (result == 0) record_name('U', path);
  return result;
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  int result = real(from, to);
  if (result == 0) record_pair('R', from, to);
  return result;
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  int result = real(from, to);
  if (result == 0) record_pair('L', from, to);
  return result;
}
