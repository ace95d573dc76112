#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/products.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_ssh(void **state)
{
    static const struct products_row rows[] = {
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", "OpenSSH=9.2p1~<Debian-2+deb12u3>"},
        {"SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.4", "OpenSSH=8.9p1~<Ubuntu-3ubuntu0.4>"},
        {"SSH-2.0-OpenSSH_7.9p1 Raspbian-10+deb10u2", "OpenSSH=7.9p1~<Raspbian-10+deb10u2>"},
        {"SSH-2.0-OpenSSH_9.3 FreeBSD-20230719", "OpenSSH=9.3~<FreeBSD-20230719>"},
        {"SSH-2.0-OpenSSH_7.8-hpn14v15 FreeBSD-20180909", "OpenSSH=7.8~<FreeBSD-20180909>"},
        {"SSH-2.0-OpenSSH_7.4", "OpenSSH=7.4"},
        {"SSH-2.0-OpenSSH_6.6.1p1", "OpenSSH=6.6.1p1"},
        {"SSH-2.0-OpenSSH_for_Windows_8.1", "OpenSSH=8.1"},
        {"SSH-1.99-OpenSSH_3.9p1", "OpenSSH=3.9p1"},
        {"SSH-2.0-dropbear_2022.83", "Dropbear=2022.83"},
        {"SSH-2.0-dropbear", "Dropbear=-"},
        {"SSH-2.0-libssh_0.9.6", "libssh=0.9.6"},
        {"SSH-2.0-libssh-0.6.3", "libssh=0.6.3"},
        {"SSH-2.0-Cisco-1.25", "Cisco=1.25"},
        {"SSH-2.0-ROSSSH", "MikroTik RouterOS=-"},
        {"SSH-2.0-Go", "Go x/crypto/ssh=-"},
        {"SSH-2.0-GoAnywhere7.1.2", "GoAnywhere7.1.2=-"},
        {"SSH-2.0-babeld-7cf0e2a", "babeld=-"},
        {"SSH-2.0-8.48 FlowSsh: Bitvise SSH Server (WinSSHD) 8.48: free only for personal use",
         "Bitvise SSH Server=8.48"},
        {"SSH-2.0-APACHE-SSHD-2.9.2", "Apache MINA SSHD=2.9.2"},
        {"SSH-2.0-SSHD-CORE-2.5.1", "Apache MINA SSHD=2.5.1"},
        {"SSH-2.0-mod_sftp/0.9.9", "mod_sftp=0.9.9"},
        {"SSH-2.0-mod_sftp", "mod_sftp=-"},
        {"SSH-2.0-VShell_4_3_2_614 VShell", "VShell=4_3_2_614"},
        {"SSH-2.0-GitLab-SSHD", "GitLab-SSHD=-"},
        {"SSH-2.0-paramiko_3.3.1", "paramiko=3.3.1"},
        {"SSH-2.0-AsyncSSH_2.13.1", "AsyncSSH=2.13.1"},
        {"SSH-2.0-AWS_SFTP_1.1", "AWS_SFTP=1.1"},
        {"SSH-2.0-Erlang/4.15", "Erlang=4.15"},
        {"SSH-2.0-RomSShell_4.62", "RomSShell=4.62"},
        {"SSH-2.0-HUAWEI-1.5", "HUAWEI=1.5"},
        {"OpenSSH_9.6p1 Ubuntu-3ubuntu13.5", "OpenSSH=9.6p1~<Ubuntu-3ubuntu13.5>"},
        {"SSH-2.0-", ""},
        {"SSH-2.0- comment", ""},
        {" \t/", ""},
    };

    (void)state;
    products_check(VERSION_SSH, rows, COUNT(rows));
}

