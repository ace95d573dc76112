#!/usr/bin/env python3
"""TLS servers with one thing they do not bear, each on its own port of 127.0.0.1 and ::1.

Arguments: PORT:RULE. Rules: tls1.3 (a ClientHello that offers it is reset), alpn (that has it is
reset), no-alpn (that has none), large=N (that is larger is not answered), first (the first
connection is reset), none. In the directory: cert.pem and key.pem. Prints "ready".
"""
import socket
import ssl
import struct
import sys
import threading
import time

RESPONSE = b"HTTP/1.1 200 OK\r\nServer: picky/1\r\nContent-Length: 0\r\n\r\n"


def extensions(hello):
    """Types of the extensions of a ClientHello in one record (RFC 8446 4.1.2)."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack_from(">H", hello, at)[0]
    at += 1 + hello[at]
    end = at + 2 + struct.unpack_from(">H", hello, at)[0]
    at += 2
    found = {}
    while at < end:
        kind, length = struct.unpack_from(">HH", hello, at)
        found[kind] = hello[at + 4:at + 4 + length]
        at += 4 + length
    return found


def dislikes(rule, hello, count):
    name, _, number = rule.partition("=")
    found = extensions(hello)
    if name == "large":
        return "silence" if len(hello) > int(number) else None
    bad = {"tls1.3": b"\3\4" in found.get(43, b"")[1:], "alpn": 16 in found,
           "no-alpn": 16 not in found, "first": count == 1, "none": False}[name]
    return "reset" if bad else None


def talk(client, rule, count, secure):
    client.settimeout(5)
    hello = client.recv(65536, socket.MSG_PEEK)
    if not hello:
        return
    verdict = dislikes(rule, hello, count)
    if verdict == "silence":
        time.sleep(4)
    elif verdict == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        client = secure.wrap_socket(client, server_side=True)
        client.recv(65536)
        client.sendall(RESPONSE)
        client.unwrap()
    client.close()


def handle(client, rule, count, secure):
    try:
        talk(client, rule, count, secure)
    except OSError:
        client.close()


def serve(listener, rule, secure):
    count = 0
    while True:
        client = listener.accept()[0]
        count += 1
        threading.Thread(target=handle, daemon=True, args=(client, rule, count, secure)).start()


secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
secure.load_cert_chain("cert.pem", "key.pem")
secure.minimum_version = ssl.TLSVersion.TLSv1_2
secure.set_alpn_protocols(["http/1.1"])
for argument in sys.argv[1:]:
    port, _, rule = argument.partition(":")
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=serve, daemon=True, args=(listener, rule, secure)).start()
print("ready", flush=True)
time.sleep(120)
