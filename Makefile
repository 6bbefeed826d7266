# terse: the targets a user needs are listed by `make help`.
#
# Entry targets first install what is missing (deps), then run make again, so that tools such as pkg-config are looked up
# when they are there. Mandatory flags stay apart from CFLAGS, which is the user's.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
AGAIN = +@$(MAKE) -j$(JOBS)

# ---------------------------------------------------------------- packages
PACKAGES := gcc pkg-config git procps util-linux libopenmpi-dev openmpi-bin libsqlite3-dev sqlite3 libyaml-dev libdnnl-dev \
  librandom123-dev libxxhash-dev zlib1g-dev libjpeg62-turbo-dev gnuplot-nox libcriterion-dev dataset-fashion-mnist bible-kjv \
  curl ca-certificates
# Without OpenBLAS PyTorch multiplies matrices by the reference BLAS, fifteen times slower.
PEER_PACKAGES := python3-torch libopenblas0-pthread

# ---------------------------------------------------------------- flags
CC := gcc
ARCH ?= native
CFLAGS ?= -O3
SANITIZE ?=
PKGS := ompi-c yaml-0.1 sqlite3 libxxhash zlib libjpeg
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
WARNINGS := -Wall -Wextra -Wshadow=local -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Werror
MANDATORY := -std=gnu11 -D_GNU_SOURCE -march=$(ARCH) -ffp-contract=off -g -I. $(WARNINGS) \
  $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
# libterse_cuda.so takes status_record, args_…, codes_… and device_… from the program that opens it.
LIBS := -rdynamic $(PKG_LIBS) -ldnnl -lgomp -ldl -lm

