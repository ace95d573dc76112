#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/products.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_grammar(void **state)
{
    static const struct products_row rows[] = {
        {"nginx", "nginx=-"},
        {"nginx/1.18.0", "nginx=1.18.0"},
        {"nginx/1.18.0 (Ubuntu)", "nginx=1.18.0~<Ubuntu>"},
        {"nginx/1.22.1", "nginx=1.22.1"},
        {"openresty/1.21.4.1", "openresty=1.21.4.1"},
        {"openresty", "openresty=-"},
        {"Tengine/2.3.2", "Tengine=2.3.2"},
        {"Apache", "Apache=-"},
        {"Apache/2", "Apache=2~"},
        {"Apache/2.4", "Apache=2.4~"},
        {"Apache/2.4.57 (Debian)", "Apache=2.4.57~<Debian>"},
        {"Apache/2.4.7 (Ubuntu)", "Apache=2.4.7~<Ubuntu>"},
        {"Apache/2.4.58 (Unix)", "Apache=2.4.58"},
        {"Apache/2.4.54 (Win64) OpenSSL/1.1.1p PHP/8.1.12",
         "Apache=2.4.54; OpenSSL=1.1.1p; PHP=8.1.12"},
        {"Apache/2.4.6 (CentOS) OpenSSL/1.0.2k-fips PHP/7.4.33",
         "Apache=2.4.6~<CentOS>; OpenSSL=1.0.2k-fips~<CentOS>; PHP=7.4.33~<CentOS>"},
        {"Apache/2.4.37 (Red Hat Enterprise Linux) OpenSSL/1.1.1k",
         "Apache=2.4.37~<Red Hat Enterprise Linux>; OpenSSL=1.1.1k~<Red Hat Enterprise Linux>"},
        {"Apache/2.4.41 (Ubuntu) mod_wsgi/4.6.8 Python/3.8",
         "Apache=2.4.41~<Ubuntu>; mod_wsgi=4.6.8~<Ubuntu>; Python=3.8~<Ubuntu>"},
        {"Apache/2.2.14 (Ubuntu) DAV/2 SVN/1.6.6 mod_ssl/2.2.14 OpenSSL/0.9.8k",
         "Apache=2.2.14~<Ubuntu>; DAV=-<Ubuntu>; SVN=1.6.6~<Ubuntu>; mod_ssl=2.2.14~<Ubuntu>; "
         "OpenSSL=0.9.8k~<Ubuntu>"},
        {"Apache/2.2.22 (Debian) PHP/5.4.45-0+deb7u2 mod_ssl/2.2.22",
         "Apache=2.2.22~<Debian>; PHP=5.4.45~<0+deb7u2>; mod_ssl=2.2.22~<Debian>"},
        {"Microsoft-IIS/10.0", "Microsoft-IIS=10.0"},
        {"Microsoft-IIS/8.5", "Microsoft-IIS=8.5"},
        {"lighttpd/1.4.69", "lighttpd=1.4.69"},
        {"LiteSpeed", "LiteSpeed=-"},
        {"Caddy", "Caddy=-"},
        {"Kestrel", "Kestrel=-"},
        {"cloudflare", "cloudflare=-"},
        {"gws", "gws=-"},
        {"AmazonS3", "AmazonS3=-"},
        {"AkamaiGHost", "AkamaiGHost=-"},
        {"ECS (dcb/7EA3)", "ECS=-"},
        {"ATS/9.1.10", "ATS=9.1.10"},
        {"gunicorn/19.9.0", "gunicorn=19.9.0"},
        {"gunicorn", "gunicorn=-"},
        {"Werkzeug/2.0.3 Python/3.9.2", "Werkzeug=2.0.3; Python=3.9.2"},
        {"Python/3.9 aiohttp/3.8.1", "Python=3.9~; aiohttp=3.8.1"},
        {"TornadoServer/4.5.3", "TornadoServer=4.5.3"},
        {"CherryPy/18.6.1", "CherryPy=18.6.1"},
        {"Cowboy", "Cowboy=-"},
        {"CouchDB/3.1.1 (Erlang OTP/20)", "CouchDB=3.1.1"},
        {"IBM_HTTP_Server/8.5.5.2 (Unix)", "IBM_HTTP_Server=8.5.5.2"},
        {"Sun-ONE-Web-Server/6.1", "Sun-ONE-Web-Server=6.1"},
        {"Nexus/3.61.0-02 (OSS)", "Nexus=3.61.0-02"},
        {"Artifactory/7.63.5 76305900", "Artifactory=7.63.5"},
        {"Boa/0.94.14rc21", "Boa=0.94.14rc21"},
        {"gSOAP/2.8", "gSOAP=2.8"},
        {"lwIP/1.4.1 (http://savannah.nongnu.org/projects/lwip)", "lwIP=1.4.1"},
        {"mod_jk/1.2.6-enetworks-1.1.0", "mod_jk=1.2.6-enetworks-1.1.0"},
    };

    (void)state;
    products_check(VERSION_HTTP_SERVER, rows, COUNT(rows));
}

