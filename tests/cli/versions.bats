#!/usr/bin/env bats
# netdx versions: real servers as the package manager installed them, and others that are hostile.

bats_require_minimum_version 1.5.0

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    cd "$BATS_TEST_TMPDIR"
}

# among LINE [STATUS]: run by bash where servers.bash has been sourced; its processes end with it.
among()
{
    run --separate-stderr timeout 100 unshare -mnpf --kill-child --mount-proc env NETDX="$NETDX" \
        bash -c ". '$BATS_TEST_DIRNAME/servers.bash'; $1" 3>&-
    [ "$status" -eq "${2:-0}" ] || { echo "status $status"; echo "$output"; echo "$stderr"; false; }
}

# says ADDRESS PORT FILE: a server that sends what the file holds to whoever has asked it something.
# Sourced, like servers.bash, where the servers are.
says='says()
{
    local tries=0
    python3 -c "
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
answer = open(sys.argv[3], \"rb\").read()
while True:
    client, _ = server.accept()
    client.recv(4096)
    client.sendall(answer)
    client.close()" "$@" >>"$work/says.log" 2>&1 </dev/null &
    while [ -z "$(ss -Hltn "src $1 and sport = :$2")" ] && [ $((tries++)) -lt 400 ]; do
        sleep 0.05
    done
}
header() { printf "HTTP/1.1 200 OK\r\nServer: $1\r\nContent-Length: 0\r\n\r\n"; }
'

# upstream PACKAGE: its version without epoch and revision.
upstream()
{
    # shellcheck disable=SC2016 # dpkg's own variable
    dpkg-query -W -f '${Version}\n' "$1" | sed 's/^[0-9]*://; s/-[^-]*$//; s/[+~]dfsg.*//; s/[+]ds.*//'
}

# holds FILTER [OPTION...]: jq's, of the document.
holds()
{
    local filter=$1
    shift
    jq -e "$@" "$filter" <<<"$output" >/dev/null || { echo "$filter"; jq . <<<"$output"; false; }
}

# refused MESSAGE ARGUMENT...: status 3 and this message on standard error alone.
refused()
{
    local message=$1
    shift
    run --separate-stderr "$NETDX" versions "$@" </dev/null
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ "$stderr" == "netdx versions: $message"* ]] || { echo "$stderr"; false; }
}

@test "nginx, Redis and OpenSSH: what is seen is what is installed, and rules hold for it" {
    local nginx redis openssh
    nginx=$(upstream nginx) redis=$(upstream redis-server) openssh=$(upstream openssh-server)
    cat >m.yaml <<END
environments: [staging, production]
components:
  web: {require: nginx==$nginx, targets: {staging: '127.0.0.1:80', production: 'https://localhost/'}}
  cache:
    require: ['redis>=$redis', 'redis<999']
    port: 6379
    targets: {staging: 127.0.0.1, production: '127.0.0.1:6380'}
  shell: {product: openssh, targets: {production: '127.0.0.1:22'}}
END
    among 'nginx_on 80 443; redis_on 6379; redis_on 6380; sshd_on 22
        $NETDX versions --json -4 --ca-file $work/tls.crt m.yaml'
    holds '.findings == [] and .worst == "none" and .asked == 5 and .answered == 5'
    holds '[.components[].cells[].products[] | "\(.name) \(.version)"] == ["nginx \($nginx)",
        "nginx \($nginx)", "Redis \($redis)", "Redis \($redis)", "OpenSSH \($openssh)"]' \
        --arg nginx "$nginx" --arg redis "$redis" --arg openssh "$openssh"
    holds '.components[2].cells == [.components[2].cells[0]] and
        (.components[2].cells[0] | .environment == "production" and .products[0].lower_bound)'

    # The same services, and rules that they break.
    cat >m.yaml <<END
environments: [here]
components:
  web: {require: nginx>$nginx, targets: {here: '127.0.0.1:80'}}
  cache: {require: redis<$redis, targets: {here: '127.0.0.1:6379'}}
  shell: {require: openssh>$openssh, targets: {here: '127.0.0.1:22'}}
incompatible: ['redis $redis with nginx $nginx', redis<$redis with nginx, nginx with lighttpd]
END
    among 'nginx_on 80 443; redis_on 6379; sshd_on 22
        $NETDX versions --json -4 m.yaml' 2
    holds '[.findings[] | "\(.id) \(.severity) \(.component)"] == ["versions.require critical web",
        "versions.require critical cache", "versions.require warning shell",
        "versions.incompatible critical null"]'
}

