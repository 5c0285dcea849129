package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells the user how far the work is.
type progress struct {
	every time.Duration
	show  func(tally)
	end   func(tally)
}

// newProgress draws a bar on a terminal, and writes a line from time to time to
// anything else. total and before are the rows of the input, and those that
// were done before this run.
func newProgress(w *os.File, total, before int, every time.Duration) progress {
	p := pace{total: total, before: before, started: time.Now()}
	if term.IsTerminal(int(w.Fd())) {
		return barProgress(w, p, func() int {
			width, _, err := term.GetSize(int(w.Fd()))
			if err != nil {
				return 80
			}
			return width
		})
	}
	return lineProgress(w, p, every)
}

func lineProgress(w io.Writer, p pace, every time.Duration) progress {
	return progress{
		every: every,
		show: func(t tally) {
			fmt.Fprintf(w, "%3d%% %s; %v\n", percent(t.rows(), p.total), p.text(t), t)
		},
		end: func(tally) {},
	}
}

// barProgress draws two lines, since one would not fit into 80 columns. A line
// that is wider than the terminal would be drawn anew each time.
func barProgress(w io.Writer, p pace, width func() int) progress {
	bar := progressbar.NewOptions(max(p.total, 1),
		progressbar.OptionSetWriter(w),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false), // it would take resumed rows for fast ones
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetMaxDetailRow(1),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
	)
	show := func(t tally) {
		bar.Describe(p.text(t))
		detail := t.String()
		bar.AddDetail(detail[:max(0, min(len(detail), width()-1))])
		bar.Set(t.rows())
	}
	return progress{
		every: 200 * time.Millisecond,
		show:  show,
		end: func(t tally) {
			show(t)
			fmt.Fprintln(w)
			if !bar.IsFinished() {
				// The cursor was still on the first of the two lines.
				fmt.Fprintln(w)
			}
		},
	}
}

// pace tells how fast this run is, and how long it will take.
type pace struct {
	total, before int
	started       time.Time
}

// text is such as "1,230/2,000 rows, 45.0/s, 17s left".
func (p pace) text(t tally) string {
	done := fmt.Sprintf("%s/%s rows", thousands(t.rows()), thousands(p.total))
	elapsed := time.Since(p.started)
	finished := t.rows() - p.before
	if finished <= 0 || elapsed <= 0 {
		return done
	}
	rate := fmt.Sprintf("%s, %.1f/s", done, perSecond(finished, elapsed))
	if t.rows() == p.total {
		return rate
	}
	left := time.Duration(float64(elapsed) / float64(finished) * float64(p.total-t.rows()))
	return fmt.Sprintf("%s, %v left", rate, left.Round(time.Second))
}

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

func percent(n, of int) int { return n * 100 / max(of, 1) }
