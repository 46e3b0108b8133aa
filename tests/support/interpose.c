/* What a hub asks of the system, seen and disturbed: a library for LD_PRELOAD.
 *
 * Each call is first compared with the rules of the control file, which a test
 * changes while the hub runs (tests/support/interpose.rs has the same layout);
 * a rule can kill the process, refuse the call, cut a write short, or hold the
 * call until the rule is lifted. Where a record is wanted, every call that
 * changes the data folder is written to it, with what was written, and every
 * reply that left by a socket, in an order in which each could have happened.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum operation {
    OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, UNLINK = 16, TRUNCATE = 32, SEND = 64,
    ACCEPT = 128, THREAD = 256, RESOLVE = 512, MKDIR = 1024, READ = 2048,
    SYNC_BEGINS = 4096 /* in records alone */, LINK = 8192
};
enum place {
    DATABASE = 1, LOG = 2, BODY = 4, BODIES = 8, FOLDER = 16, SOCKET = 32, OTHER = 64
};
enum action { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL, SHORT, STALL };

#define RULES 16
#define TEXT 24

struct rule {
    _Atomic int32_t action;
    int32_t operations, places; /* masks */
    int32_t value;              /* errno */
    _Atomic int64_t after;      /* so many calls that fit go by before */
    _Atomic int64_t times;      /* how often it acts; negative: always */
    _Atomic int64_t acted;
    char text[TEXT];            /* in the path, or begins what is sent */
};

struct control {
    _Atomic int64_t clock_offset; /* seconds */
    int64_t unused[7];
    struct rule rules[RULES];
};

struct head {
    uint32_t operation, place;
    int32_t error, thread;
    uint64_t file; /* inode; socket: the descriptor */
    int64_t offset; /* of a write; length after a truncation */
    uint32_t path, data; /* octets that follow */
};

static struct control *control;
static int record = -1;

#define FILES 65536
static struct { _Atomic int place; _Atomic uint64_t file; } files[FILES];

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("INTERPOSE_CONTROL");
    int file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (found != MAP_FAILED) control = found;
    path = getenv("INTERPOSE_RECORD");
    if (path)
        record = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A call and its record, of which no death comes in between: the next process would see
 * the one, and whoever reads the record not the other. */
static pthread_rwlock_t recording = PTHREAD_RWLOCK_INITIALIZER;

static void recording_begins(void) {
    if (record >= 0) pthread_rwlock_rdlock(&recording);
}

static void recording_ends(void) {
    if (record >= 0) pthread_rwlock_unlock(&recording);
}

static void die(void) {
    if (record >= 0) pthread_rwlock_wrlock(&recording);
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int place_of(const char *path) {
    if (ends_with(path, "postroom.db-wal")) return LOG;
    if (ends_with(path, "postroom.db") || ends_with(path, "postroom.db-journal")) return DATABASE;
    if (strstr(path, "/bodies/")) return BODY;
    if (ends_with(path, "/bodies")) return BODIES;
    if (ends_with(path, "/data")) return FOLDER;
    return OTHER;
}

static int place_at(int file) {
    return file >= 0 && file < FILES && files[file].place ? files[file].place : OTHER;
}

/* A name in an open folder as a path, in memory of the caller's. */
static const char *path_in(int folder, const char *name, char path[PATH_MAX]) {
    if (folder == AT_FDCWD || name[0] == '/') return name;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX / 2);
    snprintf(path + (length > 0 ? length : 0), PATH_MAX / 2, "/%s", name);
    return path;
}

static uint64_t file_at(int file) {
    return file >= 0 && file < FILES ? files[file].file : 0;
}

/* The rule that this call falls under; KILL_BEFORE and STALL have happened. */
static struct rule *disturb(int operation, int place, const char *text, size_t length, int *action) {
    *action = NOTHING;
    if (!control) return NULL;
    for (struct rule *rule = control->rules; rule < control->rules + RULES; rule++) {
        int wanted = rule->action;
        if (!wanted || !(rule->operations & operation) || !(rule->places & place)) continue;
        if (rule->text[0]) {
            size_t size = strnlen(rule->text, TEXT);
            if (!text) continue;
            if (operation == SEND ? length < size || memcmp(text, rule->text, size) != 0
                                  : !memmem(text, length, rule->text, size)) continue;
        }
        if (atomic_fetch_sub(&rule->after, 1) > 0) continue;
        if (rule->times >= 0 && atomic_fetch_sub(&rule->times, 1) <= 0) { rule->times = 0; continue; }
        rule->acted++;
        if (wanted == KILL_BEFORE) die();
        while (wanted == STALL && rule->action == STALL) usleep(2000);
        *action = wanted;
        return rule;
    }
    return NULL;
}

