# make help lists the targets.
GOLANGCI_VERSION := v2.15.0
BROKERS          := .brokers
FUZZTIME         := 10s

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: ## everything that needs no broker
	go test ./...

.PHONY: race
race: ## likewise, with the race detector and in random order, and the comparison with other libraries
	go test -race -shuffle=on ./...
	cd bench/peers && go test -race -shuffle=on ./...

.PHONY: brokers
brokers: ## install and start private RabbitMQ and Kafka; then: eval "$$(scripts/brokers env .brokers)"
	scripts/brokers install
	scripts/brokers start $(BROKERS)

.PHONY: brokers-stop
brokers-stop: ## stop them
	scripts/brokers stop $(BROKERS)

.PHONY: conform
conform: ## the conformance suite in process, as a table
	go run ./cmd/polywire conform inproc

.PHONY: lint
lint: ## gofmt, vet and golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) run ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## our benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-peers
bench-peers: ## beside other libraries, in one run of about twelve minutes; a module of its own
	cd bench/peers && go run .

.PHONY: docs
docs: ## regenerate the generated parts of the documents
	go test ./cmd/polywire -run Matrix -update

.PHONY: ci
ci: ## what CI runs, brokers included
	bash .ci/run
