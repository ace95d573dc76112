/*
 * Reads until the end, a limit or a signal. Each part of the input has a thread with an engine of
 * its own; the main thread keeps time, draws, and puts together what they found.
 */
#ifndef NETDX_TOOLS_FLOWS_RUN_H
#define NETDX_TOOLS_FLOWS_RUN_H

#include "io/loop.h"
#include "tools/flows_input.h"
#include "tools/flows_output.h"
#include "tools/flows_save.h"

struct flows_run {
    const struct flows_options *options;
    struct loop *loop;
    struct flows_input *input;
    struct flows_output *output;
    struct flows_save *save; /* NULL: nothing is saved */
    bool hangs;              /* set: a thread still reads the input, which cannot be closed */
};

/* The exit status; `save` is finished. */
int flows_run(struct flows_run *run);

#endif
