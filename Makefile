# What a contributor runs. build, test and demo need Go and make, nothing else.
#
# vet, lint, the cross builds and the releases all compile with -trimpath and without cgo, so that
# they share what is in the build cache.

BIN     := bin/engram-sync
# Go records the version and the commit of a clone by itself; who builds from anything else names it.
VERSION ?=
PREFIX  ?= /usr/local
TARGET   = $(DESTDIR)$(PREFIX)
SHARED   = man/man1 bash-completion/completions zsh/site-functions fish/vendor_completions.d
FUZZTIME ?= 10s
SYSTEMS   := linux darwin windows
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.DEFAULT_GOAL := help
.PHONY: help build share install uninstall test faults demo race crash lint fmt vet cross wine fuzz leaks bench microbench docs schemas pictures snapshot reproducible vuln ci clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/engram-sync, a static binary
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/engram-sync

share: ## write the man pages and the shell completions into share
	rm -rf share
	SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH-$$(git log -1 --format=%ct)}" CGO_ENABLED=0 go run -trimpath ./scripts/manual share

$(BIN):
	$(MAKE) build
share/man:
	$(MAKE) share

# Both are made where they are missing only, so that `make build share && sudo make install` works too.
install: $(BIN) share/man ## install the binary, man pages and completions below PREFIX, inside of DESTDIR
	install -d "$(TARGET)/bin" $(foreach dir,$(SHARED),"$(TARGET)/share/$(dir)")
	install -m 755 $(BIN) "$(TARGET)/bin/"
	$(foreach dir,$(SHARED),install -m 644 $(filter-out %.gz,$(wildcard share/$(dir)/*)) "$(TARGET)/share/$(dir)/" &&) true

uninstall: ## remove what make install put below PREFIX, inside of DESTDIR
	rm -f "$(TARGET)/bin/engram-sync" $(foreach dir,$(SHARED),"$(TARGET)/share/$(dir)"/*engram-sync*)

test: ## run all tests
	go test -timeout 30m ./...

faults: ## every fault of the network at every place, for docs/reliability.md (some 6 minutes)
	go test ./internal/cli -run 'TestFaults$$' -count=1 -faults -update -timeout 60m

demo: build ## push, pull and verify real chunks in a temporary directory
	./scripts/demo.sh "$(CURDIR)/$(BIN)"

race: ## run the tests under the race detector (needs a C compiler), without those that only take long
	CGO_ENABLED=1 go test -race -short -count=1 -timeout 30m ./...

crash: ## the whole crash matrix (some 20 minutes; Linux on amd64), and its table for docs/reliability.md
	.ci/crash

lint: ## golangci-lint, for each operating system: the floors and rules of .golangci.yml
	.ci/lint $(SYSTEMS)

fmt: ## format the code
	gofmt -w cmd docs internal

vet: ## go vet, for each operating system
	@for os in $(SYSTEMS); do \
		echo "GOOS=$$os go vet ./..."; \
		CGO_ENABLED=0 GOOS=$$os go vet -trimpath ./... || exit 1; \
	done

cross: ## build for the six platforms
	@for platform in $(PLATFORMS); do \
		echo "$$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -trimpath \
			-o "bin/$$(echo $$platform | tr / -)/" ./cmd/engram-sync || exit 1; \
	done

wine: ## the Windows build under Wine: tests of the internal packages, and the demo (root, Debian; some 10 minutes)
	.ci/wine

fuzz: ## fuzz every target for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME)

leaks: ## let a server repeat secrets in every place, to every command (10,000 runs, some 8 minutes)
	ENGRAM_SYNC_TEST_LEAKS=all go test ./internal/cli -run TestLeaks -count=1 -v -timeout 60m

# BASE=COMMIT compares with that commit; BENCHFLAGS='-full', '-rows REGEXP', '-runs N', '-quick' (go run ./scripts/bench -h).
bench: ## measure all that docs/performance.md shows, and write that page (some 15 minutes, on a machine that rests)
	go run -trimpath ./scripts/bench $(if $(BASE),-base $(BASE)) $(BENCHFLAGS)

microbench: ## run the Go benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

docs: ## write docs/cli anew from the commands, tables of other pages, and NOTICE
	go test ./internal/cli -run 'TestDocs|TestFaultsPage' -count=1 -update
	go test ./cmd/engram-sync -run TestNotice -count=1 -update

schemas: ## write docs/schemas anew from what the stories print
	go test ./internal/cli -run 'TestScripts$$' -count=1 -update

pictures: build ## draw docs/pictures anew from a real run (termtosvg and chromium, on Debian)
	./scripts/pictures.sh "$(CURDIR)/$(BIN)"
	ENGRAM_SYNC_TEST_BROWSER=1 go test ./internal/cli -run TestBrowser -count=1 -update

snapshot: ## build the archives and packages of a release into dist, publishing nothing
	@tool="$$(.ci/tool goreleaser)" && "$$tool" check && \
		"$$tool" release --snapshot --clean --skip=publish,announce,docker,sign,sbom

reproducible: ## build a release twice, the second time from nothing, and compare (some minutes)
	.ci/reproducible

vuln: ## look for known vulnerabilities (asks the Go vulnerability database)
	@tool="$$(.ci/tool govulncheck)" && "$$tool" ./...

ci: ## everything that has to pass before a change lands
	bash .ci/run

clean: ## remove what the targets above wrote
	rm -rf bin dist share coverage.out
