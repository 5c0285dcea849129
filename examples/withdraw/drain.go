package main

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/id2meta/id2meta"
)

// drain waits at shutdown until the verdicts of all questions under way are
// remembered, although the clients who caused them have left: they are paid for.
func (s *server) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, verdictTimeout)
	defer cancel()
	for _, person := range s.journal.questions.close() {
		// This joins the question, or finds its verdict. It asks nothing: the journal
		// takes no more questions.
		s.cache.Verify(ctx, person)
	}
}

// underWay is the questions that are being asked.
type underWay struct {
	mu     sync.Mutex
	closed bool
	people map[string]id2meta.Param // by question
}

// begin reports false after close.
func (u *underWay) begin(question string, person id2meta.Param) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	if u.people == nil {
		u.people = map[string]id2meta.Param{}
	}
	u.people[question] = person
	return true
}

func (u *underWay) end(question string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.people, question)
}

// close lets no question begin any more, and returns the people who are being asked about.
func (u *underWay) close() []id2meta.Param {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	return slices.Collect(maps.Values(u.people))
}
