/* netdx version: its own, which of two is newer, and what banners say. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report/version.h"
#include "tools/fingerprints.h"
#include "tools/identify.h"
#include "tools/netdx.h"

enum {
    OPTION_SCHEME = OPTIONS_LONG_ONLY,
    OPTION_JSON,
    OPTION_FINGERPRINTS,
    OPTION_EXPECT,
    OPTION_ESCAPED
};

struct version_options {
    bool help, json;
    int scheme;
    const char *fingerprints; /* borrowed from argv */
    struct identify_options identify;
};

static const struct argp_option version_rows[] = {
    {"scheme", OPTION_SCHEME, "SCHEME", 0,
     "Compare by auto, semver, dotted, openssl, openssh, deb or rpm (auto)", 0},
    {"expect", OPTION_EXPECT, "EXPECTATION", 0,
     "Judge each banner, as 'nginx>=1.20,<1.25' asks; may be repeated", 0},
    {"fingerprints", OPTION_FINGERPRINTS, "DIR", 0, "Prefer what the Recog fingerprints in DIR say",
     0},
    {"escaped", OPTION_ESCAPED, NULL, 0, "Banners are written with \\xNN and \\\\ for bytes", 0},
    {"json", OPTION_JSON, NULL, 0, "Print the comparison, and errors, as one JSON document", 0},
    {"help", 'h', NULL, 0, "Print this help", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int version_set(void *context, int key, const char *value, char error[OPTIONS_ERROR_SIZE])
{
    struct version_options *options = context;

    switch (key) {
    case OPTION_SCHEME:
        return options_choice("scheme", value, version_scheme_names, &options->scheme, error);
    case OPTION_EXPECT:
        return identify_expect(&options->identify, value, error);
    case OPTION_FINGERPRINTS:
        options->fingerprints = value;
        break;
    case OPTION_ESCAPED:
        options->identify.escaped = true;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case 'h':
        options->help = true;
        break;
    }
    return 0;
}

const struct options version_command_options = {
    .command = "version",
    .arguments = "[compare A B | identify KIND]",
    .summary = "Print the version of netdx, compare two versions, or read banners.",
    .rows = version_rows,
    .set = version_set,
};

static int version_fail(const struct version_options *options, const char *code, const char *error)
{
    fprintf(stderr, "netdx version: %s\n", error);
    if (options->json)
        report_version_error(stdout, code, error);
    return EXIT_UNKNOWN;
}

static int version_usage(const struct version_options *options, const char *error)
{
    return version_fail(options, "usage", error);
}

static int version_compare_main(const struct version_options *options, int argc, char **argv)
{
    struct report_version_comparison comparison;

    if (argc != 2)
        return version_usage(options, "compare needs two versions");
    comparison = (struct report_version_comparison){.a = argv[0], .b = argv[1]};
    comparison.answer = version_compare((enum version_scheme)options->scheme, argv[0], argv[1]);
    if (options->json)
        report_version_comparison_json(stdout, &comparison);
    else
        report_version_comparison_text(stdout, &comparison);
    return comparison.answer.order <= VERSION_GT ? EXIT_FINE : EXIT_UNKNOWN;
}

static int version_identify_main(struct version_options *options, int argc, char **argv)
{
    char error[OPTIONS_ERROR_SIZE];
    int kind, status;

    if (argc != 1)
        return version_usage(options, "identify needs a kind of banner, as http-server or ssh");
    if (options_choice("kind", argv[0], version_kind_names, &kind, error))
        return version_usage(options, error);
    options->identify.kind = (enum version_kind)kind;
    if (options->fingerprints &&
        fingerprints_load(options->fingerprints, "version", &options->identify.fingerprints, error))
        return version_fail(options, "file.open", error);
    status = identify_run(&options->identify, STDIN_FILENO, stdout, "version");
    version_fingerprints_free(options->identify.fingerprints);
    return status;
}

int version_main(int argc, char **argv)
{
    struct version_options options = {0};
    char error[OPTIONS_ERROR_SIZE];
    int first;

    if (options_parse(&version_command_options, argc, argv, &options, &first, error))
        return version_usage(&options, error);
    argc -= first;
    argv += first;
    if (options.help) {
        options_help(&version_command_options, stdout);
        return EXIT_FINE;
    }
    if (argc == 0) {
        puts("netdx " NETDX_VERSION);
        return EXIT_FINE;
    }
    if (!strcmp(argv[0], "compare"))
        return version_compare_main(&options, argc - 1, argv + 1);
    if (!strcmp(argv[0], "identify"))
        return version_identify_main(&options, argc - 1, argv + 1);
    options_refuse(error, "unknown argument", argv[0], "(compare or identify)");
    return version_usage(&options, error);
}