@test "drift: another server, and another version" {
    cat >m.yaml <<'END'
environments: [staging, production]
components:
  web: {targets: {staging: '127.0.0.1:80', production: '127.0.0.1:81'}}
  app: {targets: {staging: '127.0.0.1:82', production: '127.0.0.1:83'}}
  old: {drift: ignore, targets: {staging: '127.0.0.1:82', production: '127.0.0.1:83'}}
END
    among "$says"'nginx_on 80 443; lighttpd_on 81
        header "thing/1.2.3" >a; header "thing/1.2.4" >b; says 127.0.0.1 82 a; says 127.0.0.1 83 b
        $NETDX versions --json m.yaml' 1
    holds '[.findings[] | [.id, .severity, .component, .product]] == [
        ["versions.drift", "warning", "web", null], ["versions.drift", "warning", "app", "thing"]]'
    holds '.components[1].cells[0].findings == ["versions.drift"] and .components[2].cells[0].findings == []'
}

@test "two addresses behind a cell with different servers" {
    cat >m.yaml <<'END'
environments: [production]
components:
  web: {targets: {production: 'http://web.test/'}}
END
    among "$says"'printf "127.0.0.1 web.test\n127.0.0.2 web.test\n127.0.0.3 web.test\n" >hosts
        mount --bind hosts /etc/hosts
        header "nginx/1.2.3" >a; nginx_on 80 443; says 127.0.0.2 80 a
        $NETDX versions -4 m.yaml' 2
    [[ "$output" == *"(1 of 3)"*"(1 of 3)"*"1 of 3 unreachable"* ]]
    [[ "$output" == *"web in production: its addresses differ: nginx $(upstream nginx) at "* ]]
    [[ "$output" == *" at 127.0.0.1:80; nginx 1.2.3 at 127.0.0.2:80 (versions.members)"* ]]
    [[ "$output" == *"http://web.test/ (127.0.0.3:80): tcp.refused"* ]]
    [[ "$output" == *"3 addresses asked, 2 answered, 1 unreachable; 1 critical, 1 warning" ]]
}

@test "what nobody can tell is unknown, and the worst of all" {
    cat >m.yaml <<'END'
environments: [a, b]
components:
  web: {require: nginx>=1.20, targets: {a: '127.0.0.1:80', b: '127.0.0.1:81'}}
  free: {targets: {a: '127.0.0.1:80'}}
END
    among "$says"'header nginx >a; header Apache/2.4 >b; says 127.0.0.1 80 a; says 127.0.0.1 81 b
        $NETDX versions --json m.yaml' 3
    holds '[.findings[] | "\(.id) \(.severity) \(.component) \(.environment)"] == [
        "versions.require unknown web a", "versions.require unknown web b",
        "versions.drift warning web null", "versions.hidden notice free a"]'
    holds '.components[0].cells[0].products[0] | .version == null and .lower_bound == false'
    holds '.components[0].cells[1].products[0] | .version == "2.4" and .lower_bound'
}

@test "files that are no matrix are told with line and column" {
    refused 'matrix "nosuch.yaml" cannot be read: No such file or directory' nosuch.yaml
    refused 'matrix "/" cannot be read: Is a directory' /
    refused 'standard input: is empty' -
    printf 'environments: [a]\ncomponents:\n  web:\n    targets:\n      a: x\n      b: y\n' >m.yaml
    refused 'm.yaml:6:7: components.web.targets.b: "b" is not one of the environments' m.yaml
    printf 'environments: [a]\ncomponents:\n\tweb: x\n' >m.yaml
    refused 'm.yaml:3:1: not YAML: found character that cannot start any token' m.yaml
    printf 'environments: [a]\ncomponents: {w: {require: nginx>>1, targets: {a: x}}}\n' >m.yaml
    refused 'm.yaml:2:33: components.w.require: is no expectation' m.yaml
    printf 'environments: [a]\ncomponents: {w: {targets: {a: [x, "a b"]}}}\n' >m.yaml
    refused 'm.yaml:2:35: components.w.targets.a: target "a b" holds a blank' m.yaml
    printf 'environments: [a]\ncomponents: {w: {targets: {a: "x:70000"}}}\n' >m.yaml
    refused 'm.yaml:2:31: components.w.targets.a: port "70000" is out of range' m.yaml
    printf 'a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n' >m.yaml
    refused 'm.yaml:1:4: anchors (&name) are not taken here' m.yaml
    head -c 2000000 /dev/zero | tr '\0' '#' >m.yaml
    refused 'matrix "m.yaml" cannot be read: File too large' m.yaml
    printf 'environments: [a\0b]\n' >m.yaml
    refused 'm.yaml' m.yaml
    head -c 500000 /dev/zero | tr '\0' '[' >m.yaml
    refused 'm.yaml:1:17: is nested too deeply' m.yaml
    printf '\033[2J: 1\n' >m.yaml
    refused 'm.yaml' m.yaml
    [[ "$stderr" != *$'\033'* ]]
}

