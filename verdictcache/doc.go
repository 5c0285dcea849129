// Package verdictcache asks about each person once: an id2meta.Verifier in front
// of another, with a [Store] that remembers the verdicts for one process or many.
package verdictcache
