package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells the user how far the work is: a bar on a terminal, and elsewhere a line
// from time to time.
type progress struct {
	show func(tally)
	end  func(tally)
}

func newProgress(w *os.File, rows int, every time.Duration) progress {
	if term.IsTerminal(int(w.Fd())) {
		return barProgress(w, rows)
	}
	last := time.Now()
	return progress{
		show: func(t tally) {
			if time.Since(last) >= every {
				last = time.Now()
				fmt.Fprintf(w, "%3d%% %s/%s rows; %v\n", t.rows()*100/max(rows, 1), thousands(t.rows()), thousands(rows), t)
			}
		},
		end: func(tally) {},
	}
}

func barProgress(w io.Writer, rows int) progress {
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
	return progress{
		show: func(t tally) { bar.Set(t.rows()) },
		end:  func(tally) { bar.Exit(); fmt.Fprintln(w) },
	}
}