@test "errors are documents where these are asked for" {
    printf 'environments: [a\n' >m.yaml
    run --separate-stderr "$NETDX" versions --json m.yaml
    [ "$status" -eq 3 ]
    holds '.schema == "netdx.versions/1" and .error.code == "file.format"
        and (.error.message | startswith("m.yaml:2:1: not YAML"))'
    run --separate-stderr "$NETDX" versions --jsonl m.yaml
    [ "$status" -eq 3 ]
    holds '.event == "summary" and .error.code == "file.format"'
}

@test "options that do not go together" {
    refused 'no matrix given'
    refused 'one matrix at a time' a.yaml b.yaml
    refused '--accept needs --baseline' --accept a.yaml
    refused 'format "xml" is not one of text, json, jsonl, csv, markdown, html' -f xml a.yaml
    refused 'unknown or ambiguous option "--targets"' --targets x a.yaml
}

# What a service says is shown in six formats, and is code in none of them.
hostile()
{
    cat >m.yaml <<'END'
name: '<img src=x onerror=alert(1)> | *a*'
environments: ['=1+1|<u>', b]
components:
  '<script>x</script>|[a](http://x.test)': {targets: {'=1+1|<u>': '127.0.0.1:80', b: '127.0.0.1:81'}}
END
    among "$says"'
        header "<script>alert(1)</script>/1.0 \033[2J\033]0;x\007|x|/2.0 \`rm\`/3 [l](javascript:x)/4 =cmd/5 \"q\"&amp;/6" >a
        printf "220 <b>\xc2\x9b31m\xe2\x80\xae|=HYPERLINK(x) ProFTPD 1.3.5 Server\r\n" >b
        says 127.0.0.1 80 a; says 127.0.0.1 81 b
        $NETDX versions -f '"$1"' m.yaml' 1
    [ -z "$(tr -d '\n' <<<"$output" | LC_ALL=C tr -d '\040-\377')" ] # no control character
    [[ "$output" != *$'\u202e'* && "$output" != *$'\u009b'* ]]
}

@test "R1 hostile banners: text" {
    hostile text
    [[ "$output" == *'<script>'* ]] # on a terminal it is a text like any other
}

@test "R1 hostile banners: JSON" {
    hostile json
    holds '.components[0].cells[0].members[0].products | length > 2'
    hostile jsonl
    [ "$(jq -s length <<<"$output")" -eq 3 ]
}

@test "R1 hostile banners: CSV" {
    hostile csv
    python3 - "$output" <<'END'
import csv, io, sys
rows = list(csv.reader(io.StringIO(sys.argv[1])))
assert len(rows) > 3 and all(len(row) == 13 for row in rows), rows
for row in rows:
    for field in row:
        assert field[:1] not in ("=", "+", "-", "@"), field
assert rows[1][1] == "'=1+1|<u>", rows[1]
END
}

# page KNOWN: of HTML on standard input, whether it has these elements and attributes alone, "tag" or
# "tag.attribute", and is well-formed; what of it is seen. The title is not.
page()
{
    python3 -c '
import html.parser, sys
known = set(sys.argv[1].split())
class Page(html.parser.HTMLParser):
    open, seen = [], ""
    def handle_starttag(self, tag, attributes):
        for name in [tag] + [f"{tag}.{name}" for name, _ in attributes]:
            assert name in known, name
        if tag not in ("meta", "br"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "title"):
            self.seen += data
        else:
            assert "url(" not in data and "@import" not in data
page = Page()
page.feed(sys.stdin.read())
page.close()
assert page.open == [], page.open
print(page.seen)' "$1"
}