/* Headers that break the grammar. */
static void test_wild(void **state)
{
    static const struct products_row rows[] = {
        {"Jetty(9.4.43.v20210629)", "Jetty=9.4.43.v20210629"},
        {"Jetty(12.0.3)", "Jetty=12.0.3"},
        {"Jetty(6.1.x)", "Jetty=6.1~"},
        {"Jetty(winstone-2.9)", "Jetty=-"},
        {"Jetty/5.1.4 (Linux/2.6.18 i386 java/1.5.0_22", "Jetty=5.1.4"},
        {"nginx/1.25.3 + Phusion Passenger(R) 6.0.18", "nginx=1.25.3; Phusion Passenger=6.0.18"},
        {"nginx/1.4.6 + Phusion Passenger 4.0.53", "nginx=1.4.6; Phusion Passenger=4.0.53"},
        {"Phusion Passenger (mod_rails/mod_rack) 3.0.11", "Phusion Passenger=3.0.11"},
        {"GlassFish Server Open Source Edition  4.1", "GlassFish Server Open Source Edition=4.1"},
        {"Payara Server  4.1.2.181 #badassfish", "Payara Server=4.1.2.181"},
        {"Sun Java System Web Server 7.0", "Sun Java System Web Server=7.0"},
        {"Winstone Servlet Engine v0.9.10", "Winstone Servlet Engine=0.9.10"},
        {"uc-httpd 1.0.0", "uc-httpd=1.0.0"},
        {"Mongrel 1.1.5", "Mongrel=1.1.5"},
        {"thin 1.5.0 codename Knife", "thin=1.5.0"},
        {"mini_httpd/1.19 19dec2003", "mini_httpd=1.19"},
        {"thttpd/2.25b 29dec2003", "thttpd=2.25b"},
        {"Web Server", "Web Server=-"},
        {"Hikvision-Webs", "Hikvision-Webs=-"},
        {"Rapid Logic/1.1", "Rapid Logic=1.1"},
        {"Allegro-Software-RomPager/4.07 UPnP/1.0", "Allegro-Software-RomPager=4.07; UPnP=-"},
        {"Virata-EmWeb/R6_2_1", "Virata-EmWeb=6_2_1"},
        {"KM-MFP-http/V0.0.1", "KM-MFP-http=0.0.1"},
        {"Linux, HTTP/1.1, DIR-300 Ver 1.05", "Linux=-; HTTP=-; DIR-300=1.05"},
        {"Linux/3.14.0 UPnP/1.0 IpBridge/1.20.0", "Linux=3.14.0; UPnP=-; IpBridge=1.20.0"},
        {"Microsoft-NetCore/2.0, UPnP/1.0 DLNADOC/1.50",
         "Microsoft-NetCore=2.0; UPnP=-; DLNADOC=-"},
        {"HP HTTP Server; HP OfficeJet Pro 8600 - CM750A; Serial Number: CN22; Built:Mon Sep 10",
         "HP HTTP Server=-"},
        {"Mono-XSP Server/0.1.0.0 Unix", "Mono-XSP Server=0.1.0.0"},
        {"WEBrick/1.6.1 (Ruby/2.7.4/2021-07-07)", "WEBrick=1.6.1; Ruby=2.7.4"},
        {"WEBrick/1.3.1 (Ruby/1.9.3/2012-04-20) OpenSSL/1.0.1",
         "WEBrick=1.3.1; Ruby=1.9.3; OpenSSL=1.0.1"},
        {"Zope/(2.13.22, python 2.7.9, linux2) ZServer/1.1", "Zope=2.13.22; ZServer=-"},
        {"Zope/(Zope 2.9.8-final, python 2.4.4, linux2) ZServer/1.1 Plone/2.5.5",
         "Zope=2.9.8-final; ZServer=-; Plone=2.5.5"},
        {"Oracle-Application-Server-10g/10.1.2.0.2 Oracle-HTTP-Server "
         "OracleAS-Web-Cache-10g/10.1.2.0.2 (N;ecid=1234,0)",
         "Oracle-Application-Server-10g=10.1.2.0.2; Oracle-HTTP-Server=-; "
         "OracleAS-Web-Cache-10g=10.1.2.0.2"},
        {"Apache/1.3.26 (Unix) Debian GNU/Linux PHP/4.1.2 mod_ssl/2.8.9 OpenSSL/0.9.6g",
         "Apache=1.3.26~<Debian>; PHP=4.1.2~<Debian>; mod_ssl=2.8.9~<Debian>; "
         "OpenSSL=0.9.6g~<Debian>"},
        {"Apache/1.3.27 (Unix)  (Red-Hat/Linux) mod_perl/1.24_01",
         "Apache=1.3.27~<Red-Hat/Linux>; mod_perl=1.24_01~<Red-Hat/Linux>"},
        {"Apache/1.3.26 (Unix) mod_pubcookie/3.0.0 rc1 ApacheJServ/1.1.2",
         "Apache=1.3.26; mod_pubcookie=3.0.0rc1; ApacheJServ=1.1.2"},
        {"Apache/1.3.12 (Unix) PHP/4.0RC1 mod_perl", "Apache=1.3.12; PHP=4.0RC1; mod_perl=-"},
        {"Apache Tomcat/8.5.35", "Tomcat=8.5.35"},
        {"Sucuri/Cloudproxy", "Sucuri/Cloudproxy=-"},
        {"Lotus-Domino/Release", "Lotus-Domino=-"},
        {"cloudflare nginx", "cloudflare=-; nginx=-"},
        {"", ""},
        {"   ", ""},
        {"()", ""},
        {"1.2.3", ""},
        {"/", ""},
        {"((((", ""},
        {"\033[2J/1.0", "\\x1b[2J=1.0"},
        {"n\xc3\xbcx/1.0", "n\xc3\xbcx=1.0"},
    };

    (void)state;
    products_check(VERSION_HTTP_SERVER, rows, COUNT(rows));
}

