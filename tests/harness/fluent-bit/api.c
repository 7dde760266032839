/* The functions that a plugin may call: properties, and the host's log. */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const LEVELS[] = {"off", "error", " warn", " info", "debug", "trace"};

/* What a host keeps to itself: a plugin that asks for it gets nothing. */
static const char *const KEPT[] = {"alias", "tag", "match", "match_regex", "host", "port", "tls", "tls.verify",
                                   "tls.vhost", "tls.ca_path", "tls.ca_file", "tls.crt_file", "tls.key_file", "tls.key_passwd", "workers",
                                   "retry_limit", "log_level", "storage.type", "mem_buf_limit", "threaded", NULL};

const char *property_of(const struct instance *instance, const char *key)
{
    for (int at = 0; at < instance->count; at++)
        if (strcasecmp(instance->properties[at].key, key) == 0)
            return instance->properties[at].value;
    return NULL;
}

static const char *get_property(const char *key, void *instance)
{
    for (const char *const *kept = KEPT; *kept; kept++)
        if (strcasecmp(*kept, key) == 0)
            return NULL;
    if (strncasecmp(key, "net.", 4) == 0)
        return NULL;
    return property_of(instance, key);
}

static void *get_metrics(void *instance)
{
    (void)instance;
    return NULL;
}

static int level_of(const char *name)
{
    for (int level = 0; name && level <= 5; level++)
        if (strcasecmp(LEVELS[level] + (LEVELS[level][0] == ' '), name) == 0)
            return level;
    return 3;
}

static int log_check(void *instance, int level)
{
    return level <= level_of(property_of(instance, "log_level"));
}

/* Exported as Fluent Bit exports it: there a plugin finds it on hosts whose API hasn't got it. */
void flb_log_print(int level, const char *file, int line, const char *format, ...)
{
    char text[4096];
    (void)file;
    (void)line;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "[%s] %s\n", level >= 0 && level <= 5 ? LEVELS[level] : "?", text);
}

int flb_output_log_check(void *instance, int level)
{
    return log_check(instance, level);
}

int flb_input_log_check(void *instance, int level)
{
    return log_check(instance, level);
}

struct api {
    const char *(*output_get_property)(const char *, void *);
    const char *(*input_get_property)(const char *, void *);
    void *(*output_get_metrics)(void *);
    void *(*input_get_metrics)(void *);
    void (*log_print)(int, const char *, int, const char *, ...);
    int (*input_log_check)(void *, int);
    int (*output_log_check)(void *, int);
    const char *(*custom_get_property)(const char *, void *);
    int (*custom_log_check)(void *, int);
};

static size_t api_size(void)
{
    if (options.layout == V1_9)
        return offsetof(struct api, input_get_property);
    return options.layout < V4_1 ? offsetof(struct api, custom_get_property) : sizeof(struct api);
}

void *api_new(void)
{
    struct api all = {get_property, get_property, get_metrics, get_metrics, flb_log_print, log_check, log_check,
                      get_property, log_check};
    return memcpy(guarded(api_size()), &all, api_size());
}

void api_free(void *api)
{
    guarded_free(api, api_size());
}
