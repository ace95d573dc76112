#!/usr/bin/env python3
"""Servers that say what they are told to, whatever is asked of them.

The file in the first argument: lines of PORT, "plain" or the ALPN protocol that is chosen inside TLS ("-": none),
what happens afterwards ("close", "hold"), and the bytes in hexadecimal. In the directory: cert.pem
and key.pem. Prints "ready" when all listen.
"""
import socket
import ssl
import sys
import threading
import time


def context(alpn):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain("cert.pem", "key.pem")
    if alpn != "-":
        made.set_alpn_protocols([alpn])
    return made


def serve(listener, secure, after, said):
    while True:
        client = listener.accept()[0]
        try:
            client.settimeout(5)
            if secure:
                client = secure.wrap_socket(client, server_side=True)
            client.recv(65536)
            client.sendall(said)
            if after == "hold":
                time.sleep(3)
            elif secure:
                client.unwrap()
            client.close()
        except OSError:
            client.close()


for line in open(sys.argv[1]):
    port, how, after, *said = line.split()
    listener = socket.create_server(("127.0.0.1", int(port)))
    threading.Thread(target=serve, daemon=True, args=(
        listener, None if how == "plain" else context(how), after,
        bytes.fromhex("".join(said)))).start()
print("ready", flush=True)
time.sleep(60)
