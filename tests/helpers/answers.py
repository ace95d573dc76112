#!/usr/bin/python3
"""TCP services on loopback that say what they are told, and nothing else.

answers.py PORT=ANSWER...: an ANSWER is text with Python's escapes, sent as soon as somebody
connects, or begins with a word for how it is given:

  hear:     after the first bytes from the client
  tls:FILE: inside TLS, with this certificate and key, after the first bytes
  silent    nothing, and the connection stays open
  close     nothing, and it is closed
  drip:     a byte every 100 ms
  endless:  again and again until the client goes
  file:PATH after the first bytes, what is in the file

Prints a line when all ports listen, and serves until its standard input closes.
"""
import socket
import ssl
import sys
import threading
import time


def text(escaped):
    return escaped.encode().decode("unicode_escape").encode("latin-1")


def give(peer, answer):
    how, _, rest = answer.partition(":")
    if answer == "silent":
        peer.recv(1 << 16)
        while peer.recv(1 << 16):
            pass
    elif answer == "close":
        return
    elif how == "hear":
        peer.recv(1 << 16)
        peer.sendall(text(rest))
    elif how == "file":
        peer.recv(1 << 16)
        with open(rest, "rb") as file:
            peer.sendall(file.read())
    elif how == "drip":
        for byte in text(rest):
            peer.sendall(bytes([byte]))
            time.sleep(0.1)
    elif how == "endless":
        block = text(rest) * max(1, 65536 // len(text(rest)))
        while True:
            peer.sendall(block)
    elif how == "tls":
        path, _, rest = rest.partition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # weak keys too
        context.load_cert_chain(path)
        with context.wrap_socket(peer, server_side=True) as inner:
            inner.recv(1 << 16)
            inner.sendall(text(rest))
            inner.unwrap()
    else:
        peer.sendall(text(answer))


def attend(peer, answer):
    with peer:
        try:
            give(peer, answer)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(1 << 16):
                pass
        except OSError:
            pass


def serve(server, answer):
    while True:
        peer, _ = server.accept()
        threading.Thread(target=attend, args=(peer, answer), daemon=True).start()


def main():
    for argument in sys.argv[1:]:
        port, _, answer = argument.partition("=")
        server = socket.create_server(("", int(port)), backlog=1024)
        threading.Thread(target=serve, args=(server, answer), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


main()
