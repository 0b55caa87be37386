/* A test loads this library before the C library. It makes the n-th call fail that concerns the database's files, or
 * the n-th allocation of SQLite. The test controls the failures through a file while the process runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

enum { NOTHING, WRITE_EIO, WRITE_ENOSPC, SYNC_EIO, TRUNCATE_EIO, READ_EIO, NO_MEMORY };

struct control {
    int kind;
    /* The number of the failing call, from 1. */
    int at;
    /* True when all later calls fail too. */
    int forever;
    /* The number of calls of this kind so far. */
    int count;
};

static struct control *control;
static const char *files;

extern void *__libc_malloc(size_t);
extern void *__libc_realloc(void *, size_t);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("BROKEN_DISK_CONTROL");
    files = getenv("BROKEN_DISK_FILES");
    int fd = path && files ? open(path, O_RDWR) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) control = shared;
    close(fd);
}

static int fails(int kind) {
    if (!control || control->kind != kind) return 0;
    int number = __sync_add_and_fetch(&control->count, 1);
    return number == control->at || (control->forever && number > control->at);
}

static int of_database(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, files, strlen(files)) == 0;
}

static int broken(int fd, int kind, int error) {
    if (!control || control->kind != kind || !of_database(fd) || !fails(kind)) return 0;
    errno = error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITE_BROKEN(fd) (broken(fd, WRITE_EIO, EIO) || broken(fd, WRITE_ENOSPC, ENOSPC))

ssize_t write(int fd, const void *bytes, size_t length) {
    return WRITE_BROKEN(fd) ? -1 : REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return WRITE_BROKEN(fd) ? -1 : REAL(pwrite)(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return WRITE_BROKEN(fd) ? -1 : REAL(pwrite64)(fd, bytes, length, at);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) {
    return broken(fd, READ_EIO, EIO) ? -1 : REAL(pread)(fd, bytes, length, at);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
    return broken(fd, READ_EIO, EIO) ? -1 : REAL(pread64)(fd, bytes, length, at);
}

int fsync(int fd) { return broken(fd, SYNC_EIO, EIO) ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return broken(fd, SYNC_EIO, EIO) ? -1 : REAL(fdatasync)(fd); }

int ftruncate(int fd, off_t length) { return broken(fd, TRUNCATE_EIO, EIO) ? -1 : REAL(ftruncate)(fd, length); }

int ftruncate64(int fd, off64_t length) { return broken(fd, TRUNCATE_EIO, EIO) ? -1 : REAL(ftruncate64)(fd, length); }

/* Rust uses its own allocator, so in the threads of SQLite all allocations of the C library are SQLite's. */
static int of_sqlite(void) {
    char name[32] = "";
    return prctl(PR_GET_NAME, name) == 0 && strncmp(name, "sqlx-sqlite", 11) == 0;
}

static int no_memory(void) { return control && control->kind == NO_MEMORY && of_sqlite() && fails(NO_MEMORY); }

void *malloc(size_t size) { return no_memory() ? NULL : __libc_malloc(size); }

void *realloc(void *old, size_t size) { return no_memory() ? NULL : __libc_realloc(old, size); }
