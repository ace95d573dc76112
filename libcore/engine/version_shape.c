/*
 * Known shapes of banners. In a pattern
 *
 *   %v   is a version
 *   %w   is a run of bytes without blanks, brackets, slashes, commas and semicolons
 *   %d   is what a distribution calls its build, up to a bracket, semicolon or the end
 *   %*   is everything that is left
 *   ' '  is one or more blanks
 *
 * and everything else is itself, in any case. The text must not go on with a letter or a digit
 * where a pattern ends with one.
 */
#include <string.h>

#include "engine/version_internal.h"
#include "engine/version_product.h"

#define KIND(name) (1u << VERSION_##name)
#define WEB        (KIND(HTTP_SERVER) | KIND(HTTP_POWERED_BY) | KIND(HTTP_GENERATOR))
#define MAIL       (KIND(POP3) | KIND(IMAP))

static const struct shape {
    unsigned kinds;
    const char *pattern;
    const char *name;
} shapes[] = {
    {WEB, "Apache Tomcat/%v", "Tomcat"},
    {WEB, "Rapid Logic/%v", "Rapid Logic"},
    {WEB, "Mono-XSP Server/%v %w", "Mono-XSP Server"},
    {WEB, "Mono-XSP Server/%v", "Mono-XSP Server"},
    {WEB, "HP HTTP Server; %*", "HP HTTP Server"},
    {WEB, "thin %v codename %*", "thin"},
    {WEB, "Sun Java System Web Server %v", "Sun Java System Web Server"},
    {WEB, "Phusion Passenger", "Phusion Passenger"},
    {WEB, "W3 Total Cache/%v", "W3 Total Cache"},
    {WEB, "GlassFish Server Open Source Edition %v", "GlassFish Server Open Source Edition"},
    {WEB, "Winstone Servlet Engine", "Winstone Servlet Engine"},

    {KIND(SSH), "OpenSSH_for_Windows_%v", "OpenSSH"},
    {KIND(SSH), "OpenSSH_%v", "OpenSSH"},
    {KIND(SSH), "OpenSSH", "OpenSSH"},
    {KIND(SSH), "dropbear_%v", "Dropbear"},
    {KIND(SSH), "dropbear", "Dropbear"},
    {KIND(SSH), "%w FlowSsh: Bitvise SSH Server (WinSSHD) %v", "Bitvise SSH Server"},
    {KIND(SSH), "%w FlowSsh: WinSSHD %v", "Bitvise SSH Server"},
    {KIND(SSH), "APACHE-SSHD-%v", "Apache MINA SSHD"},
    {KIND(SSH), "SSHD-CORE-%v", "Apache MINA SSHD"},
    {KIND(SSH), "SSHD-UNKNOWN", "Apache MINA SSHD"},
    {KIND(SSH), "ROSSSH", "MikroTik RouterOS"},
    {KIND(SSH), "mod_sftp/%v", "mod_sftp"},
    {KIND(SSH), "Go", "Go x/crypto/ssh"},
    {KIND(SSH), "babeld-%w", "babeld"},
    {KIND(SSH), "GitLab-SSHD", "GitLab-SSHD"},
    {KIND(SSH), "WeOnlyDo %v", "WeOnlyDo"},

    {KIND(SMTP), "Exim %v", "Exim"},
    {KIND(SMTP), "Exim", "Exim"},
    {KIND(SMTP), "Sendmail %v/%w/%d", "Sendmail"},
    {KIND(SMTP), "Sendmail %v", "Sendmail"},
    {KIND(SMTP), "Sendmail", "Sendmail"},
    {KIND(SMTP), "Postfix (%v)", "Postfix"},
    {KIND(SMTP), "Postfix %v", "Postfix"},
    {KIND(SMTP), "Postfix (%d)", "Postfix"},
    {KIND(SMTP), "Postfix", "Postfix"},
    {KIND(SMTP), "OpenSMTPD", "OpenSMTPD"},
    {KIND(SMTP), "Haraka %v", "Haraka"},
    {KIND(SMTP), "Haraka/%v", "Haraka"},
    {KIND(SMTP), "MailEnable Service, Version: %v", "MailEnable"},
    {KIND(SMTP), "Microsoft ESMTP MAIL Service, Version: %v", "Microsoft ESMTP MAIL Service"},
    {KIND(SMTP), "Microsoft ESMTP MAIL Service", "Microsoft ESMTP MAIL Service"},
    {KIND(SMTP), "(IMail %v", "IMail"},
    {KIND(SMTP), "gsmtp", "gsmtp"},
    {KIND(SMTP), "qmail", "qmail"},
    {KIND(SMTP) | MAIL, "CommuniGate Pro %v", "CommuniGate Pro"},
    {KIND(SMTP) | MAIL, "CommuniGate Pro %w %v", "CommuniGate Pro"},
    {KIND(SMTP) | MAIL, "MDaemon %v", "MDaemon"},
    {KIND(SMTP) | MAIL, "Kerio Connect %v", "Kerio Connect"},
    {KIND(SMTP) | MAIL, "IceWarp %v", "IceWarp"},
    {KIND(SMTP) | MAIL, "Zimbra %v", "Zimbra"},
    {KIND(SMTP) | MAIL, "Zimbra", "Zimbra"},

    {KIND(FTP), "vsFTPd %v", "vsftpd"},
    {KIND(FTP), "ProFTPD %v Server (%d)", "ProFTPD"},
    {KIND(FTP), "ProFTPD %v", "ProFTPD"},
    {KIND(FTP), "ProFTPD Server (%d)", "ProFTPD"},
    {KIND(FTP), "ProFTPD", "ProFTPD"},
    {KIND(FTP), "NASFTPD Turbo station %v Server (ProFTPD)", "ProFTPD"},
    {KIND(FTP), "Pure-FTPd", "Pure-FTPd"},
    {KIND(FTP), "FileZilla Server version %v", "FileZilla Server"},
    {KIND(FTP), "FileZilla Server %v", "FileZilla Server"},
    {KIND(FTP), "FileZilla Server", "FileZilla Server"},
    {KIND(FTP), "Microsoft FTP Service (Version %v)", "Microsoft FTP Service"},
    {KIND(FTP), "Microsoft FTP Service", "Microsoft FTP Service"},
    {KIND(FTP), "Serv-U FTP Server %v", "Serv-U"},
    {KIND(FTP), "Serv-U FTP-Server %v", "Serv-U"},
    {KIND(FTP), "pyftpdlib %v", "pyftpdlib"},
    {KIND(FTP), "bftpd %v", "bftpd"},
    {KIND(FTP), "Wing FTP Server %v", "Wing FTP Server"},
    {KIND(FTP), "Gene6 FTP Server %v", "Gene6 FTP Server"},
    {KIND(FTP), "FTP server (Version %v)", "FTP server"},
    {KIND(FTP), "FTP server (Version %v", "FTP server"},

    {MAIL, "Dovecot (%d)", "Dovecot"},
    {MAIL, "Dovecot", "Dovecot"},
    {MAIL, "Cyrus POP3 %v", "Cyrus"},
    {MAIL, "Cyrus IMAP4 %v", "Cyrus"},
    {MAIL, "Cyrus IMAP %v", "Cyrus"},
    {MAIL, "Cyrus IMAP", "Cyrus"},
    {MAIL, "Courier-IMAP", "Courier-IMAP"},
    {MAIL, "Qpopper (version %v)", "Qpopper"},
    {MAIL, "QPOP (version %v)", "Qpopper"},
    {MAIL, "Microsoft Exchange Server %w %w server version %v", "Microsoft Exchange"},
    {MAIL, "Microsoft Exchange", "Microsoft Exchange"},
    {MAIL, "Gimap", "Gimap"},
    {MAIL, "Gpop", "Gpop"},

    {KIND(DNS), "dnsmasq-%v", "dnsmasq"},
    {KIND(DNS), "unbound %v", "Unbound"},
    {KIND(DNS), "PowerDNS Authoritative Server %v", "PowerDNS Authoritative Server"},
    {KIND(DNS), "PowerDNS Recursor %v", "PowerDNS Recursor"},
    {KIND(DNS), "Knot DNS %v", "Knot DNS"},
    {KIND(DNS), "NSD %v", "NSD"},
    {KIND(DNS), "CoreDNS-%v", "CoreDNS"},
    {KIND(DNS), "Microsoft DNS %v", "Microsoft DNS"},
};

