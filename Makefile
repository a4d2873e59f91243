# The labs that take multiprocessing apart. `make help` names what there is to do.

VERSION := 0.1

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
BUILD ?= build
PKG_CONFIG ?= pkg-config

# What every compile needs, whatever CFLAGS says. -rdynamic: a spawned child
# finds its function by name. -z now: or each child would bind its symbols anew.
needed := -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -DVERSION='"$(VERSION)"' \
	$(addprefix -Icommon/,sys mp stage) -MMD -MP
linking := -rdynamic -Wl,-z,now
# libcrypto is for keys alone (common/mp/auth.c). Without it all is built but that,
# and lab 7 says in its scenes what to install.
crypto := $(shell $(PKG_CONFIG) --libs libcrypto 2>/dev/null)
crypto_flags := $(if $(crypto),-DHAVE_LIBCRYPTO $(shell $(PKG_CONFIG) --cflags libcrypto))

# The folders under labs/ are the table of labs: labs/lab3-fork-vs-spawn is lab3.
# In the order of their numbers: lab10 after lab9.
folders := $(sort $(wildcard labs/lab?-*)) $(sort $(wildcard labs/lab??-*))
labs := $(foreach folder,$(notdir $(folders)),$(firstword $(subst -, ,$(folder))))
folder_of = $(wildcard labs/$1-*)
# lab3.c and lab3-*.c make build/lab3; any other .c beside them is a small
# program of its own, which the lab runs.
programs := $(foreach source,$(wildcard labs/lab*-*/*.c),\
	$(if $(findstring -,$(notdir $(source))),,$(basename $(notdir $(source)))))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(addsuffix /*.c,$1)))
mp := $(filter-out $(if $(crypto),,%/auth.o),$(call objects,common/mp common/sys))
stage := $(call objects,common/stage)
binaries := $(addprefix $(BUILD)/,$(programs))
cmocka := $(filter-out $(if $(crypto),,%/mp/auth),\
	$(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/mp/*.c tests/stage/*.c)))

# One aligned line a compile; V=1 shows the whole command.
ifeq ($(V),1)
step =
else
step = @printf '  %-5s %s\n' $1 $@;
endif

# As many compilers at once as there are CPUs. But two goals come one after the other:
# two labs would play at once, and clean would remove what is being built.
ifeq ($(words $(MAKECMDGOALS)),$(filter 0 1,$(words $(MAKECMDGOALS))))
MAKEFLAGS += -j$(shell nproc)
endif
# Nor is it, or ARGS, for a make that a tool or a test calls.
unexport MAKEFLAGS

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: all programs help
all: programs ## builds everything
	@echo "Built. Play a lab with \`make lab3\`; \`make help\` names the rest."

programs: $(binaries) $(BUILD)/libmp.a

help: ## prints this
	@echo "Labs: $(labs). ARGS=\"SCENE... --OPTION\" goes to the lab."
	@sed -n -e 's/^## \(labN[a-z-]*\): \(.*\)/\1\t\2/p' \
		-e 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | \
		awk -F '\t' '{ printf "make %-15s %s\n", $$1, $$2 }'
	@echo "Variables: CC, CFLAGS, LDFLAGS, BUILD (a folder for another build), V=1."

# --- building ---------------------------------------------------------------

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call step,CC)$(CC) $(CFLAGS) $(CPPFLAGS) $(needed) -c -o $@ $<

# These use it, and are compiled anew when it comes or goes.
with_crypto := $(patsubst %.c,$(BUILD)/obj/%.o,\
	$(wildcard common/mp/auth.c labs/lab7-*/*.c tests/bench/*.c))
$(with_crypto): $(BUILD)/crypto
$(with_crypto): needed += $(crypto_flags)
$(addprefix $(BUILD)/,lab7 bench-auth.so tests/mp/auth): libraries := $(crypto)

.PHONY: look-for-crypto
$(BUILD)/crypto: look-for-crypto
	@mkdir -p $(@D) && echo '$(crypto)' | cmp -s - $@ || echo '$(crypto)' >$@

$(BUILD)/libmp.a: $(mp)
	$(call step,AR)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libstage.a: $(stage)
	$(call step,AR)rm -f $@ && $(AR) rcs $@ $^

define program
$(BUILD)/$1: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard labs/*/$1.c labs/*/$1-*.c)) \
		$(BUILD)/libstage.a $(BUILD)/libmp.a
	$$(call step,LINK)$$(CC) $$(CFLAGS) $$(LDFLAGS) $$(linking) -o $$@ $$^ \
		$$(libraries) $$(LDLIBS) -lpthread -ldl
endef
$(foreach name,$(programs),$(eval $(call program,$(name))))

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/obj/tests/support.o \
		$(BUILD)/libstage.a $(BUILD)/libmp.a
	@mkdir -p $(@D)
	$(call step,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $(linking) -o $@ $^ \
		$(libraries) $(LDLIBS) -lcmocka -lpthread -ldl

# The C side of tests/connection.bats.
$(BUILD)/interop: $(call objects,tests/interop) $(BUILD)/libmp.a
	$(call step,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $(linking) -o $@ $^ \
		$(LDLIBS) -lpthread -ldl

$(BUILD)/bench-auth.so: common/mp/auth.c $(BUILD)/crypto
	$(call step,LINK)$(CC) $(CFLAGS) $(needed) -shared -fPIC -o $@ $< $(libraries)

$(BUILD)/bench: $(call objects,tests/bench) $(BUILD)/libstage.a $(BUILD)/libmp.a \
		| $(if $(crypto),$(BUILD)/bench-auth.so)
	$(call step,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $(linking) -o $@ $^ \
		$(libraries) $(LDLIBS) -lpthread -ldl

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# --- the labs ---------------------------------------------------------------

per_lab := $(labs) $(foreach verb,python strace valgrind,$(addsuffix -$(verb),$(labs)))
.PHONY: list $(per_lab)
list: ## names the labs
	@for lab in $(folders); do \
		number=$${lab#labs/} number=$${number%%-*}; \
		printf '%s\t%s\n' $$number \
			"$$(sed -n "s/^.*$$number\.c - //p" $$lab/$$number.c)"; \
	done

## labN: builds and plays lab N
$(labs): programs
	@$(BUILD)/$@ $(ARGS)

## labN-python: runs lab N's Python twin
$(labs:=-python): %-python:
	@python3 $(call folder_of,$*)/$*.py $(ARGS)

## labN-strace: shows the system calls that matter; TRACE=... chooses others
$(labs:=-strace): %-strace: programs
	strace -f -qq -e signal=none -e trace=$(or $(TRACE),process) \
		$(BUILD)/$* $(or $(ARGS),program)

## labN-valgrind: runs lab N under memcheck
$(labs:=-valgrind): %-valgrind: programs
	@tests/valgrind $(BUILD) $* $(ARGS)

# --- tests ------------------------------------------------------------------

.PHONY: cmocka test doctor faults valgrind sanitize fuzz bench clean
.PHONY: guide guide-refresh guide-check site-check side-by-side
cmocka: $(cmocka)

test: programs cmocka $(BUILD)/interop ## runs the tests, under a minute
	@BUILD=$(BUILD) tests/run $(ARGS)

faults: programs cmocka $(BUILD)/interop ## the tests at full length, and what the chapters say to try
	@BUILD=$(BUILD) STORM=full tests/run $(ARGS)

valgrind: programs ## plays every lab under memcheck, all its processes
	@tests/valgrind $(BUILD) $(labs)

sanitize: ## plays every lab with the address sanitizer
	@CC=$(CC) tests/sanitize $(labs)

fuzz: ## any bytes at all to what reads from strangers (clang)
	@tests/fuzz/run

bench: $(BUILD)/bench ## ours, the bare system calls and CPython, as ratios
	@$(BUILD)/bench $(ARGS)

.PHONY: demos
demos: programs ## records the labs as a terminal shows them (asciinema)
	@BUILD=$(BUILD) guide/tools/demos $(ARGS)

doctor: ## can this machine run the labs, and what to do if not
	@tests/doctor

guide: ## renders the guide as a site, build/guide/index.html
	@guide/tools/site --to=$(BUILD)/guide

guide-refresh: programs ## puts excerpts and recorded output into the chapters
	@guide/tools/refresh

guide-check: programs ## fails where a chapter and the code differ, or a link is dead; tests the tools
	@guide/tools/refresh --check
	@guide/tools/site --to=$(BUILD)/guide
	@guide/tools/links $(BUILD)/guide
	@BUILD=$(BUILD) tests/run tests/guide/*.bats

site-check: guide ## opens every page of the guide in a browser (chromium)
	@tests/guide/browse $(BUILD)/guide

side-by-side: programs ## fork and spawn in two panes of tmux, for a class
	@BUILD=$(BUILD) guide/tools/side-by-side $(ARGS)

clean: ## removes what was built
	rm -rf $(BUILD)