static void test_smtp(void **state)
{
    static const struct products_row rows[] = {
        {"220 mail.example.com ESMTP Postfix (Debian/GNU)\r\n", "Postfix=-<Debian/GNU>"},
        {"220 mail.example.com ESMTP Postfix (Ubuntu)", "Postfix=-<Ubuntu>"},
        {"220 mail.example.com ESMTP Postfix", "Postfix=-"},
        {"220 mail.example.com ESMTP Postfix (2.11.0)", "Postfix=2.11.0"},
        {"220 host.example ESMTP Exim 4.96 Tue, 01 Jan 2030 10:20:30 +0000", "Exim=4.96"},
        {"220-host.example ESMTP Exim 4.96.2 #2 Tue, 01 Jan 2030 10:20:30 +0000 \r\n"
         "220-We do not authorize the use of this system\r\n220 and/or bulk e-mail.\r\n",
         "Exim=4.96.2"},
        {"220 host ESMTP Sendmail 8.15.2/8.15.2/Debian-14~deb10u1; Tue, 1 Jan 2030",
         "Sendmail=8.15.2~<Debian-14~deb10u1>"},
        {"220 host ESMTP Sendmail 8.14.4/8.14.4; Mon, 1 Jan 2030", "Sendmail=8.14.4"},
        {"220 h.outlook.com Microsoft ESMTP MAIL Service ready at Mon, 1 Jan 2030",
         "Microsoft ESMTP MAIL Service=-"},
        {"220 host Microsoft ESMTP MAIL Service, Version: 6.0.3790.4675 ready",
         "Microsoft ESMTP MAIL Service=6.0.3790.4675"},
        {"220 host ESMTP OpenSMTPD", "OpenSMTPD=-"},
        {"220 host ESMTP Haraka/3.0.2 ready", "Haraka=3.0.2"},
        {"220 host ESMTP Haraka 2.8.25 ready", "Haraka=2.8.25"},
        {"220 host ESMTP MailEnable Service, Version: 10.30-- ready at 01/01/30",
         "MailEnable=10.30"},
        {"220 h (IMail 12.4.2.27 21349-1) NT-ESMTP Server X1", "IMail=12.4.2.27"},
        {"220 host ESMTP MDaemon 20.0.4; Tue, 01 Jan 2030", "MDaemon=20.0.4"},
        {"220 mx.google.com ESMTP a1-20020a05600c0a - gsmtp", "gsmtp=-"},
        {"220 host ESMTP Unheard 1.2.3 ready", "Unheard=1.2.3"},
        {"220 host SomeServer/2.7 at your service", "SomeServer=2.7"},
        {"220 host ESMTP ready at 10.20.30.40", ""},
        {"220 host ESMTP 1.2.3.4", ""},
        {"220 192.0.2.1 ESMTP", ""},
        {"220 host ESMTP", ""},
        {"554 No SMTP service here", ""},
        {"", ""},
    };

    (void)state;
    products_check(VERSION_SMTP, rows, COUNT(rows));
}

static void test_ftp(void **state)
{
    static const struct products_row rows[] = {
        {"220 (vsFTPd 3.0.3)\r\n", "vsftpd=3.0.3"},
        {"220 ProFTPD 1.3.5rc3 Server (Debian) [::ffff:192.0.2.1]", "ProFTPD=1.3.5rc3~<Debian>"},
        {"220 ProFTPD Server (Debian) [192.0.2.1]", "ProFTPD=-<Debian>"},
        {"220 ProFTPD 1.3.5e Server ready.", "ProFTPD=1.3.5e"},
        {"220 ProFTPD 1.3.8 Server (ftp.example.net) [192.0.2.1]", "ProFTPD=1.3.8"},
        {"220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n"
         "220-You are user number 1 of 50 allowed.\r\n220 You will be disconnected\r\n",
         "Pure-FTPd=-"},
        {"220-FileZilla Server 1.5.1\r\n220 Please visit https://filezilla-project.org/\r\n",
         "FileZilla Server=1.5.1"},
        {"220-FileZilla Server version 0.9.41 beta", "FileZilla Server=0.9.41"},
        {"220 Microsoft FTP Service", "Microsoft FTP Service=-"},
        {"220 host Microsoft FTP Service (Version 5.0).", "Microsoft FTP Service=5.0"},
        {"220 Serv-U FTP Server v15.1 ready...", "Serv-U=15.1"},
        {"220 host FTP server (Version 6.4/OpenBSD/Linux-ftpd-0.17) ready.", "FTP server=6.4"},
        {"220 pyftpdlib 1.5.6 ready.", "pyftpdlib=1.5.6"},
        {"220 NASFTPD Turbo station 1.3.5a Server (ProFTPD) [192.0.2.1]", "ProFTPD=1.3.5a"},
        {"220 Welcome to 192.168.0.1", ""},
        {"220 Welcome 2.0", ""},
    };

    (void)state;
    products_check(VERSION_FTP, rows, COUNT(rows));
}

