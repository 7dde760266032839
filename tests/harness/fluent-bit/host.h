/*
 * A host for Fluent Bit plugins in shared objects: as much of Fluent Bit as a plugin can see of it.
 *
 * It calls plugins through the interface of Fluent Bit's proxy for Go, as hosts from v1.9 to v5.1 do: allocates no more than they do, flushes
 * from a coroutine's small stack or from many threads at once, keeps chunks in memory or in files, and retries them. What it does beyond
 * that is for tests: it lays structures out so that touching what a host hasn't allocated ends the process, and counts what is answered.
 */
#ifndef HOST_H
#define HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ERROR_ = 0, OK_ = 1, RETRY_ = 2 };
enum { KIND_INPUT = 1, KIND_OUTPUT = 2, PROXY_GO = 11 };

/* Which host is played; each has what the ones before have. */
enum layout {
    V1_9, /* an API of one function; no inputs */
    V2_0, /* inputs without a context of their own */
    V4_1, /* the context of an input */
    V5_0, /* event_type */
    V5_1  /* config_map */
};

#define MAX_INSTANCES 8
#define MAX_PROPERTIES 64
#define MAX_FILES 256

struct property {
    const char *key, *value;
};

/* One [INPUT] or [OUTPUT] section. */
struct instance {
    struct property properties[MAX_PROPERTIES];
    int count;
    void *context; /* the host's struct, whose layout depends on the version */
    int number;
    pthread_t thread;
    bool paused;
};

struct plugin {
    const char *path;
    int kind;
    struct instance instances[MAX_INSTANCES];
    int count;
    void *object;
    void *def;
    void *plugin; /* one struct for all instances */
};

struct options {
    enum layout layout;
    struct plugin input, output;
    const char *events[MAX_FILES], *lines[MAX_FILES];
    int events_count, lines_count;
    const char *lines_key, *path_key, *offset_key, *tag;
    const char *storage;
    int workers;
    int lives;
    double flush, collect, ring, grace, retry_pause, seconds;
    long retry_limit; /* below 0: for ever */
    uint64_t shuffle; /* 0: in order */
    size_t chunk_size, mem_buf_limit;
    bool exit_in_flush;
};

/* A piece of one input's events. */
struct chunk {
    char *data;
    size_t len, room, records;
    char *file; /* none in memory */
    uint64_t number;
    long tries[MAX_INSTANCES]; /* by each output */
    double due;
    int source; /* the input's instance, or -1 */
    bool open, busy;
    uint32_t delivered; /* a bit for each output instance */
    struct chunk *next;
};

struct counts {
    uint64_t records, bytes, chunks, ok, retry, error, dropped, collected, collects;
};

extern struct options options;
extern struct counts counts;
extern volatile bool stopping;

double now(void);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* guarded.c: memory that ends at a page that can't be touched. */
void *guarded(size_t size);
void guarded_free(void *memory, size_t size);

/* api.c */
void *api_new(void);
void api_free(void *api);
const char *property_of(const struct instance *instance, const char *key);

/* plugin.c */
void plugin_load(struct plugin *plugin);
void plugin_init(struct plugin *plugin);
void plugin_unload(struct plugin *plugin);
void *plugin_symbol(const struct plugin *plugin, const char *name);
void *plugin_remote(const struct instance *instance);

/* chunks.c */
void chunks_open(void);
void chunks_close(void);
void chunks_append(int source, const char *data, size_t len);
void chunks_load(void);
struct chunk *chunks_take(int output, double *wait);
void chunks_done(struct chunk *chunk, int output, int answer);
bool chunks_left(void);
size_t chunks_bytes(void);

/* msgpack.c */
size_t msgpack_skip(const char *data, size_t len);
size_t msgpack_events(const char *data, size_t len, size_t *records);
size_t lines_to_events(const char *file, const char *data, size_t len, char **events);

/* output.c, input.c */
void output_start(void);
void output_turn(void);
void output_exit(void);
void output_join(void);
void input_start(void);
void input_stop(void);

#endif
