/*
 * Chunks between inputs and outputs, kept in memory or in files as Fluent Bit's storage keeps them: about 2 MB each, flushed when full or
 * after a time, given up by each output for itself after so many retries.
 *
 * A file is the length of its content, in eight bytes, and the content. The length is written last: what a killed host was writing isn't there.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *first;
static uint64_t last_number, random_state;
static size_t held;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void add(struct chunk *chunk)
{
    struct chunk **at = &first;
    while (*at)
        at = &(*at)->next;
    *at = chunk;
    held += chunk->len;
}

static struct chunk *chunk_new(int source, size_t room)
{
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk || !(chunk->data = malloc(room)))
        fail("no memory");
    chunk->room = room;
    chunk->source = source;
    chunk->number = ++last_number;
    return chunk;
}

static void write_at(int fd, const void *data, size_t len, off_t at)
{
    for (const char *from = data; len > 0;) {
        ssize_t count = pwrite(fd, from, len, at);
        if (count < 0)
            fail("storage: %s", strerror(errno));
        from += count, len -= (size_t)count, at += count;
    }
}

static void store(struct chunk *chunk, size_t from)
{
    if (!options.storage)
        return;
    if (!chunk->file && asprintf(&chunk->file, "%s/%020llu-%d.chunk", options.storage,
                                 (unsigned long long)chunk->number, chunk->source) < 0)
        fail("no memory");
    int fd = open(chunk->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        fail("%s: %s", chunk->file, strerror(errno));
    uint64_t len = chunk->len;
    write_at(fd, chunk->data + from, chunk->len - from, (off_t)(sizeof len + from));
    write_at(fd, &len, sizeof len, 0);
    close(fd);
}

static void chunk_free(struct chunk *chunk, bool forget)
{
    if (forget && chunk->file)
        unlink(chunk->file);
    free(chunk->file);
    free(chunk->data);
    free(chunk);
}

/* Appends what an input gave, to its open chunk, or to a new one. */
void chunks_append(int source, const char *data, size_t len)
{
    size_t records;
    if (msgpack_events(data, len, &records) != len)
        fail("input %d gave something that isn't MessagePack", source);
    pthread_mutex_lock(&lock);
    struct chunk *chunk = first;
    while (chunk && !(chunk->open && chunk->source == source && !chunk->busy))
        chunk = chunk->next;
    if (!chunk) {
        chunk = chunk_new(source, len);
        chunk->open = true;
        chunk->due = now() + options.flush;
        add(chunk);
    }
    if (chunk->room - chunk->len < len) {
        chunk->room = 2 * (chunk->len + len);
        if (!(chunk->data = realloc(chunk->data, chunk->room)))
            fail("no memory");
    }
    size_t from = chunk->len;
    memcpy(chunk->data + from, data, len);
    chunk->len += len;
    chunk->records += records;
    held += len;
    counts.collected += len;
    store(chunk, from);
    if (chunk->len > options.chunk_size) {
        chunk->open = false;
        chunk->due = 0;
    }
    pthread_mutex_unlock(&lock);
}

static char *read_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0)
        fail("%s: %s", path, strerror(errno));
    char *data = malloc((size_t)stat.st_size + 1);
    *len = 0;
    for (ssize_t count; *len < (size_t)stat.st_size; *len += (size_t)count)
        if ((count = read(fd, data + *len, (size_t)stat.st_size - *len)) <= 0)
            fail("%s: %s", path, count < 0 ? strerror(errno) : "was cut");
    close(fd);
    return data;
}

/* Chunks of the events in a file, or of its lines. */
static void load(const char *path, bool lines)
{
    size_t len;
    char *data = read_file(path, &len);
    if (lines) {
        char *events;
        len = lines_to_events(path, data, len, &events);
        free(data);
        data = events;
    }
    for (size_t at = 0, end = 0; at < len; at = end) {
        size_t records = 0;
        while (end < len && end - at < options.chunk_size) {
            size_t one = msgpack_skip(data + end, len - end);
            if (one == 0)
                fail("%s isn't MessagePack at %zu", path, end);
            end += one;
            records++;
        }
        struct chunk *chunk = chunk_new(-1, end - at);
        memcpy(chunk->data, data + at, end - at);
        chunk->len = end - at;
        chunk->records = records;
        add(chunk);
    }
    free(data);
}

