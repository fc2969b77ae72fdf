// The system calls that sstat needs, in C and without anything else. Linked
// statically, so that there is no dynamic loader.
//
//   floor push FILE           open, append one line, exit
//   floor tails DIR THREADS   readdir, then open, fstat, pread of the last
//                             4 KiB and close for every status file
//   floor scan FILE           read the file and search it for a byte
//   floor memory COMMAND...   run a command without output and print its maximum
//                             resident set size in KiB
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_THREADS 64
#define SUFFIX "_status.json"

static char **names;
static size_t count, capacity, threads;
static int directory;

static int push(const char *path) {
    static const char line[] =
        "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"session\":\"manager1\",\"status\":\"working\","
        "\"progress\":0.5,\"message\":\"Querying DB\",\"task_id\":\"160\"}\n";
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    return write(file, line, sizeof line - 1) != sizeof line - 1;
}

// Reads one thread's share of the files and returns the number of bytes.
static void *read_tails(void *argument) {
    size_t part = (size_t)argument, bytes = 0;
    char block[4096];
    for (size_t i = count * part / threads; i < count * (part + 1) / threads; i++) {
        int file = openat(directory, names[i], O_RDONLY | O_CLOEXEC);
        struct stat status;
        if (file < 0 || fstat(file, &status) != 0) return 0;
        off_t begin = status.st_size > 4096 ? status.st_size - 4096 : 0;
        ssize_t got = pread(file, block, sizeof block, begin);
        if (got > 0) bytes += (size_t)got;
        close(file);
    }
    return (void *)bytes;
}

static int tails(const char *path, size_t wanted_threads) {
    DIR *entries = opendir(path);
    if (!entries || wanted_threads < 1 || wanted_threads > MOST_THREADS) return 1;
    directory = dirfd(entries);
    threads = wanted_threads;
    for (struct dirent *entry; (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name), suffix = sizeof SUFFIX - 1;
        if (length <= suffix || strcmp(entry->d_name + length - suffix, SUFFIX)) continue;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            names = realloc(names, capacity * sizeof *names);
        }
        names[count++] = strdup(entry->d_name);
    }
    pthread_t workers[MOST_THREADS];
    size_t bytes = 0;
    for (size_t k = 0; k < threads; k++) pthread_create(&workers[k], 0, read_tails, (void *)k);
    for (size_t k = 0; k < threads; k++) {
        void *part;
        pthread_join(workers[k], &part);
        bytes += (size_t)part;
    }
    printf("%zu files, %zu bytes\n", count, bytes);
    return 0;
}

static int scan(const char *path) {
    static char block[256 * 1024];
    int file = open(path, O_RDONLY);
    size_t found = 0;
    for (ssize_t got; (got = read(file, block, sizeof block)) > 0;)
        found += memchr(block, 0, (size_t)got) != 0; // no match, so that the whole block is searched
    printf("%zu\n", found);
    return 0;
}

static int memory(char **command) {
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        execv(command[0], command);
        _exit(127);
    }
    struct rusage usage;
    int status;
    if (wait4(child, &status, 0, &usage) < 0 || status != 0) return 1;
    printf("%ld\n", usage.ru_maxrss);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "push")) return push(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "tails")) return tails(argv[2], strtoul(argv[3], 0, 10));
    if (argc == 3 && !strcmp(argv[1], "scan")) return scan(argv[2]);
    if (argc >= 3 && !strcmp(argv[1], "memory")) return memory(argv + 2);
    return 2;
}
