package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// newProgress returns functions that tell the user how far the work is, and that it ends: by
// a bar on a terminal, and elsewhere by a line every 10 s.
func newProgress(w *os.File, rows int) (show func(tally), end func()) {
	if !term.IsTerminal(int(w.Fd())) {
		last := time.Now()
		return func(t tally) {
			if time.Since(last) >= 10*time.Second {
				last = time.Now()
				english.Fprintf(w, "%3d%% %d/%d rows; %v\n", t.rows()*100/max(rows, 1), t.rows(), rows, t)
			}
		}, func() {}
	}
	bar := progressbar.NewOptions(max(rows, 1),
		progressbar.OptionSetWriter(w),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("rows"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
	)
	return func(t tally) { bar.Set(t.rows()) }, func() { bar.Exit(); fmt.Fprintln(w) }
}
