# Sweeps of many targets over real kernels, behind a veth pair (see swept.bash).

SWEEP=$HELPERS/core_sweep
OPEN="10.128.0.0 10.128.0.1 10.128.0.255 10.128.1.77 10.128.1.254 fd80::1 fd80::fe"

# Runs a script in the near one of two namespaces.
in_pair()
{
    run timeout 120 unshare -n bash -c "set -eu; SWEEP=$SWEEP OPEN='$OPEN' T=$BATS_TEST_TMPDIR
        . $BATS_TEST_DIRNAME/veth.bash; . $BATS_TEST_DIRNAME/swept.bash; $1"
    echo "$output" | tail -n 40
    [ "$status" -eq 0 ]
}

# value NAME: of the facts in $output.
value()
{
    grep -oE "(^| )$1=[0-9]+" <<<"$output" | tail -n 1 | grep -oE '[0-9]+$'
}

@test "every open port is found and none invented, IPv4 and IPv6" {
    in_pair "\$SWEEP 10.7.0.1 80,443 10.128.0.0/22; \$SWEEP fd07::1 443,80 fd80::/120"
    for address in $OPEN; do echo "open $address 80"; echo "open $address 443"; done |
        sort | diff - <(grep '^open ' <<<"$output" | sort)
    [ "$(grep -c '^refused 10\.128\.[01]\.' <<<"$output")" -eq $((2 * 507)) ]
    [ "$(grep -c '^refused fd80::' <<<"$output")" -eq $((2 * 254)) ]
    [ "$(grep -c '^unreachable 10\.128\.2\..* by 10\.128\.2\.[0-9]* type 3 code 1$' <<<"$output")" -eq 512 ]
    [[ $output != *" 10.128.3."* ]]
    [[ $output == *"targets=2048 asked=2048 open=10 refused=1014 unreachable=512 silent=512 pending=0"* ]]
    [[ $output == *"targets=512 asked=512 open=4 refused=508 unreachable=0 silent=0 pending=0"* ]]
    [ "$(value suspects)" -eq 0 ]
}

@test "SYNs on the wire: one to each target, of good checksum, from the block of ports" {
    in_pair "recording \$T/c.pcap \$SWEEP 10.7.0.1 80 10.128.0.0/22"
    tshark -r "$BATS_TEST_TMPDIR/c.pcap" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -T fields \
        -e ip.dst -e tcp.srcport -e tcp.checksum.status -e ip.checksum.status 2>/dev/null \
        >"$BATS_TEST_TMPDIR/syns"
    [ "$(cut -f1 "$BATS_TEST_TMPDIR/syns" | sort -u | wc -l)" -eq 1024 ]
    [ "$(wc -l <"$BATS_TEST_TMPDIR/syns")" -eq 1024 ]
    awk '$3 != 1 || $4 != 1 || $2 < 61440 { print; bad = 1 } END { exit bad }' "$BATS_TEST_TMPDIR/syns"
    [ "$(cut -f2 "$BATS_TEST_TMPDIR/syns" | sort -u | wc -l)" -gt 200 ]
    # in no order: as many steps up as down, about
    awk -F'[.\t]' '{ n = $3 * 256 + $4; up += n > last; last = n } END { exit !(up > 430 && up < 600) }' \
        "$BATS_TEST_TMPDIR/syns"
}

# Every window of the other side's capture holds at most what the rate allows and one batch of 1 ms.
# The capture's own lateness is in its stamps: a batch that is held up for a moment meets the next.
@test "R23: the rate is kept on the wire, without bursts" {
    for rate in 200 5000; do
        in_pair "recording \$T/c.pcap \$SWEEP -t 100 -r $rate 10.7.0.1 80,81,82,83,84,85,86,87 \
            10.128.1.0/$((rate == 200 ? 26 : 22))"
        achieved=$(value achieved_pps)
        [ "$achieved" -le $((rate + 1)) ]
        [ "$achieved" -gt $((rate * 8 / 10)) ]
        tshark -r "$BATS_TEST_TMPDIR/c.pcap" -T fields -e frame.time_epoch 2>/dev/null |
            awk -v rate=$rate -v achieved="$achieved" '
                { split($1, t, "."); s[NR] = substr(t[1], 5) + ("0." t[2]) }
                END {
                    batch = rate / 1000 < 1 ? 1 : rate / 1000
                    for (i = 1; i <= NR; i++)
                        for (k = i; k <= NR && s[k] - s[i] < 0.1; k++)
                            if (k - i + 1 > (s[k] - s[i] + 0.004) * rate + batch + 1) over++
                    mean = (NR - 1) / (s[NR] - s[1])
                    print NR, over + 0, mean, achieved
                    exit over > 0 || mean > rate * 1.01 || mean / achieved > 1.01 || mean / achieved < 0.99 }'
    done
}