/* Numbers that are no versions of what they stand behind. */
static void test_constants(void **state)
{
    static const struct products_row rows[] = {
        {"Apache-Coyote/1.1", "Apache-Coyote=-"},
        {"awselb/2.0", "awselb=-"},
        {"Undertow/1", "Undertow=-"},
        {"WildFly/10", "WildFly=-"},
        {"JBoss-EAP/7", "JBoss-EAP=-"},
        {"Microsoft-HTTPAPI/2.0", "Microsoft-HTTPAPI=-"},
        {"Microsoft-HTTPAPI/1.0", "Microsoft-HTTPAPI=-"},
        {"GFE/2.0", "GFE=-"},
        {"Lotus-Domino/0", "Lotus-Domino=-"},
        {"HTTP/2.x", "HTTP=-"},
        {"SimpleHTTP/0.6 Python/3.8.10", "SimpleHTTP=-; Python=3.8.10"},
        {"BaseHTTP/0.6 Python/3.11.2", "BaseHTTP=-; Python=3.11.2"},
        {"WSGIServer/0.2 CPython/3.9.2", "WSGIServer=-; CPython=3.9.2"},
        {"MochiWeb/1.0 (Any of you quaids got a smint?)", "MochiWeb=-"},
    };
    struct version_list list = {0};

    (void)state;
    products_check(VERSION_HTTP_SERVER, rows, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++)
        version_identify(VERSION_HTTP_SERVER, rows[i].banner, strlen(rows[i].banner), &list);
    for (size_t i = 0; i < list.count; i++)
        if (!list.products[i].version[0])
            assert_non_null(list.products[i].note);
}

