// Package e2e tests the stores of verdictcache against the real servers,
// from several processes. It exports nothing; it is a module of its own, so that
// the drivers are in nobody's go.mod but its own.
package e2e
