/* URLs and chains. The references and their answers are RFC 3986 5.4's own examples. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/redirect.h"

static void test_urls(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: -EINVAL */
    } rows[] = {
        {"http://a", "http://a/"},
        {"HTTP://A.Example:80/x#f", "http://a.example/x"},
        {"https://a:8443/x?y=z", "https://a:8443/x?y=z"},
        {"https://user:pw@a/", "https://a/"},
        {"http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"},
        {"http://a?q", "http://a/?q"},
        {"http://a/\xc3\xbc b", "http://a/%C3%BC%20b"},
        {"http:///x", NULL},
        {"http://a:0/", NULL},
        {"http://a:70000/", NULL},
        {"http://a:b/", NULL},
        {"http://[::1/", NULL},
        {"http://a b/", NULL},
        {"a/b", NULL},
        {"http:a", NULL},
    };
    char text[REDIRECT_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redirect_url url;
        int err = redirect_parse(rows[i].in, strlen(rows[i].in), &url);
        assert_int_equal(err, rows[i].out ? 0 : -EINVAL);
        if (err)
            continue;
        redirect_format(&url, text);
        assert_string_equal(text, rows[i].out);
    }
    struct redirect_url url;
    assert_int_equal(redirect_parse("file:///etc/passwd", 18, &url), -EPROTONOSUPPORT);
    assert_int_equal(redirect_parse("javascript:alert(1)", 19, &url), -EPROTONOSUPPORT);
}

/* RFC 3986 5.4.1 and 5.4.2 against http://a/b/c/d?q (";p" left out: it means nothing here). */
static void test_references(void **state)
{
    static const char *const rows[][2] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"https://h:1/x", "https://h:1/x"},
    };
    struct redirect_url base, url;
    char text[REDIRECT_TEXT_SIZE];

    (void)state;
    assert_int_equal(redirect_parse("http://a/b/c/d?q", 16, &base), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            redirect_resolve(&base, (const uint8_t *)rows[i][0], strlen(rows[i][0]), &url), 0);
        redirect_format(&url, text);
        assert_string_equal(text, rows[i][1]);
    }
    assert_int_equal(redirect_resolve(&base, (const uint8_t *)"", 0, &url), -EINVAL);
}

/* The response of one hop; the reader is the real one. */
static enum redirect_verdict hop(struct redirects *chain, struct redirect_url *url,
                                 const char *headers)
{
    const struct http_config config = {.head = true};
    struct http_response *response;
    struct http_facts facts;
    struct redirect_url next;
    char text[1024];
    int len = snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\n%s\r\n", headers);

    assert_int_equal(http_new(&config, &response), 0);
    assert_int_equal(http_receive(response, (const uint8_t *)text, (size_t)len), HTTP_DONE);
    http_facts(response, &facts);
    enum redirect_verdict verdict = redirects_next(chain, url, &facts, &next);
    if (verdict == REDIRECT_FOLLOW || verdict == REDIRECT_STOP)
        *url = next;
    http_free(response);
    return verdict;
}

static void begin(struct redirects *chain, struct redirect_url *url, unsigned limit)
{
    assert_int_equal(redirect_parse("http://a/login", 14, url), 0);
    redirects_begin(chain, url, limit);
}

static void test_chains(void **state)
{
    struct redirects chain;
    struct redirect_url url;
    char location[64];

    (void)state;
    begin(&chain, &url, 10);
    assert_int_equal(hop(&chain, &url, "Location: /home\r\n"), REDIRECT_FOLLOW);
    assert_int_equal(hop(&chain, &url, "Location: https://a/home\r\n"), REDIRECT_FOLLOW);
    assert_true(url.tls);
    assert_int_equal(hop(&chain, &url, "Location: http://a/home\r\n"), REDIRECT_LOOP);
    assert_int_equal(hop(&chain, &url, "X: y\r\n"), REDIRECT_NONE);
    assert_int_equal(hop(&chain, &url, "Location: file:///etc/passwd\r\n"), REDIRECT_SCHEME);
    assert_int_equal(hop(&chain, &url, "Location: http://[x/\r\n"), REDIRECT_BAD);
    begin(&chain, &url, 0);
    assert_int_equal(hop(&chain, &url, "Location: /home\r\n"), REDIRECT_STOP);
    begin(&chain, &url, 3);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(location, sizeof(location), "Location: /%u\r\n", i);
        assert_int_equal(hop(&chain, &url, location), i < 3 ? REDIRECT_FOLLOW : REDIRECT_TOO_MANY);
    }
}

/* The same URL with another cookie is no loop: that is how many log-ins work. */
static void test_cookies(void **state)
{
    struct redirects chain;
    struct redirect_url url;

    (void)state;
    begin(&chain, &url, 10);
    assert_int_equal(hop(&chain, &url,
                         "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"
                         "Location: /login\r\n"),
                     REDIRECT_FOLLOW);
    assert_string_equal(chain.cookies, "a=1; b=2");
    assert_int_equal(hop(&chain, &url, "Set-Cookie: a=3\r\nLocation: /login\r\n"), REDIRECT_FOLLOW);
    assert_string_equal(chain.cookies, "b=2; a=3");
    assert_int_equal(hop(&chain, &url, "Set-Cookie: a=3\r\nLocation: /login\r\n"), REDIRECT_LOOP);
    assert_int_equal(hop(&chain, &url, "Location: http://other/\r\n"), REDIRECT_FOLLOW);
    assert_int_equal(hop(&chain, &url,
                         "Set-Cookie: evil=\x1b[2J\r\nSet-Cookie: c=1\r\n"
                         "Location: /x\r\n"),
                     REDIRECT_FOLLOW);
    assert_string_equal(chain.cookies, "c=1"); /* none of the first host's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
