/* Keeps an image of what a program has made durable, for tests of power cuts.
 *
 * Loaded with LD_PRELOAD. After each fsync or fdatasync of a file, a copy of the file is put into
 * $DURABLE_IMAGE as `f.<id>`; after each fsync of a folder, its entries as `d.<id>`, a line each:
 * kind, id, name. An id is an inode with its time of birth, because inodes
 * are used again. The image is the worst that a power cut may leave: of a file the last synced
 * content, of a folder the last synced entries, and nothing that was written later.
 *
 * A copy is renamed into its place while a lock is held, so that neither a kill nor a second
 * thread puts an older or a half copy there. The caller returns from its fsync only after that.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Writes the id of an open file or of an entry of a folder; returns its mode, 0 on failure. */
static unsigned id_of(int at, const char *name, char *id, size_t size) {
    struct statx found;
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    if (statx(at, name, flags, STATX_MODE | STATX_INO | STATX_BTIME, &found) != 0)
        return 0;
    snprintf(id, size, "%llu.%lld.%u", (unsigned long long)found.stx_ino,
             (long long)found.stx_btime.tv_sec, found.stx_btime.tv_nsec);
    return found.stx_mode;
}

static int copy_file(int from, int to) {
    struct stat found;
    off_t at = 0;
    if (fstat(from, &found) != 0)
        return -1;
    while (at < found.st_size) {
        ssize_t count = sendfile(to, from, &at, (size_t)(found.st_size - at));
        if (count < 0)
            return -1;
        if (count == 0)
            break;
    }
    return 0;
}

static int list_folder(int fd, int to) {
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = own < 0 ? NULL : fdopendir(own);
    FILE *out = fdopen(dup(to), "w");
    struct dirent *entry;
    if (!folder || !out)
        return -1;
    while ((entry = readdir(folder))) {
        char id[96];
        unsigned mode;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        mode = id_of(fd, entry->d_name, id, sizeof id);
        if (S_ISREG(mode) || S_ISDIR(mode))
            fprintf(out, "%c %s %s\n", S_ISDIR(mode) ? 'd' : 'f', id, entry->d_name);
    }
    closedir(folder);
    return fclose(out);
}

/* A failure ends the program: a test must not go on with an image that lacks something. */
static void give_up(const char *what) {
    dprintf(2, "durable image: %s: %s\n", what, strerror(errno));
    abort();
}

static void keep(int fd) {
    const char *image = getenv("DURABLE_IMAGE");
    char link[64], id[96], part[PATH_MAX], whole[PATH_MAX];
    unsigned mode;
    int from, to, failed;
    if (!image)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    mode = id_of(fd, "", id, sizeof id);
    if (!S_ISREG(mode) && !S_ISDIR(mode))
        return;
    snprintf(part, sizeof part, "%s/part.%d", image, (int)getpid());
    snprintf(whole, sizeof whole, "%s/%c.%s", image, S_ISDIR(mode) ? 'd' : 'f', id);
    to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        give_up(part);
    if (S_ISDIR(mode)) {
        failed = list_folder(fd, to);
    } else {
        from = open(link, O_RDONLY | O_CLOEXEC);
        failed = from < 0 || copy_file(from, to);
        close(from);
    }
    close(to);
    if (failed || rename(part, whole) != 0)
        give_up(whole);
}

static int synced(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int answer = real(fd), kept = errno;
    if (answer == 0) {
        pthread_mutex_lock(&lock);
        keep(fd);
        pthread_mutex_unlock(&lock);
    }
    errno = kept;
    return answer;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }
