# Everything that is done with this repository. `make` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO            ?= go
TOOLS         := $(CURDIR)/.tools/bin
# A bound for what hangs, and no more: a busy machine takes hours for what takes minutes else.
TEST_TIMEOUT  ?= 3h
# Most tests wait for a server or a process: the cores have time for twice as many at once.
TEST_PARALLEL ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))

# Pinned, so that a new linter release does not fail a build by surprise. The
# version is part of the file name: another version is another file, and make
# installs it.
GOLANGCI_VERSION    := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
GOLANGCI            := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

.PHONY: help
help: ## list what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what is missing: PostgreSQL, Redis, PgBouncer, a C compiler
	@.ci/setup

.PHONY: setup-tests
setup-tests: setup ## install that, and fetch PostgreSQL 13 and 18, the oldest and the newest, for tests
	@.ci/postgres 13 18

.PHONY: setup-servers
setup-servers: setup ## install that, and fetch PostgreSQL 13 to 18
	@.ci/postgres $(SERVERS)

.PHONY: build
build: ## build bin/ocmt
	$(GO) build -trimpath -o bin/ocmt ./cmd/ocmt

PREFIX  ?= /usr/local
DESTDIR ?=
SHARE    = $(DESTDIR)$(PREFIX)/share
COMMIT_TIME = $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: man
man: build ## write the manual pages into bin/man
	@rm -rf bin/man
	@echo "compiling what writes the manual pages, and writing them into bin/man; the first time takes a minute or two"
	SOURCE_DATE_EPOCH=$(COMMIT_TIME) $(GO) run ./internal/cli/manpages -version "$$(bin/ocmt version | sed -n "1s/^ocmt //p")" bin/man

