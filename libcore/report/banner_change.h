/* Names of the changes that a differential tries. */
#ifndef NETDX_REPORT_BANNER_CHANGE_H
#define NETDX_REPORT_BANNER_CHANGE_H

#include "report/banner.h"

const char *banner_change_name(enum report_change change);  /* "sni_off", for programs */
const char *banner_change_words(enum report_change change); /* "without SNI" */

#endif