static void note(int operation, int place, int error, uint64_t file, int64_t offset,
                 const char *path, const void *data, size_t length) {
    if (record < 0 || place == OTHER) return;
    struct head head = {
        .operation = operation, .place = place, .error = error, .thread = syscall(SYS_gettid),
        .file = file, .offset = offset, .path = path ? strlen(path) : 0, .data = length,
    };
    struct iovec parts[3] = {
        { &head, sizeof head }, { (void *)path, head.path }, { (void *)data, length },
    };
    int kept = errno;
    recording_begins();
    /* One call, at the end of the file: whole, and in its order. */
    if (syscall(SYS_writev, record, parts, 3) != (long)(sizeof head + head.path + length)) abort();
    recording_ends();
    errno = kept;
}

/* In each function: what a rule says, or the call, its record, and a late death. */
#define REFUSED(action, rule, failure) \
    if (action == FAIL) { errno = rule->value; return failure; }
#define DONE(action) if (action == KILL_AFTER) die()

static int opened(int file, int flags, const char *path, int place) {
    if (file < 0 || file >= FILES) return file;
    struct stat found;
    files[file].place = place;
    files[file].file = fstat(file, &found) == 0 ? found.st_ino : 0;
    if (flags & (O_CREAT | O_TRUNC))
        note(OPEN, place, 0, file_at(file), flags & O_TRUNC ? 0 : -1, path, NULL, 0);
    return file;
}

static int open_in(int folder, const char *name, int flags, mode_t mode) {
    char in[PATH_MAX];
    const char *path = path_in(folder, name, in);
    int action, place = place_of(path);
    struct rule *rule = disturb(OPEN, place, path, strlen(path), &action);
    REFUSED(action, rule, -1);
    recording_begins();
    int file = opened(syscall(SYS_openat, folder, name, flags | O_LARGEFILE, mode), flags, path, place);
    recording_ends();
    DONE(action);
    return file;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_in(AT_FDCWD, path, flags, mode);
}

int openat64(int folder, const char *name, int flags, ...) {
    MODE(flags)
    return open_in(folder, name, flags, mode);
}

int close(int file) {
    if (file >= 0 && file < FILES) files[file].place = 0;
    return syscall(SYS_close, file);
}

static void written(int file, ssize_t count, int64_t offset, const void *data) {
    if (count > 0) note(WRITE, place_at(file), 0, file_at(file), offset, NULL, data, count);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
    int action;
    struct rule *rule = disturb(WRITE, place_at(file), NULL, 0, &action);
    REFUSED(action, rule, -1);
    if (action == SHORT && length > 1) length /= 2;
    recording_begins();
    ssize_t count = syscall(SYS_pwrite64, file, data, length, offset);
    written(file, count, offset, data);
    recording_ends();
    DONE(action);
    return count;
}

ssize_t write(int file, const void *data, size_t length) {
    int action, place = place_at(file);
    struct rule *rule = disturb(WRITE, place, NULL, 0, &action);
    REFUSED(action, rule, -1);
    if (action == SHORT && length > 1) length /= 2;
    if (place == OTHER) {
        ssize_t count = syscall(SYS_write, file, data, length);
        DONE(action);
        return count;
    }
    recording_begins();
    ssize_t count = syscall(SYS_write, file, data, length);
    written(file, count, count > 0 ? syscall(SYS_lseek, file, 0, SEEK_CUR) - count : 0, data);
    recording_ends();
    DONE(action);
    return count;
}

ssize_t pread64(int file, void *data, size_t length, off64_t offset) {
    int action;
    struct rule *rule = disturb(READ, place_at(file), NULL, 0, &action);
    REFUSED(action, rule, -1);
    return syscall(SYS_pread64, file, data, length, offset);
}

ssize_t read(int file, void *data, size_t length) {
    int action;
    struct rule *rule = disturb(READ, place_at(file), NULL, 0, &action);
    REFUSED(action, rule, -1);
    return syscall(SYS_read, file, data, length);
}

