package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/id2meta/id2meta"
)

// survey is what is counted in all rows before anybody is asked about. It takes less time
// than the first hundred rows of a long file take to verify.
type survey struct {
	rows    int
	people  int // different people that can be asked about
	known   int // of these: need not be asked about
	numbers int // that have 18 characters
	zeros   int // of these: end in 000
}

func takeSurvey(ctx context.Context, t *table, m *memory) (s survey, err error) {
	seed := maphash.MakeSeed()
	var people, known []uint64 // hashes: 8 bytes for each row
	for r, err := range t.people() {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return s, err
		}
		s.rows++
		if r.bad != "" {
			continue
		}
		if len(r.number) == 18 {
			s.numbers++
			if strings.HasSuffix(r.number, "000") {
				s.zeros++
			}
		}
		param, err := id2meta.Param{UserName: r.name, IdentifyNum: r.number}.Normalize()
		if err != nil {
			continue
		}
		person := maphash.Comparable(seed, param)
		people = append(people, person)
		knows, err := m.knows(ctx, param)
		if err != nil {
			return s, err
		}
		if knows {
			known = append(known, person)
		}
	}
	s.people, s.known = different(people), different(known)
	return s, nil
}

func different(hashes []uint64) int {
	slices.Sort(hashes)
	return len(slices.Compact(hashes))
}

// print says what the user should know before anybody is asked about.
func (s survey) print(w io.Writer, t *table, o options) {
	say := func(format string, args ...any) { fmt.Fprintf(w, "id2meta-batch: "+format+"\n", args...) }
	if t.note != "" {
		say("%s", t.note)
	}
	for _, line := range t.skipped {
		say("row %d is skipped: it stands above or below the header, and has no valid ID number", line)
	}
	// Among real numbers it is about one in a thousand.
	if 2*s.zeros > s.numbers {
		say("warning: %d of %d ID numbers end in 000. Excel has probably damaged them: it keeps 15 digits of a number and makes the others 0. "+
			"About one in eleven of them passes the check digit, and is asked about as somebody else's. Take the numbers from where they came from, as text",
			s.zeros, s.numbers)
	}
	cost := "each answer may be billed"
	if o.simulator {
		cost = "a rehearsal: the embedded simulator answers, and nothing is billed"
	}
	left := s.people - s.known
	takes := time.Duration(float64(left) / o.rate * float64(time.Second)).Round(time.Second)
	say("%d rows, %d different people: %d are known, and %d are to be asked about, which takes %v or more (%s)",
		s.rows, s.people, s.known, left, takes, cost)
}
