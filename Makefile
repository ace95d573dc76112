# netdx: make, make check, make demo, make bench, make install

# --- what is built -----------------------------------------------------------
VERSION := 0.1.0
CC      ?= cc
CLANG   ?= clang
PREFIX  ?= /usr/local
MANDIR  ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
B       ?= build

CORE_SRC   := $(wildcard libcore/*/*.c)
TOOL_SRC   := $(wildcard tools/*.c)
SCENARIOS  := $(sort $(wildcard tools/scenarios/*.yaml))
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_HELP  := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC  := $(wildcard tests/bench/*.c)
HELPER_SRC := $(wildcard tests/helpers/*.c)
MANUALS    := $(sort $(wildcard man/*.[157]))

# --- what it needs (Debian 12 package names) ---------------------------------
BUILD_PACKAGES := gcc make pkg-config libc6-dev libpcap-dev libnet1-dev libev-dev libc-ares-dev \
  libjansson-dev libyaml-dev zlib1g-dev libzstd-dev libexpat1-dev libpcre2-dev libssl-dev libcap-dev \
  libcap2-bin libseccomp-dev libmaxminddb-dev libnghttp2-dev uthash-dev linux-libc-dev
TEST_PACKAGES := clang libclang-rt-14-dev llvm libcmocka-dev bats mtr-tiny traceroute scamper nmap \
  fping hping3 zmap tcptrace iputils-ping iputils-tracepath iproute2 nftables tshark tcpdump mandoc jq python3 \
  python3-scapy python3-yaml procps util-linux curl mmdb-bin time shellcheck rpm \
  nginx apache2-bin lighttpd haproxy openssh-server openssl vsftpd redis-server mariadb-server-core \
  memcached nghttp2-server postgresql cmark-gfm

# --- how ----------------------------------------------------------------------
PKG_LIBS := libpcap zlib libzstd libssl libcrypto libcares jansson yaml-0.1 expat libpcre2-8 libcap \
  libseccomp libmaxminddb libnghttp2
WARN     := -Wall -Wextra
ifdef DEV
WARN     += -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
  -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wimplicit-fallthrough
endif
OPT      ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -DNETDX_VERSION='"$(VERSION)"' -Ilibcore -I.
CFLAGS   += -std=c17 $(OPT) $(WARN) -fstack-protector-strong -fno-strict-aliasing
# Expanded late: pkg-config may only be there after `make deps`.
LIBS      = $(shell pkg-config --libs $(PKG_LIBS) 2>/dev/null) -lnet -lev -lm -lpthread
ifdef SAN
CFLAGS   += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SAN)
else
CPPFLAGS += -D_FORTIFY_SOURCE=2
endif
LINK      = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
# Header dependencies; the stamp rebuilds everything when the compiler or a flag changes.
DEPS      = -MMD -MP
FLAGS    := $B/flags

CORE_OBJ   := $(CORE_SRC:%.c=$B/%.o)
TOOL_OBJ   := $(TOOL_SRC:%.c=$B/%.o) $(if $(SCENARIOS),$B/tools/scenarios.o)
UNIT_BIN   := $(UNIT_SRC:%.c=$B/%)
BENCH_BIN  := $(BENCH_SRC:%.c=$B/%)
FUZZ_BIN   := $(FUZZ_SRC:%.c=$B/%)
HELPER_BIN := $(HELPER_SRC:tests/helpers/%_preload.c=$B/tests/helpers/%_preload.so)
HELPER_BIN := $(HELPER_BIN:%.c=$B/%)

.PHONY: all deps demo tests bench fuzz coverage install uninstall clean format FORCE \
  check check-all check-unit check-lint check-cli check-lab check-fuzz check-coverage
.SECONDARY:
.DELETE_ON_ERROR:
all: $(if $(TOOL_SRC),$B/netdx,$B/libcore.a)

$B/netdx: $(TOOL_OBJ) $B/libcore.a
	$(LINK) $(LIBS)

$B/libcore.a: $(CORE_OBJ)
	@rm -f $@
	ar rcs $@ $^

$B/%.o: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(DEPS) -c -o $@ $<

$B/tools/scenarios.c: tools/embed.sh $(SCENARIOS)
	@mkdir -p $(@D)
	sh tools/embed.sh $(SCENARIOS) >$@

$B/tools/scenarios.o: $B/tools/scenarios.c $(FLAGS)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(DEPS) -c -o $@ $<

$(FLAGS): FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' | \
	  cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' >$@

-include $(wildcard $B/*/*.d $B/*/*/*.d)

# --- tests --------------------------------------------------------------------
# Every layer leaves TAP under $B/tap; tests/run.sh runs programs and counts.
FUZZ_SECONDS ?= 5
UNIT_SECONDS ?= 60
JOBS         ?= 2
# Scenarios wait more than they work.
LAB_JOBS     ?= 4
# Builds inside a recipe: as parallel as the whole, where that was not said.
PARALLEL      = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
RUN          := tests/run.sh -j $(JOBS)
TESTED       := NETDX=$(abspath $B/netdx) HELPERS=$(abspath $B/tests/helpers) B=$(abspath $B)

tests: $(UNIT_BIN) $(HELPER_BIN)

$B/tests/unit/%: $B/tests/unit/%.o $(UNIT_HELP:%.c=$B/%.o) $B/libcore.a
	$(LINK) -lcmocka $(LIBS)

$B/tests/bench/%: $B/tests/bench/%.o $B/libcore.a
	$(LINK) $(LIBS)