static int synced(int file, long call) {
    int action, place = place_at(file);
    note(SYNC_BEGINS, place, 0, file_at(file), 0, NULL, NULL, 0);
    struct rule *rule = disturb(SYNC, place, NULL, 0, &action);
    if (action == FAIL) {
        note(SYNC, place, rule->value, file_at(file), 0, NULL, NULL, 0);
        errno = rule->value;
        return -1;
    }
    /* What a power cut leaves is worked out from the record: the disk need not really turn. */
    int result = record >= 0 ? 0 : syscall(call, file);
    note(SYNC, place, result ? errno : 0, file_at(file), 0, NULL, NULL, 0);
    DONE(action);
    return result;
}

int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

int ftruncate64(int file, off64_t length) {
    int action, place = place_at(file);
    struct rule *rule = disturb(TRUNCATE, place, NULL, 0, &action);
    REFUSED(action, rule, -1);
    recording_begins();
    int result = syscall(SYS_ftruncate, file, length);
    if (!result) note(TRUNCATE, place, 0, file_at(file), length, NULL, NULL, 0);
    recording_ends();
    DONE(action);
    return result;
}

int renameat(int folder, const char *name, int to, const char *new) {
    char in[2][PATH_MAX];
    const char *from_path = path_in(folder, name, in[0]), *path = path_in(to, new, in[1]);
    int action, place = place_of(path);
    struct rule *rule = disturb(RENAME, place, path, strlen(path), &action);
    REFUSED(action, rule, -1);
    recording_begins();
    int result = syscall(SYS_renameat2, folder, name, to, new, 0);
    if (!result) note(RENAME, place, 0, 0, 0, from_path, path, strlen(path));
    recording_ends();
    DONE(action);
    return result;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

/* Recorded by nobody: where it cannot be done, a rename takes its place. */
int linkat(int folder, const char *name, int to, const char *new, int flags) {
    char in[PATH_MAX];
    const char *path = path_in(to, new, in);
    int action, place = place_of(path);
    struct rule *rule = disturb(LINK, place, path, strlen(path), &action);
    REFUSED(action, rule, -1);
    int result = syscall(SYS_linkat, folder, name, to, new, flags);
    DONE(action);
    return result;
}

int unlinkat(int folder, const char *name, int flags) {
    char in[PATH_MAX];
    const char *path = path_in(folder, name, in);
    int action, place = place_of(path);
    struct rule *rule = disturb(UNLINK, place, path, strlen(path), &action);
    REFUSED(action, rule, -1);
    recording_begins();
    int result = syscall(SYS_unlinkat, folder, name, flags);
    if (!result) note(UNLINK, place, 0, 0, 0, path, NULL, 0);
    recording_ends();
    DONE(action);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char in[PATH_MAX];
    const char *path = path_in(folder, name, in);
    int action, place = place_of(path);
    struct rule *rule = disturb(MKDIR, place, path, strlen(path), &action);
    REFUSED(action, rule, -1);
    recording_begins();
    int result = syscall(SYS_mkdirat, folder, name, mode);
    if (!result) note(MKDIR, place, 0, 0, 0, path, NULL, 0);
    recording_ends();
    DONE(action);
    return result;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

ssize_t send(int socket, const void *data, size_t length, int flags) {
    int action;
    struct rule *rule = disturb(SEND, SOCKET, data, length, &action);
    REFUSED(action, rule, -1);
    if (action == SHORT && length > 1) length /= 2;
    /* Before the call: once it has begun the peer may know. */
    if (length) note(SEND, SOCKET, 0, socket, 0, NULL, data, length < 512 ? length : 512);
    ssize_t count = syscall(SYS_sendto, socket, data, length, flags, NULL, 0);
    DONE(action);
    return count;
}

int accept4(int socket, struct sockaddr *address, socklen_t *size, int flags) {
    int action;
    struct rule *rule = disturb(ACCEPT, SOCKET, NULL, 0, &action);
    REFUSED(action, rule, -1);
    return syscall(SYS_accept4, socket, address, size, flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *with, void *(*start)(void *), void *argument) {
    REAL(pthread_create);
    int action;
    struct rule *rule = disturb(THREAD, OTHER, NULL, 0, &action);
    if (action == FAIL) return rule->value;
    return real(thread, with, start, argument);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found) {
    REAL(getaddrinfo);
    int action;
    disturb(RESOLVE, OTHER, host, host ? strlen(host) : 0, &action);
    return action == FAIL ? EAI_AGAIN : real(host, port, hints, found);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    if (!result && clock == CLOCK_REALTIME && control) time->tv_sec += control->clock_offset;
    return result;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