# The CUDA side needs nvcc and cuDNN; where one is missing the rest is built, and `make cuda` says what is not there.
NVCC := $(shell command -v nvcc 2>/dev/null || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
CUDA_HOME := $(if $(NVCC),$(patsubst %/bin/nvcc,%,$(realpath $(NVCC))))
CUDNN := $(if $(NVCC),$(firstword $(wildcard $(addsuffix /cudnn.h,$(CUDA_HOME)/include /usr/include \
  /usr/local/include /usr/include/x86_64-linux-gnu))))
HAS_CUDA := $(and $(NVCC),$(CUDNN))
CUDA_ARCH ?= -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
# A kernel that spills registers is an error too.
NVCC_FLAGS := -std=c++20 -O3 -fmad=false $(CUDA_ARCH) -I. -Werror all-warnings -Xptxas --warn-on-spills,--warning-as-error \
  -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra,-Wno-missing-field-initializers,-Werror

# Never -lcuda: the program must start on a machine without a driver.
CUDA_LIBS := -lcudnn -lcublas

# The build folder is named by the flags: changing them never mixes objects.
FLAGS_ID := $(shell echo '$(CC) $(CFLAGS) $(MANDATORY)' | cksum | cut -d' ' -f1)
B := build/$(if $(SANITIZE),sanitize,$(ARCH))-$(FLAGS_ID)

# ---------------------------------------------------------------- sources
LIB_SOURCES := $(wildcard core/*.c datasets/*.c models/*.c models/cpu/*.c models/cuda/*.c algorithms/*.c algorithms/methods/*.c \
  algorithms/compressors/*.c $(filter-out runner/main.c,$(wildcard runner/*.c)))
ANALYSIS_SOURCES := $(filter-out analysis/rates.c,$(wildcard analysis/*.c))
TEST_SOURCES := $(wildcard tests/*.c)
MPI_SOURCES := $(wildcard tests/mpi/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$B/%.o) $B/registry.o $B/embedded.o
TEST_OBJECTS := $(TEST_SOURCES:%.c=$B/%.o)
MPI_OBJECTS := $(MPI_SOURCES:%.c=$B/%.o)
ANALYSIS_OBJECTS := $(ANALYSIS_SOURCES:%.c=$B/%.o)
# One source, two devices: what nvcc compiles too. What it alone compiles is called .cu.
CUDA_SOURCES := $(shell grep -ls 'core/kernel.h' core/*.c algorithms/*.c) $(wildcard algorithms/compressors/*.c models/cuda/*.c)
CUDA_ONLY := $(wildcard core/*.cu models/cuda/*.cu)
CUDA_OBJECTS := $(CUDA_SOURCES:%.c=$B/cuda/%.o) $(CUDA_ONLY:%.cu=$B/cuda/%.o) $B/cuda/registry.o
TERSE := $B/terse
TESTS := $B/unit_tests

# ---------------------------------------------------------------- entry targets
.PHONY: no-cuda all help deps deps-peers demo quickstart do-quickstart data test asan mutants mutant goldens claims rates bench-peers bench-overhead check-cuda bench-cuda bundle \
  check-layers cuda clean \
  format build do-demo do-data do-test do-asan do-claims do-rates do-bench-peers do-check-cuda do-bundle FORCE

all: deps ## build everything and leave ./terse here (the default)
	$(AGAIN) build

help: ## this list
	@awk -F':.*## ' '/^[a-z][a-z%-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  Variables: CFLAGS (yours, default -O3), ARCH (default native), JOBS (default: the cores), TERSE_DATA (a"
	@echo "  folder with data sets), DATA (where make data puts them, default data), SETS (which; default all), TERSE_MIRROR"
	@echo "  (a URL instead of their sources), TIER (for figures), RESULTS (default results/results.db)."

demo: deps ## train LeNet-5 on Fashion-MNIST with five methods: a table, figures, a results database
	$(AGAIN) do-demo

quickstart: deps ## every method side by side: accuracy, bits each way, modelled time (TIER=smoke or laptop)
	$(AGAIN) do-quickstart

data: deps ## download the data sets of datasets/SHA256SUMS into DATA, or those named in SETS, and check them
	$(AGAIN) do-data

test: deps ## run all tests; the closing line counts them
	$(AGAIN) do-test

asan: deps ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	+@$(MAKE) -j$(JOBS) SANITIZE=address,undefined CFLAGS=-O1 do-asan

mutants: deps ## put known defects of other implementations back in, one at a time: which test catches each
	@tests/run-mutants

claims: deps ## judge what the papers claim against the results
	$(AGAIN) do-claims

fig-%: ## the same for one figure, e.g. fig-gtopk-convergence
	@echo "There is no figure '$*'; there are $(FIGURE_TARGETS)"; exit 2

rates: deps ## fit convergence rates, speed-up and the cost of compression, and judge them against theory
	$(AGAIN) do-rates

bench-peers: deps deps-peers ## time training steps and top-k beside PyTorch (TERSE_DATA: ResNet-20 and LSTM)
	$(AGAIN) do-bench-peers

check-cuda: deps ## every test that runs on a GPU, and compute-sanitizer; without a GPU it says why and passes
	$(AGAIN) do-check-cuda

bench-cuda: deps ## time training steps on a GPU beside PyTorch's (TERSE_DATA; exit status 2 without a GPU)
	$(AGAIN) build
	@tests/cuda/bench $B

bundle: deps ## a folder, and bundle.tar.xz, whose ./check-cuda and ./bench-cuda run on a bare host with a GPU
	+@$(MAKE) -j$(JOBS) ARCH=x86-64-v3 do-bundle

goldens: deps-peers ## make tests/golden/*.txt anew with PyTorch
	@/usr/bin/python3 -B tests/golden/make.py

bench-overhead: deps ## what accounting, records and progress cost a LeNet-5 step
	$(AGAIN) build
	./terse bench overhead

check-layers: ## no folder includes a higher one
	@tests/check-layers

# ---------------------------------------------------------------- packages: install what is missing
define install_packages
	@if ! command -v dpkg-query >/dev/null; then \
	  echo "This is not Debian: terse needs what these Debian packages hold: $(1)"; \
	else \
	  missing=$$(for p in $(1); do \
	    [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || echo $$p; done); \
	  if [ -n "$$missing" ]; then \
	    echo "Installing from Debian:" $$missing; \
	    if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; \
	    else echo "Neither root nor sudo: have these packages installed, then run make again:" $$missing; exit 1; fi; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    $$sudo apt-get install -y -q --no-install-recommends $$missing >/dev/null 2>&1 || \
	    { $$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends $$missing; }; \
	  fi; \
	fi
endef

deps: ## install the Debian packages that are missing (run by every entry target)
	$(call install_packages,$(PACKAGES))

deps-peers: ## the same for what the comparisons need (Debian's PyTorch)
	$(call install_packages,$(PEER_PACKAGES))

# ---------------------------------------------------------------- building
build: $(TERSE) $B/terse-rates $(if $(HAS_CUDA),$B/libterse_cuda.so)
	@ln -sfn $(TERSE) terse

cuda: $(if $(HAS_CUDA),$B/libterse_cuda.so,no-cuda) ## libterse_cuda.so alone (needs nvcc and cuDNN)
no-cuda:
	@echo "The CUDA side needs $(if $(NVCC),cuDNN 9: there is no cudnn.h beside $(NVCC) or in /usr/include,nvcc)"; exit 2

$B/%.o: %.c
	@mkdir -p $(@D)
	$(info cc    $<)
	@$(CC) $(MANDATORY) $(CFLAGS) $(DEFINES) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$B/%.o: $B/%.c
	@$(CC) $(MANDATORY) $(CFLAGS) -MMD -MP -c $< -o $@

# The program's own account of where it comes from; rebuilt when the commit or its dirtiness changes.
COMMIT := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DIRTY := $(shell [ -z "$$(git status --porcelain 2>/dev/null)" ] && echo 0 || echo 1)
$B/version.stamp: FORCE
	@mkdir -p $(@D); echo '$(COMMIT) $(DIRTY)' | cmp -s - $@ || echo '$(COMMIT) $(DIRTY)' > $@
$B/runner/version.o: DEFINES = -DTERSE_COMMIT='"$(COMMIT)"' -DTERSE_DIRTY=$(DIRTY) \
  -DTERSE_FLAGS='"$(CC) $(CFLAGS) $(MANDATORY)"' -DTERSE_ROOT='"$(CURDIR)"'
$B/runner/version.o: $B/version.stamp

# Modules are found by their file names: adding or deleting a file rewrites the registry.
$B/registry.c: FORCE
	@mkdir -p $(@D); core/registry.sh compressor method model dataset > $@.new; cmp -s $@.new $@ || cp $@.new $@
$B/cuda/registry.cu: FORCE
	@mkdir -p $(@D); core/registry.sh compressor > $@.new; cmp -s $@.new $@ || cp $@.new $@

# Text files the program carries inside.
as_literal = sed 's/\\/\\\\/g; s/"/\\"/g; s/^/  "/; s/$$/\\n"/' $(1)
$B/embedded.c: runner/schema.sql runner/views.sql runner/templates/compressor.c.in runner/embedded.h
	@mkdir -p $(@D); { echo '#include "runner/embedded.h"'; echo 'const char schema_sql[] ='; \
	  $(call as_literal,runner/schema.sql); echo ';'; echo 'const char views_sql[] ='; \
	  $(call as_literal,runner/views.sql); echo ';'; echo 'const char compressor_template[] ='; \
	  $(call as_literal,runner/templates/compressor.c.in); echo ';'; } > $@

$B/libterse.a: $(LIB_OBJECTS)
	@rm -f $@; ar qcs $@ $^

$(TERSE): $B/runner/main.o $B/libterse.a
	$(info link  $@)
	@$(CC) $(MANDATORY) $(CFLAGS) -o $@ $^ $(LIBS)

$B/terse-rates: $B/analysis/rates.o $(ANALYSIS_OBJECTS) $B/libterse.a
	@$(CC) $(MANDATORY) $(CFLAGS) -o $@ $^ $(LIBS)

$B/mpi_cases: $(MPI_OBJECTS) $B/libterse.a
	@$(CC) $(MANDATORY) $(CFLAGS) -o $@ $^ $(LIBS)

$(TESTS): $(TEST_OBJECTS) $(ANALYSIS_OBJECTS) $B/libterse.a
	$(info link  $@)
	@$(CC) $(MANDATORY) $(CFLAGS) -o $@ $^ $(LIBS) -lcriterion
$(TEST_OBJECTS): DEFINES = -DMPI_CASES_PROGRAM='"$(CURDIR)/$B/mpi_cases"' -DTERSE_PROGRAM='"$(CURDIR)/$(TERSE)"' \
  -DTERSE_SOURCE='"$(CURDIR)"' $(if $(SANITIZE),-DTERSE_SANITIZED)

$B/cuda/%.o: %.c
	@mkdir -p $(@D)
	$(info nvcc  $<)
	@$(NVCC) -x cu $(NVCC_FLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$B/cuda/%.o: %.cu
	@mkdir -p $(@D)
	$(info nvcc  $<)
	@$(NVCC) $(NVCC_FLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$B/cuda/registry.o: $B/cuda/registry.cu
	@$(NVCC) $(NVCC_FLAGS) -c $< -o $@
$B/libterse_cuda.so: $(CUDA_OBJECTS)
	$(info link  $@)
	@$(NVCC) -shared -cudart static -o $@ $^ $(CUDA_LIBS)

# ---------------------------------------------------------------- running
RESULTS ?= results/results.db

DATA ?= data
SETS ?=
do-data:
	@datasets/fetch.sh --to $(DATA) $(SETS)

# What the package bible-kjv holds, as a text: needs no internet.
data/king-james/king-james.txt: datasets/fetch.sh datasets/SHA256SUMS
	@datasets/fetch.sh king-james && touch $@

do-demo: build
	@./terse run experiments/demo.yaml --db $(RESULTS)
	@./terse query --db $(RESULTS) --file analysis/demo.sql
	@for f in loss-bits accuracy-epoch; do analysis/draw.sh $(RESULTS) demo demo/$$f figures/demo; done

do-quickstart: build
	@./terse run experiments/all/quickstart.yaml --tier $(TIER) --db $(RESULTS)
	@./terse query --db $(RESULTS) --file analysis/quickstart.sql

do-test: build $(TESTS) $B/mpi_cases
	@tests/check-layers
	@tests/run $(TESTS)

mutant: $(TESTS) $B/mpi_cases

do-asan: $(TERSE) $(TESTS) $B/mpi_cases
	@tests/run $(TESTS)

# A figure is an experiment file with a query of its name; a query that begins with its name draws a further picture of it.
# Where a data set is not there its figures are left out, unless there are results already.
TIER ?= laptop
FIGURES := $(foreach q,$(wildcard analysis/figures/*/*.sql),$(if $(wildcard \
  $(q:analysis/figures/%.sql=experiments/%.yaml)),$(q:analysis/figures/%.sql=%)))
