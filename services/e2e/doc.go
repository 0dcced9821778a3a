// Package e2e tests the suite from outside: it builds the real binary, starts it
// as one process and as four, and calls it as clients do, over gRPC and over
// REST. Every story runs in each of these ways. The package has no code but its
// tests.
package e2e