static void test_notes(void **state)
{
    struct version_list list = {0};

    (void)state;
    version_identify(VERSION_HTTP_SERVER, "Microsoft-IIS/10.0", 18, &list);
    assert_non_null(strstr(list.products[0].note, "2016, 2019, 2022"));
    version_identify(VERSION_HTTP_SERVER, "openresty/1.21.4.1", 18, &list);
    assert_string_equal(list.products[1].family, "nginx");
    version_identify(VERSION_HTTP_SERVER, "Apache-Coyote/1.1", 17, &list);
    assert_string_equal(list.products[2].family, "Tomcat");
    assert_string_equal(list.products[2].raw, "Apache-Coyote/1.1");
}

static void test_powered_by(void **state)
{
    static const struct products_row rows[] = {
        {"PHP/7.4.33", "PHP=7.4.33"},
        {"PHP/5.6.40-0+deb8u12", "PHP=5.6.40~<0+deb8u12>"},
        {"PHP/7.2.24-0ubuntu0.18.04.17", "PHP=7.2.24~<0ubuntu0.18.04.17>"},
        {"PHP/7.4.33-1+ubuntu20.04.1+deb.sury.org+1",
         "PHP=7.4.33~<1+ubuntu20.04.1+deb.sury.org+1>"},
        {"PHP/5.3.3-7+squeeze19", "PHP=5.3.3~<7+squeeze19>"},
        {"PHP/5.2.6-1+lenny16 with Suhosin-Patch", "PHP=5.2.6~<1+lenny16>; Suhosin-Patch=-"},
        {"Express", "Express=-"},
        {"ASP.NET", "ASP.NET=-"},
        {"Next.js 12.2.0", "Next.js=12.2.0"},
        {"Next.js", "Next.js=-"},
        {"W3 Total Cache/0.9.4", "W3 Total Cache=0.9.4"},
        {"PleskLin", "PleskLin=-"},
        {"Undertow/1", "Undertow=-"},
        {"Phusion Passenger 5.3.7", "Phusion Passenger=5.3.7"},
        {"Servlet/3.1 JSP/2.3 (GlassFish Server Open Source Edition 4.1 Java/Oracle/1.8)",
         "Servlet=-; JSP=-; GlassFish Server Open Source Edition=4.1"},
        {"Servlet 2.4; JBoss-4.2.3.GA (build: SVNTag=JBoss_4_2_3_GA date=2008)/JBossWeb-2.0",
         "Servlet=-; JBoss=4.2.3.GA; JBossWeb=2.0"},
    };

    (void)state;
    products_check(VERSION_HTTP_POWERED_BY, rows, COUNT(rows));
}

static void test_via(void **state)
{
    static const struct products_row rows[] = {
        {"1.1 varnish (Varnish/6.0)", "Varnish=6.0~"},
        {"1.1 varnish", "Varnish=-"},
        {"1.1 vegur", "vegur=-"},
        {"1.1 a1b2.cloudfront.net (CloudFront)", "CloudFront=-"},
        {"1.0 fred, 1.1 p.example.net (Apache/1.1)", "fred=-; Apache=1.1~"},
        {"1.1 cache.example:3128 (squid/3.5.27)", "squid=3.5.27"},
        {"HTTP/1.1 ats (ApacheTrafficServer/8.0.8 [uScMs f p eN:t, cCMp sS]), 1.1 nginx",
         "ApacheTrafficServer=8.0.8; nginx=-"},
        {"1.1 proxy.example.net", ""},
        {"1.1", ""},
        {",,,(", ""},
    };

    (void)state;
    products_check(VERSION_HTTP_VIA, rows, COUNT(rows));
}