FIGURE_TARGETS := $(foreach f,$(FIGURES),fig-$(subst /,-,$f))
.PHONY: figures do-figures $(FIGURE_TARGETS)
$(foreach f,$(FIGURES),$(eval fig-$(subst /,-,$f): FIGURE = $f))

$(FIGURE_TARGETS): deps
	$(AGAIN) do-figures FIGURES=$(FIGURE)

figures: deps ## run what is missing for all figures and draw them: TIER=smoke (a minute), laptop (default)
	$(AGAIN) do-figures

do-figures: build
	@./terse run $(FIGURES:%=experiments/%.yaml) --tier $(TIER) --db $(RESULTS) --skip-missing
	@set -e; for f in $(FIGURES); do for q in analysis/figures/$$f.sql analysis/figures/$$f-*.sql; do \
	  if [ -f $$q ]; then q=$${q#analysis/figures/}; analysis/draw.sh $(RESULTS) $$(sed -n 's/^experiment: //p' \
	    experiments/$$f.yaml) $${q%.sql} figures/$(TIER)/$$(dirname $$f) $(TIER) || [ $$? = 3 ]; fi; done; done

# Every experiment file may hold claims; only those with results are judged.
do-claims: build
	@./terse claims $(wildcard experiments/*.yaml experiments/*/*.yaml) --db $(RESULTS)

