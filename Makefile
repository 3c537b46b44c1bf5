# Pillion: everything is built by this one file. `make help` lists what there is to make.
#
# A source file belongs to the folder it lies in and needs no line here: every folder becomes a
# static library, and the programs and the preload library are linked from those.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
LIBDIR     ?= $(PREFIX)/lib
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/pillion
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
SYSCONFDIR ?= /etc
UNITDIR    ?= /lib/systemd/system
DESTDIR    ?=

CC      ?= cc
AR      ?= ar
STRIP   ?= strip
BUILD   ?= build
CFLAGS  ?= -O2 -g
CPPFLAGS ?=
LDFLAGS ?=
SAN     ?=

# Inside the host process: small frames, TLS that never allocates, nothing fortified.
HOSTFLAGS = -ftls-model=initial-exec -U_FORTIFY_SOURCE -fno-stack-protector \
            -Wframe-larger-than=2048 -Wvla
WARN  = -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2
ifeq ($(CI),1)
WARN += -Werror
endif
ifeq ($(CI),true)
WARN += -Werror
endif
PIL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -fPIC -fvisibility=hidden -fasynchronous-unwind-tables \
             -MMD -MP $(WARN) $(CPPFLAGS) $(CFLAGS) $(SAN)
PIL_PATHS  = -DPIL_LIBDIR='"$(LIBDIR)/pillion"' -DPIL_SBINDIR='"$(SBINDIR)"' \
             -DPIL_BINDIR='"$(BINDIR)"'