@test "R1 hostile banners: Markdown, as GitHub's own program reads it" {
    local file=$BATS_TEST_TMPDIR/out.md
    hostile markdown
    echo "$output" >"$file"
    run cmark-gfm --unsafe -e table -e autolink -e strikethrough -e tagfilter "$file"
    run page "h1 p table thead tbody tr th td br strong ul li code" <<<"$output"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    [[ "$output" == *'Versions of <img src=x onerror=alert(1)> | *a*'* ]]
    [[ "$output" == *'<script>x</script>|[a](http://x.test)'*'<script>alert'* ]]
    [[ "$output" == *'`rm` 3'* ]]
    [ "$(grep -c '^| ' "$file")" -eq 2 ] # its head and one row
}

@test "R1 hostile banners: the page is text alone, without scripts, and fetches nothing" {
    hostile html
    [[ "$output" == *"content=\"default-src 'none'; style-src 'unsafe-inline'\""* ]]
    [[ "$output" == *'<title>Versions of &lt;img src=x onerror=alert(1)&gt; | *a*</title>'* ]]
    run page "html html.lang head meta meta.charset meta.http-equiv meta.content meta.name style title
        body h1 h2 table thead tbody tr th th.scope td td.class span span.class br ul li li.class b
        code p" <<<"$output"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    [[ "$output" == *'Versions of <img src=x onerror=alert(1)> | *a*'*'<script>alert'* ]]
}

# baseline LINE [STATUS]: between two versions of a server, "old" and "new", which `use` chooses.
baseline()
{
    printf 'environments: [a]\ncomponents: {web: {targets: {a: "127.0.0.1:80"}}}\n' >m.yaml
    # shellcheck disable=SC2016 # for the inner shell
    among "$says"'header "nginx/1.22.1" >old; header "nginx/1.25.3" >new
        use() { [ -z "${server:-}" ] || { kill $server; wait $server || true; }
            says 127.0.0.1 80 $1; server=$!; }
        versions() { s=0; $NETDX versions --json --baseline b.json "$@" m.yaml >out || s=$?
            echo "$s $(jq -r ".baseline, (.findings[] | .summary)" out | paste -sd " ")"; }
        '"$1" "${2:-0}"
}