.PHONY: install
install: build man ## install ocmt, its manual pages and completion (PREFIX=/usr/local)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(SHARE)/man/man1" "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	install -m 755 bin/ocmt "$(DESTDIR)$(PREFIX)/bin/ocmt"
	install -m 644 bin/man/*.1 "$(SHARE)/man/man1/"
	bin/ocmt completion bash > "$(SHARE)/bash-completion/completions/ocmt"
	bin/ocmt completion zsh > "$(SHARE)/zsh/site-functions/_ocmt"
	bin/ocmt completion fish > "$(SHARE)/fish/vendor_completions.d/ocmt.fish"

.PHONY: uninstall
uninstall: ## remove what install has put there (PREFIX=/usr/local)
	rm -f "$(DESTDIR)$(PREFIX)/bin/ocmt" "$(SHARE)"/man/man1/ocmt.1 "$(SHARE)"/man/man1/ocmt-*.1 \
		"$(SHARE)/bash-completion/completions/ocmt" "$(SHARE)/zsh/site-functions/_ocmt" "$(SHARE)/fish/vendor_completions.d/ocmt.fish"

.PHONY: test
test: setup-tests ## run every test with the race detector
	CGO_ENABLED=1 $(GO) test -race -parallel $(TEST_PARALLEL) -timeout $(TEST_TIMEOUT) ./...
	@$(MAKE) --no-print-directory fuzz-short

# FUZZTIME is how long each target of make fuzz runs. FUZZ_SHORT are the four that make test runs, ten
# seconds each: what others can write into the database, a file or an address that ocmt reads.
FUZZTIME   ?= 10m
FUZZ_SHORT := ./internal/discover:FuzzFindCiphertexts ./internal/migrate:FuzzOrders ./internal/cli:FuzzPlanFile ./internal/postgres:FuzzAddress

.PHONY: fuzz
fuzz: ## run each fuzz target for ten minutes (FUZZTIME=1m for less), for a nightly run
	@grep -rl --include='*_test.go' '^func Fuzz' internal pkg | sort | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "$$(dirname "$$file") $$target"; \
			$(GO) test "./$$(dirname "$$file")/" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME); \
		done; \
	done

.PHONY: fuzz-short
fuzz-short:
	@for one in $(FUZZ_SHORT); do $(GO) test "$${one%:*}" -run '^$$' -fuzz "^$${one#*:}\$$" -fuzztime 10s; done

.PHONY: test-faults
test-faults: setup-tests ## break things under a rotation, the long form (half an hour)
	CGO_ENABLED=1 OCMT_FAULTS=full $(GO) test -race -count=1 -timeout 45m ./internal/faults/ ./internal/session/

SERVERS ?= 13 14 15 16 17 18
# What speaks to the database. The faults run on the last of the versions.
ON_SERVERS = ./internal/postgres/... ./internal/rotation/... ./internal/audit/ ./internal/databasepassword/ ./internal/usertoken/
# Tests of these look at page ranges, which PostgreSQL 13 does not have.
ON_PAGES = ./internal/migrate/ ./internal/session/ ./internal/audit/review/

.PHONY: test-servers
test-servers: setup-servers ## run the whole story on each PostgreSQL, the faults on the newest, an hour (SERVERS="13 14 15 16 17 18")
	@for version in $(SERVERS); do \
		echo "PostgreSQL $$version"; \
		export OCMT_TEST_POSTGRES=$$version; \
		OCMT_FAULTS=full $(GO) test -count=1 -timeout $(TEST_TIMEOUT) -run 'TestStoryOnEachServer|TestSessionLimits' ./internal/faults/; \
		$(GO) test -count=1 -timeout $(TEST_TIMEOUT) -run 'TestScripts|DatabasePassword|GatewayTokens' ./internal/cli/; \
		$(GO) test -count=1 -timeout $(TEST_TIMEOUT) $(ON_SERVERS) $$([[ $$version = 13 ]] || echo $(ON_PAGES)); \
	done
	OCMT_TEST_POSTGRES=$(lastword $(SERVERS)) $(GO) test -count=1 -timeout $(TEST_TIMEOUT) ./internal/faults/

.PHONY: demo
demo: ## show a whole rotation on a throwaway database (installs PostgreSQL and Redis where they are missing)
	@.ci/setup demo
	@GO=$(GO) .ci/build
	@bin/ocmt demo

.PHONY: picture
picture: ## record a rotation by hand, and draw it into docs/rotation.svg
	@.ci/setup picture
	@GO=$(GO) .ci/build
	@TOOLS=$(TOOLS) .ci/picture docs/rotation.svg

ROWS   ?= 500000
SCALES ?= 100000,1000000

.PHONY: bench
bench: setup build ## measure a run, a search, the end of sessions and an audit, some twenty minutes, into docs/bench (ROWS=500000 SCALES=100000,1000000)
	$(GO) run ./internal/bench -rows $(ROWS) -scales "$(SCALES)" -live \
		-json docs/bench/results.json -plot docs/bench/rates.svg -page docs/bench/README.md

.PHONY: check
check: fmt-check vet lint vuln modules test ## all that must pass before a change goes in

.PHONY: fmt
fmt: $(GOLANGCI) ## lay out the code
	$(GOLANGCI) fmt ./...

.PHONY: fmt-check
fmt-check:
	@found=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); \
	if [[ -n "$$found" ]]; then echo "not laid out (run: make fmt):"; echo "$$found"; exit 1; fi

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: lint
lint: $(GOLANGCI) ## run the linters of .golangci.yml
	$(GOLANGCI) run ./...

.PHONY: vuln
vuln: ## look for known vulnerabilities, where the database can be reached
	@GO=$(GO) TOOLS=$(TOOLS) .ci/vuln $(GOVULNCHECK_VERSION)

.PHONY: modules
modules:
	$(GO) mod verify

.PHONY: clean
clean: ## remove what was built here, and the tools
	rm -rf bin .tools

$(GOLANGCI):
	@echo "installing golangci-lint $(GOLANGCI_VERSION) into .tools/bin (a few minutes, once)"
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(TOOLS)/golangci-lint $@
