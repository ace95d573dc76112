/* Internal to report/: the object of one service, for every document that has such. */
#ifndef NETDX_REPORT_BANNER_VALUE_H
#define NETDX_REPORT_BANNER_VALUE_H

#include "report/banner.h"
#include "report/value.h"

json_t *report_banner_value(const struct report_banner *banner); /* NULL: out of memory */

#endif
