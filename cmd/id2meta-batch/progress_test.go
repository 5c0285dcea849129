package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressWithoutATerminalIsALineFromTimeToTime(t *testing.T) {
	w := silent(t)
	synctest.Test(t, func(t *testing.T) {
		show, end := newProgress(w, 2000)
		for range 4 {
			time.Sleep(6 * time.Second)
			show(tally{"match": 1000, verdictFailed: 500})
		}
		end()
	})
	const line = " 75% 1,500/2,000 rows; match 1,000, mismatch 0, no record 0, invalid 0, failed 500\n"
	if got := read(t, w.Name()); got != line+line {
		t.Errorf("got\n%s", got)
	}
}
