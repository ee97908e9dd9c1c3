/*
 * A disk that can be made full, broken or slow: loaded before libc into PostgreSQL (LD_PRELOAD), steered by files in the directory FAILING_DISK,
 * which lies on the disk in question.
 *   full    no file grows any more (ENOSPC); what has its blocks can still be written, as on a real disk
 *   broken  the next sync fails (EIO), once
 *   slow    every sync takes 200 ms longer
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *flag(char *path, const char *name) {
  snprintf(path, PATH_MAX, "%s/%s", getenv("FAILING_DISK"), name);
  return path;
}

/* Standard output and error are the log: it is not on this disk. */
static int full(int fd, off_t end) {
  char path[PATH_MAX];
  struct stat disk, file;
  return fd > STDERR_FILENO && stat(flag(path, "full"), &disk) == 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) &&
         file.st_dev == disk.st_dev && end > file.st_size;
}

static int synced(void) {
  char path[PATH_MAX];
  struct timespec left = {.tv_nsec = 200 * 1000 * 1000};
  if (access(flag(path, "slow"), F_OK) == 0)
    while (nanosleep(&left, &left) != 0 && errno == EINTR);
  return unlink(flag(path, "broken")) == 0 ? EIO : 0;
}

#define FAIL_WITH(error) return errno = (error), -1

ssize_t write(int fd, const void *from, size_t size) {
  if (full(fd, lseek(fd, 0, SEEK_CUR) + (off_t)size)) FAIL_WITH(ENOSPC);
  return REAL(write)(fd, from, size);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
  if (full(fd, at + (off_t)size)) FAIL_WITH(ENOSPC);
  return REAL(pwrite)(fd, from, size, at);
}

ssize_t pwritev(int fd, const struct iovec *from, int count, off_t at) {
  off_t end = at;
  for (int n = 0; n < count; n += 1) end += (off_t)from[n].iov_len;
  if (full(fd, end)) FAIL_WITH(ENOSPC);
  return REAL(pwritev)(fd, from, count, at);
}

int posix_fallocate(int fd, off_t at, off_t size) {
  return full(fd, at + size) ? ENOSPC : REAL(posix_fallocate)(fd, at, size);
}

int fdatasync(int fd) {
  if (synced() != 0) FAIL_WITH(EIO);
  return REAL(fdatasync)(fd);
}

int fsync(int fd) {
  if (synced() != 0) FAIL_WITH(EIO);
  return REAL(fsync)(fd);
}
