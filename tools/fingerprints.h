/* --fingerprints DIR: all files of a directory in the format of Recog. */
#ifndef NETDX_TOOLS_FINGERPRINTS_H
#define NETDX_TOOLS_FINGERPRINTS_H

#include "engine/version_fingerprint.h"
#include "tools/options.h"

/*
 * Loads the files of DIR that end in .xml, in the order of their names. `command` is for notes on
 * standard error about patterns that are passed over. 0, or -errno with a message that names the
 * file and the place.
 */
int fingerprints_load(const char *directory, const char *command, struct version_fingerprints **out,
                      char error[OPTIONS_ERROR_SIZE]);

#endif
