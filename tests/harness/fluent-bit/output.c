/* Calls an output: from a coroutine with a small stack on the engine's thread, or from worker threads. */
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#endif

/* Fluent Bit's own default, allocated like any other memory: there is no page behind it that would stop a deep call. */
#define STACK (24 * 1024)
/* As much beneath it is looked at. */
#define BENEATH (256 * 1024)
#define MARK 0x5a

static int (*flush)(void *, const void *, size_t, const char *);
static ucontext_t engine, coroutine;
static char *memory;
static unsigned stack_id;
static pthread_t *workers;
static int worker_count;
static volatile bool ended;

struct call {
    struct instance *instance;
    struct chunk *chunk;
    int answer;
} call;

static int flush_chunk(struct instance *instance, struct chunk *chunk)
{
    __atomic_add_fetch(&counts.chunks, 1, __ATOMIC_RELAXED);
    return flush(plugin_remote(instance), chunk->data, chunk->len, options.tag);
}

static void in_coroutine(void)
{
    call.answer = flush_chunk(call.instance, call.chunk);
}

static int flush_in_coroutine(struct instance *instance, struct chunk *chunk)
{
    call.instance = instance;
    call.chunk = chunk;
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = memory + BENEATH;
    coroutine.uc_stack.ss_size = STACK;
    coroutine.uc_link = &engine;
    makecontext(&coroutine, in_coroutine, 0);
    swapcontext(&engine, &coroutine);
    for (size_t at = 0; at < BENEATH; at++)
        if (memory[at] != MARK)
            fail("a flush needs more stack than a coroutine has: %zu bytes more", BENEATH - at);
    return call.answer;
}

/* One turn of the engine: flushes a chunk, or sleeps a little. */
static void turn(bool in_worker)
{
    double wait = 0.05, least = 0.05;
    for (int at = 0; at < options.output.count; at++) {
        struct instance *instance = &options.output.instances[at];
        struct chunk *chunk = chunks_take(at, &wait);
        if (chunk) {
            int answer = in_worker ? flush_chunk(instance, chunk) : flush_in_coroutine(instance, chunk);
            chunks_done(chunk, at, answer);
            least = 0;
        } else if (wait < least) {
            least = wait;
        }
    }
    if (least > 0)
        usleep((useconds_t)(least * 1e6) + 500);
}

static void *worker(void *unused)
{
    (void)unused;
    while (!ended)
        turn(true);
    return NULL;
}

void output_start(void)
{
    flush = (int (*)(void *, const void *, size_t, const char *))plugin_symbol(&options.output, "FLBPluginFlushCtx");
    if (!flush)
        fail("no FLBPluginFlushCtx");
    ended = false;
    worker_count = options.workers;
    if (worker_count == 0) {
        memory = malloc(BENEATH + STACK);
        memset(memory, MARK, BENEATH);
        stack_id = VALGRIND_STACK_REGISTER(memory + BENEATH, memory + BENEATH + STACK);
        return;
    }
    workers = calloc((size_t)worker_count, sizeof *workers);
    for (int at = 0; at < worker_count; at++)
        if (pthread_create(&workers[at], NULL, worker, NULL) != 0)
            fail("no thread");
}

/* What the engine's thread does meanwhile. */
void output_turn(void)
{
    if (options.output.path && options.workers == 0)
        turn(false);
    else
        usleep(5000);
}

/* Tells the plugin to end, while workers may be within a flush. */
void output_exit(void)
{
    int (*leave)(void *) = (int (*)(void *))plugin_symbol(&options.output, "FLBPluginExitCtx");
    if (!leave)
        fail("no FLBPluginExitCtx");
    for (int at = 0; at < options.output.count; at++)
        leave(plugin_remote(&options.output.instances[at]));
}

void output_join(void)
{
    ended = true;
    for (int at = 0; at < worker_count; at++)
        pthread_join(workers[at], NULL);
    free(workers);
    workers = NULL;
    if (options.workers == 0) {
        VALGRIND_STACK_DEREGISTER(stack_id);
        free(memory);
    }
}
