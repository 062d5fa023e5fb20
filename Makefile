# soundproof: `make help` lists the targets. One non-recursive Makefile. Objects live in
# build/<configuration>/, named after a hash of the compiler and its flags, so that flags never mix.

# make's own defaults, cc and g++, are not a choice of the caller's.
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
SOUNDPROOF_DATA ?= ../shared/data
VERSION := 0.1.0
SOVERSION := 0

# Rooms, in the order in which they may depend on each other; `make lint` checks it.
ROOMS := base audio vnnlib relax net preprocess gpu onnx train lstm proof certify runs cli
LIBRARY_ROOMS := $(filter-out cli,$(ROOMS))

# Commands are shown by what they make; V=1 shows them whole.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')
# Builds use every processor unless make was told otherwise.
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# ---- flags -------------------------------------------------------------------------------------
ARCH ?= -march=native
OPTIMISE ?= -O3
CFLAGS ?= -g
SANITIZE ?=
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
FLOATING := -ffp-contract=off -fno-fast-math
ifneq ($(filter -Ofast -ffast-math -funsafe-math-optimizations -fassociative-math,\
  $(CFLAGS) $(LDFLAGS) $(OPTIMISE) $(ARCH)),)
$(error fast-math would make every verdict unsound: remove it from CFLAGS, OPTIMISE, ARCH and LDFLAGS)
endif

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null || echo $(3))
GLPK_LIBS ?= -lglpk
ARB_LIBS ?= $(if $(shell pkg-config --exists 'flint >= 3' 2>/dev/null && echo y),-lflint,-lflint-arb -lflint) -lmpfr -lgmp
DEPENDENCIES := sndfile samplerate fftw3 openblas libprotobuf-c libcjson nettle cairo popt
DEP_CFLAGS := $(sort $(call pkg,--cflags,$(DEPENDENCIES),))
LIBS := $(call pkg,--libs,sndfile,-lsndfile) $(call pkg,--libs,samplerate,-lsamplerate) \
  $(call pkg,--libs,fftw3,-lfftw3) $(GLPK_LIBS) $(call pkg,--libs,openblas,-lopenblas) \
  $(call pkg,--libs,libprotobuf-c,-lprotobuf-c) $(call pkg,--libs,libcjson,-lcjson) $(call pkg,--libs,nettle,-lnettle) \
  $(call pkg,--libs,zlib,-lz) \
  $(call pkg,--libs,cairo,-lcairo) -lm -lpthread
CLI_LIBS := $(call pkg,--libs,popt,-lpopt) $(call pkg,--libs,minizip,-lminizip)
CMOCKA_LIBS := $(call pkg,--libs,cmocka,-lcmocka)

COMPILE_FLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -fPIC -pthread -fopenmp-simd $(OPTIMISE) $(ARCH) $(FLOATING) \
  $(WARNINGS) $(SANITIZE) $(CFLAGS)
CONFIGURATION := $(shell printf '%s' '$(CC) $(CPPFLAGS) $(COMPILE_FLAGS) $(LDFLAGS)' | cksum | cut -d' ' -f1)
B := build/$(CONFIGURATION)
CPP = -I. -I$(B)/generated $(DEP_CFLAGS) $(CPPFLAGS) -DSP_VERSION='"$(VERSION)"'

# ---- CUDA: the driver is a library of its own that --backend cuda loads; CUDA=no leaves it out -----
NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA ?= $(if $(NVCC),yes,no)
CUDA_LIBRARY := libsoundproof-cuda.so.$(VERSION)
# Compute capabilities that this nvcc compiles for, from 7.0 on. CUDA_ARCH: those to compile machine
# code for ("80 90", "all"); every device newer than the oldest runs the portable code as well.
cuda_capabilities = $(shell $(NVCC) --list-gpu-arch 2>/dev/null | sed -n 's/^compute_//p' | awk '$$1 >= 70' | sort -n | uniq)
CUDA_ARCH ?=
cuda_targets = $(if $(filter all,$(CUDA_ARCH)),$(cuda_capabilities),$(CUDA_ARCH))
cuda_oldest = $(firstword $(cuda_capabilities))
NVCC_FLAGS = -std=c++17 -O3 --fmad=false -ftz=false -prec-div=true -prec-sqrt=true \
  -Xcompiler -Wall,-Wextra,-fPIC,-ffp-contract=off -Xptxas -v,-warn-spills \
  $(foreach c,$(cuda_targets),-gencode arch=compute_$(c),code=sm_$(c)) \
  -gencode arch=compute_$(cuda_oldest),code=compute_$(cuda_oldest)
