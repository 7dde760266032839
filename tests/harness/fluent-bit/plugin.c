/* Loading a plugin, asking who it is, and starting its instances. */
#include "host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct def {
    int kind, proxy, flags;
    char *name, *description;
    int event_type;   /* v5.0 */
    void *config_map; /* v5.1 */
};

struct go_plugin {
    char *name;
    void *api, *instance, *context;
    void *functions[6]; /* the host's own */
};

struct output_context {
    void *remote_context, *proxy;
};

struct input_context_old {
    int collector;
    void *proxy;
};

struct input_context {
    int collector;
    void *remote_context, *proxy;
};

static char a_proxy;

static size_t def_size(void)
{
    if (options.layout < V5_0)
        return offsetof(struct def, event_type);
    return options.layout < V5_1 ? offsetof(struct def, config_map) : sizeof(struct def);
}

static size_t plugin_size(const struct plugin *plugin)
{
    int functions = plugin->kind == KIND_OUTPUT ? 5 : options.layout < V4_1 ? 4 : 6;
    return offsetof(struct go_plugin, functions) + (size_t)functions * sizeof(void *);
}

static size_t context_size(const struct plugin *plugin)
{
    if (plugin->kind == KIND_OUTPUT)
        return sizeof(struct output_context);
    return options.layout < V4_1 ? sizeof(struct input_context_old) : sizeof(struct input_context);
}

void *plugin_symbol(const struct plugin *plugin, const char *name)
{
    return dlsym(plugin->object, name);
}

void plugin_load(struct plugin *plugin)
{
    plugin->object = dlopen(plugin->path, RTLD_LAZY);
    if (!plugin->object)
        fail("%s", dlerror());
    int (*enter)(void *) = (int (*)(void *))plugin_symbol(plugin, "FLBPluginRegister");
    if (!enter)
        fail("%s has no FLBPluginRegister", plugin->path);
    /* Before v5.0 it isn't zeroed. */
    struct def *def = plugin->def = guarded(def_size());
    memset(def, options.layout < V5_0 ? 0xa5 : 0, def_size());
    if (enter(def) != 0)
        fail("%s doesn't register", plugin->path);
    if (def->kind != plugin->kind || def->proxy != PROXY_GO || def->flags != 0)
        fail("%s says kind %d, proxy %d, flags %d", plugin->path, def->kind, def->proxy, def->flags);
    if (options.layout >= V5_0 && def->event_type != 0)
        fail("%s wrote event_type", plugin->path);
    if (options.layout >= V5_1 && def->config_map)
        fail("%s wrote config_map", plugin->path);
    say("loaded %s: %s", def->name, def->description);
}

/* Starts all instances, with one struct that is theirs only during the call. */
void plugin_init(struct plugin *plugin)
{
    int (*init)(void *) = (int (*)(void *))plugin_symbol(plugin, "FLBPluginInit");
    if (!init)
        fail("%s has no FLBPluginInit", plugin->path);
    struct go_plugin *go = plugin->plugin = guarded(plugin_size(plugin));
    void *api = api_new();
    char name[64];
    snprintf(name, sizeof name, "%s", ((struct def *)plugin->def)->name);
    for (int at = 0; at < plugin->count; at++) {
        struct instance *instance = &plugin->instances[at];
        instance->number = at;
        memset(go, 0xa5, plugin_size(plugin));
        go->name = name;
        go->api = api;
        go->instance = instance;
        go->context = instance->context = guarded(context_size(plugin));
        memset(go->context, 0, context_size(plugin));
        if (plugin->kind == KIND_OUTPUT)
            ((struct output_context *)go->context)->proxy = &a_proxy;
        else if (options.layout < V4_1)
            ((struct input_context_old *)go->context)->proxy = &a_proxy;
        else
            ((struct input_context *)go->context)->proxy = &a_proxy;
        int answer = init(go);
        if (answer <= 0)
            fail("instance %d of %s doesn't start: %d", at, plugin->path, answer);
    }
    /* What a plugin still reads of it now isn't there any more: the API stays, the struct says another instance. */
    memset(go, 0xa5, plugin_size(plugin));
    go->api = api;
}

/* What the plugin has put into an instance's context; null where the host has no place for it. */
void *plugin_remote(const struct instance *instance)
{
    struct plugin *input = &options.input;
    bool is_input = instance >= input->instances && instance < input->instances + MAX_INSTANCES;
    if (!is_input)
        return ((struct output_context *)instance->context)->remote_context;
    return options.layout < V4_1 ? NULL : ((struct input_context *)instance->context)->remote_context;
}

void plugin_unload(struct plugin *plugin)
{
    for (int at = 0; at < plugin->count; at++) {
        struct instance *instance = &plugin->instances[at];
        void *proxy = plugin->kind == KIND_OUTPUT    ? ((struct output_context *)instance->context)->proxy
                      : options.layout < V4_1        ? ((struct input_context_old *)instance->context)->proxy
                                                     : ((struct input_context *)instance->context)->proxy;
        if (proxy != &a_proxy)
            fail("instance %d of %s wrote over the host's own pointer", at, plugin->path);
        guarded_free(instance->context, context_size(plugin));
    }
    api_free(((struct go_plugin *)plugin->plugin)->api);
    guarded_free(plugin->plugin, plugin_size(plugin));
    dlclose(plugin->object);
    guarded_free(plugin->def, def_size());
}
