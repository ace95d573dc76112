#include "report/banner_change.h"

static const struct {
    const char *name, *words;
} banner_changes[CHANGES] = {
    [CHANGE_NOTHING] = {"nothing", "the same again"},
    [CHANGE_SNI_OFF] = {"sni_off", "without SNI"},
    [CHANGE_SNI_ON] = {"sni_on", "with SNI"},
    [CHANGE_TLS_1_2] = {"tls_1_2", "with TLS 1.2 alone"},
    [CHANGE_TLS_1_3] = {"tls_1_3", "with TLS 1.3 alone"},
    [CHANGE_TLS_OLD] = {"tls_old", "with TLS 1.0 and 1.1"},
    [CHANGE_ALPN_OFF] = {"alpn_off", "without ALPN"},
    [CHANGE_ALPN_ON] = {"alpn_on", "with ALPN, HTTP/2 first"},
    [CHANGE_SMALL_HELLO] = {"small_hello", "with a small ClientHello"},
    [CHANGE_GET] = {"get", "with GET"},
    [CHANGE_HEAD] = {"head", "with HEAD"},
    [CHANGE_USER_AGENT] = {"user_agent", "with a browser's User-Agent"},
    [CHANGE_FAMILY] = {"family", "over the other address family"},
};

const char *banner_change_name(enum report_change change)
{
    return banner_changes[change].name;
}

const char *banner_change_words(enum report_change change)
{
    return banner_changes[change].words;
}
