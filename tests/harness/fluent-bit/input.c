/*
 * Calls an input: each instance on its own thread, once in a while, and again at once never. What it gives waits in memory for a moment, as
 * in Fluent Bit's ring buffer, before it is part of a chunk; what waits there when the host ends is lost, without a word to the plugin.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct waiting {
    char *data;
    size_t len;
    int source;
    double due;
    struct waiting *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct waiting *ring;
static pthread_t ring_thread;
static volatile bool ended;
static int (*collect_context)(void *, void **, size_t *);
static int (*collect)(void **, size_t *);
static int (*clean_context)(void *, void *);
static int (*clean)(void *);
static void (*do_pause)(void), (*do_resume)(void);
static int (*leave)(void);

static void put(int source, const char *data, size_t len)
{
    struct waiting *waiting = calloc(1, sizeof *waiting), **at = &ring;
    if (!waiting || !(waiting->data = malloc(len)))
        fail("no memory");
    memcpy(waiting->data, data, len);
    waiting->len = len;
    waiting->source = source;
    waiting->due = now() + options.ring;
    pthread_mutex_lock(&lock);
    while (*at)
        at = &(*at)->next;
    *at = waiting;
    pthread_mutex_unlock(&lock);
}

static struct waiting *take(bool any)
{
    pthread_mutex_lock(&lock);
    struct waiting *found = ring && (any || ring->due <= now()) ? ring : NULL;
    if (found)
        ring = found->next;
    pthread_mutex_unlock(&lock);
    return found;
}

static void *drain_ring(void *unused)
{
    (void)unused;
    while (!ended) {
        struct waiting *waiting = take(false);
        if (!waiting) {
            usleep(5000);
            continue;
        }
        chunks_append(waiting->source, waiting->data, waiting->len);
        free(waiting->data);
        free(waiting);
    }
    return NULL;
}

static void collect_once(struct instance *instance)
{
    void *context = plugin_remote(instance), *data = NULL;
    size_t len = 0;
    int answer = collect_context && options.layout >= V4_1 ? collect_context(context, &data, &len) : collect(&data, &len);
    __atomic_add_fetch(&counts.collects, 1, __ATOMIC_RELAXED);
    /* What a plugin gives with a length of 0 is never given back to it. */
    if (len == 0)
        return;
    if (answer == -1 || !data)
        fail("input %d gives %zu bytes and says %d", instance->number, len, answer);
    put(instance->number, data, len);
    if (clean_context && options.layout >= V4_1)
        clean_context(context, data);
    else if (clean)
        clean(data);
    else
        free(data);
}

static void *run(void *argument)
{
    struct instance *instance = argument;
    while (!ended) {
        bool full = options.mem_buf_limit && chunks_bytes() > options.mem_buf_limit;
        if (full != instance->paused) {
            instance->paused = full;
            if (full ? do_pause != NULL : do_resume != NULL)
                (full ? do_pause : do_resume)();
        }
        if (!instance->paused)
            collect_once(instance);
        for (double until = now() + options.collect; !ended && now() < until;)
            usleep(2000);
    }
    /* Each instance ends in its own thread, while others may still be collecting; the plugin isn't told which it is. */
    if (do_pause)
        do_pause();
    if (leave)
        leave();
    return NULL;
}

void input_start(void)
{
    struct plugin *input = &options.input;
    collect_context = (int (*)(void *, void **, size_t *))plugin_symbol(input, "FLBPluginInputCallbackCtx");
    collect = (int (*)(void **, size_t *))plugin_symbol(input, "FLBPluginInputCallback");
    clean_context = (int (*)(void *, void *))plugin_symbol(input, "FLBPluginInputCleanupCallbackCtx");
    clean = (int (*)(void *))plugin_symbol(input, "FLBPluginInputCleanupCallback");
    do_pause = (void (*)(void))plugin_symbol(input, "FLBPluginInputPause");
    do_resume = (void (*)(void))plugin_symbol(input, "FLBPluginInputResume");
    leave = (int (*)(void))plugin_symbol(input, "FLBPluginExit");
    if (!collect && !(collect_context && options.layout >= V4_1))
        fail("no FLBPluginInputCallback");
    ended = false;
    if (pthread_create(&ring_thread, NULL, drain_ring, NULL) != 0)
        fail("no thread");
    for (int at = 0; at < input->count; at++) {
        input->instances[at].paused = false;
        if (pthread_create(&input->instances[at].thread, NULL, run, &input->instances[at]) != 0)
            fail("no thread");
    }
}

void input_stop(void)
{
    ended = true;
    for (int at = 0; at < options.input.count; at++)
        pthread_join(options.input.instances[at].thread, NULL);
    pthread_join(ring_thread, NULL);
    for (struct waiting *waiting; (waiting = take(true));) {
        free(waiting->data);
        free(waiting);
    }
}
