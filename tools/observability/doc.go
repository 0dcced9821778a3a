// Package observability checks what deploy/observability and docs/runbook.md say against each
// other and against the metrics that there are. It is a module of its own because it reads
// queries with Prometheus' own parser.
package observability
