package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// fleet is some workers with the same orders. Only the goroutine of the test uses it.
type fleet struct {
	t       *testing.T
	orders  string
	log     testenv.Buffer // of all workers
	workers []*worker
}

// worker is a process that asks about persons.
type worker struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	events  chan event // what it says; closed when it is gone
	ready   bool
	missing int // answers that are still to come
	end     event
}

func newFleet(t *testing.T, workers int, o orders) *fleet {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	f := &fleet{t: t, orders: string(text)}
	t.Cleanup(func() { f.stop() })
	for range workers {
		f.start()
	}
	f.awaitReady()
	return f
}

// start starts one more worker.
func (f *fleet) start() {
	f.t.Helper()
	w := &worker{cmd: exec.Command(os.Args[0]), events: make(chan event, 100_000)}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+f.orders)
	w.cmd.Stderr = &f.log
	stdin, err := w.cmd.StdinPipe()
	require.NoError(f.t, err)
	w.stdin = stdin
	stdout, err := w.cmd.StdoutPipe()
	require.NoError(f.t, err)
	require.NoError(f.t, w.cmd.Start())
	f.workers = append(f.workers, w)
	go func() {
		defer close(w.events)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				e = event{What: "end", Err: "it says " + lines.Text()}
			}
			w.events <- e
		}
		w.cmd.Wait()
	}()
}

// hear returns the next event of a worker, or false if the worker is gone.
func (f *fleet) hear(w *worker) (e event, ok bool) {
	f.t.Helper()
	select {
	case e, ok = <-w.events:
	case <-time.After(answerTime + 10*time.Second):
		f.t.Fatalf("a worker says nothing, with %d answers missing: %s", w.missing, f.logTail())
	}
	switch e.What {
	case "ready":
		w.ready = true
	case "answer":
		w.missing--
	case "end":
		w.end = e
	}
	return e, ok
}

// awaitReady waits until all workers are ready.
func (f *fleet) awaitReady() {
	f.t.Helper()
	for _, w := range f.workers {
		for !w.ready {
			if _, ok := f.hear(w); !ok {
				f.t.Fatalf("a worker ended before it was ready: %v: %s", w.end, f.logTail())
			}
		}
	}
}

// ask makes every worker ask about all persons, in the same order and so about the
// same ones at the same time.
func (f *fleet) ask(persons []int) {
	var lines []byte
	for _, i := range persons {
		lines = fmt.Appendln(lines, i)
	}
	for _, w := range f.workers {
		w.missing += len(persons)
		w.stdin.Write(lines) // a worker that is gone has no answers, which await sees
	}
}

// await returns the answers to all that was asked so far.
func (f *fleet) await() (answers []event) {
	f.t.Helper()
	for _, w := range f.workers {
		for w.missing > 0 {
			e, ok := f.hear(w)
			if !ok {
				f.t.Fatalf("a worker ended with %d answers missing: %s", w.missing, f.logTail())
			}
			if e.What == "answer" {
				answers = append(answers, e)
			}
		}
	}
	return answers
}

// askAll asks, and returns all answers.
func (f *fleet) askAll(persons []int) []event {
	f.t.Helper()
	f.ask(persons)
	return f.await()
}

// stop lets the workers end by themselves, and fails the test if one left a
// goroutine behind or had a data race. It returns how often their stores failed.
func (f *fleet) stop() (storeFailures uint64) {
	f.t.Helper()
	for _, w := range f.workers {
		w.stdin.Close()
	}
	for _, w := range f.workers {
		kill := time.AfterFunc(answerTime+5*time.Second, func() { w.cmd.Process.Kill() })
		f.awaitEnd(w)
		kill.Stop()
		storeFailures += w.end.StoreFailures
		if w.end.What != "end" || w.end.Err != "" || w.cmd.ProcessState.ExitCode() != 0 {
			f.t.Errorf("a worker ended with %+v, %v: %s", w.end, w.cmd.ProcessState, f.logTail())
		}
	}
	f.workers = nil
	return storeFailures
}

// awaitEnd hears all that a worker has still to say.
func (f *fleet) awaitEnd(w *worker) {
	f.t.Helper()
	for {
		if _, ok := f.hear(w); !ok {
			return
		}
	}
}

// logTail returns the end of the log.
func (f *fleet) logTail() string {
	log := f.log.String()
	return "\n" + log[max(0, len(log)-8000):]
}

// wantRight fails the test for every answer that is not the person's verdict.
func wantRight(t *testing.T, answers []event) {
	t.Helper()
	wrong := 0
	for _, a := range answers {
		if want := newPerson(a.Person).want; a.Err != "" || a.BizCode != want {
			if wrong++; wrong <= 5 {
				t.Errorf("person %d: %q, want %q (%s)", a.Person, a.BizCode, want, a.Err)
			}
		}
	}
	if wrong > 5 {
		t.Errorf("%d answers are wrong", wrong)
	}
}
