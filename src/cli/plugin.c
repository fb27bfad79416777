/* The methods that a command knows: luge's own, and those of the plugins that it was given.
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include <string.h>

/* Of this run of the program: the table of options has no other place for what --plugin brings. */
static luge_plugin **plugins;
static size_t plugin_count;

luge_status cli_plugin_load(const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_plugin *plugin = NULL;
    const luge_method *method;

    LG_TRY(luge_plugin_open(&plugin, path, err));
    for (size_t i = 0; (method = luge_plugin_method(plugin, i)) != NULL; i++)
        if (cli_method_find(luge_method_text(method, LUGE_NAME)))
            LG_TRY(lg_fail(err, LUGE_E_NAME, "%s: another plugin has a method %s too", path,
                           luge_method_text(method, LUGE_NAME)));
    luge_plugin **grown = (luge_plugin **)lg_grow((void *)plugins, plugin_count, plugin_count + 1, sizeof *grown);
    LG_NEED(grown);
    plugins = grown;
    plugins[plugin_count++] = plugin;
    plugin = NULL;
done:
    luge_plugin_close(plugin);
    return st;
}

const luge_method *cli_plugin_method(size_t i)
{
    return plugin_count ? luge_plugin_method(plugins[plugin_count - 1], i) : NULL;
}

void cli_plugins_release(void)
{
    for (size_t i = 0; i < plugin_count; i++) luge_plugin_close(plugins[i]);
    lg_free((void *)plugins);
}

const luge_method *cli_method_at(size_t i)
{
    const luge_method *method;
    for (size_t p = 0; p < plugin_count; p++)
        for (size_t k = 0; (method = luge_plugin_method(plugins[p], k)) != NULL; k++)
            if (i-- == 0) return method;
    return luge_method_at(i);
}

const luge_method *cli_method_find(const char *name)
{
    const luge_method *method;
    for (size_t p = 0; p < plugin_count; p++)
        for (size_t k = 0; (method = luge_plugin_method(plugins[p], k)) != NULL; k++)
            if (!strcmp(luge_method_text(method, LUGE_NAME), name)) return method;
    return luge_method_find(name);
}

static const char *method_name(const void *context, size_t i)
{
    const luge_method *method = cli_method_at(i);
    (void)context;
    return method ? luge_method_text(method, LUGE_NAME) : NULL;
}

luge_status cli_method(const luge_method **method, const char *name, luge_error *err)
{
    const char *near;
    if ((*method = cli_method_find(name)) != NULL) return LUGE_OK;
    near = cli_nearest(name, method_name, NULL);
    return lg_fail(err, LUGE_E_NAME, "there is no method \"%s\"%s%s%s; luge methods lists them", name,
                   near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}
