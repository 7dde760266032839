/* The command line, the lives of a host, and what it says in the end. */
#include "host.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct options options;
struct counts counts;
volatile bool stopping;

static const char HELP[] =
    "host [OPTION]…: loads Fluent Bit plugins and drives them as Fluent Bit does. Says one line of JSON in the end.\n"
    "\n"
    "  --input FILE.so           an input, and its first instance\n"
    "  --output FILE.so          an output, and its first instance\n"
    "  --instance                another instance of the plugin named last\n"
    "  -p, --property KEY=VALUE  a property of the instance named last\n"
    "  --layout VERSION          lay structures out as v1.9, v2.0, v4.1, v5.0 or v5.1 (default)\n"
    "\n"
    "What is flushed: what the input gives, and\n"
    "  --events FILE             events, one behind the other\n"
    "  --lines FILE              an event for each line, as tail makes them\n"
    "  --lines-key, --path-key, --offset-key NAME\n"
    "                            keys of the line (log), its file (none), where it stands in it (none)\n"
    "  --tag TAG                 the tag (postgres)\n"
    "\n"
    "How:\n"
    "  --workers N               from so many threads at once; 0: from a coroutine's stack (default)\n"
    "  --chunk-size BYTES        a chunk is full then (2048000)\n"
    "  --flush SECONDS           and flushed after this time (1)\n"
    "  --storage DIRECTORY       keep chunks in files, and go on with those that are there\n"
    "  --retry-limit N           give a chunk up after so many retries, or `no_limits` (1)\n"
    "  --retry-pause SECONDS     before a retry (1)\n"
    "  --shuffle SEED            flush in any order\n"
    "  --collect SECONDS         ask the input this often (1)\n"
    "  --ring SECONDS            what it gave is kept in memory so long (0.25)\n"
    "  --mem-buf-limit BYTES     pause inputs while more is held (0: never)\n"
    "\n"
    "How long:\n"
    "  --seconds N               so long; else until all is flushed, or with an input until SIGTERM\n"
    "  --grace SECONDS           go on flushing so long when stopping (5)\n"
    "  --exit-in-flush           end the output while workers flush, without waiting for anything\n"
    "  --lives N                 unload and begin anew so often (1)\n";

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("[host] ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("[host] FAILED: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(3);
}

static void on_signal(int signal)
{
    (void)signal;
    stopping = true;
}

static enum layout layout_of(const char *name)
{
    static const char *const NAMES[] = {"v1.9", "v2.0", "v4.1", "v5.0", "v5.1"};
    for (int at = 0; at < 5; at++)
        if (strcmp(NAMES[at], name) == 0)
            return (enum layout)at;
    fail("no layout %s", name);
}

static struct instance *begin(struct plugin *plugin)
{
    if (!plugin || plugin->count == MAX_INSTANCES)
        fail("no plugin, or too many instances");
    return &plugin->instances[plugin->count++];
}

static void property(struct instance *instance, char *text)
{
    char *value = strchr(text, '=');
    if (!instance || !value || instance->count == MAX_PROPERTIES)
        fail("%s is no KEY=VALUE of an instance", text);
    *value = '\0';
    instance->properties[instance->count++] = (struct property){text, value + 1};
}

