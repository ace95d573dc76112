#!/usr/bin/python3
"""Packets built by scapy, and what tshark reads in them, as the text of packet_text().

packets.py table            writes tests/unit/packets.c
packets.py corpus DIR       writes seeds for the fuzz targets packet, ip, icmp and tcp
packets.py random N SEED D  compares N random packets with what the program D says of them
"""
import os
import random
import struct
import subprocess
import sys
import tempfile

from scapy.all import (AH, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6DestUnreach,
                       ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                       ICMPv6TimeExceeded, IPOption_RR, IPOption_Router_Alert, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       IPv6ExtHdrRouting, PadN, Raw, RouterAlert, raw)
from scapy.utils import checksum, wrpcap

NULL, ETHER, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
MAC = dict(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
A4, B4, R4 = "10.0.0.2", "10.99.0.2", "10.0.7.1"
QUOTED_SEQ = 0xdeadbeef
NAMES = []  # of interfaces, in the order of the packets: tshark 4.0 hides a name that ends an object
A6, B6, R6 = "fd00::2", "fd00:0:0:99::2", "fd00:0:0:7::1"


# --- ICMP extensions, as RFC 4884, 4950 and 5837 draw them ---------------------------------
def extension(*objects):
    body = b"".join(struct.pack("!HBB", len(o[2]) + 4, o[0], o[1]) + o[2] for o in objects)
    return struct.pack("!HH", 0x2000, checksum(b"\x20\x00\x00\x00" + body)) + body


def mpls(*labels):
    return (1, 1, b"".join(struct.pack("!I", l << 12 | tc << 9 | s << 8 | ttl)
                           for l, tc, s, ttl in labels))


def interface(role, index=None, address=None, name=None, mtu=None):
    ctype, body = role << 6, b""
    if index is not None:
        ctype |= 8
        body += struct.pack("!I", index)
    if address is not None:
        ctype |= 4
        packed = raw(IP(src=address))[12:16] if "." in address else raw(IPv6(src=address))[8:24]
        body += struct.pack("!HH", 1 if "." in address else 2, 0) + packed
    if name is not None:
        ctype |= 2
        text = name.encode()
        NAMES.append(name)
        body += bytes([(len(text) + 4) // 4 * 4]) + text + bytes(-(len(text) + 1) % 4)
    if mtu is not None:
        ctype |= 1
        body += struct.pack("!I", mtu)
    return (2, ctype, body)


def pad(data, size):
    return data + bytes(size - len(data))


def extended4(quote, *objects, **fields):
    data = raw(quote)
    size = max(128, -(-len(data) // 4) * 4)
    return (IP(src=R4, dst=A4, ttl=61) /
            ICMP(type=fields.pop("type", 11), code=fields.pop("code", 0), length=size // 4) /
            Raw(pad(data, size) + extension(*objects)))


def extended6(quote, *objects):
    data = raw(quote)
    size = max(128, -(-len(data) // 8) * 8)
    return (IPv6(src=R6, dst=A6, hlim=61) / ICMPv6TimeExceeded(length=size // 8) /
            Raw(pad(data, size) + extension(*objects)))


# --- the table -------------------------------------------------------------------------------
def eth(packet):
    return Ether(**MAC) / packet


def sll(packet, kind, protocol):
    return struct.pack("!HHH8sH", kind, 1, 6, b"\x02\0\0\0\0\x09\0\0", protocol) + raw(packet)


def sll2(packet, kind, protocol):
    return struct.pack("!HHIHBB8s", protocol, 0, 7, 1, kind, 6, b"\x02\0\0\0\0\x09\0\0") + raw(packet)


def tcp_rows():
    flow = dict(sport=40001, dport=443)
    ip = IP(src=A4, dst=B4, id=9, flags="DF")
    ip6 = IPv6(src=A6, dst=B6, fl=0xabcde, tc=0xb9)
    syn = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (16909060, 0)), ("NOP", None),
           ("WScale", 7)]
    ack = dict(flow, flags="A", seq=1000, ack=2000)
    yield "SYN of Linux", ETHER, eth(ip / TCP(**flow, seq=3735928559, flags="S", window=64240,
                                              options=syn))
    yield "SYN-ACK over IPv6", ETHER, eth(ip6 / TCP(sport=443, dport=40001, seq=1, ack=2,
                                                    flags="SA", window=65535, options=syn))
    yield "data without options", RAW, ip / TCP(**ack) / Raw(b"x" * 100)
    yield "all nine flags", RAW, ip / TCP(**flow, flags=0x1ff, urgptr=5)
    for n in range(1, 5):
        blocks = tuple(range(5000, 5000 + n * 200, 100))
        yield f"{n} SACK blocks", RAW, ip / TCP(**ack, options=[("SAck", blocks)])
    yield "SACK with timestamps", RAW, ip / TCP(**ack, options=[
        ("NOP", None), ("NOP", None), ("Timestamp", (7, 9)), ("NOP", None), ("NOP", None),
        ("SAck", (10, 20, 30, 40, 50, 60))])
    yield "fast open request", RAW, ip / TCP(**flow, flags="S", options=[(34, b"")])
    yield "fast open cookie", RAW, ip / TCP(**flow, flags="S", options=[
        ("MSS", 1400), (34, b"\1\2\3\4\5\6\7\x08")]) / Raw(b"GET")
    yield "MPTCP capable", RAW, ip / TCP(**flow, flags="S", options=[(30, b"\x01\x81")])
    yield "MPTCP join", RAW, ip / TCP(**flow, flags="S", options=[(30, b"\x10\x02" + bytes(8))])
    yield "AccECN order 0", RAW, ip / TCP(**ack, options=[(172, bytes(range(1, 10)))])
    yield "AccECN order 1, two counters", RAW, ip / TCP(**ack, options=[(174, bytes(range(1, 7)))])
    yield "AccECN without counters", RAW, ip / TCP(**ack, options=[(172, b"")])
    yield "unknown options", RAW, ip / TCP(**ack, options=[(77, b"ab"), (19, bytes(16)), (28, b"\0\0")])
    yield "ended options", RAW, ip / TCP(**ack, options=[("MSS", 9), ("EOL", None)])
    yield "reset", RAW, ip6 / TCP(**flow, flags="R", seq=77, window=0)
    yield "Ethernet padding", ETHER, pad(raw(eth(ip / TCP(**ack))), 60)
    yield "behind IPv4 options", RAW, IP(src=A4, dst=B4, options=[
        IPOption_RR(length=11, pointer=4, routers=["1.2.3.4", "0.0.0.0"])]) / TCP(**ack)
    yield "IPv4 router alert", RAW, IP(src=A4, dst=B4, options=[IPOption_Router_Alert()]) / \
        TCP(**ack)


def link_rows():
    udp4 = IP(src=A4, dst=B4, id=77, ttl=3) / UDP(sport=40000, dport=33434) / Raw(b"netdx")
    udp6 = IPv6(src=A6, dst=B6, hlim=3) / UDP(sport=40000, dport=33434) / Raw(b"netdx")
    yield "802.1Q", ETHER, Ether(**MAC) / Dot1Q(vlan=5, prio=3) / udp4
    yield "QinQ", ETHER, Ether(**MAC, type=0x88a8) / Dot1Q(vlan=100, type=0x8100) / \
        Dot1Q(vlan=4095) / udp6
    yield "three tags", ETHER, Ether(**MAC) / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / udp4
    for kind in range(5):
        yield f"cooked v1 type {kind}", SLL, sll(udp4, kind, 0x0800)
        yield f"cooked v2 type {kind}", SLL2, sll2(udp6, kind, 0x86dd)
    yield "cooked v1 with a tag", SLL, sll(b"\x00\x2a\x08\x00" + raw(udp4), 0, 0x8100)
    yield "cooked v2 with a tag", SLL2, sll2(b"\x00\x2a\x86\xdd" + raw(udp6), 4, 0x8100)
    yield "null, little-endian", NULL, b"\2\0\0\0" + raw(udp4)
    yield "null, big-endian", NULL, b"\0\0\0\x02" + raw(udp4)
    for family in (24, 28, 30):
        yield f"null, IPv6 as {family}", NULL, struct.pack("<I", family) + raw(udp6)
    yield "loop", LOOP, b"\0\0\0\x02" + raw(udp4)
    yield "loop, IPv6", LOOP, b"\0\0\0\x18" + raw(udp6)
    yield "raw IPv4", RAW, udp4
    yield "raw IPv6", RAW, udp6
    yield "link type IPv4", IPV4, udp4
    yield "link type IPv6", IPV6, udp6


def ip_rows():
    udp = UDP(sport=40000, dport=33434) / Raw(b"0123456789abcdef")
    v4 = dict(src=A4, dst=B4, id=0xbeef)
    v6 = dict(src=A6, dst=B6)
    segment = raw(IP(**v4) / udp)[20:]
    yield "DSCP and ECN", RAW, IP(**v4, tos=0xb9) / udp
    yield "UDP without checksum", RAW, IP(**v4) / UDP(sport=1, dport=2, chksum=0) / Raw(b"x")
    yield "UDP shorter than its packet", RAW, IP(**v4) / UDP(sport=1, dport=2, len=10) / Raw(b"0123")
    yield "first fragment", RAW, IP(**v4, flags="MF", proto=17) / Raw(segment[:16])
    yield "later fragment", RAW, IP(**v4, frag=2, proto=17) / Raw(segment[16:])
    yield "middle fragment", RAW, IP(**v4, flags="MF", frag=185, proto=6) / Raw(bytes(64))
    yield "wrong header checksum", RAW, IP(**v4, chksum=0x1234) / udp
    yield "hop-by-hop options", RAW, IPv6(**v6) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / udp
    yield "routing header", RAW, IPv6(**v6) / IPv6ExtHdrRouting(type=4, segleft=0, addresses=[B6]) / udp
    yield "destination options", RAW, IPv6(**v6) / IPv6ExtHdrDestOpt(options=[
        PadN(optdata=bytes(12))]) / udp
    yield "four extension headers", RAW, IPv6(**v6) / IPv6ExtHdrHopByHop() / \
        IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(type=253, segleft=0) / \
        IPv6ExtHdrDestOpt() / udp
    yield "authentication header", RAW, IPv6(**v6) / AH(nh=17, spi=7, seq=1, icv=bytes(12),
                                                      payloadlen=4) / udp
    yield "first IPv6 fragment", RAW, IPv6(**v6) / IPv6ExtHdrFragment(m=1, id=0xdeadbeef, nh=17) / \
        Raw(segment[:16])
    yield "later IPv6 fragment", RAW, IPv6(**v6) / IPv6ExtHdrFragment(offset=2, id=5, nh=17) / \
        Raw(segment[16:])
    yield "atomic fragment", RAW, IPv6(**v6) / IPv6ExtHdrFragment(id=6) / udp
    yield "no next header", RAW, IPv6(**v6, nh=59) / Raw(b"ignored")
    yield "an empty IPv6 packet", ETHER, pad(raw(eth(IPv6(**v6, nh=59))), 60)


def icmp_rows():
    v4 = dict(src=A4, dst=B4, ttl=1, id=4660)
    v6 = dict(src=A6, dst=B6, hlim=1, fl=703710)
    udp = UDP(sport=40000, dport=33434) / Raw(b"0123456789abcdef")
    tcp = TCP(sport=40001, dport=443, seq=QUOTED_SEQ, flags="S", options=[("MSS", 1460)])
    echo = ICMP(type=8, id=48879, seq=513) / Raw(bytes(24))
    back = IP(src=R4, dst=A4, ttl=61)
    back6 = IPv6(src=R6, dst=A6, hlim=61)
    options = [IPOption_RR(length=39, pointer=4, routers=["0.0.0.0"] * 9)]

    yield "echo request", RAW, IP(**v4) / echo
    yield "echo reply", RAW, back / ICMP(type=0, id=1, seq=65535) / Raw(b"abc")
    yield "wrong ICMP checksum", RAW, back / ICMP(type=0, id=1, seq=2, chksum=0xbad) / Raw(b"abc")
    for name, upper in (("UDP", udp), ("TCP", tcp), ("echo", echo)):
        whole = raw(IP(**v4) / upper)
        yield f"time exceeded, 8 bytes of {name}", RAW, back / ICMP(type=11) / Raw(whole[:28])
        yield f"time exceeded, all of {name}", RAW, back / ICMP(type=11) / Raw(whole)
        whole = raw(IP(**v4, options=options) / upper)
        yield f"quote with IPv4 options, {name}", RAW, back / ICMP(type=11) / Raw(whole[:68])
    both = IP(src=R4, dst=A4, ttl=61, options=options)
    yield "options outside and inside", RAW, both / ICMP(type=11) / Raw(raw(IP(**v4, options=options) / tcp))
    yield "fragmentation needed", RAW, back / ICMP(type=3, code=4, nexthopmtu=1400) / \
        Raw(raw(IP(**v4, flags="DF") / udp)[:28])
    for code in (0, 1, 2, 3, 9, 10, 13):
        yield f"unreachable code {code}", RAW, back / ICMP(type=3, code=code) / \
            Raw(raw(IP(**v4) / udp)[:28])
    yield "redirect", RAW, back / ICMP(type=5, code=1, gw="10.0.0.254") / \
        Raw(raw(IP(**v4) / udp)[:28])
    yield "parameter problem", RAW, back / ICMP(type=12, ptr=20) / Raw(raw(IP(**v4) / udp)[:28])
    yield "quote of a later fragment", RAW, back / ICMP(type=11) / \
        Raw(raw(IP(**v4, frag=5, proto=17) / Raw(bytes(8))))

    yield "ICMPv6 echo request", RAW, IPv6(**v6) / ICMPv6EchoRequest(id=48879, seq=7, data=bytes(8))
    yield "ICMPv6 echo reply", RAW, back6 / ICMPv6EchoReply(id=1, seq=2)
    yield "ICMPv6 wrong checksum", RAW, back6 / ICMPv6EchoReply(id=1, seq=2, cksum=7)
    yield "ICMPv6 behind options", RAW, IPv6(src=R6, dst=A6) / IPv6ExtHdrHopByHop() / \
        ICMPv6EchoReply(id=1, seq=2)
    echo6 = ICMPv6EchoRequest(id=48879, seq=7, data=bytes(24))
    for name, upper in (("UDP", udp), ("TCP", tcp), ("echo", echo6)):
        whole = raw(IPv6(**v6) / upper)
        yield f"ICMPv6 time exceeded, {name}", RAW, back6 / ICMPv6TimeExceeded() / Raw(whole)
        yield f"ICMPv6 time exceeded, 8 bytes of {name}", RAW, back6 / ICMPv6TimeExceeded() / \
            Raw(whole[:48])
        chain = raw(IPv6(**v6) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) /
                    IPv6ExtHdrDestOpt() / upper)
        yield f"ICMPv6 quote with extension headers, {name}", RAW, back6 / \
            ICMPv6TimeExceeded() / Raw(chain)
    for code in range(7):
        yield f"ICMPv6 unreachable code {code}", RAW, back6 / ICMPv6DestUnreach(code=code) / \
            Raw(raw(IPv6(**v6) / udp))
    yield "packet too big", RAW, back6 / ICMPv6PacketTooBig(mtu=1280) / Raw(raw(IPv6(**v6) / udp))
    yield "ICMPv6 parameter problem", RAW, back6 / ICMPv6ParamProblem(code=1, ptr=40) / \
        Raw(raw(IPv6(**v6) / udp))


def extension_rows():
    v4 = dict(src=A4, dst=B4, ttl=1, id=4660)
    v6 = dict(src=A6, dst=B6, hlim=1)
    udp = UDP(sport=40000, dport=33434) / Raw(b"0123456789abcdef")
    one, stack = mpls((24001, 5, 1, 1)), mpls((16, 0, 0, 254), (1048575, 7, 0, 1), (299776, 2, 1, 64))
    yield "MPLS label", RAW, extended4(IP(**v4) / udp, one)
    yield "MPLS stack", RAW, extended4(IP(**v4) / udp, stack)
    yield "MPLS with an unreachable", RAW, extended4(IP(**v4) / udp, one, type=3, code=3)
    yield "long quote and MPLS", RAW, extended4(IP(**v4) / UDP(sport=1, dport=2) / Raw(bytes(300)), stack)
    yield "MPLS at the fixed offset", RAW, IP(src=R4, dst=A4) / ICMP(type=11) / \
        Raw(pad(raw(IP(**v4) / udp), 128) + extension(stack))
    yield "a long quote without extension", RAW, IP(src=R4, dst=A4) / ICMP(type=11) / \
        Raw(raw(IP(**v4) / UDP(sport=1, dport=2) / Raw(b" " * 200)))
    yield "ICMPv6 MPLS stack", RAW, extended6(IPv6(**v6) / udp, stack)
    for bits in range(16):
        for address in ("192.0.2.1", "2001:db8::1") if bits & 4 else (None,):
            parts = dict(index=42 if bits & 8 else None, address=address,
                         name="xe-0/0/1.7" if bits & 2 else None, mtu=9000 if bits & 1 else None)
            text = "".join("iAnM"[3 - b] for b in range(3, -1, -1) if bits >> b & 1) or "nothing"
            yield f"interface role {bits % 4}, bits {bits:04b} {text}", RAW, \
                extended4(IP(**v4) / udp, interface(bits % 4, **parts))
    yield "MPLS and two interfaces", RAW, extended4(
        IP(**v4) / udp, stack, interface(0, index=1, name="eth0"),
        interface(2, index=2, address="2001:db8::2", name="eth1", mtu=1500))
    yield "ICMPv6 interface", RAW, extended6(
        IPv6(**v6) / udp, interface(3, index=5, address="2001:db8::3", name="n" * 63, mtu=1))


def rows():
    for part in (tcp_rows, link_rows, ip_rows, icmp_rows, extension_rows):
        for name, link, packet in part():
            yield part.__name__[:-5], name, link, raw(packet)


# --- what tshark reads ------------------------------------------------------------------------
FIELDS = """ieee8021ad.id vlan.id sll.pkttype sll.ifindex ip.src ip.dst ip.ttl ip.proto ip.dsfield.dscp
ip.dsfield.ecn ip.id ip.flags.df ip.flags.mf ip.frag_offset ip.len ip.hdr_len ip.checksum.status
ipv6.src ipv6.dst ipv6.hlim ipv6.tclass.dscp ipv6.tclass.ecn ipv6.flow ipv6.plen
ipv6.fraghdr.offset ipv6.fraghdr.more ipv6.fraghdr.ident tcp.srcport tcp.dstport tcp.seq
tcp.ack tcp.flags tcp.window_size_value tcp.hdr_len tcp.len tcp.option_kind
tcp.options.mss_val tcp.options.wscale.shift tcp.options.sack_perm tcp.options.timestamp.tsval
tcp.options.timestamp.tsecr tcp.options.sack_le tcp.options.sack_re tcp.options.tfo.request
tcp.options.tfo.cookie tcp.options.mptcp.subtype tcp.options.acc_ecn.ee0b
tcp.options.acc_ecn.eceb tcp.options.acc_ecn.ee1b udp.srcport udp.dstport udp.length
udp.checksum icmp.type icmp.code icmp.checksum.status icmp.ident icmp.seq icmp.mtu icmp.pointer
icmp.redir_gw icmpv6.type icmpv6.code icmpv6.checksum.status icmpv6.echo.identifier
icmpv6.echo.sequence_number icmpv6.mtu icmpv6.pointer icmp.mpls.label icmp.mpls.exp icmp.mpls.s
icmp.mpls.ttl icmp.int_info.role icmp.int_info.index icmp.int_info.ipv4 icmp.int_info.ipv6
icmp.int_info.name icmp.int_info.mtu frame.protocols icmp.int_info.name_present
icmp.int_info.ifindex icmp.int_info.ipaddr icmp.int_info.mtu_present icmp.int_info.afi
""".split()


def tshark(link, packets):
    """One dict of lists of strings per packet."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        wrpcap(file.name, packets, linktype=link)
        command = ["tshark", "-n", "-r", file.name, "-T", "fields", "-E", "separator=|", "-E",
                   "occurrence=a", "-E", "aggregator=;"]
        for option in ("ip.check_checksum", "udp.check_checksum"):
            command += ["-o", option + ":TRUE"]
        command += ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE",
                    "-o", "icmp.favor_icmp_mpls:TRUE", "-o", "tcp.analyze_sequence_numbers:FALSE",
                    "-o", "tcp.relative_sequence_numbers:FALSE"]
        for field in FIELDS:
            command += ["-e", field]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in out.split("\n")[:-1]:
        yield {f: v.split(";") if v else [] for f, v in zip(FIELDS, line.split("|"))}


class Reading:
    """Takes values in their order, so that the outer packet's come first and the quote's then."""

    def __init__(self, fields):
        self.fields = fields

    def has(self, name):
        return bool(self.fields[name])

    def take(self, name):
        value = self.fields[name].pop(0)
        if value in ("True", "False"):
            return int(value == "True")
        return value if "." in value or ":" in value else int(value, 0)

    def text(self):
        f = self.fields
        out = []
        if f["vlan.id"]:
            out.append("vlan " + ",".join(f["ieee8021ad.id"] + f["vlan.id"]))
        if f["sll.pkttype"]:
            out.append("out" if f["sll.pkttype"][0] == "4" else "in")
        if f["sll.ifindex"]:
            out.append("ifindex " + f["sll.ifindex"][0])
        version = 6 if "ipv6" in f["frame.protocols"][0].split(":")[:7] and not (
            f["ip.src"] and f["icmp.type"]) else 4
        out.append(self.ip(version))
        if f["icmp.type"]:
            out.append(self.icmp4())
        elif f["icmpv6.type"]:
            out.append(self.icmp6())
        else:
            out.append(self.transport())
        return " ".join(filter(None, out))

    def ip(self, version):
        t = self.take
        if version == 6:
            out = f"ip6 {t('ipv6.src')} > {t('ipv6.dst')} ttl {t('ipv6.hlim')} dscp " \
                f"{t('ipv6.tclass.dscp')} ecn {t('ipv6.tclass.ecn')} flow {t('ipv6.flow')} len " \
                f"{t('ipv6.plen') + 40}"
            if self.has("ipv6.fraghdr.offset"):
                offset = 8 * t("ipv6.fraghdr.offset")
                out += f" id {t('ipv6.fraghdr.ident')} off {offset}" + \
                    (" mf" if t("ipv6.fraghdr.more") else "")
            return out
        out = f"ip4 {t('ip.src')} > {t('ip.dst')} ttl {t('ip.ttl')} dscp {t('ip.dsfield.dscp')} " \
            f"ecn {t('ip.dsfield.ecn')} proto {t('ip.proto')} id {t('ip.id')} off " \
            f"{8 * t('ip.frag_offset')}" + (" df" if t("ip.flags.df") else "") + \
            (" mf" if t("ip.flags.mf") else "")
        status = self.fields["ip.checksum.status"]
        return out + f" len {t('ip.len')} hlen {t('ip.hdr_len')} sum " + \
            ("ok" if not status or status.pop(0) == "1" else "bad")

    def options(self):
        f, t = self.fields, self.take
        kinds = f["tcp.option_kind"]
        if not kinds:
            return ""
        if "0" in kinds:  # tshark goes on behind the end of the options
            kinds = kinds[:kinds.index("0") + 1]
        out = " kinds " + ",".join(kinds)
        for name, field in (("mss", "tcp.options.mss_val"), ("wscale", "tcp.options.wscale.shift")):
            if self.has(field):
                out += f" {name} {t(field)}"
        if self.has("tcp.options.sack_perm"):
            out += " sackok"
        if self.has("tcp.options.timestamp.tsval"):
            out += f" ts {t('tcp.options.timestamp.tsval')}/{t('tcp.options.timestamp.tsecr')}"
        if self.has("tcp.options.sack_le"):
            out += " sack " + ",".join(f"{l}-{r}" for l, r in zip(f["tcp.options.sack_le"],
                                                                  f["tcp.options.sack_re"]))
        if "34" in kinds:
            out += " tfo " + ("".join(f["tcp.options.tfo.cookie"]) or "request")
        if self.has("tcp.options.mptcp.subtype"):
            out += f" mptcp {t('tcp.options.mptcp.subtype')}"
        for order, kind in enumerate(("172", "174")):
            if kind in kinds:
                names = ["ee0b", "eceb", "ee1b"][::-1 if order else 1]
                values = sum((f["tcp.options.acc_ecn." + n] for n in names), [])
                out += f" accecn {order} " + ",".join(values)
        return out

    def transport(self):
        t = self.take
        if self.has("tcp.srcport"):
            # In 8 bytes quoted by ICMPv6 tshark shows the ports alone; the number is scapy's then.
            seq = t("tcp.seq") if self.has("tcp.seq") else QUOTED_SEQ
            ports = f"{t('tcp.srcport')} > {t('tcp.dstport')} seq {seq}"
            if not self.has("tcp.window_size_value"):
                return "tcp8 " + ports
            return f"tcp {ports} ack {t('tcp.ack')} flags {t('tcp.flags')} win " \
                f"{t('tcp.window_size_value')} hlen {t('tcp.hdr_len')}" + \
                (f" payload {t('tcp.len')}" if self.has("tcp.len") else "") + self.options()
        if self.has("udp.srcport"):
            return f"udp {t('udp.srcport')} > {t('udp.dstport')} len {t('udp.length')} sum " \
                f"{t('udp.checksum')}"
        return ""

    def icmp4(self):
        kind = self.take("icmp.type")
        out = f"icmp {kind}/{self.take('icmp.code')} sum " + \
            ("ok" if self.take("icmp.checksum.status") == 1 else "bad")
        if kind in (0, 8):
            return out + f" id {self.take('icmp.ident')} seq {self.take('icmp.seq')}"
        for name, field in (("mtu", "icmp.mtu"), ("pointer", "icmp.pointer"),
                            ("gateway", "icmp.redir_gw")):
            if self.has(field):
                value = self.take(field)
                out += f" {name} {value}" if value else ""
        return out + " quote " + (self.ip(4) + " " + (self.echo("icmp.type", "icmp.code",
            "icmp.ident", "icmp.seq") or self.transport())).rstrip() + self.extensions()

    def icmp6(self):
        kind = self.take("icmpv6.type")
        out = f"icmp {kind}/{self.take('icmpv6.code')} sum " + \
            ("ok" if self.take("icmpv6.checksum.status") == 1 else "bad")
        if kind in (128, 129):
            return out + f" id {self.take('icmpv6.echo.identifier')} seq " \
                f"{self.take('icmpv6.echo.sequence_number')}"
        for name, field in (("mtu", "icmpv6.mtu"), ("pointer", "icmpv6.pointer")):
            if self.has(field):
                out += f" {name} {self.take(field)}"
        return out + " quote " + self.ip(6) + " " + (self.echo("icmpv6.type", "icmpv6.code",
            "icmpv6.echo.identifier", "icmpv6.echo.sequence_number") or self.transport()) + \
            self.extensions()

    def echo(self, kind, code, ident, seq):
        if not self.has(kind):
            return ""
        return f"echo {self.take(kind)}/{self.take(code)} id {self.take(ident)} seq {self.take(seq)}"

    def extensions(self):
        f, t = self.fields, self.take
        out = ""
        for l, e, s, ttl in zip(f["icmp.mpls.label"], f["icmp.mpls.exp"], f["icmp.mpls.s"],
                                f["icmp.mpls.ttl"]):
            out += f" mpls {int(l, 0)}/{int(e, 0)}/{int(s in ('1', 'True'))}/{int(ttl, 0)}"
        while f["icmp.int_info.role"]:
            out += f" interface {t('icmp.int_info.role')}"
            name, mtu = t("icmp.int_info.name_present"), t("icmp.int_info.mtu_present")
            if t("icmp.int_info.ifindex"):
                out += f" index {t('icmp.int_info.index')}"
            if t("icmp.int_info.ipaddr"):
                out += " address " + f["icmp.int_info.ipv4" if t("icmp.int_info.afi") == 1
                                       else "icmp.int_info.ipv6"].pop(0)
            if name:
                out += " name " + NAMES.pop(0)
                if mtu and not out.endswith(f["icmp.int_info.name"].pop(0)):
                    raise ValueError("tshark reads another interface name")
            if mtu:
                out += f" mtu {t('icmp.int_info.mtu')}"
        return out


def readings(items):
    """(link, bytes) pairs to texts, in their order."""
    out = [None] * len(items)
    for link in sorted({i[0] for i in items}):
        indexes = [i for i, item in enumerate(items) if item[0] == link]
        for i, fields in zip(indexes, tshark(link, [items[i][1] for i in indexes])):
            out[i] = Reading(fields).text()
    return out


# --- output -----------------------------------------------------------------------------------
def c_string(text, indent):
    lines = [text[i:i + 116] for i in range(0, len(text), 116)] or [""]
    return ("\n" + indent).join('"%s"' % line for line in lines)


def table():
    all_rows = list(rows())
    texts = readings([(r[2], r[3]) for r in all_rows])
    names = {NULL: "LINK_NULL", ETHER: "LINK_ETHERNET", RAW: "LINK_RAW", LOOP: "LINK_LOOP",
             SLL: "LINK_LINUX_SLL", IPV4: "LINK_IPV4", IPV6: "LINK_IPV6", SLL2: "LINK_LINUX_SLL2"}
    print("/*\n * Made by tests/helpers/packets.py: bytes by scapy 2.5.0, texts from the fields that "
          "tshark\n * 4.0.17 reads in them. netdx has no part in either.\n */")
    print('#include "tests/unit/packets.h"\n\n/* clang-format off */')
    print("const struct packet_row packet_rows[] = {")
    for (part, name, link, data), text in zip(all_rows, texts):
        print(f'    {{"{part}", "{name}", {names[link]},\n        {c_string(data.hex(), " " * 8)},\n'
              f'        {c_string(text, " " * 8)}}},')
    print("};\n\nconst size_t packet_rows_count = sizeof(packet_rows) / sizeof(packet_rows[0]);")


def corpus(directory):
    links = [NULL, ETHER, RAW, LOOP, SLL, IPV4, IPV6, SLL2]
    for n, (part, _, link, data) in enumerate(rows()):
        seeds = [("packet", bytes([links.index(link), 0]) + data)]
        if link == RAW:
            seeds.append(("ip", data))
            header = 40 if data[0] >> 4 == 6 else (data[0] & 15) * 4
            if part in ("icmp", "extension"):
                seeds.append(("icmp", bytes([data[0] >> 4 == 6]) + data[header:]))
            if part == "tcp":
                seeds.append(("tcp", data[header:]))
        for target, seed in seeds:
            os.makedirs(f"{directory}/{target}", exist_ok=True)
            with open(f"{directory}/{target}/{part}-{n}", "wb") as file:
                file.write(seed)


# --- random packets ---------------------------------------------------------------------------
def random_options(r):
    out, room = [], 40
    while room > 12 and r.random() < 0.7:
        option = r.choice([
            ("MSS", r.randrange(65536)), ("WScale", r.randrange(15)), ("SAckOK", b""),
            ("Timestamp", (r.randrange(1 << 32), r.randrange(1 << 32))), ("NOP", None),
            ("SAck", tuple(r.randrange(1 << 32) for _ in range(2))),
            (r.choice([19, 28, 77]), r.randbytes(r.randrange(2, 6)))])
        if option[0] != "NOP" and option[0] in [o[0] for o in out]:
            continue
        out.append(option)
        room -= {"MSS": 4, "WScale": 3, "SAckOK": 2, "Timestamp": 10, "NOP": 1, "SAck": 10}.get(
            option[0], 8)
    return out


def random_upper(r):
    ports = dict(sport=r.randrange(1, 65536), dport=r.randrange(1, 65536))
    if r.random() < 0.5:
        return UDP(**ports) / Raw(r.randbytes(r.randrange(9, 60)))
    return TCP(**ports, seq=r.randrange(1 << 32), ack=r.randrange(1 << 32),
               flags=r.randrange(512), window=r.randrange(65536), options=random_options(r)) / \
        Raw(r.randbytes(r.randrange(0, 60)))


def random_ip(r, six):
    if six:
        ip = IPv6(src=R6, dst=B6, hlim=r.randrange(1, 256), tc=r.randrange(256),
                  fl=r.randrange(1 << 20))
        for _ in range(r.choice([0, 0, 1, 2])):
            ip = ip / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(r.randrange(20)))])
        return ip
    options = [IPOption_RR(length=11, pointer=4, routers=["0.0.0.0"] * 2)] * r.choice([0, 0, 1, 3])
    return IP(src=R4, dst=B4, ttl=r.randrange(1, 256), tos=r.randrange(256),
              id=r.randrange(65536), flags=r.choice(["", "DF"]), options=options)


def random_packet(r):
    six = r.random() < 0.5
    packet = random_ip(r, six) / random_upper(r)
    kind = r.random()
    if kind < 0.5:
        return packet
    labels = mpls(*[(r.randrange(1 << 20), r.randrange(8), r.randrange(2), r.randrange(256))
                    for _ in range(r.randrange(1, 6))])
    face = interface(r.randrange(4), index=r.choice([None, r.randrange(1 << 32)]),
                     address=r.choice([None, "192.0.2.7", "2001:db8::7"]),
                     name=r.choice([None, "eth%d" % r.randrange(1000)]),
                     mtu=r.choice([None, 1500]))
    if kind < 0.75:
        return (extended6 if six else extended4)(packet, labels, face)
    if face[1] & 2:
        NAMES.pop()
    if six:
        return IPv6(src=R6, dst=A6) / ICMPv6TimeExceeded() / Raw(raw(packet))
    return IP(src=R4, dst=A4) / ICMP(type=11) / Raw(raw(packet)[:120])


def compare(count, seed, program):
    r = random.Random(seed)
    items = [(RAW, raw(random_packet(r))) for _ in range(count)]
    lines = "".join(f"{link} {data.hex()}\n" for link, data in items)
    ours = subprocess.run([program], input=lines, capture_output=True, text=True,
                          check=True).stdout.split("\n")
    different = 0
    for (_, data), theirs, mine in zip(items, readings(items), ours):
        if mine != theirs:
            different += 1
            print(f"{data.hex()}\n  tshark {theirs}\n  netdx  {mine}")
    print(f"seed {seed}: {different} of {count} packets read differently")
    return different != 0


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        table()
    elif sys.argv[1:2] == ["corpus"] and len(sys.argv) == 3:
        corpus(sys.argv[2])
    elif sys.argv[1:2] == ["random"] and len(sys.argv) == 5:
        sys.exit(compare(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    else:
        sys.exit(__doc__)
