/* The targets of a run: those of the command line, then those of --targets FILE. */
#ifndef NETDX_TOOLS_TARGET_LIST_H
#define NETDX_TOOLS_TARGET_LIST_H

#include "tools/common_options.h"
#include "tools/failure.h"
#include "tools/port_list.h"

#define TARGET_LIST_MAX 1000000

struct target_text {
    char *text;                    /* borrowed */
    size_t line;                   /* of the file, from 1; 0: from the command line */
    const struct port_list *ports; /* where it names none; borrowed; NULL: the run's */
    const char *protocol;          /* that must answer; borrowed; NULL: the run's */
};

struct target_list {
    struct target_text *items;
    size_t count, size;
    const char *path; /* borrowed: what was read; NULL: nothing */
    char *file;       /* owned: its bytes, targets terminated */
};

/* -errno with *failure filled in; release in either case. An empty list is an error. */
int target_list_collect(struct target_list *list, const struct common_options *options,
                        struct failure *failure);
void target_list_release(struct target_list *list);

/* Puts "FILE, line N, column M: " in front of a message about this target when it came from a file.
 */
void target_list_locate(const struct target_list *list, size_t index,
                        char message[OPTIONS_ERROR_SIZE]);

#endif
