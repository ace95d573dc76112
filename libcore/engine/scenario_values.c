#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/scenario_internal.h"

int scenario_read_duration(struct scenario_reader *r, const yaml_node_t *node, void *at,
                           const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node);
    char least[TIMESPAN_TEXT_SIZE], most[TIMESPAN_TEXT_SIZE];
    int64_t ns;

    if (!text)
        return -EINVAL;
    if (timespan_parse(text, &ns) < 0)
        return document_fail(&r->yaml, node, text, "is not a duration like 250ms or 5s");
    if ((double)ns < field->least || (double)ns > field->most) {
        timespan_format((int64_t)field->least, least);
        timespan_format((int64_t)field->most, most);
        return document_fail(&r->yaml, node, text, "is out of range (%s to %s)", least, most);
    }
    memcpy(at, &ns, sizeof(ns));
    return 0;
}

/* A decimal number and its suffix; false when there is no number. */
static bool split_number(const char *text, double *value, const char **suffix)
{
    char *end;

    if (!((*text >= '0' && *text <= '9') || *text == '-' || *text == '.'))
        return false;
    *value = strtod(text, &end);
    *suffix = end;
    return end != text && isfinite(*value);
}

static int check_range(struct scenario_reader *r, const yaml_node_t *node, const char *text,
                       double value, const struct scenario_field *field, const char *unit)
{
    if (value < field->least || value > field->most)
        return document_fail(&r->yaml, node, text, "is out of range (%.10g%s to %.10g%s)",
                             field->least, unit, field->most, unit);
    return 0;
}

int scenario_read_share(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node), *suffix;
    double value;

    if (!text)
        return -EINVAL;
    if (!split_number(text, &value, &suffix) || (strcmp(suffix, "%") != 0 && value != 0))
        return document_fail(&r->yaml, node, text, "is not a share like 5%%");
    if (check_range(r, node, text, value, field, "%") < 0)
        return -EINVAL;
    value /= 100;
    memcpy(at, &value, sizeof(value));
    return 0;
}

static int read_whole(struct scenario_reader *r, const yaml_node_t *node,
                      const struct scenario_field *field, double *value)
{
    const char *text = document_text(&r->yaml, node), *suffix;

    if (!text)
        return -EINVAL;
    if (!split_number(text, value, &suffix) || *suffix || *value != floor(*value))
        return document_fail(&r->yaml, node, text, "is not a whole number");
    return check_range(r, node, text, *value, field, "");
}

int scenario_read_number(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    double value;
    uint32_t word;

    if (read_whole(r, node, field, &value) < 0)
        return -EINVAL;
    word = (uint32_t)value;
    if (field->size == 1)
        *(uint8_t *)at = (uint8_t)word;
    else if (field->size == 2)
        *(uint16_t *)at = (uint16_t)word;
    else if (field->size == 4)
        *(uint32_t *)at = word;
    return 0;
}

int scenario_read_signed(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    double value;

    if (read_whole(r, node, field, &value) < 0)
        return -EINVAL;
    *(int *)at = (int)value;
    return 0;
}

int scenario_read_real(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node), *suffix;
    double value;

    if (!text)
        return -EINVAL;
    if (!split_number(text, &value, &suffix) || *suffix)
        return document_fail(&r->yaml, node, text, "is not a number");
    if (check_range(r, node, text, value, field, "") < 0)
        return -EINVAL;
    *(double *)at = value;
    return 0;
}

struct scenario_unit {
    const char *suffix;
    double factor;
};

/* A number with one of `units` behind it; `unit` is what the range in a message is in. */
static int read_scaled(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field, const struct scenario_unit *units,
                       size_t count, const char *unit, const char *complaint)
{
    const char *text = document_text(&r->yaml, node), *suffix;
    double value;

    if (!text)
        return -EINVAL;
    if (!split_number(text, &value, &suffix))
        return document_fail(&r->yaml, node, text, "%s", complaint);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(suffix, units[i].suffix) != 0)
            continue;
        value *= units[i].factor;
        if (check_range(r, node, text, value, field, unit) < 0)
            return -EINVAL;
        *(uint64_t *)at = (uint64_t)value;
        return 0;
    }
    return document_fail(&r->yaml, node, text, "%s", complaint);
}