do-rates: build
	@./terse run $(wildcard experiments/rates/*.yaml) --db $(RESULTS) --ranks 1 --jobs $(JOBS)
	@$B/terse-rates $(RESULTS)

do-bench-peers: build
	@[ -n "$$TERSE_DATA" ] || echo "TERSE_DATA is not set: residual nets and VGG (cifar10) and the LSTMs (ptb) are left out"
	@status=0; for peer in topk lenet5 $${TERSE_DATA:+resnet20 resnet18 vgg16 lstm lstm:medium}; do \
	  /usr/bin/python3 -B tests/peers/$${peer%:*}.py ./terse $$(echo $$peer | sed -n 's/.*://p') || status=1; done; \
	  exit $$status

do-check-cuda: build $(TESTS) $B/mpi_cases
	@tests/cuda/check $B

do-bundle: $(TERSE) $(TESTS) $B/mpi_cases $(if $(HAS_CUDA),$B/libterse_cuda.so,no-cuda)
	@tests/cuda/bundle $B bundle

format: ## lay out the sources as .clang-format says (needs clang-format)
	@clang-format -i $$(git ls-files '*.c' '*.h' '*.cu')

clean: ## remove what was built (results and figures stay)
	rm -rf build terse

FORCE:

-include $(shell find $B -name '*.d' 2>/dev/null)