#undef KIND
#undef WEB
#undef MAIL

static bool shape_blanks(struct cursor *c)
{
    if (!version_scan_is_blank(version_scan_peek(c, 0)))
        return false;
    version_scan_blanks(c);
    return true;
}

static bool shape_field(char field, struct cursor *c, struct version_shape *found)
{
    struct cursor span;

    switch (field) {
    case 'v':
        return version_scan_version(c, 1, &found->version);
    case 'w':
        span = version_scan_until(c, " \t()/,;");
        return cursor_left(&span) > 0;
    case 'd':
        found->distro = version_scan_until(c, ";)");
        return cursor_left(&found->distro) > 0;
    default:
        cursor_rest(c);
        return true;
    }
}

static bool shape_byte(char byte, struct cursor *c)
{
    const char literal[] = {byte, '\0'};

    return byte == ' ' ? shape_blanks(c) : version_scan_literal(c, literal);
}

static bool shape_matches(const char *pattern, struct cursor *c, struct version_shape *found)
{
    char last = '\0';
    int next;

    for (; *pattern; pattern++) {
        last = *pattern == '%' ? '\0' : *pattern;
        if (*pattern == '%' ? !shape_field(*++pattern, c, found) : !shape_byte(*pattern, c))
            return false;
    }
    next = version_scan_peek(c, 0);
    return !version_is_alnum(last) || next < 0 || !version_is_alnum((char)next);
}

bool version_shape_take(enum version_kind kind, struct cursor *c, struct version_shape *found)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct cursor at = *c;

        if (!(shapes[i].kinds & 1u << kind))
            continue;
        *found = (struct version_shape){.name = shapes[i].name};
        if (!shape_matches(shapes[i].pattern, &at, found))
            continue;
        *c = at;
        return true;
    }
    return false;
}
