/* Products by name: how their versions compare, and which numbers are none. */
#include <string.h>
#include <strings.h>

#include "engine/version_product.h"

#define API       "the version of an interface, not of a product"
#define CONSTANT  "always the same: says nothing about its version"
#define CONNECTOR "a connector of Tomcat, always 1.1: says nothing about Tomcat's version"
#define LIBRARY   "a constant of its library: says nothing about the server's version"
#define APP       "set by the application server's configuration: its major version at most"

#define SEMVER  VERSION_SEMVER
#define DOTTED  VERSION_DOTTED
#define OPENSSL VERSION_OPENSSL
#define OPENSSH VERSION_OPENSSH

static const struct version_known known[] = {
    {"nginx", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"openresty", NULL, DOTTED, 4, "nginx", NULL, NULL},
    {"Tengine", NULL, DOTTED, 3, "nginx", NULL, NULL},
    {"Angie", NULL, DOTTED, 3, "nginx", NULL, NULL},
    {"Apache", "apache2,httpd,apache httpd,apache http server", DOTTED, 3, NULL, NULL, NULL},
    {"Apache-Coyote", NULL, DOTTED, 0, "Tomcat", "*", CONNECTOR},
    {"Tomcat", "apache tomcat,apache-tomcat", DOTTED, 3, NULL, NULL, NULL},
    {"IBM_HTTP_Server", "ihs", DOTTED, 0, "Apache", NULL, NULL},
    {"Microsoft-IIS", "iis", DOTTED, 2, NULL, NULL,
     "10.0 is Windows Server 2016, 2019, 2022 and 2025 alike"},
    {"Microsoft-HTTPAPI", NULL, DOTTED, 0, NULL, "*", "http.sys of Windows, not IIS: a constant"},
    {".NET CLR", NULL, DOTTED, 3, NULL, NULL, "the runtime's version; every 4.x says 4.0.30319"},
    {"ASP.NET MVC", NULL, DOTTED, 2, NULL, NULL, NULL},
    {"ASP.NET", NULL, DOTTED, 0, NULL, NULL, NULL},
    {"awselb", NULL, DOTTED, 0, NULL, "2.0", CONSTANT},
    {"Undertow", NULL, DOTTED, 0, NULL, "1", CONSTANT},
    {"WildFly", NULL, DOTTED, 0, NULL, "*", APP},
    {"JBoss-EAP", NULL, DOTTED, 0, NULL, "*", APP},
    {"GFE", NULL, DOTTED, 0, NULL, "2.0", CONSTANT},
    {"GSE", NULL, DOTTED, 0, NULL, "1.0", CONSTANT},
    {"ZServer", NULL, DOTTED, 0, NULL, "1.1", CONSTANT},
    {"SimpleHTTP", NULL, DOTTED, 0, "Python", "0.6", LIBRARY},
    {"BaseHTTP", NULL, DOTTED, 0, "Python", "*", LIBRARY},
    {"WSGIServer", NULL, DOTTED, 0, "Python", "*", LIBRARY},
    {"MochiWeb", NULL, DOTTED, 0, NULL, "1.0", LIBRARY},
    {"Lotus-Domino", NULL, DOTTED, 0, NULL, "0", "its version is hidden"},
    {"UPnP", NULL, DOTTED, 0, NULL, "*", API},
    {"DLNADOC", NULL, DOTTED, 0, NULL, "*", API},
    {"HTTP", NULL, DOTTED, 0, NULL, "*", API},
    {"Servlet", NULL, DOTTED, 0, NULL, "*", API},
    {"JSP", NULL, DOTTED, 0, NULL, "*", API},
    {"JSF", NULL, DOTTED, 0, NULL, "*", API},
    {"DAV", NULL, DOTTED, 0, NULL, "2", "WebDAV compliance class 2, not a version"},
    {"PHP", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"OpenSSL", NULL, OPENSSL, 3, NULL, NULL, NULL},
    {"Python", "cpython", DOTTED, 3, NULL, NULL, NULL},
    {"CPython", "python", DOTTED, 3, NULL, NULL, NULL},
    {"Perl", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"Ruby", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"Phusion Passenger", "passenger,phusion_passenger", DOTTED, 3, NULL, NULL, NULL},
    {"Phusion_Passenger", "passenger,phusion passenger", DOTTED, 3, NULL, NULL, NULL},
    {"lighttpd", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"LiteSpeed", NULL, DOTTED, 0, NULL, NULL, NULL},
    {"Caddy", NULL, SEMVER, 0, NULL, NULL, NULL},
    {"Varnish", "varnish cache,varnish-v4", DOTTED, 3, NULL, NULL, NULL},
    {"squid", NULL, DOTTED, 2, NULL, NULL, NULL},
    {"ApacheTrafficServer", "ats,apache traffic server", DOTTED, 3, NULL, NULL, NULL},
    {"ATS", "apachetrafficserver,apache traffic server", DOTTED, 3, NULL, NULL, NULL},
    {"HAProxy", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"cloudflare", NULL, DOTTED, 0, NULL, NULL, NULL},
    {"CloudFront", NULL, DOTTED, 0, NULL, NULL, NULL},
    {"vegur", NULL, DOTTED, 0, NULL, NULL, NULL},
    {"Jetty", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"gunicorn", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"Werkzeug", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"CouchDB", "apache couchdb", DOTTED, 3, NULL, NULL, NULL},
    {"Express", NULL, SEMVER, 0, NULL, NULL, NULL},
    {"Envoy", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"Traefik", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"Kubernetes", "k8s", SEMVER, 3, NULL, NULL, NULL},
    {"Docker", "docker engine", SEMVER, 3, NULL, NULL, NULL},
    {"Podman", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"containerd", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"runc", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"Elasticsearch", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"OpenSearch", NULL, SEMVER, 3, "Elasticsearch", NULL, NULL},
    {"Prometheus", NULL, SEMVER, 3, NULL, NULL, NULL},
    {"OpenSSH", NULL, OPENSSH, 2, NULL, NULL, NULL},
    {"sudo", NULL, OPENSSH, 3, NULL, NULL, NULL},
    {"Dropbear", "dropbear ssh", DOTTED, 2, NULL, NULL, NULL},
    {"Exim", NULL, DOTTED, 2, NULL, NULL, NULL},
    {"Postfix", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"Sendmail", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"Dovecot", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"ProFTPD", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"vsftpd", "vsFTPd", DOTTED, 3, NULL, NULL, NULL},
    {"Pure-FTPd", "pureftpd", DOTTED, 3, NULL, NULL, NULL},
    {"MySQL", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"MariaDB", NULL, DOTTED, 3, "MySQL", NULL, NULL},
    {"TiDB", NULL, SEMVER, 3, "MySQL", NULL, NULL},
    {"Redis", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"Valkey", NULL, DOTTED, 3, "Redis", NULL, NULL},
    {"memcached", NULL, DOTTED, 3, NULL, NULL, NULL},
    {"BIND", "named,isc bind", DOTTED, 3, NULL, NULL, NULL},
};

static bool known_is_listed(const char *list, const char *name)
{
    size_t len = strlen(name), item;

    for (; list; list = list[item] ? list + item + 1 : NULL) {
        item = strcspn(list, ",");
        if (item == len && !strncasecmp(list, name, len))
            return true;
    }
    return false;
}

const struct version_known *version_known_find(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcasecmp(known[i].name, name))
            return &known[i];
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known_is_listed(known[i].aliases, name))
            return &known[i];
    return NULL;
}

const struct version_known *version_known_span(struct cursor name)
{
    char text[VERSION_NAME_SIZE];

    if (!cursor_left(&name) || cursor_left(&name) >= sizeof(text))
        return NULL;
    version_set_text(text, sizeof(text), name);
    return version_known_find(text);
}

/* The first in the table that has it, as its name or as one of its others. */
const char *version_common_name(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcasecmp(known[i].name, name) || known_is_listed(known[i].aliases, name))
            return known[i].name;
    return name;
}

bool version_is_named(const struct version_product *product, const char *name)
{
    const struct version_known *mine = version_known_find(product->name);

    return !strcasecmp(product->name, name) || (mine && mine == version_known_find(name)) ||
           (mine && known_is_listed(mine->aliases, name));
}