static void read_options(int argc, char **argv)
{
    enum { INPUT = 256, OUTPUT, INSTANCE, LAYOUT, EVENTS, LINES, LINES_KEY, PATH_KEY, OFFSET_KEY, TAG, WORKERS, CHUNK_SIZE,
           FLUSH, STORAGE, RETRY_LIMIT, RETRY_PAUSE, SHUFFLE, COLLECT, RING, MEM_BUF_LIMIT, SECONDS, GRACE, EXIT, LIVES };
    static const struct option NAMES[] = {
        {"input", 1, 0, INPUT}, {"output", 1, 0, OUTPUT}, {"instance", 0, 0, INSTANCE}, {"property", 1, 0, 'p'},
        {"layout", 1, 0, LAYOUT}, {"events", 1, 0, EVENTS}, {"lines", 1, 0, LINES}, {"lines-key", 1, 0, LINES_KEY},
        {"path-key", 1, 0, PATH_KEY}, {"offset-key", 1, 0, OFFSET_KEY}, {"tag", 1, 0, TAG}, {"workers", 1, 0, WORKERS},
        {"chunk-size", 1, 0, CHUNK_SIZE}, {"flush", 1, 0, FLUSH}, {"storage", 1, 0, STORAGE},
        {"retry-limit", 1, 0, RETRY_LIMIT}, {"retry-pause", 1, 0, RETRY_PAUSE}, {"shuffle", 1, 0, SHUFFLE},
        {"collect", 1, 0, COLLECT}, {"ring", 1, 0, RING}, {"mem-buf-limit", 1, 0, MEM_BUF_LIMIT}, {"seconds", 1, 0, SECONDS},
        {"grace", 1, 0, GRACE}, {"exit-in-flush", 0, 0, EXIT}, {"lives", 1, 0, LIVES}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
    struct plugin *plugin = NULL;
    struct instance *instance = NULL;
    options = (struct options){.layout = V5_1, .lines_key = "log", .tag = "postgres", .chunk_size = 2048000, .lives = 1,
                               .flush = 1, .collect = 1, .ring = 0.25, .grace = 5, .retry_pause = 1, .retry_limit = 1};
    for (int option; (option = getopt_long(argc, argv, "p:h", NAMES, NULL)) != -1;) {
        switch (option) {
        case 'h': fputs(HELP, stdout); exit(0);
        case 'p': property(instance, optarg); break;
        case INPUT: case OUTPUT:
            plugin = option == INPUT ? &options.input : &options.output;
            plugin->path = optarg;
            plugin->kind = option == INPUT ? KIND_INPUT : KIND_OUTPUT;
            instance = begin(plugin);
            break;
        case INSTANCE: instance = begin(plugin); break;
        case LAYOUT: options.layout = layout_of(optarg); break;
        case EVENTS: case LINES: {
            int *count = option == EVENTS ? &options.events_count : &options.lines_count;
            if (*count == MAX_FILES)
                fail("too many files");
            (option == EVENTS ? options.events : options.lines)[(*count)++] = optarg;
            break;
        }
        case LINES_KEY: options.lines_key = optarg; break;
        case PATH_KEY: options.path_key = optarg; break;
        case OFFSET_KEY: options.offset_key = optarg; break;
        case TAG: options.tag = optarg; break;
        case WORKERS: options.workers = atoi(optarg); break;
        case CHUNK_SIZE: options.chunk_size = strtoul(optarg, NULL, 10); break;
        case FLUSH: options.flush = atof(optarg); break;
        case STORAGE: options.storage = optarg; break;
        case RETRY_LIMIT: options.retry_limit = strcmp(optarg, "no_limits") ? atol(optarg) : -1; break;
        case RETRY_PAUSE: options.retry_pause = atof(optarg); break;
        case SHUFFLE: options.shuffle = strtoull(optarg, NULL, 10) | 1; break;
        case COLLECT: options.collect = atof(optarg); break;
        case RING: options.ring = atof(optarg); break;
        case MEM_BUF_LIMIT: options.mem_buf_limit = strtoul(optarg, NULL, 10); break;
        case SECONDS: options.seconds = atof(optarg); break;
        case GRACE: options.grace = atof(optarg); break;
        case EXIT: options.exit_in_flush = true; break;
        case LIVES: options.lives = atoi(optarg); break;
        default: exit(2);
        }
    }
    if (optind < argc || (!options.input.path && !options.output.path))
        fail("nothing to do, or too much: see --help");
    if (options.input.path && options.layout < V2_0)
        fail("v1.9 has no inputs of this kind");
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* From loading to unloading; answers the CPU time from the first flush on. */
static double life(void)
{
    struct plugin *input = &options.input, *output = &options.output;
    if (output->path) {
        plugin_load(output);
        plugin_init(output);
    }
    if (input->path) {
        plugin_load(input);
        plugin_init(input);
    }
    chunks_open();
    chunks_load();
    double began = now(), cpu = cpu_seconds();
    if (output->path)
        output_start();
    if (input->path)
        input_start();
    say("running");
    while (!stopping && (options.seconds == 0 || now() < began + options.seconds) &&
           (options.seconds > 0 || input->path || chunks_left()))
        output_turn();
    if (input->path)
        input_stop();
    if (output->path) {
        if (!options.exit_in_flush)
            for (double until = now() + options.grace; chunks_left() && now() < until;)
                output_turn();
        output_exit();
        output_join();
    }
    cpu = cpu_seconds() - cpu;
    chunks_close();
    if (input->path)
        plugin_unload(input);
    if (output->path)
        plugin_unload(output);
    return cpu;
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    double began = now(), cpu = 0;
    for (int at = 0; at < options.lives && !stopping; at++)
        cpu += life();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"records\":%llu,\"bytes\":%llu,\"flushes\":%llu,\"ok\":%llu,\"retry\":%llu,\"error\":%llu,\"dropped\":%llu,"
           "\"collects\":%llu,\"collected_bytes\":%llu,\"cpu_seconds\":%.3f,\"wall_seconds\":%.3f,\"peak_rss_bytes\":%ld}\n",
           (unsigned long long)counts.records, (unsigned long long)counts.bytes, (unsigned long long)counts.chunks,
           (unsigned long long)counts.ok, (unsigned long long)counts.retry, (unsigned long long)counts.error,
           (unsigned long long)counts.dropped, (unsigned long long)counts.collects, (unsigned long long)counts.collected,
           cpu, now() - began, usage.ru_maxrss * 1024);
    return 0;
}
