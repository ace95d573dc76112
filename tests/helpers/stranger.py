#!/usr/bin/python3
"""A stranger on the path, who sees echo requests and forges answers to them: stranger.py INTERFACE.

For each request three packets that carry its identifier: a time exceeded that quotes a sequence
number not yet sent, one that quotes the right one towards another destination, and an echo reply
without the payload. Says "ready", then the number of requests when its standard input closes.
"""
import select
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack(">%dH" % ((len(data) + 1) // 2), data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def icmp(kind, rest):
    message = struct.pack(">BBH", kind, 0, 0) + rest
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def ip(source, destination, payload, ttl=64):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0, ttl, 1, 0, source,
                         destination)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def forgeries(request):
    source, destination, echo = request[12:16], request[16:20], request[20:28]
    ident, seq = struct.unpack(">HH", echo[4:8])
    ahead = echo[:4] + struct.pack(">HH", ident, seq + 500 & 0xffff)
    elsewhere = request[:4] + b"\x99\x99" + request[6:16] + bytes([192, 0, 2, 9])
    wrong_sum = echo[:2] + b"\x12\x34" + echo[4:]
    yield ip(destination, source, icmp(11, b"\0" * 4 + request[:20] + ahead))
    yield ip(destination, source, icmp(11, b"\0" * 4 + elsewhere + wrong_sum))
    yield ip(destination, source, icmp(0, struct.pack(">HH", ident, seq)))


def main():
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    wire.bind((sys.argv[1], 0x0800))
    seen = 0
    print("ready", flush=True)
    while True:
        if sys.stdin in select.select([wire, sys.stdin], [], [])[0] and not sys.stdin.read(1):
            break
        frame = wire.recv(2048)
        if frame[23] == 1 and frame[34] == 8:
            seen += 1
            for packet in forgeries(frame[14:]):
                wire.send(frame[6:12] + frame[:6] + frame[12:14] + packet)
    print(seen, flush=True)


main()