static void test_aspnet(void **state)
{
    static const struct products_row clr[] = {{"4.0.30319", ".NET CLR=4.0.30319"}, {"", ""}};
    static const struct products_row mvc[] = {{"5.2", "ASP.NET MVC=5.2"}};
    static const struct products_row generator[] = {
        {"WordPress 6.4.2", "WordPress=6.4.2"},
        {"Drupal 10 (https://www.drupal.org)", "Drupal=-"},
    };

    (void)state;
    products_check(VERSION_HTTP_ASPNET, clr, COUNT(clr));
    products_check(VERSION_HTTP_ASPNETMVC, mvc, COUNT(mvc));
    products_check(VERSION_HTTP_GENERATOR, generator, COUNT(generator));
}

/* Two Server headers in one response: the products of both, in their order. */
static void test_several_headers(void **state)
{
    struct version_list list = {0};
    char text[PRODUCTS_TEXT_SIZE];

    (void)state;
    version_identify(VERSION_HTTP_SERVER, "cloudflare", 10, &list);
    version_identify(VERSION_HTTP_SERVER, "Apache/2.4.57 (Debian)", 22, &list);
    version_identify(VERSION_HTTP_POWERED_BY, "PHP/8.2.7", 9, &list);
    products_text(&list, text);
    assert_string_equal(text, "cloudflare=-; Apache=2.4.57~<Debian>; PHP=8.2.7");
    assert_string_equal(version_kind_source(list.products[2].kind), "x-powered-by");
    assert_string_equal(list.products[1].comment, "Debian");
    assert_string_equal(list.products[1].raw, "Apache/2.4.57 (Debian)");
}

static void test_limits(void **state)
{
    static char header[65536];
    struct version_list list = {0};

    (void)state;
    for (size_t i = 0; i + 4 <= sizeof(header); i += 4)
        memcpy(header + i, "a/1 ", 4);
    version_identify(VERSION_HTTP_SERVER, header, sizeof(header), &list);
    assert_int_equal(list.count, VERSION_PRODUCTS_MAX);
    assert_int_equal(list.dropped, sizeof(header) / 4 - VERSION_PRODUCTS_MAX);
    memset(header, '1', sizeof(header));
    memcpy(header, "name/", 5);
    list = (struct version_list){0};
    version_identify(VERSION_HTTP_SERVER, header, sizeof(header), &list);
    assert_string_equal(list.products[0].name, "name");
    assert_string_equal(list.products[0].version, ""); /* never a part of one */
    memset(header, 'x', sizeof(header));
    list = (struct version_list){0};
    version_identify(VERSION_HTTP_SERVER, header, sizeof(header), &list);
    assert_int_equal(strlen(list.products[0].name), VERSION_NAME_SIZE - 1);
    assert_string_equal(list.products[0].name + VERSION_NAME_SIZE - 4, "...");
    for (size_t i = 0; i + 4 <= sizeof(header); i += 4) /* what costs the square of its length */
        memcpy(header + i, i % 256 ? "-1-1" : " 1x ", 4);
    memcpy(header, "name", 4);
    version_identify(VERSION_HTTP_SERVER, header, sizeof(header), &list);
    assert_int_equal(list.count + list.dropped, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),    cmocka_unit_test(test_wild),
        cmocka_unit_test(test_constants),  cmocka_unit_test(test_notes),
        cmocka_unit_test(test_powered_by), cmocka_unit_test(test_via),
        cmocka_unit_test(test_aspnet),     cmocka_unit_test(test_several_headers),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
