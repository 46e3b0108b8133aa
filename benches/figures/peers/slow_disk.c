/* A disk whose flush lasts as long as one chooses: a library for LD_PRELOAD.
 *
 * Each fsync and fdatasync is counted, done, and then held until a flush of the
 * chosen disk would be over. The disk flushes one at a time; who comes while one
 * is under way waits for the next, and all who wait for it share it. Every
 * process that loads the library maps the same file (slow_disk.rs has the same
 * layout), so Postfix's and Dovecot's processes share one disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct disk {
    _Atomic uint64_t flush_ns; /* of each flush; 0: as long as it really takes */
    _Atomic uint64_t syncs;
    _Atomic uint64_t begins_ns; /* when the last flush begins or began; CLOCK_MONOTONIC */
};

static struct disk *disk;

/* Before the process gives up root and shuts itself in. */
__attribute__((constructor)) static void begin(void) {
    int file = syscall(SYS_openat, AT_FDCWD, DISK_FILE, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *found = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (found != MAP_FAILED) disk = found;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* No lock: a process that is killed here leaves nothing behind. */
static void wait_for_flush(void) {
    uint64_t flush_ns = disk->flush_ns;
    if (!flush_ns) return;
    uint64_t now = now_ns(), begins = disk->begins_ns, next;
    do {
        if (begins > now) next = begins; /* shares the one that has not begun */
        else next = begins + flush_ns > now ? begins + flush_ns : now;
    } while (next != begins && !atomic_compare_exchange_weak(&disk->begins_ns, &begins, next));
    uint64_t ends = next + flush_ns;
    struct timespec until = {ends / 1000000000ull, ends % 1000000000ull};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
}

static int sync_by(long call, int file) {
    int result = syscall(call, file), error = errno;
    if (disk) {
        disk->syncs++;
        wait_for_flush();
    }
    errno = error;
    return result;
}

int fsync(int file) { return sync_by(SYS_fsync, file); }
int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }
