/* netdx: finds out from raw packets which layer of a connection is broken. */
#include "tools/netdx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
    int (*main)(int argc, char **argv);
    const struct options *options;
} commands[] = {
    {banner_main, &banner_command_options},
    {check_main, &check_command_options},
    {flows_main, &flows_command_options},
    {lab_main, &lab_command_options},
    {syn_main, &syn_command_options},
    {trace_main, &trace_command_options},
    {version_main, &version_command_options},
    {versions_main, &versions_command_options},
    {NULL, NULL},
};

#define COMMANDS_MAX (sizeof(commands) / sizeof(commands[0]))

static const struct command *netdx_find(const char *name)
{
    for (const struct command *c = commands; c->main; c++)
        if (!strcmp(name, c->options->command))
            return c;
    return NULL;
}

/* What was printed must have arrived: a full disk is not a success. */
static int netdx_finish(int status)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    fprintf(stderr, "netdx: writing to standard output failed: %s\n",
            strerror(errno ? errno : EIO));
    return EXIT_UNKNOWN;
}

static void netdx_usage(FILE *out)
{
    fputs("usage: netdx COMMAND [OPTION...]\n\n", out);
    for (const struct command *c = commands; c->main; c++)
        fprintf(out, "  %-11s %s\n", c->options->command, c->options->summary);
    fputs("  completion  print completion rules: netdx completion bash\n"
          "  help        this list, or the help of a command\n\n"
          "netdx COMMAND -h explains a command. See netdx(1).\n",
          out);
}

static int netdx_help(int argc, char **argv)
{
    const struct command *command = argc > 1 ? netdx_find(argv[1]) : NULL;

    if (command)
        options_help(command->options, stdout);
    else
        netdx_usage(stdout);
    return netdx_finish(EXIT_FINE);
}

static int netdx_version(void)
{
    puts("netdx " NETDX_VERSION);
    return netdx_finish(EXIT_FINE);
}

static int netdx_completion(int argc, char **argv)
{
    const struct options *tables[COMMANDS_MAX] = {NULL};
    size_t count = 0;

    if (argc != 2 || strcmp(argv[1], "bash")) {
        fputs("netdx: completion needs the name of a shell: bash\n", stderr);
        return EXIT_UNKNOWN;
    }
    for (const struct command *c = commands; c->main; c++)
        tables[count++] = c->options;
    options_complete_bash(tables, count, stdout);
    return netdx_finish(EXIT_FINE);
}

static int netdx_run(int argc, char **argv)
{
    const struct command *command = netdx_find(argv[0]);
    char error[OPTIONS_ERROR_SIZE];

    if (command)
        return netdx_finish(command->main(argc, argv));
    if (!strcmp(argv[0], "help") || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
        return netdx_help(argc, argv);
    if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V"))
        return netdx_version();
    if (!strcmp(argv[0], "completion"))
        return netdx_completion(argc, argv);
    options_refuse(error, "unknown command", argv[0], "(netdx help lists the commands)");
    fprintf(stderr, "netdx: %s\n", error);
    return EXIT_UNKNOWN;
}

/*
 * A caller may have closed 0, 1 or 2, and the next socket would take the number. Read-only, so that
 * writing to what was closed stays an error.
 */
static void netdx_hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            _exit(EXIT_UNKNOWN);
}

int main(int argc, char **argv)
{
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

    netdx_hold_standard_descriptors();
    name = name ? name + 1 : argc > 0 ? argv[0] : "netdx";
    if (!strncmp(name, "netdx-", 6) && netdx_find(name + 6)) {
        argv[0] += strlen(argv[0]) - strlen(name) + 6;
        return netdx_run(argc, argv);
    }
    if (argc < 2) {
        netdx_usage(stderr);
        return EXIT_UNKNOWN;
    }
    return netdx_run(argc - 1, argv + 1);
}