int scenario_read_bits(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    static const struct scenario_unit units[] = {
        {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};

    return read_scaled(r, node, at, field, units, sizeof(units) / sizeof(units[0]), "bit",
                       "is not a rate like 10mbit (bit, kbit, mbit, gbit)");
}

int scenario_read_bytes(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field)
{
    static const struct scenario_unit units[] = {
        {"", 1}, {"b", 1}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}};

    return read_scaled(r, node, at, field, units, sizeof(units) / sizeof(units[0]), "b",
                       "is not a size like 10mb (b, kb, mb, gb)");
}

int scenario_read_per_second(struct scenario_reader *r, const yaml_node_t *node, void *at,
                             const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node), *suffix;
    double value;

    if (!text)
        return -EINVAL;
    if (!split_number(text, &value, &suffix) || strcmp(suffix, "/s") != 0)
        return document_fail(&r->yaml, node, text, "is not a rate like 2/s");
    if (check_range(r, node, text, value, field, "/s") < 0)
        return -EINVAL;
    *(double *)at = value;
    return 0;
}

int scenario_read_bool(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node);

    (void)field;
    if (!text)
        return -EINVAL;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return document_fail(&r->yaml, node, text, "is neither true nor false");
    *(bool *)at = text[0] == 't';
    return 0;
}

int scenario_read_string(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node);
    char *copy;

    if (!text)
        return -EINVAL;
    if ((double)strlen(text) < field->least || (double)strlen(text) > field->most)
        return document_fail(&r->yaml, node, text, "must have %.0f to %.0f characters",
                             field->least, field->most);
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*(char **)at);
    *(char **)at = copy;
    return 0;
}

int scenario_read_word(struct scenario_reader *r, const yaml_node_t *node,
                       const struct scenario_word *words, size_t count, int *value)
{
    const char *text = document_text(&r->yaml, node);
    char known[128] = "";
    size_t len = 0;

    if (!text)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i].text) == 0) {
            *value = words[i].value;
            return 0;
        }
        len += text_format(known + len, sizeof(known) - len, "%s%s", i ? ", " : "", words[i].text);
    }
    return document_fail(&r->yaml, node, text, "is not one of %s", known);
}

int scenario_read_ip_id(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"zero", IP_ID_ZERO},
                                                 {"counter", IP_ID_COUNTER},
                                                 {"random", IP_ID_RANDOM},
                                                 {"copied", IP_ID_COPIED}};
    int value = 0, error = scenario_read_word(r, node, words, 4, &value);

    (void)field;
    *(enum scenario_ip_id *)at = (enum scenario_ip_id)value;
    return error;
}

struct option_set {
    unsigned allowed, *set;
};

static int read_option(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    static const struct scenario_word words[] = {{"mss", SCENARIO_MSS},
                                                 {"sack", SCENARIO_SACK},
                                                 {"timestamps", SCENARIO_TIMESTAMPS},
                                                 {"wscale", SCENARIO_WSCALE},
                                                 {"fast-open", SCENARIO_FAST_OPEN},
                                                 {"ecn", SCENARIO_ECN}};
    const struct option_set *options = at;
    size_t count = sizeof(words) / sizeof(words[0]);
    int value = 0;

    if (!(options->allowed & SCENARIO_ECN))
        count--;
    if (scenario_read_word(r, node, words, count, &value) < 0)
        return -EINVAL;
    *options->set |= (unsigned)value;
    return 0;
}

int scenario_read_options(struct scenario_reader *r, const yaml_node_t *node, void *at,
                          const struct scenario_field *field)
{
    struct option_set options = {(unsigned)field->most, at};

    *options.set = 0;
    return scenario_sequence(r, node, read_option, &options);
}
