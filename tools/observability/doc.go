// Package observability checks what deploy/observability and docs/runbook.md say against each
// other and against the metrics that there are, and lets alerts ring. It is a module of its own
// because it reads and answers queries as Prometheus does, with its parser and engine.
package observability
