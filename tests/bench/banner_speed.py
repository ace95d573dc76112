"""Banners of many services, in one thread: netdx beside curl. banner_speed.py NETDX, in a namespace
of its own.

A real nginx answers for all of 127.0.0.0/8. The tools take turns at the same 1,000 addresses, 300
at a time; the server's own count of requests says that all were made. Then the rate over more of
them, and a list of which nine tenths are dead: nftables drops what is sent there.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from summary import summarize

TURNS, TARGETS, PARALLEL = 9, 1000, 300
RATES = {"HTTP": (80, 20000, 5000), "TLS": (443, 3000, 1000)}  # port, banners, asked a second
LISTED, DEAD, DEAD_PARALLEL, DEAD_TIMEOUT, DEAD_KB = 100000, 90000, 1024, 0.2, 200000
ALONE = ("--privilege", "none")  # as curl: nothing but the connections
ROW = "  %-32s %9.3f %9.0f %9.3f %9d"
NGINX = """
daemon off; pid nginx.pid; error_log error.log; worker_processes 2;
events { worker_connections 8192; }
http {
    access_log off;
    server {
        listen 80 backlog=8192; listen 443 ssl backlog=8192;
        ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;
        location / { return 200 fine; }
    }
    server { listen 8080; location / { stub_status; } }
}
"""


def run(command):
    subprocess.run(command.split(), check=True, stderr=subprocess.DEVNULL)


def prepare():
    """The namespace and its server, in the working directory."""
    run("ip link set lo up")
    run("sysctl -qw net.core.somaxconn=8192 net.ipv4.tcp_max_syn_backlog=8192")
    subprocess.run(["nft", "table ip t { chain c { type filter hook input priority 0; "
                    "ip daddr 127.1.0.0-127.254.255.255 counter drop; }; }"], check=True)
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=bench "
        "-days 60 -keyout key.pem -out certificate.pem")
    with open("nginx.conf", "w") as conf:
        conf.write(NGINX)
    server = subprocess.Popen(["nginx", "-p", os.getcwd(), "-c", "nginx.conf"],
                              stderr=subprocess.DEVNULL)
    for _ in range(100):
        if requests():
            return server
        time.sleep(0.05)
    sys.exit("nginx does not come up")


def requests():
    """What the server has answered so far, this question included; 0: it is not there."""
    status = subprocess.run(["curl", "-s", "http://127.0.0.1:8080/"], stdout=subprocess.PIPE,
                            text=True).stdout.split()
    return int(status[9]) if status else 0


def address(n):
    return "127.%d.%d.%d" % (n // 62500, n // 250 % 250, n % 250 + 1)


def listed(name, addresses, port):
    with open(name, "w") as out:
        out.writelines("%s:%d\n" % (a, port) for a in addresses)
    return name


def curl_config(name, scheme, addresses):
    with open(name, "w") as out:
        out.writelines("url = %s://%s/\noutput = /dev/null\n" % (scheme, a) for a in addresses)
    return name


def measured(command):
    """Wall seconds, CPU seconds, peak KB. Between us and the command stands time(1): see peers.py."""
    with tempfile.NamedTemporaryFile("r") as report:
        start = time.monotonic()
        subprocess.run(["time", "-q", "-f", "%U %S %M", "-o", report.name] + command,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall = time.monotonic() - start
        user, system, peak = report.read().split()[-3:]
    return wall, float(user) + float(system), int(peak)


def banner(netdx, targets, *options):
    return [netdx, "banner", "-q", "--jsonl", "-o", "found", "--targets", targets] + list(options)


def outcomes():
    """How many named the server, and how many failed with which code."""
    named, codes = 0, {}
    with open("found") as lines:
        for line in map(json.loads, lines):
            if line["event"] != "banner":
                continue
            named += any(p["name"] == "nginx" and p["version"] for p in line["products"])
            if line["error"]:
                codes[line["error"]["code"]] = codes.get(line["error"]["code"], 0) + 1
    return named, codes


def counted(command, wanted):
    before = requests()
    result = measured(command)
    made = requests() - before - 1
    if made != wanted:
        sys.exit("%s: %d requests, not %d" % (command[0], made, wanted))
    return result


def beside_curl(netdx):
    """1,000 addresses, in turns."""
    addresses = [address(n) for n in range(TARGETS)]
    print("\n%d addresses on loopback, %d at a time, median of %d turns (asked of netdx: no more "
          "time than curl)" % (TARGETS, PARALLEL, TURNS))
    print("  %-32s %9s %9s %9s %9s" % ("", "wall s", "a second", "CPU s", "peak KB"))
    for scheme, port in (("http", 80), ("https", 443)):
        tools = {
            "netdx banner": banner(netdx, listed("targets", addresses, port), "--parallel",
                                   str(PARALLEL), *ALONE),
            "curl -Z -I": ["curl", "-s", "-k", "-I", "-Z", "--parallel-max", str(PARALLEL), "-K",
                           curl_config("curl.conf", scheme, addresses)],
            "netdx banner and the wire": banner(netdx, "targets", "--parallel", str(PARALLEL)),
        }
        runs = {name: [] for name in tools}
        for _ in range(TURNS):
            for name, command in tools.items():
                runs[name].append(counted(command, TARGETS))
            if outcomes() != (TARGETS, {}):
                sys.exit("netdx banner: %s" % (outcomes(),))
        walls = {}
        for name, of in runs.items():
            walls[name] = statistics.median(r[0] for r in of)
            print(ROW % ("%s, %s" % (name, scheme.upper()), walls[name], TARGETS / walls[name],
                         statistics.median(r[1] for r in of), max(r[2] for r in of)))
        ratio = walls["netdx banner"] / walls["curl -Z -I"]
        summarize("1,000 banners, %s: time beside curl's" % scheme.upper(), "1.00 x",
                  "%.2f x" % ratio, ratio <= 1)


def rates(netdx):
    for what, (port, count, asked) in RATES.items():
        targets = listed("targets", (address(n) for n in range(count)), port)
        runs = [counted(banner(netdx, targets, *ALONE), count) for _ in range(3)]
        wall, cpu = (statistics.median(r[i] for r in runs) for i in range(2))
        print(ROW % ("netdx banner, %d %s" % (count, what), wall, count / wall, cpu,
                     max(r[2] for r in runs)))
        summarize("%s banners a second" % what, "%d" % asked, "%.0f" % (count / wall),
                  count / wall >= asked)
        # Nginx signs and encrypts as well, on the same machine: it may be what takes the time.
        summarize("  in a second of its own CPU", "", "%.0f" % (count / cpu), None)


def dead(netdx):
    alive, before = LISTED - DEAD, requests()
    addresses = (address(n // 10) if n % 10 == 0 else address(62500 + n) for n in range(LISTED))
    targets = listed("targets", addresses, 80)
    least = DEAD / DEAD_PARALLEL * DEAD_TIMEOUT
    wall, cpu, peak = measured(
        banner(netdx, targets, "--timeout", "%gs" % DEAD_TIMEOUT, "--parallel",
               str(DEAD_PARALLEL)))
    made, (named, codes) = requests() - before - 1, outcomes()
    print("\n%d targets, %d of them dead, %d at a time, %g s each: at least %.1f s" % (
        LISTED, DEAD, DEAD_PARALLEL, DEAD_TIMEOUT, least))
    print(ROW % ("netdx banner", wall, LISTED / wall, cpu, peak))
    summarize("100,000 targets, 9 of 10 dead: time", "1.20 x least", "%.2f x" % (wall / least),
              wall <= 1.2 * least)
    summarize("  named, of those alive", "%d" % alive, "%d of %d" % (named, made),
              (named, made, codes) == (alive, alive, {"tcp.timed_out": DEAD}))
    summarize("  peak memory", "%d KB" % DEAD_KB, "%d KB" % peak, peak < DEAD_KB)


def main():
    netdx = os.path.realpath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        os.chdir(work)
        server = prepare()
        try:
            beside_curl(netdx)
            rates(netdx)
            dead(netdx)
        finally:
            server.terminate()
            server.wait()


main()