static void test_pop3_and_imap(void **state)
{
    static const struct products_row pop3[] = {
        {"+OK Dovecot ready.", "Dovecot=-"},
        {"+OK Dovecot (Ubuntu) ready.", "Dovecot=-<Ubuntu>"},
        {"+OK host Cyrus POP3 v2.4.17-Fedora-RPM-2.4.17-8.el7_1 server ready <1@host>",
         "Cyrus=2.4.17~<Fedora-RPM-2.4.17-8.el7_1>"},
        {"+OK Qpopper (version 4.0.5) at host starting.", "Qpopper=4.0.5"},
        {"+OK Microsoft Exchange Server 2003 POP3 server version 6.5.7638.1 (host) ready.",
         "Microsoft Exchange=6.5.7638.1"},
        {"+OK Hello there. <1@host>", ""},
        {"+OK POP3 server ready <1896.697170952@192.0.2.1>", ""},
    };
    static const struct products_row imap[] = {
        {"* OK [CAPABILITY IMAP4rev1 SASL-IR ID ENABLE IDLE] Dovecot (Ubuntu) ready.",
         "Dovecot=-<Ubuntu>"},
        {"* OK [CAPABILITY IMAP4rev1] Courier-IMAP ready. Copyright 1998-2011", "Courier-IMAP=-"},
        {"* OK [CAPABILITY IMAP4 IMAP4rev1] h Cyrus IMAP 3.2.6-Debian-3.2.6-2+deb11u2 server ready",
         "Cyrus=3.2.6~<Debian-3.2.6-2+deb11u2>"},
        {"* OK The Microsoft Exchange IMAP4 service is ready.", "Microsoft Exchange=-"},
        {"* OK Gimap ready for requests from 192.0.2.1 abc", "Gimap=-"},
        {"* OK [CAPABILITY IMAP4rev1", ""},
        {"* BYE", ""},
    };

    (void)state;
    products_check(VERSION_POP3, pop3, COUNT(pop3));
    products_check(VERSION_IMAP, imap, COUNT(imap));
}

static void test_dns(void **state)
{
    static const struct products_row rows[] = {
        {"9.18.19-1~deb12u1-Debian", "BIND=9.18.19~<1~deb12u1-Debian>"},
        {"9.8.2rc1-RedHat-9.8.2-0.62.rc1.el6_9.2", "BIND=9.8.2rc1~<RedHat-9.8.2-0.62.rc1.el6_9.2>"},
        {"9.16.23-RH", "BIND=9.16.23~<RH>"},
        {"9.11.3-1ubuntu1.18-Ubuntu", "BIND=9.11.3~<1ubuntu1.18-Ubuntu>"},
        {"BIND 9.18.24", "BIND=9.18.24"},
        {"dnsmasq-2.80", "dnsmasq=2.80"},
        {"unbound 1.13.1", "Unbound=1.13.1"},
        {"PowerDNS Recursor 4.8.4", "PowerDNS Recursor=4.8.4"},
        {"PowerDNS Authoritative Server 4.7.3 (built Jan 1 2023)",
         "PowerDNS Authoritative Server=4.7.3"},
        {"none of your business", ""},
        {"1.2.3", ""},
    };

    (void)state;
    products_check(VERSION_DNS, rows, COUNT(rows));
}

static void test_hostile(void **state)
{
    static char line[100000];
    struct version_list list = {0};

    (void)state;
    memset(line, '(', sizeof(line));
    memcpy(line, "220 ", 4);
    version_identify(VERSION_SMTP, line, sizeof(line), &list);
    memset(line, ' ', sizeof(line));
    version_identify(VERSION_FTP, line, sizeof(line), &list);
    memset(line, '\n', sizeof(line));
    version_identify(VERSION_IMAP, line, sizeof(line), &list);
    assert_int_equal(list.count, 0);
    memset(line, 0xff, sizeof(line));
    version_identify(VERSION_SSH, line, sizeof(line), &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.products[0].version, "");
    assert_int_equal(list.products[0].name[0], '\\');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ssh), cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_ftp), cmocka_unit_test(test_pop3_and_imap),
        cmocka_unit_test(test_dns), cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