@test "a baseline is created, compared, and replaced when that is asked for" {
    baseline 'use old; versions; versions; use new; versions; versions; versions --accept; versions'
    [ "$output" = "0 created
0 compared
1 compared web in a: was nginx 1.22.1, is nginx 1.25.3
1 compared web in a: was nginx 1.22.1, is nginx 1.25.3
1 updated web in a: was nginx 1.22.1, is nginx 1.25.3
0 compared" ]
    [ "$(jq -c '[.schema, .cells[].products[].version]' b.json)" = '["netdx.baseline/1","1.25.3"]' ]
}

@test "a cell that the baseline does not know is added, one that is gone stays" {
    baseline 'use old; versions; sed -i "s/web:/site:/" m.yaml; versions
        jq -c "[.cells[].component]" b.json'
    [ "$output" = $'0 created\n0 extended\n["web","site"]' ]
}

@test "a baseline is replaced as a whole: its mode and the link to it stay, nothing is left beside it" {
    baseline 'use old; versions; mkdir store; mv b.json store/real.json
        ln -s store/real.json b.json; chmod 640 store/real.json; ls -i store >before
        use new; versions --accept; ls -i store >after; sleep 0.2; pgrep -c netdx || true' 0
    [ "${lines[2]}" = 0 ] # the process that wrote it has ended
    [ -L b.json ]
    [ "$(ls store)" = real.json ]
    [ "$(stat -c %a store/real.json)" = 640 ]
    [ "$(cat before)" != "$(cat after)" ]
    [ "$(jq -r '.cells[0].products[0].version' store/real.json)" = 1.25.3 ]
}

@test "a run that is ended early, and one whose target is dead, leave the baseline alone" {
    baseline 'use old; versions; cp b.json kept.json; use new
        kill $server; wait $server || true
        versions --accept; cmp b.json kept.json
        mkfifo stuck; serve stuck 80 python3 -c "
import socket, time
server = socket.create_server((\"127.0.0.1\", 80))
time.sleep(60)"
        versions --accept --deadline 300ms; cmp b.json kept.json'
    [[ "${lines[1]}" == "2 compared web in a: 127.0.0.1:80: tcp.refused"* ]]
    [[ "${lines[2]}" == "3 not saved web in a: 127.0.0.1:80: local.interrupted"* ]]
}

@test "baselines that cannot be used are told before anybody is asked" {
    printf 'environments: [a]\ncomponents: {web: {targets: {a: "127.0.0.1:9"}}}\n' >m.yaml
    echo '{"schema": "netdx.trace/1"}' >b.json
    refused 'b.json: is no baseline: its schema is not netdx.baseline/1' --baseline b.json m.yaml
    printf '{\n"schema": x' >b.json
    refused 'b.json:2:' --baseline b.json m.yaml
    refused 'baseline "/nonexistent/b.json" cannot be written: No such file' \
        --baseline /nonexistent/b.json m.yaml
    refused 'baseline "/proc/b.json" cannot be written' --baseline /proc/b.json m.yaml
    refused 'baseline "/" cannot be read: Is a directory' --baseline / m.yaml
}

@test "R10 a baseline on a full disk is an error, and the old one stays" {
    baseline 'mkdir full; mount -t tmpfs -o size=8k tmpfs full
        use old; versions; mv b.json full; ln -s full/b.json b.json; cp b.json kept.json
        cat /dev/zero >full/zero 2>/dev/null || true
        use new; versions --accept 2>err; cat err; cmp full/b.json kept.json; ls full'
    [ "${lines[1]}" = "3 not saved web in a: was nginx 1.22.1, is nginx 1.25.3" ]
    [[ "${lines[2]}" == "netdx versions: writing the baseline failed: No space left on device" ]]
    [ "${lines[3]} ${lines[4]}" = "b.json zero" ]
}

@test "Ctrl-C ends with what was seen, marked as such" {
    cat >m.yaml <<'END'
environments: [a, b]
components:
  web: {targets: {a: '127.0.0.1:80', b: '127.0.0.1:81'}}
END
    among "$says"'header "nginx/1.25.3" >a; says 127.0.0.1 80 a
        serve stuck 81 python3 -c "
import socket, time
server = socket.create_server((\"127.0.0.1\", 81))
time.sleep(60)"
        timeout --preserve-status -s INT 0.7 $NETDX versions --timeout 30s --protocol http m.yaml' 130
    [[ "$output" == *"nginx 1.25.3  not asked to the end"* ]]
    [[ "$output" == *"ended before it was done: 2 addresses asked, 1 answered, 1 not asked to the end; 1 unknown" ]]
}

@test "targets that were not reached before the deadline are told" {
    { echo 'environments: [a]'; echo 'components:'
        for i in {1..20}; do echo "  c$i: {targets: {a: '127.0.0.1:81'}}"; done; } >m.yaml
    among "$says"'serve stuck 81 python3 -c "
import socket, time
server = socket.create_server((\"127.0.0.1\", 81))
time.sleep(60)"
        $NETDX versions --json --parallel 2 --deadline 500ms --timeout 30s --protocol http m.yaml' 3
    holds '.interrupted and .asked == 20 and .unfinished == 20 and .answered == 0'
}

@test "a name of which not all addresses were reached is not done" {
    printf 'environments: [a]\ncomponents: {w: {targets: {a: "stuck.test:81"}}}\n' >m.yaml
    among 'printf "127.0.0.%s stuck.test\n" 1 2 3 >hosts; mount --bind hosts /etc/hosts
        serve stuck 81 python3 -c "
import socket, time
server = socket.create_server((\"\", 81))
time.sleep(60)"
        $NETDX versions --json -4 --parallel 1 -w 300ms --timeout 30s --protocol http m.yaml' 3
    holds '.interrupted and [.components[0].cells[0].members[] | "\(.address) \(.error.message)"] == [
        "null further addresses were not asked", "127.0.0.1 the run ended first"]'
}

@test "progress on a terminal, and none in the report" {
    printf 'environments: [a]\ncomponents: {w: {targets: {a: ["127.0.0.1:81", "127.0.0.1:82"]}}}\n' >m.yaml
    among 'script -qec "$NETDX versions -w 1s --timeout 5s --retries 3 m.yaml >report" terminal >/dev/null || true
        cat report'
    grep -q 'of 2 services' terminal
    [[ "$output" != *"of 2 services"* ]]
}

@test "the manual's matrix can be read" {
    mandoc -Tascii "$BATS_TEST_DIRNAME/../../man/netdx-versions.1" | col -bx |
        sed -n '/name: shop/,/because/p' | sed 's/^ \{11\}//' >m.yaml
    [ "$(wc -l <m.yaml)" -gt 15 ]
    run --separate-stderr timeout 60 unshare -n "$NETDX" versions --json -4 m.yaml
    [ "$status" -eq 2 ] # as nobody is there
    holds '.name == "shop" and .asked == 6 and .failed == 6'
}
