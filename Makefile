# One verb per target; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all

TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS):$(PATH)
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
# The slow ones come first.
OUTSIDE := ./services/e2e/... ./services/ticket ./services/journey ./services/survey ./services/importer ./services/cmd/concentric ./services/gateway ./services/simulator
# SQLite, C turned into Go, is not searched for races and for bad pointers, which takes most
# of the time; what calls it is.
SEARCHED := -gcflags=modernc.org/...=-d=checkptr=0 -gcflags=modernc.org/sqlite/lib=-race=false -ldflags=-s
PROFILE := services/cmd/concentric/default.pgo
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
# What ships is compiled for the profile of its hot paths. All else, which would be compiled
# twice for it, is not.
export GOFLAGS := $(strip $(shell go env GOFLAGS) -pgo=off)
GO_BUILD := CGO_ENABLED=0 go build -pgo=auto -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: all help build tools clients generate generate-check lint breaking test race manifests observability soak bench load profile demo run image clean
all: lint test ## what CI runs, but for the check of generated code

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -t -s "$$(printf '\t')"

build: ## the binary, static, into bin/
	$(GO_BUILD) -o bin/concentric ./services/cmd/concentric

demo: build ## load a simulated brand, show the two views, and end
	bin/concentric demo --data data/demo --addr 127.0.0.1:0

run: build ## serve the simulated brands until ^C
	bin/concentric demo --data data/demo --serve

# What drives whole services from outside is compiled as what ships is, which little is left to
# do for then, and what lies within them with the race detector. Most of what is outside waits.
# Memory is cheaper than time, no debugger looks, and go vet is part of make lint.
test: export GOGC ?= 400
test: ## all tests, on SQLite and PostgreSQL, those of what lies within services with the race detector
	CGO_ENABLED=0 GOFLAGS='$(filter-out -pgo=off,$(GOFLAGS)) -pgo=$(CURDIR)/$(PROFILE) -trimpath -ldflags=-s' \
	tools/room go test -vet=off -timeout 30m -p $$(($(PROCESSORS) + 2)) $(OUTSIDE)
	GOFLAGS='$(GOFLAGS) $(SEARCHED)' \
	tools/room go test -race -vet=off -timeout 30m -p $$(($(PROCESSORS) + 1)) $(filter-out $(shell go list $(OUTSIDE)),$(shell go list work))
	GOGC= $(MAKE) manifests observability

race: export GOGC ?= 400
race: ## all tests with the race detector: twice as long
	GOFLAGS='$(GOFLAGS) $(SEARCHED)' tools/room go test -race -vet=off -timeout 60m -p $$(($(PROCESSORS) + 1)) $(OUTSIDE) work

manifests: build ## what deploy/ says, decoded, checked and tried with real processes; and the image
	CONCENTRIC_TEST_BINARY=$(CURDIR)/bin/concentric GOWORK=off go -C tools/manifests test -count 1 -timeout 5m .
	GOWORK=off go -C tools/image test .

observability: ## dashboards, rules and the runbook, against the metrics that there are
	GOWORK=off go -C tools/observability test -count 1 . # what it tries lies outside its module

soak: race ## longer searches for what the tests might miss: races, every zone from 1975 on, random tickets, slow services, more events
	cd services && CONCENTRIC_SOAK=1 go test -timeout 60m ./ticket/internal/sla -run 'EveryZone|Stepper' -rapid.checks=20000
	cd services && go test -timeout 60m ./ticket/... ./internal/filter -run 'Random' -rapid.checks=2000
	cd services && CONCENTRIC_SOAK=1 go test -timeout 60m ./e2e -run 'OnePartDown|WhateverANetwork'
	cd services && CONCENTRIC_SOAK=1 go test -timeout 60m ./internal/bus -run NothingIsLost
	cd services && CONCENTRIC_SOAK=1 go test -timeout 60m ./e2e -v -run '^TestCluster$$'

bench: ## benchmarks of the hot paths, each beside its limit, and the gates
	go test -run '^$$' -bench . -benchmem work
	$(MAKE) load

load: ## the hot paths beside their limits, checked against the gates
	go run -pgo=$(PROFILE) ./services/load

profile: ## anew where the hot paths spend their time, for the compiler
	go run ./services/load -report -rounds 2 -seconds 3 -profile $(PROFILE) -only G1,G3,G4,G6p,G7,G10w,G16,G24,G25,G1s,G3s,G6sp,I2,I3

tools: ## the pinned tools (tools/*/go.mod) into .tools
	@for m in buf gen lint; do GOWORK=off GOBIN=$(TOOLS) go -C tools/$$m install tool; done
	@GOWORK=off GOBIN=$(TOOLS) go -C tools/protoc-gen-openapi install .

generate: tools ## third_party/ and gen/ anew from their sources
	GOWORK=off go -C tools/protodeps run . $(CURDIR)/third_party/proto
	buf format -w
	buf generate
	@if command -v npm > /dev/null; then $(MAKE) gen/ts/node_modules && buf generate --template buf.gen.ts.yaml && npm --prefix gen/ts run --silent check; \
	else echo 'NO NPM: gen/ts STAYS AS IT IS' >&2; fi

gen/ts/node_modules: gen/ts/package-lock.json # what the TypeScript client is made with and tried with
	npm ci --prefix gen/ts --ignore-scripts --no-audit --no-fund
	@touch $@

generate-check: generate ## fail if generating changes anything
	@git diff --exit-code -- third_party proto gen || { echo 'run make generate and commit the result' >&2; exit 1; }
	@test -z "$$(git status --porcelain -- third_party proto gen)" || { git status --short -- third_party proto gen; exit 1; }

clients: ## grpcurl into .tools and what the TypeScript client needs, for examples/client/roundtrips.sh
	GOWORK=off GOBIN=$(TOOLS) go -C tools/clients install tool
	$(MAKE) gen/ts/node_modules

lint: tools ## vet, staticcheck, gofumpt, buf lint and format
	go vet work
	staticcheck -checks all,-ST1000,-ST1003 work
	@test -z "$$(gofumpt -l services tools)" || { gofumpt -d services tools; exit 1; }
	buf lint
	buf format -d --exit-code > /dev/null

breaking: tools ## compare the contracts with those last landed
	buf breaking proto --against proto/landed.binpb

image: build ## the container image as a tar file and what it is made of (CycloneDX), into bin/
	GOWORK=off go -C tools/image run . $(CURDIR)/bin/concentric $(CURDIR)/bin/concentric-image.tar

clean: ## what was built, and the demo's data
	rm -rf bin data .tools
