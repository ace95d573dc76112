/* The commands: main takes what follows "netdx" and returns the exit status. */
#ifndef NETDX_TOOLS_NETDX_H
#define NETDX_TOOLS_NETDX_H

#include "tools/options.h"

int banner_main(int argc, char **argv);
extern const struct options banner_command_options;

int check_main(int argc, char **argv);
extern const struct options check_command_options;

int flows_main(int argc, char **argv);
extern const struct options flows_command_options;

int lab_main(int argc, char **argv);
extern const struct options lab_command_options;

int syn_main(int argc, char **argv);
extern const struct options syn_command_options;

int trace_main(int argc, char **argv);
extern const struct options trace_command_options;

int version_main(int argc, char **argv);
extern const struct options version_command_options;

int versions_main(int argc, char **argv);
extern const struct options versions_command_options;

#endif