$B/tests/helpers/%_preload.so: tests/helpers/%_preload.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=c17 -O2 $(WARN) -shared -fPIC -o $@ $< -ldl

# Helpers that play a part of libcore are named core_*; the others know nothing of it.
$B/tests/helpers/core_%: tests/helpers/core_%.c $B/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(DEPS) -o $@ $(filter %.c %.o,$^) $(filter %.a,$^) $(LIBS)
$B/tests/helpers/core_sweep: $B/tools/syn_sweep.o

$B/tests/helpers/%: tests/helpers/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=c17 -O2 $(WARN) -o $@ $<

check: deps
	+@rm -rf $B/tap; s=0; $(MAKE) $(PARALLEL) -k --no-print-directory all tests || s=1; \
	  $(MAKE) -k --no-print-directory check-all || s=1; \
	  tests/run.sh -c $B/tap || s=1; exit $$s

check-all: check-unit check-lint check-cli check-lab check-fuzz check-coverage

check-unit: $(UNIT_BIN)
	@$(RUN) -t $(UNIT_SECONDS) $B/tap/unit $(UNIT_BIN)

check-lint: all
	@$(TESTED) CC="$(CC)" CLANG="$(CLANG)" $(RUN) -t 300 $B/tap/lint tests/lint/lint.sh

check-cli: all $(HELPER_BIN)
	@$(TESTED) $(RUN) -t 600 $B/tap/cli $(sort $(wildcard tests/cli/*.bats))

check-lab: all $(HELPER_BIN)
	@$(TESTED) JOBS=$(LAB_JOBS) $(RUN) -t 600 $B/tap/lab tests/lab/lab.sh tests/lab/codes.sh tests/lab/flows.sh

# Decoders are fuzzed with clang, in a build directory of their own.
FUZZ_FLAGS := B=$B-fuzz CC="$(CLANG)" SAN=fuzzer-no-link,address,undefined
check-fuzz:
	+@$(MAKE) $(PARALLEL) --no-print-directory $(FUZZ_FLAGS) fuzzers
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(RUN) -t 900 $B/tap/fuzz $(FUZZ_BIN:$B/%=$B-fuzz/%)

fuzz:
	+@$(MAKE) check-fuzz FUZZ_SECONDS=600

.PHONY: fuzzers
fuzzers: $(FUZZ_BIN)
$B/tests/fuzz/%: $B/tests/fuzz/%.o $B/libcore.a
	$(LINK) -fsanitize=fuzzer $(LIBS)

# What reads bytes from outside; the seed corpora must reach nine tenths of each one's lines.
PARSERS := $(filter-out %/craft.c %/icmp.c %/tls_facts.c,$(wildcard libcore/wire/*.c)) \
  $(addprefix libcore/base/,cursor.c cursor.h text.c timespan.c) \
  $(filter-out %/http2_request.c,$(wildcard libcore/engine/http*.c)) \
  $(wildcard libcore/engine/scenario*.c libcore/engine/version*.c) \
  $(addprefix libcore/engine/,altsvc.c document.c matrix_baseline.c matrix_fields.c matrix_read.c \
    redirect.c service.c service_answer.c service_end.c service_table.c) \
  $(addprefix libcore/io/,asn_origin.c dns_message.c savefile.c stream.c unprivileged_answer.c)
COVERAGE_FLAGS := B=$B-cov CC="$(CLANG)" SAN=fuzzer-no-link OPT="-O1 -g \
  -fprofile-instr-generate -fcoverage-mapping"
COVERED := PARSERS="$(PARSERS)" FUZZERS="$(FUZZ_BIN:$B/%=$B-cov/%)"

coverage:
	+@$(MAKE) $(PARALLEL) --no-print-directory $(COVERAGE_FLAGS) fuzzers >/dev/null
	@$(COVERED) tests/fuzz/coverage.sh

check-coverage:
	+@$(MAKE) $(PARALLEL) --no-print-directory $(COVERAGE_FLAGS) fuzzers >/dev/null
	@$(COVERED) $(RUN) -t 120 $B/tap/coverage tests/fuzz/coverage.sh

# Tests over the simulator whose figures the bench shows, too.
BENCH_UNIT := $(addprefix $B/tests/unit/test_,trace_netsim syn_netsim syn_scenarios)

bench: deps
	+@$(MAKE) --no-print-directory all $(BENCH_BIN) $(BENCH_UNIT) $(HELPER_BIN) >/dev/null
	@$(TESTED) tests/bench/bench.sh

# --- use ----------------------------------------------------------------------
DEMO ?= demo

demo: deps
	+@$(MAKE) --no-print-directory all >/dev/null
	@tests/demo.sh $B/netdx $(DEMO)

deps:
	@tests/deps.sh $(BUILD_PACKAGES) $(TEST_PACKAGES)

install: all
	install -D -m 755 $B/netdx $(DESTDIR)$(PREFIX)/bin/netdx
	for m in $(MANUALS); do \
	  install -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	$B/netdx completion bash >$B/netdx.bash
	install -D -m 644 $B/netdx.bash $(DESTDIR)$(BASHDIR)/netdx
	$(if $(SETCAP),setcap cap_net_raw+p $(DESTDIR)$(PREFIX)/bin/netdx)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/netdx $(DESTDIR)$(BASHDIR)/netdx
	for m in $(MANUALS); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done

format:
	clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

clean:
	rm -rf $B $B-fuzz $B-cov