ifeq ($(CUDA)$(NVCC),yes)
$(error CUDA=yes needs nvcc, which is neither in PATH nor in /usr/local/cuda/bin: NVCC=PATH names one)
endif
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))

# ---- sources -----------------------------------------------------------------------------------
room_objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c $(1)/*/*.c)) \
  $(if $(filter onnx,$(1)),$(B)/generated/onnx/onnx.pb-c.o)
LIBRARY_OBJECTS := $(foreach room,$(LIBRARY_ROOMS),$(call room_objects,$(room)))
CLI_OBJECTS := $(call room_objects,cli)
ROOM_ARCHIVES := $(foreach room,$(LIBRARY_ROOMS),$(B)/rooms/lib$(room).a)
TEST_SOURCES := $(wildcard tests/$(or $(ROOM),*)/test_*.c)
TESTS := $(patsubst %.c,$(B)/%,$(TEST_SOURCES))
SUPPORT_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
# Man pages, made where help2man is installed.
HELP2MAN ?= $(shell command -v help2man 2>/dev/null)
MAN_PAGES := $(B)/man/soundproof.1

.DEFAULT_GOAL := all
always:
.PHONY: always all ready check check-long check-libraries proofs faults check-bare test test-long demo demo-wake demo-run packages lint circles asan ubsan tsan bench fuzz mutants \
  install uninstall deb compdb clean help sanitized cuda cuda-older check-gpu
.DELETE_ON_ERROR:
.SECONDARY:

## all         the command (build/soundproof), the libraries and the pkg-config file
all: build/soundproof build/soundproof-check $(B)/libsoundproof.a $(B)/libsoundproof.so.$(VERSION) $(B)/soundproof.pc \
  $(if $(HELP2MAN),$(MAN_PAGES)) $(if $(filter yes,$(CUDA)),$(B)/$(CUDA_LIBRARY))

# Whether there is what the sources include; where it is not, one line that says how to get it.
HEADERS := sndfile.h samplerate.h fftw3.h glpk.h cblas.h protobuf-c/protobuf-c.h cjson/cJSON.h nettle/sha2.h \
  cairo.h popt.h zlib.h minizip/zip.h
ready:
	@for header in $(HEADERS); do echo "#include <$$header>"; done | $(CC) $(CPP) -E - >/dev/null 2>&1 && \
	  [ -e /usr/include/onnx/onnx.proto ] && command -v protoc-c >/dev/null || { echo 'soundproof: a compiler or' \
	  'libraries are missing: make packages installs them, docs/building.md lists them' >&2; exit 1; }

# always: a link to another configuration can be newer than everything that this one is made of
build/soundproof: $(B)/soundproof always
	@ln -sfn $(CONFIGURATION)/soundproof $@

$(B)/soundproof: $(CLI_OBJECTS) $(B)/libsoundproof.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(COMPILE_FLAGS) $(LDFLAGS) $(BESIDE) -o $@ $^ $(CLI_LIBS) $(LIBS)

# The checker of certificates shares nothing that is written here with the rooms: what protoc-c generates
# from Debian's onnx.proto is in both.
CHECKER_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard checker/*.c)) $(B)/generated/onnx/onnx.pb-c.o
CHECKER_LIBS := $(ARB_LIBS) $(call pkg,--libs,libcjson,-lcjson) $(call pkg,--libs,zlib,-lz) \
  $(call pkg,--libs,sndfile,-lsndfile) $(call pkg,--libs,libprotobuf-c,-lprotobuf-c) $(call pkg,--libs,nettle,-lnettle)
build/soundproof-check: $(B)/soundproof-check always
	@ln -sfn $(CONFIGURATION)/soundproof-check $@

$(B)/soundproof-check: $(CHECKER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(COMPILE_FLAGS) $(LDFLAGS) -o $@ $^ $(CHECKER_LIBS) -lm

$(B)/checker/%.o: checker/%.c $(B)/generated/onnx/onnx.pb-c.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -Ichecker -I$(B)/generated/onnx $(DEP_CFLAGS) $(CPPFLAGS) $(COMPILE_FLAGS) -MMD -MP -c -o $@ $<

$(B)/libsoundproof.a: $(LIBRARY_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libsoundproof.so.$(VERSION): $(LIBRARY_OBJECTS) include/soundproof.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(COMPILE_FLAGS) $(LDFLAGS) -shared -Wl,-soname,libsoundproof.so.$(SOVERSION) \
	  -Wl,--version-script=include/soundproof.map $(BESIDE) -o $@ $(LIBRARY_OBJECTS) $(LIBS)

# ORIGIN: the driver of the device stands beside what loads it.
BESIDE := -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib'

cuda_tag = $(if $(cuda_targets),$(subst $() ,-,$(strip $(cuda_targets))),portable)
cuda_built = $(B)/cuda/$(cuda_tag)/$(CUDA_LIBRARY)
$(B)/$(CUDA_LIBRARY): $(cuda_built) always
	$(Q)cmp -s $< $@ || cp $< $@

$(B)/cuda/%/cuda.o: gpu/device/cuda.cu
	@mkdir -p $(@D)
	$(call say,NVCC,$< ($*))
	$(Q)$(NVCC) $(NVCC_FLAGS) -I. -MD -MP -MF $(@:.o=.d) -c -o $@ $< >$(@:.o=.log) 2>&1 || { cat $(@:.o=.log) >&2; exit 1; }

$(B)/cuda/%/$(CUDA_LIBRARY): $(B)/cuda/%/cuda.o $(B)/base/status.o $(B)/base/utf8.o gpu/device/cuda.map
	$(call say,LINK,$@)
	$(Q)$(NVCC) -shared -cudart static -Xlinker --version-script=gpu/device/cuda.map,-rpath=$(CUDA_HOME)/lib64 \
	  -o $@ $(filter %.o,$^) -lcublas

## cuda        the device's driver alone, and what each kernel needs (CUDA_ARCH=all: for every device)
ifneq ($(NVCC),)
cuda: $(cuda_built)
	@tests/gpu/kernels.sh $(B)/cuda/$(cuda_tag)/cuda.log $<
else
cuda:
	@echo 'soundproof: there is no nvcc, neither in PATH nor in /usr/local/cuda/bin: NVCC=PATH names one' >&2; exit 1
endif

## cuda-older  compiles the kernels for devices that nvcc 13 no longer knows, with CUDA 12 from PyPI
cuda-older:
	@tests/gpu/older_devices.sh

$(MAN_PAGES): $(B)/soundproof $(B)/soundproof-check cli/man_pages.sh
	$(call say,MAN,$(@D))
	$(Q)cli/man_pages.sh $< $(VERSION) $(@D)

# always made anew: it holds PREFIX
$(B)/soundproof.pc: soundproof.pc.in always
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LIBS)|' $< > $@

define room_archive
$(B)/rooms/lib$(1).a: $(call room_objects,$(1))
	$$(Q)mkdir -p $$(@D); rm -f $$@; $$(AR) rcs $$@ $$^
endef
$(foreach room,$(LIBRARY_ROOMS),$(eval $(call room_archive,$(room))))

$(B)/%.o: %.c | ready
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPP) $(COMPILE_FLAGS) -MMD -MP -c -o $@ $<

# onnx.proto is the one that Debian installs; only onnx/ and checker/ include what it generates.
$(B)/generated/onnx/onnx.pb-c.c: $(wildcard /usr/include/onnx/onnx.proto) | ready
	@mkdir -p $(@D)
	$(call say,PROTOC-C,onnx.proto)
	$(Q)protoc-c --proto_path=/usr/include/onnx --c_out=$(@D) /usr/include/onnx/onnx.proto
$(B)/generated/onnx/onnx.pb-c.h: $(B)/generated/onnx/onnx.pb-c.c ;
$(B)/generated/onnx/onnx.pb-c.o: $(B)/generated/onnx/onnx.pb-c.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CPP) $(COMPILE_FLAGS) -Wno-shadow -c -o $@ $<
$(patsubst %.c,$(B)/%.o,$(wildcard onnx/*.c onnx/*/*.c tests/onnx/*.c tests/lstm/*runtime.c tests/certify/*verify*.c)): $(B)/generated/onnx/onnx.pb-c.h

# ---- tests: a room's tests link that room and what stands left of it, nothing else -------------
left_of = $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call left_of,$(1),$(wordlist 2,99,$(2))))
room_libraries = $(foreach room,$(call reverse,$(filter-out cli,$(call left_of,$(1),$(ROOMS)))),$(B)/rooms/lib$(room).a)
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))

define test_program
$(B)/tests/$(1)/%: $(B)/tests/$(1)/%.o $(SUPPORT_OBJECTS) $(call room_libraries,$(1))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(COMPILE_FLAGS) $$(LDFLAGS) -o $$@ $$^ $$(CMOCKA_LIBS) $$(ARB_LIBS) $$(LIBS)
endef
$(foreach room,$(ROOMS),$(eval $(call test_program,$(room))))
$(B)/tests/cli/%: build/soundproof build/soundproof-check

# What a package would hold, for the tests of programs that use it.
$(B)/installed: all always
	$(Q)rm -rf $@
	$(Q)$(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/$@ PREFIX=/usr/local >/dev/null

## test        builds and runs the tests (ROOM=relax: those of one room)
test: all $(TESTS) $(B)/installed
	@SOUNDPROOF_INSTALLED='$(CURDIR)/$(B)/installed' SOUNDPROOF_DATA='$(SOUNDPROOF_DATA)' SOUNDPROOF='$(CURDIR)/$(B)/soundproof' \
	  SOUNDPROOF_SCRATCH='$(CURDIR)/$(B)/scratch' tests/run $(TESTS)

test-long: all $(TESTS) $(B)/installed
	@SOUNDPROOF_LONG=1 SOUNDPROOF_INSTALLED='$(CURDIR)/$(B)/installed' SOUNDPROOF_DATA='$(SOUNDPROOF_DATA)' SOUNDPROOF='$(CURDIR)/$(B)/soundproof' \
	  SOUNDPROOF_SCRATCH='$(CURDIR)/$(B)/scratch' tests/run $(TESTS)

## demo        installs missing packages, builds, and shows everything on spoken digits
demo: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@SOUNDPROOF_DATA='$(SOUNDPROOF_DATA)' examples/demo

## demo-wake   a synthetic voice says a wake word, and SOUNDPROOF_WAKE_MODEL is audited on it
demo-wake: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@SOUNDPROOF_WAKE_MODEL='$(SOUNDPROOF_WAKE_MODEL)' examples/demo-wake

## check       installs missing packages, builds, and runs lint and every test
check: packages
	@tests/onnx/onnxruntime_env.sh
	@tests/proofs/flint_env.sh
	@$(MAKE) --no-print-directory $(PARALLEL) lint
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@$(MAKE) --no-print-directory circles
	@tests/python/environment.sh
	@$(MAKE) --no-print-directory $(PARALLEL) test

## check-long  the same with the long variants of the random tests
check-long: packages
	@$(MAKE) --no-print-directory $(PARALLEL) test-long

## check-libraries  front ends against the Python libraries that they are named after (PyPI, large)
check-libraries: all $(B)/tests/preprocess/test_libraries
	@tests/preprocess/libraries_env.sh
	@mkdir -p $(B)/scratch
	@SOUNDPROOF_DATA='$(SOUNDPROOF_DATA)' SOUNDPROOF_SCRATCH='$(CURDIR)/$(B)/scratch' tests/run $(B)/tests/preprocess/test_libraries
	@[ ! -e build/libraries-env/complete ] || SOUNDPROOF='$(CURDIR)/$(B)/soundproof' \
	  build/libraries-env/bin/python -m pytest -q -p no:cacheprovider tests/python/test_libraries.py

## proofs      certificates of all certified clips of FSDD's test set, written and checked: hours of
##             CPU time, kept in build/proofs.tsv as it goes (PROOFS="--models M.onnx,... --keep DIR")
PROOFS ?=
proofs: all
	@SOUNDPROOF_DATA='$(abspath $(SOUNDPROOF_DATA))' tests/proofs/proofs.py $(PROOFS)

## faults      an engine with planted faults, one at a time: what it claims and the engine does not
##             prove must be refused by soundproof-check (minutes of CPU time)
faults: all
	@tests/proofs/mutant_engine.py

## check-bare  the README's two commands in a minimal Debian root, without a network once the packages
##             are there (RELEASES="bookworm trixie"; needs root and debootstrap)
RELEASES ?= bookworm
check-bare:
	@tests/bare/check_bare.sh $(RELEASES)

## check-gpu   the tests of kernels and engine and the benchmark on a CUDA device, if there is one
GPU_TESTS := $(addprefix $(B)/tests/,gpu/test_kernels lstm/test_device lstm/test_device_choices \
	lstm/test_device_room lstm/test_bounds lstm/test_bounds_cells)
check-gpu: all $(GPU_TESTS)
	@SOUNDPROOF_DATA='$(SOUNDPROOF_DATA)' tests/gpu/check_gpu.sh $(B)/soundproof $(GPU_TESTS)

## packages    installs the Debian packages that are missing (root or sudo), and says which
packages:
	@.ci/packages

## lint        include order of the rooms, headers that compile alone, unsafe flags, format
lint:
	@CC='$(CC)' CXX='$(CXX)' CPP='$(CPP)' tests/lint $(ROOMS)

## circles     no more than three files of a room call each other in a circle (needs python3)
circles: all
	@if command -v python3 >/dev/null; then tests/circles.py $(B) $(ROOMS); else \
	  echo 'circles: not checked, python3 is not installed'; fi

## asan, ubsan, tsan   all tests under a sanitizer, in a build directory of its own
asan:
	@$(MAKE) --no-print-directory $(PARALLEL) sanitized SANITIZE='-fsanitize=address -fno-omit-frame-pointer' OPTIMISE=-O1
ubsan:
	@$(MAKE) --no-print-directory $(PARALLEL) sanitized SANITIZE='-fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all' OPTIMISE=-O1
tsan:
	@$(MAKE) --no-print-directory $(PARALLEL) sanitized SANITIZE='-fsanitize=thread' OPTIMISE=-O1
sanitized: $(B)/soundproof $(B)/soundproof-check $(TESTS)
	@LSAN_OPTIONS=suppressions=$(CURDIR)/tests/leaks.supp:print_suppressions=0 SOUNDPROOF_SANITIZED=1 SOUNDPROOF_DATA='$(SOUNDPROOF_DATA)' SOUNDPROOF='$(CURDIR)/$(B)/soundproof' \
	  SOUNDPROOF_SCRATCH='$(CURDIR)/$(B)/scratch' tests/run $(TESTS)

## bench       every speed figure as a ratio (SOUNDPROOF_DATA for the clips)
bench: all
	@build/soundproof bench --data '$(SOUNDPROOF_DATA)'

## fuzz        libFuzzer over the readers of certificates, queries, ONNX files and front ends (FUZZ_SECONDS=300
##             each, FUZZ=proof: the first one; needs clang)
FUZZ_SECONDS ?= 300
fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run

## mutants     which wrong signs and missing error terms the tests notice: docs/mutants.md
##             (MUTANTS="relax preprocess lstm", MUTANTS_SECONDS=3600 for each; needs python3)
MUTANTS ?= relax preprocess lstm
MUTANTS_SECONDS ?= 3600
mutants:
	@SOUNDPROOF_DATA='$(abspath $(SOUNDPROOF_DATA))' tests/mutants/mutants.py --seconds $(MUTANTS_SECONDS) $(MUTANTS)

## install, uninstall  PREFIX=/usr/local LIBDIR=PREFIX/lib DESTDIR=
SHARE = $(DESTDIR)$(PREFIX)/share/soundproof
MAN = $(DESTDIR)$(PREFIX)/share/man/man1
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
install: all
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include \
	  $(SHARE)/fronts $(SHARE)/models $(SHARE)/archs $(SHARE)/stages $(SHARE)/datasets $(COMPLETIONS)
	$(Q)install -m 755 $(B)/soundproof $(B)/soundproof-check $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 include/soundproof.h $(DESTDIR)$(PREFIX)/include/soundproof.h
	$(Q)install -m 644 $(B)/libsoundproof.a $(DESTDIR)$(LIBDIR)/libsoundproof.a
	$(Q)install -m 755 $(B)/libsoundproof.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libsoundproof.so.$(VERSION)
	$(if $(filter yes,$(CUDA)),$(Q)install -m 755 $(B)/$(CUDA_LIBRARY) $(DESTDIR)$(LIBDIR)/$(CUDA_LIBRARY))
	$(Q)ln -sfn libsoundproof.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libsoundproof.so.$(SOVERSION)
	$(Q)ln -sfn libsoundproof.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libsoundproof.so
	$(Q)install -m 644 $(B)/soundproof.pc $(DESTDIR)$(LIBDIR)/pkgconfig/soundproof.pc
	$(Q)install -m 644 examples/fronts/*.json $(SHARE)/fronts
	$(Q)install -m 644 examples/models/*.onnx $(SHARE)/models
	$(Q)install -m 644 examples/archs/*.json $(SHARE)/archs
	$(Q)install -m 644 examples/stages/*.json $(SHARE)/stages
	$(Q)install -m 644 datasets/*.b2 datasets/*.py $(SHARE)/datasets
	$(Q)install -m 755 datasets/fsdd datasets/mnist datasets/synthetic $(SHARE)/datasets
	$(Q)install -m 644 cli/completion.bash $(COMPLETIONS)/soundproof
	$(if $(HELP2MAN),$(Q)install -d $(MAN) && install -m 644 $(B)/man/*.1 $(MAN))
	$(if $(DESTDIR),,$(Q)ldconfig 2>/dev/null || echo 'ldconfig could not be run: run it as root')
	@echo 'the command           $(DESTDIR)$(PREFIX)/bin/soundproof'
	@echo 'libraries, header     $(DESTDIR)$(LIBDIR)/libsoundproof.{a,so}, $(DESTDIR)$(PREFIX)/include/soundproof.h'
	@echo 'for pkg-config        $(DESTDIR)$(LIBDIR)/pkgconfig/soundproof.pc'
	@echo 'fronts, archs, stages, models, recipes  $(SHARE)/'
	@echo 'completion of bash    $(COMPLETIONS)/soundproof'
	@echo 'man pages             $(if $(HELP2MAN),$(MAN)/soundproof*.1,none: help2man is not installed)'
uninstall:
	$(Q)rm -f $(COMPLETIONS)/soundproof $(DESTDIR)$(PREFIX)/bin/soundproof $(DESTDIR)$(PREFIX)/bin/soundproof-check $(DESTDIR)$(PREFIX)/include/soundproof.h $(MAN)/soundproof.1 \
	  $(MAN)/soundproof-*.1 $(DESTDIR)$(LIBDIR)/libsoundproof.* $(DESTDIR)$(LIBDIR)/$(CUDA_LIBRARY) \
	  $(DESTDIR)$(LIBDIR)/pkgconfig/soundproof.pc
	$(Q)rm -rf $(SHARE)
	$(if $(DESTDIR),,$(Q)ldconfig 2>/dev/null || true)

## deb         Debian packages of the last commit, in build/deb (needs build-essential, debhelper and bash-completion)
deb:
	$(Q)command -v dh >/dev/null && command -v dh_bash-completion >/dev/null || { echo 'soundproof: make deb needs debhelper and' \
	  'bash-completion: apt-get install build-essential debhelper bash-completion' >&2; exit 1; }
	$(Q)rm -rf build/deb && mkdir -p build/deb/soundproof-$(VERSION)
	$(Q)git archive HEAD | tar -x -C build/deb/soundproof-$(VERSION)
	$(Q)(cd build/deb/soundproof-$(VERSION) && env -u MAKEFLAGS dpkg-buildpackage --build=binary --no-sign) \
	  >build/deb/log 2>&1 || { tail -n 20 build/deb/log >&2; exit 1; }
	@ls build/deb/*.deb

## compdb      compile_commands.json for editors (needs bear)
compdb:
	bear -- $(MAKE) -B all $(TESTS)

## clean       removes build/
clean:
	rm -rf build

## help        this list
help:
	@sed -n 's/^## /  make /p' Makefile

-include $(wildcard $(B)/cuda/*/cuda.d) $(LIBRARY_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(CHECKER_OBJECTS:.o=.d) $(TESTS:=.d) $(SUPPORT_OBJECTS:.o=.d)