@test "what is silent is asked again, what has answered is not" {
    in_pair "\$SWEEP -n 3 -t 500 10.7.0.1 80 10.128.0.0/24 10.128.3.0/28"
    [ "$(value sent)" -eq $((256 + 3 * 16)) ]
    [ "$(value silent)" -eq 16 ]
    [ "$(value repeated)" -eq 0 ]
}

@test "an interrupted sweep prints what it has, and its accounts balance" {
    in_pair "\$SWEEP -r 500 10.7.0.1 80 10.128.0.0/22 & sweep=\$!
        sleep 1; kill \$sweep; wait \$sweep || echo status=\$?"
    [ "$(value interrupted)" -eq 1 ]
    [ "$(value status)" -eq 1 ]
    [ "$(value sent)" -gt 100 ]
    [ "$(value sent)" -lt 900 ]
    [ "$(value asked)" -eq $(($(value open) + $(value refused) + $(value unreachable) +
        $(value silent) + $(value pending))) ]
    [ "$(grep -c '^refused ' <<<"$output")" -eq "$(value refused)" ]
}

@test "R15: what the kernel refuses is counted by errno and is nobody's silence" {
    in_pair "nft 'table inet t { chain c { type filter hook output priority 0; ip daddr 10.128.0.0/25 drop; }; }'
        \$SWEEP 10.7.0.1 80 10.128.0.0/24"
    [ "$(value EPERM)" -eq 128 ]
    [ "$(value asked)" -eq 128 ]
    [ "$(value silent)" -eq 0 ]
}

@test "R15: a full queue makes the sweep wait, not lose" {
    in_pair "tc qdisc add dev a0 root tbf rate 2mbit burst 1600 limit 3000
        \$SWEEP 10.7.0.1 80 10.128.0.0/23"
    [ "$(value postponed)" -gt 0 ]
    [ "$(value sent)" -eq 512 ]
    [ "$(value silent)" -eq 0 ]
    [ "$(value failed)" -eq 0 ]
}

@test "R17: what an overflowing capture drops is counted" {
    in_pair "\$SWEEP -b 8192 -t 200 10.7.0.1 80,81,82,83 10.128.4.0/22"
    [ "$(value capture_dropped)" -gt 100 ]
    [ "$(($(value refused) + $(value capture_dropped)))" -ge 4096 ]
}

@test "R24: two sweeps of the same targets at once do not believe each other's answers" {
    in_pair "for i in 1 2; do \$SWEEP -s \$i 10.7.0.1 80 10.128.0.0/22 >\$T/\$i & pids=\"\${pids:-} \$!\"; done
        wait \$pids; cat \$T/1; cat \$T/2"
    [ "$(grep -c 'open=5 refused=507 unreachable=256 silent=256 pending=0' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^sent=1024 repeated=0 suspects=0 ' <<<"$output")" -eq 2 ]
}

@test "R22, R30: 10,240 targets with 64 descriptors, no privilege left, in the strict sandbox" {
    in_pair "chmod 755 \$T; ulimit -n 64; \$SWEEP -D -T 2 10.7.0.1 80,81,82,83,84,85,86,87,88,89 10.128.0.0/22"
    [ "$(value asked)" -eq 10240 ]
    [ "$(value open)" -eq 5 ]
    [ "$(value unreachable)" -eq 2560 ]
    [ "$(value silent)" -eq 2560 ]
}

@test "the loopback's two copies of a packet are one answer" {
    in_pair "\$SWEEP 127.0.0.1 80,81 127.0.0.0/28"
    [ "$(value refused)" -eq 32 ]
    [ "$(value repeated)" -eq 0 ]
    [ "$(value suspects)" -eq 0 ]
}
