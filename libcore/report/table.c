#include "report/table.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

int table_width(enum table_kind kind)
{
    return kind == TABLE_COUNT ? 6 : kind == TABLE_PERCENT ? 7 : 8;
}

void table_cell(FILE *out, enum table_kind kind, int width, double value)
{
    if (isnan(value))
        fprintf(out, "%*s", width, "-");
    else if (kind == TABLE_COUNT)
        fprintf(out, "%*.0f", width, value);
    else if (kind == TABLE_PERCENT)
        fprintf(out, "%*.1f%%", width - 1, value);
    else
        fprintf(out, "%*.*f", width, value < 1000 ? 2 : 1, value);
}

void table_cut(char *safe, size_t columns)
{
    size_t len = strlen(safe);

    while (text_columns(safe) > columns) {
        do
            len--;
        while (len && ((unsigned char)safe[len] & 0xc0) == 0x80);
        safe[len] = '\0';
    }
}

const char *table_severity_color(int severity)
{
    static const char *const colors[] = {"", "", TABLE_YELLOW, TABLE_RED};

    return (size_t)severity < sizeof(colors) / sizeof(colors[0]) ? colors[severity] : "";
}