void chunks_load(void)
{
    pthread_mutex_lock(&lock);
    for (int at = 0; at < options.events_count; at++)
        load(options.events[at], false);
    for (int at = 0; at < options.lines_count; at++)
        load(options.lines[at], true);
    pthread_mutex_unlock(&lock);
}

static int is_chunk(const struct dirent *entry)
{
    return strstr(entry->d_name, ".chunk") != NULL;
}

/* What an earlier life, or a killed host, left in files. */
void chunks_open(void)
{
    random_state = options.shuffle;
    struct dirent **names = NULL;
    int count = options.storage ? scandir(options.storage, &names, is_chunk, alphasort) : 0;
    if (count < 0)
        fail("%s: %s", options.storage, strerror(errno));
    for (int at = 0; at < count; at++) {
        char *path;
        if (asprintf(&path, "%s/%s", options.storage, names[at]->d_name) < 0)
            fail("no memory");
        size_t size;
        char *data = read_file(path, &size);
        uint64_t len = 0;
        if (size >= sizeof len)
            memcpy(&len, data, sizeof len);
        if (len == 0) {
            unlink(path);
            free(path);
        } else {
            if (len > size - sizeof len)
                fail("%s says %llu bytes", path, (unsigned long long)len);
            struct chunk *chunk = chunk_new(atoi(strchr(names[at]->d_name, '-') + 1), len);
            memcpy(chunk->data, data + sizeof len, len);
            chunk->len = len;
            chunk->file = path;
            chunk->number = strtoull(names[at]->d_name, NULL, 10);
            if (chunk->number > last_number)
                last_number = chunk->number;
            msgpack_events(chunk->data, len, &chunk->records);
            add(chunk);
        }
        free(data);
        free(names[at]);
    }
    free(names);
    /* Later ones come behind those that are there. */
    for (struct chunk *chunk = first; chunk; chunk = chunk->next)
        if (chunk->number > last_number)
            last_number = chunk->number;
}

/* Ends a life: what is in files stays there, what is in memory is lost. */
void chunks_close(void)
{
    while (first) {
        struct chunk *chunk = first;
        first = chunk->next;
        chunk_free(chunk, false);
    }
    held = 0;
}

/* A chunk for this output: the first that is due, or any of them. Otherwise says how long there will be none. */
struct chunk *chunks_take(int output, double *wait)
{
    struct chunk *found = NULL;
    double at = now();
    uint64_t seen = 0;
    *wait = 0.05;
    pthread_mutex_lock(&lock);
    for (struct chunk *chunk = first; chunk; chunk = chunk->next) {
        if (chunk->busy || chunk->delivered >> output & 1)
            continue;
        if (chunk->due > at) {
            if (chunk->due - at < *wait)
                *wait = chunk->due - at;
            continue;
        }
        if (!found || (options.shuffle && random_number() % ++seen == 0))
            found = chunk;
        if (!options.shuffle)
            break;
        seen += seen == 0;
    }
    if (found) {
        found->busy = true;
        found->open = false;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void chunks_done(struct chunk *chunk, int output, int answer)
{
    pthread_mutex_lock(&lock);
    chunk->busy = false;
    bool give_up = false;
    if (answer == OK_) {
        counts.ok++;
        counts.records += chunk->records;
        counts.bytes += chunk->len;
    } else if (answer == RETRY_) {
        counts.retry++;
        give_up = options.retry_limit >= 0 && chunk->tries[output]++ >= options.retry_limit;
        chunk->due = now() + options.retry_pause * (0.5 + (double)(random_number() % 1000) / 1000);
    } else {
        counts.error++;
        give_up = true;
    }
    counts.dropped += give_up;
    if (answer == OK_ || give_up)
        chunk->delivered |= 1u << output;
    if (chunk->delivered == (1u << options.output.count) - 1) {
        struct chunk **at = &first;
        while (*at != chunk)
            at = &(*at)->next;
        *at = chunk->next;
        held -= chunk->len;
        chunk_free(chunk, true);
    }
    pthread_mutex_unlock(&lock);
}

bool chunks_left(void)
{
    pthread_mutex_lock(&lock);
    bool left = first != NULL;
    pthread_mutex_unlock(&lock);
    return left;
}

size_t chunks_bytes(void)
{
    pthread_mutex_lock(&lock);
    size_t bytes = held;
    pthread_mutex_unlock(&lock);
    return bytes;
}
