// Package abuse holds the whole suite, in one process, to what it answers to bad
// input and bad luck: every row of the table of abuses that applies, on gRPC and
// on REST, with the code, the HTTP status, the field that is named and the rows
// that are not written. The package has no code but its tests.
package abuse