PARTS    = core conf shim policyd cli
objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)/*.c $(1)/*/*.c)) \
           $(patsubst %.S,$(BUILD)/obj/%.o,$(wildcard $(1)/*.S))
library  = $(BUILD)/lib$(1).a

LIBS_CONF    = -lconfuse
LIBS_POLICYD = -lconfuse -levent_core -levent_extra -ljansson -lssl -lcrypto -lcap -lsystemd -lpthread
LIBS_CLI     = -lconfuse -ljansson

# The shim is linked so that its one network stub lies at a fixed address (docs/architecture.md).
SO_FLAGS = -shared -Wl,-soname,libpillion.so -Wl,-z,defs -Wl,-z,relro -Wl,-z,now \
           -Wl,-z,noexecstack -Wl,-Bsymbolic -Wl,--gc-sections -Wl,--exclude-libs,ALL \
           -Wl,-z,noseparate-code
AT_64    = -Wl,-Ttext-segment=0x551fffc00000 -Wl,--section-start=.pilstub=0x552000000000
AT_32    = -Wl,-Ttext-segment=0x07a00000 -Wl,--section-start=.pilstub=0x07f00000

# The processor is a 64-bit one, so 64-bit atomics are plain SSE2 moves; and programs of old
# compilers call with a stack that is aligned to 4 bytes only.
FLAGS_32 = -m32 -msse2 -mstackrealign -Wno-psabi

# LD_PRELOAD names the library as FOLDER/$$LIB/libpillion.so, and each loader puts its own name for
# $$LIB there (core/classes.h). The build folder has the same places as the installation.
# A compiler without -m32 builds the 64-bit library alone, and 32-bit programs are then refused.
M32      ?= $(shell printf 'int f(void) { return 0; }' | $(CC) -m32 -shared -fPIC -x c - \
              -o /dev/null 2>/dev/null && echo yes)
PLACES   = lib/x86_64-linux-gnu $(if $(filter yes,$(M32)),lib/i386-linux-gnu lib32)
PROGRAMS = $(BUILD)/policyd $(BUILD)/pillion $(BUILD)/libpillion.so \
           $(foreach place,$(PLACES),$(BUILD)/$(place)/libpillion.so)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps demo demo-mtls check check-units compatibility bench bench-peers lint asan tsan fuzz install uninstall \
        clean format

all: $(PROGRAMS) say-classes

help:
	@sed -n 's/^#: //p' Makefile

#: all        the library, the daemon and the command, in build/
#: deps       install the Debian packages that building and testing need
#: demo       half a minute of it at work on redis, nginx and curl
#: demo-mtls  two hosts that authenticate each other and encrypt, and what ends that; as root
#: check      every test; the last line counts them
#: suites     other projects' own tests, without Pillion and under it; SUITES="cpython/ssl perl" for some
#: compatibility  docs/compatibility.md, from what the last check found
#: releases   the library in other releases of Debian, with their glibc
#: asan tsan  the same units under the sanitizers
#: bench      speed and size against the targets; writes build/bench.json
#: bench-peers  beside sidecars of haproxy, nginx and stunnel, ROUNDS times (5); build/peers.json, .svg
#: fuzz       every fuzz target, FUZZ_SECONDS each (600)
#: lint       cppcheck, clang-tidy, clang-format
#: install    to DESTDIR and PREFIX; uninstall removes it
#: deb        the Debian packages, in build/deb; deb-lint has lintian look at them
#: check-systemd  boots a machine with systemd, services under Pillion in it; as root
#: check-deb  installs, upgrades and removes the packages in a clean Debian tree; as root

# ---- compiling ---------------------------------------------------------------------------------

$(BUILD)/obj/core/%.o $(BUILD)/obj/shim/%.o $(BUILD)/obj/preload/%.o: PIL_CFLAGS += $(HOSTFLAGS)
# What runs once in a connection's life, or is a look-up and a call, is made small.
SMALL = io wait park watched secure delegate option accept net exec raw conn_demote
$(foreach name,$(SMALL),$(BUILD)/obj/shim/$(name).o): PIL_CFLAGS += -Os
# Loops that copy are not to become calls of what they implement.
$(BUILD)/obj/preload/plain.o $(BUILD)/obj/i386/preload/plain.o: PIL_CFLAGS += -fno-builtin -fno-tree-loop-distribute-patterns
$(BUILD)/obj/cli/%.o $(BUILD)/obj/policyd/%.o: PIL_CFLAGS += $(PIL_PATHS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PIL_CFLAGS) -c $< -o $@

$(BUILD)/obj/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(PIL_CFLAGS) -c $< -o $@

$(BUILD)/obj/i386/%.o: PIL_CFLAGS += $(HOSTFLAGS) $(FLAGS_32)

$(BUILD)/obj/i386/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PIL_CFLAGS) -c $< -o $@

$(BUILD)/obj/i386/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(PIL_CFLAGS) -c $< -o $@

# The exported names of a class.
$(BUILD)/exports.map $(BUILD)/obj/i386/exports.map: preload/exports.map
	@mkdir -p $(@D)
	$(CC) $(if $(findstring i386,$@),$(FLAGS_32)) -E -P -x c $< -o $@

# The shim's ciphers are one object with the routines of libcrypto.a that they stand on, none of
# whose names is seen outside of it. What may be missing is our own memcpy and its kin.
LIBCRYPTO_A ?= $(shell $(CC) -print-file-name=libcrypto.a)
AEAD_OBJECTS = $(filter $(BUILD)/obj/shim/aead%,$(call objects,shim))
AEAD_ASKS    = memcpy|memmove|memset|strlen|pil_record_.*|pil_suite_.*|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(a|t|ub)san.*
LD           ?= ld
OBJCOPY      ?= objcopy

$(BUILD)/obj/shimaead.o: $(AEAD_OBJECTS) Makefile
	@[ -f "$(LIBCRYPTO_A)" ] || { echo "build: there is no libcrypto.a, whose ciphers" \
	    "libpillion.so takes in (Debian: libssl-dev)" >&2; exit 1; }
	$(LD) -r -o $@ $(AEAD_OBJECTS) $(LIBCRYPTO_A)
	@lacks=$$(nm -u $@ | awk '{ print $$2 }' | grep -Evx '$(AEAD_ASKS)'); [ -z "$$lacks" ] || { \
	    echo "build: $(LIBCRYPTO_A) is not the one that shim/aead_lib.h was written for; it lacks," \
	    "or asks for:" $$lacks >&2; rm -f $@; exit 1; }
	$(OBJCOPY) --keep-global-symbol=pil_aead_host $@

define part_rule
$(call library,$(1)): $(filter-out $(BUILD)/obj/$(1)/main.o $(if $(filter shim,$(1)),$(AEAD_OBJECTS)),$(call objects,$(1))) \
                      $(if $(filter shim,$(1)),$(BUILD)/obj/shimaead.o)
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach part,$(PARTS),$(eval $(call part_rule,$(part))))

# ---- linking -----------------------------------------------------------------------------------

$(BUILD)/libpillion.so: $(call objects,preload) $(call library,shim) $(call library,core) \
                        $(BUILD)/exports.map
	$(CC) $(CFLAGS) $(LDFLAGS) $(SO_FLAGS) $(AT_64) -Wl,--version-script=$(BUILD)/exports.map \
	    -o $@ $(call objects,preload) \
	    -Wl,--whole-archive $(call library,shim) -Wl,--no-whole-archive $(call library,core)

$(BUILD)/lib/x86_64-linux-gnu/libpillion.so: $(BUILD)/libpillion.so
	@mkdir -p $(@D)
	ln -sf ../../libpillion.so $@

objects_32 = $(patsubst $(BUILD)/obj/%,$(BUILD)/obj/i386/%,$(call objects,$(1)))

$(BUILD)/obj/i386/libcore.a: $(call objects_32,core)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/lib/i386-linux-gnu/libpillion.so: $(call objects_32,preload) $(call objects_32,shim) \
                                           $(BUILD)/obj/i386/libcore.a $(BUILD)/obj/i386/exports.map
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS_32) $(LDFLAGS) $(SO_FLAGS) $(AT_32) \
	    -Wl,--version-script=$(BUILD)/obj/i386/exports.map -o $@ $(filter %.o %.a,$^)

$(BUILD)/lib32/libpillion.so: $(BUILD)/lib/i386-linux-gnu/libpillion.so
	@mkdir -p $(@D)
	ln -sf ../lib/i386-linux-gnu/libpillion.so $@

.PHONY: say-classes
say-classes:
	@[ "$(M32)" = yes ] || echo "build: $(CC) has no -m32 (Debian: gcc-multilib): there will be" \
	    "no 32-bit libpillion.so, and 32-bit programs will be refused" >&2

$(BUILD)/policyd: $(BUILD)/obj/policyd/main.o $(call library,policyd) $(call library,conf) \
                  $(call library,core)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(LIBS_POLICYD)

$(BUILD)/pillion: $(BUILD)/obj/cli/main.o $(call library,cli) $(call library,conf) \
                  $(call library,core)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(LIBS_CLI)

# ---- tests -------------------------------------------------------------------------------------

UNITS        = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
VICTIMS      = $(patsubst tests/victims/%.c,$(BUILD)/victims/%,$(wildcard tests/victims/*.c))
TEST_SUPPORT = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c))
ALL_LIBS     = $(foreach part,$(PARTS),$(call library,$(part)))

$(BUILD)/obj/tests/%.o: PIL_CFLAGS += $(PIL_PATHS) -Wno-missing-prototypes -Wno-conversion

# A unit links the parts whose headers it includes, and what those stand on: names are unique
# within a program, not across the shim and the daemon.
parts_of     = $(if $(shell grep -l '"shim/' $(1)),shim) \
               $(if $(shell grep -l '"cli/' $(1)),cli) \
               $(if $(shell grep -l '"policyd/' $(1)),policyd) conf core
libs_of      = $(foreach part,$(filter $(PARTS),$(parts_of)),$(call library,$(part)))

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(TEST_SUPPORT) $(ALL_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $< $(TEST_SUPPORT) \
	    -Wl,--start-group $(call libs_of,tests/unit/$*.c) -Wl,--end-group -lcmocka $(LIBS_POLICYD)

# Victims are ordinary programs: no flag of ours, so that they are what a user would run.
# A first line "// flags: ..." adds what the trap needs (-static, -pthread, ...).
$(BUILD)/victims/%: tests/victims/%.c tests/victims/victim.h
	@mkdir -p $(@D)
	$(CC) -O1 -g -D_GNU_SOURCE -o $@ $< $$(sed -n '1s|^// flags: ||p' $<)

# What is missing is installed, aloud; where it cannot be, whatever needs it will say so.
check:
	@sh tests/deps.sh || echo "deps: going on without"
	@$(MAKE) --no-print-directory check-built

.PHONY: check-built
check-built: $(PROGRAMS) $(UNITS) $(VICTIMS)
	BUILD=$(BUILD) tests/run.sh

# Suites of other projects are installed, or fetched into build/, aloud; see tests/suites/README.md.
.PHONY: suites
suites: $(PROGRAMS)
	@sh tests/deps.sh suites || echo "deps: going on without"
	@BUILD=$(BUILD) python3 -B tests/suites/run.py $(SUITES)

compatibility:
	BUILD=$(BUILD) sh tests/compatibility.sh

.PHONY: releases
releases: $(PROGRAMS)
	BUILD=$(BUILD) sh tests/releases.sh

check-units: $(UNITS) $(PROGRAMS)
	BUILD=$(BUILD) tests/run.sh units

asan:
	$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" check-san

tsan:
	$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CFLAGS="-O1 -g" SAN="-fsanitize=thread" check-san

# The preload library itself is not built with a sanitizer: its parts are, inside the units.
.PHONY: check-san
check-san: $(UNITS) $(BUILD)/policyd $(BUILD)/pillion
	BUILD=$(BUILD) tests/run.sh units

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- targets that are scripts ------------------------------------------------------------------

deps:
	sh tests/deps.sh

clean:
	rm -rf $(BUILD)

# ---- fuzzing, linting, installing --------------------------------------------------------------

fuzz:
	BUILD=$(BUILD) sh tests/fuzz/run.sh

LINT_DIRS = core conf shim preload policyd cli
LINT_C    = $(wildcard $(addsuffix /*.c,$(LINT_DIRS)) $(addsuffix /*/*.c,$(LINT_DIRS)))
LINT_ALL  = $(LINT_C) $(wildcard $(addsuffix /*.h,$(LINT_DIRS)) tests/*/*.[ch] bench/*.[ch])

have      = command -v $(1) >/dev/null || { echo "lint: $(1) is not installed, left out"; exit 0; }

# Each tool that is installed has its say; suppressions stand in .clang-tidy and .cppcheck, the
# flags for clang-tidy in compile_flags.txt. `make format` mends what clang-format finds.
lint:
	@$(call have,cppcheck); cppcheck --quiet --error-exitcode=1 --std=c11 -j2 --inline-suppr \
	    --enable=warning,performance,portability --suppressions-list=.cppcheck \
	    -D_GNU_SOURCE -D__x86_64__ -I. $(LINT_DIRS)
	@$(call have,clang-tidy); echo $(LINT_C) | xargs -n 8 -P 2 clang-tidy --quiet
	@$(call have,clang-format); clang-format --dry-run --Werror $(LINT_ALL)

format:
	clang-format -i $(LINT_ALL)

MANPAGES = $(wildcard man/*.[1-8])
man_dir  = $(MANDIR)/man$(subst .,,$(suffix $(1)))

# file, place and mode of everything that is installed; what the administrator edits is not in it.
INSTALLED = $(BUILD)/pillion:$(BINDIR)/pillion:755 \
            $(BUILD)/policyd:$(SBINDIR)/policyd:755 \
            $(foreach place,$(filter lib/%,$(PLACES)),$(BUILD)/$(place)/libpillion.so:$(LIBDIR)/pillion/$(place)/libpillion.so:644) \
            $(foreach page,$(MANPAGES),$(page):$(call man_dir,$(page))/$(notdir $(page)):644) \
            $(foreach page,$(wildcard README.md INSTALL.md INSTALL docs/*.md),$(page):$(DOCDIR)/$(notdir $(page)):644) \
            $(foreach file,$(wildcard examples/*.conf),$(file):$(DOCDIR)/examples/$(notdir $(file)):644) \
            examples/policyd/policyd.conf:$(DOCDIR)/examples/policyd.conf:644 \
            dist/policyd.init:$(DOCDIR)/examples/policyd.init:644 \
            dist/pillion.default:$(DOCDIR)/examples/pillion.default:644 \
            dist/pillion.inetd:$(DOCDIR)/examples/pillion.inetd:644 \
            dist/pillion.sysv:$(LIBDIR)/pillion/sysv.sh:644 \
            dist/policyd.service:$(UNITDIR)/policyd.service:644 \
            dist/policyd.socket:$(UNITDIR)/policyd.socket:644 \
            dist/pillion.bash:$(COMPDIR)/pillion:644

# The unit and the init script say where the daemon is; the library goes without its symbols.
install: $(PROGRAMS) say-classes
	@set -e; for entry in $(INSTALLED); do \
	    file=$${entry%%:*}; rest=$${entry#*:}; \
	    install -D -m "$${rest##*:}" "$$file" "$(DESTDIR)$${rest%:*}"; \
	done
	sed -i 's|/usr/sbin/policyd|$(SBINDIR)/policyd|g' $(DESTDIR)$(UNITDIR)/policyd.service \
	    $(DESTDIR)$(DOCDIR)/examples/policyd.init
	$(STRIP) --strip-unneeded $(foreach place,$(filter lib/%,$(PLACES)),$(DESTDIR)$(LIBDIR)/pillion/$(place)/libpillion.so)
	$(if $(filter lib32,$(PLACES)),install -d -m 755 $(DESTDIR)$(LIBDIR)/pillion/lib32 && \
	    ln -sf ../lib/i386-linux-gnu/libpillion.so $(DESTDIR)$(LIBDIR)/pillion/lib32/libpillion.so)
	sed -i 's|/usr/bin/pillion|$(BINDIR)/pillion|g; s|/usr/lib/pillion|$(LIBDIR)/pillion|g' \
	    $(DESTDIR)$(LIBDIR)/pillion/sysv.sh $(DESTDIR)$(DOCDIR)/examples/pillion.default \
	    $(DESTDIR)$(DOCDIR)/examples/pillion.inetd
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/pillion $(DESTDIR)$(SYSCONFDIR)/pillion/policy.d

# Folders of ours go when they are empty; the administrator's stay.
uninstall:
	@for entry in $(INSTALLED); do \
	    rest=$${entry#*:}; rm -f "$(DESTDIR)$${rest%:*}"; \
	done
	@rm -f $(DESTDIR)$(LIBDIR)/pillion/lib32/libpillion.so
	@for folder in $(foreach place,$(PLACES),$(LIBDIR)/pillion/$(place)) $(LIBDIR)/pillion/lib \
	    $(LIBDIR)/pillion $(DOCDIR)/examples $(DOCDIR) $(SYSCONFDIR)/pillion/policy.d \
	    $(SYSCONFDIR)/pillion; do \
	    rmdir "$(DESTDIR)$$folder" 2>/dev/null || :; \
	done

# ---- Debian packages ---------------------------------------------------------------------------

# Boots a machine with systemd; debootstrap and systemd-nspawn are not among `make deps`.
.PHONY: check-systemd
check-systemd:
	BUILD=$(BUILD) sh tests/systemd/boot.sh

.PHONY: deb deb-lint check-deb
deb:
	@sh dist/deb.sh $(BUILD)/deb

# Anything that lintian calls an error or a warning fails; overrides stand in debian/, with reasons.
deb-lint:
	@ls $(BUILD)/deb/*.changes >/dev/null 2>&1 || $(MAKE) --no-print-directory deb
	lintian --allow-root --fail-on error,warning $(BUILD)/deb/*.changes

# The second set, built to be upgraded to, says that it is a later version. The units are left to
# `make check`.
check-deb: export DEB_BUILD_OPTIONS = nocheck
check-deb:
	@sh dist/deb.sh $(BUILD)/deb
	@sh dist/deb.sh $(BUILD)/deb-next 99.0
	@BUILD=$(BUILD) tests/run.sh deb

# ---- bench and demo ----------------------------------------------------------------------------

BENCH_LIB   = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard bench/lib/*.c))
BENCH_PARTS = $(foreach part,shim conf core,$(call library,$(part)))
BENCHES     = $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/bench_*.c)) \
              $(BUILD)/bench/report $(BUILD)/bench/victim $(BUILD)/bench/empty.so

$(BUILD)/obj/bench/%.o: PIL_CFLAGS += -Wno-missing-prototypes -Wno-conversion

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BENCH_LIB) $(BENCH_PARTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group \
	    $(BENCH_LIBS) -lconfuse -ljansson -lpthread

# Handshakes are made by parts of the daemon.
$(BUILD)/bench/bench_handshake: $(call library,policyd)
$(BUILD)/bench/bench_handshake: BENCH_LIBS = $(LIBS_POLICYD)

# The program that is measured is an ordinary one: no flag and no library of ours.
$(BUILD)/bench/victim: bench/victim.c
	@mkdir -p $(@D)
	$(CC) -O2 -D_GNU_SOURCE -o $@ $<

$(BUILD)/bench/empty.so: bench/empty.c
	@mkdir -p $(@D)
	$(CC) -O2 -shared -fPIC -o $@ $<

bench: $(PROGRAMS) $(BENCHES)
	@BUILD=$(BUILD) bench/run.sh

# Sidecars are not among `make deps`; those that are missing are left out (bench/README.md).
bench-peers: $(PROGRAMS)
	@BUILD=$(BUILD) python3 -B bench/peers/peers.py

demo-mtls:
	@BUILD=$(BUILD) MAKE="$(MAKE)" examples/demo-mtls/demo.sh

demo:
	@BUILD=$(BUILD) MAKE="$(MAKE)" examples/demo/demo.sh
