#!/usr/bin/python3
"""A DNS server on loopback whose answer is chosen by the first label asked for.

Prints the port (the same for UDP and TCP) and serves until its standard input closes.
"""
import os
import selectors
import socket
import struct
import sys
import threading

A, CNAME, PTR, TXT, AAAA = 1, 5, 12, 16, 28
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5


def encode(name):
    out = b""
    for label in name:
        out += bytes([len(label)]) + label
    return out + b"\0"


def read_name(data, pos):
    labels = []
    while data[pos]:
        labels.append(data[pos + 1:pos + 1 + data[pos]])
        pos += 1 + data[pos]
    return labels, pos + 1


def record(owner, kind, data):
    return owner + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def strings(*texts):
    return b"".join(bytes([len(t)]) + t for t in texts)


ASKED = b"\xc0\x0c"  # a pointer to the question's name
V4 = record(ASKED, A, bytes([192, 0, 2, 1]))
V6 = record(ASKED, AAAA, bytes.fromhex("20010db8000000000000000000000001"))


def many(kind):
    if kind == AAAA:
        return []
    return [record(ASKED, A, bytes([198, 18, i >> 8, i & 255])) for i in range(1000)]


def circle(kind):
    one, two = encode([b"cnameloop", b"test"]), encode([b"other", b"test"])
    return [record(one, CNAME, two), record(two, CNAME, one)]


def chain(kind):
    end = encode([b"End", b"test"])
    answers = [record(ASKED, CNAME, encode([b"middle", b"test"])),
               record(encode([b"MIDDLE", b"test"]), CNAME, end)]
    if kind == A:
        answers.append(record(encode([b"unrelated", b"test"]), A, bytes([203, 0, 113, 66])))
        answers.append(record(end, A, bytes([192, 0, 2, 9])))
    return answers


def plain(kind):
    return {A: [V4], AAAA: [V6]}.get(kind, [])


def text(data):
    return lambda kind: [record(ASKED, TXT, data)] if kind == TXT else []


HOSTILE = encode([b"\x1b[31mred", b"a.b", b"nul\0", b"\xff"])

ANSWERS = {
    b"plain": plain,
    b"v4only": lambda kind: [V4] if kind == A else [],
    b"v6slow": lambda kind: [V4] if kind == A else None,
    b"truncated": plain,
    b"many": many,
    b"nodata": lambda kind: [],
    b"cnameloop": circle,
    b"chain": chain,
    b"badlength": lambda kind: [record(ASKED, kind, b"abc")],
    b"origin": text(strings(b"64500 | 192.0.2.0/24 | ZZ | test | 2020-01-01")),
    b"txt2": text(strings(b"one ", b"two\0")),
    b"hosttext": text(strings(b"\x1b]0;owned\x07")),
}

CODES = {b"nxdomain": NXDOMAIN, b"servfail": SERVFAIL, b"refused": REFUSED, b"formerr": FORMERR}

count = {}


def answer(query, over_tcp):
    """The response's bytes, or None for silence."""
    name, end = read_name(query, 12)
    kind = struct.unpack(">H", query[end:end + 2])[0]
    first = name[0].lower()
    flags, records = 0x8180, []
    reverse = [label.lower() for label in name[-2:]] == [b"in-addr", b"arpa"]
    if first == b"silent":
        return None
    if b"searched" in [label.lower() for label in name] and name[-1].lower() != b"two":
        flags |= NXDOMAIN
    elif first == b"searched":
        records = plain(kind)
    elif reverse and kind == PTR:
        if name[0] == b"66":
            records = [record(ASKED, PTR, HOSTILE)]
        elif name[0] == b"1":
            records = [record(ASKED, PTR, encode([b"host", b"example"]))]
        else:
            flags |= NXDOMAIN
    elif b"origin" in name or b"origin6" in name:
        if b"origin6" in name:
            records = text(strings(b"64506 64507 | 2001:db8::/32 | ZZ"))(kind)
        elif name[0] == b"66":
            records = text(strings(b"\x1b[31m64500 | nonsense"))(kind)
        elif name[:4] == [b"9", b"9", b"9", b"9"]:
            flags |= NXDOMAIN
        else:
            count["origin"] = count.get("origin", 0) + 1
            if count["origin"] > 2:
                flags |= SERVFAIL  # a cache would not have asked
            prefix = b".".join(reversed(name[1:4])) + b".0/24"
            records = text(strings(b"64500 | " + prefix + b" | ZZ | test | 2020-01-01"))(kind)
    elif first in CODES:
        flags |= CODES[first]
    elif first in ANSWERS:
        records = ANSWERS[first](kind)
        if records is None:
            return None
    else:
        flags |= NXDOMAIN
    if first == b"truncated" and not over_tcp:
        flags, records = flags | 0x0200, []
    body = query[12:end + 4] + b"".join(records)
    head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    if not over_tcp and len(head + body) > 512:
        head = query[:2] + struct.pack(">HHHHH", flags | 0x0200, 1, 0, 0, 0)
        body = query[12:end + 4]
    return head + body


def serve_tcp(peer):
    with peer:
        peer.settimeout(2)
        data = b""
        try:
            while True:
                while len(data) < 2 or len(data) < 2 + struct.unpack(">H", data[:2])[0]:
                    more = peer.recv(4096)
                    if not more:
                        return
                    data += more
                size = struct.unpack(">H", data[:2])[0]
                reply = answer(data[2:2 + size], True)
                data = data[2 + size:]
                if reply:
                    peer.sendall(struct.pack(">H", len(reply)) + reply)
        except OSError:
            pass


def main():
    if len(sys.argv) > 1:  # every name is answered with this
        for name in list(ANSWERS):
            del ANSWERS[name]
            CODES[name] = int(sys.argv[1])
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    while True:
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
            break
        except OSError:
            udp.close()
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp.listen(16)
    sys.stdout.write("%d\n" % udp.getsockname()[1])
    sys.stdout.flush()
    waiting = selectors.DefaultSelector()
    for source in (udp, tcp, sys.stdin):
        waiting.register(source, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is udp:
                query, peer = udp.recvfrom(4096)
                reply = answer(query, False)
                if reply:
                    udp.sendto(reply, peer)
            elif key.fileobj is tcp:
                threading.Thread(target=serve_tcp, args=(tcp.accept()[0],), daemon=True).start()
            elif not os.read(0, 1):
                return


main()
