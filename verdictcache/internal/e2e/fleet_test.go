package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// fleet is some workers with the same orders.
type fleet struct {
	t       *testing.T
	orders  string
	log     testenv.Buffer // of all workers
	workers []*worker
}

// worker is a process that asks about persons.
type worker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ready chan struct{} // closed when it is
	gone  chan struct{} // closed when all that it said has been read

	mu        sync.Mutex
	asked     int          // persons it was told to ask about
	answers   []event      // that it got
	questions map[int]bool // put to the service, and not answered yet
	end       *event
}

func newFleet(t *testing.T, workers int, o orders) *fleet {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	f := &fleet{t: t, orders: string(text)}
	t.Cleanup(func() { f.stop() })
	for range workers {
		f.workers = append(f.workers, f.start())
	}
	f.awaitReady()
	return f
}

// awaitReady waits until all workers are.
func (f *fleet) awaitReady() {
	f.t.Helper()
	for _, w := range f.workers {
		select {
		case <-w.ready:
		case <-w.gone:
			f.t.Fatalf("a worker ended before it was ready: %v: %s", w.end, f.logTail())
		case <-time.After(answerTime + 10*time.Second):
			f.t.Fatal("a worker is not ready")
		}
	}
}

// start starts one more worker.
func (f *fleet) start() *worker {
	f.t.Helper()
	w := &worker{cmd: exec.Command(os.Args[0]), ready: make(chan struct{}), gone: make(chan struct{}), questions: map[int]bool{}}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+f.orders)
	w.cmd.Stderr = &f.log
	stdin, err := w.cmd.StdinPipe()
	require.NoError(f.t, err)
	w.stdin = stdin
	stdout, err := w.cmd.StdoutPipe()
	require.NoError(f.t, err)
	require.NoError(f.t, w.cmd.Start())
	go func() {
		defer close(w.gone)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			w.hear(lines.Bytes())
		}
		w.cmd.Wait()
	}()
	return w
}

func (w *worker) hear(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		e = event{What: "end", Err: "it says " + string(line)}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.What {
	case "ready":
		close(w.ready)
	case "question":
		w.questions[e.Person] = true
	case "answer":
		delete(w.questions, e.Person)
		w.answers = append(w.answers, e)
	case "end":
		w.end = &e
	}
}

// ask tells a worker to ask about persons.
func (w *worker) ask(persons []int) {
	w.mu.Lock()
	w.asked += len(persons)
	w.mu.Unlock()
	var lines []byte
	for _, i := range persons {
		lines = fmt.Appendln(lines, i)
	}
	w.stdin.Write(lines) // a worker that is gone has no answers, which await sees
}

// missing returns how many answers are still to come.
func (w *worker) missing() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked - len(w.answers)
}

// kill ends a worker as kill -9 does, and returns the persons that it had begun to
// ask the service about and told nobody the verdict of.
func (w *worker) kill() []int {
	w.cmd.Process.Kill()
	<-w.gone
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.questions))
}

// await returns the answers to all that was asked so far, and forgets them.
func (f *fleet) await() []event {
	f.t.Helper()
	var all []event
	deadline := time.Now().Add(answerTime + 10*time.Second)
	for _, w := range f.workers {
		for w.missing() > 0 {
			select {
			case <-w.gone:
				f.t.Fatalf("a worker ended with %d answers missing: %s", w.missing(), f.logTail())
			case <-time.After(2 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				f.t.Fatalf("%d answers are missing", w.missing())
			}
		}
		w.mu.Lock()
		all = append(all, w.answers...)
		w.asked, w.answers = 0, nil
		w.mu.Unlock()
	}
	return all
}

// ask makes every worker ask about all persons, in the same order and so about the
// same ones at the same time.
func (f *fleet) ask(persons []int) {
	for _, w := range f.workers {
		w.ask(persons)
	}
}

// askAll does so, and returns all answers.
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
		select {
		case <-w.gone:
		case <-time.After(answerTime + 10*time.Second):
			f.t.Error("a worker does not end")
			w.kill()
		}
		if w.end != nil {
			storeFailures += w.end.StoreFailures
		}
		if w.end == nil || w.end.Err != "" || w.cmd.ProcessState.ExitCode() != 0 {
			f.t.Errorf("a worker ended with %v, %v: %s", w.end, w.cmd.ProcessState, f.logTail())
		}
	}
	f.workers = nil
	return storeFailures
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
