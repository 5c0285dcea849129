package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// inBook returns w with workbooks instead of CSV files.
func (w work) inBook() work {
	w.out = strings.TrimSuffix(w.out, ".csv") + ".xlsx"
	return w
}

// bookRows returns the cells of a workbook of verdicts.
func bookRows(t *testing.T, path string) [][]string {
	t.Helper()
	book, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	for column := range rows[0] {
		for row := range rows {
			cell, _ := excelize.CoordinatesToCellName(column+1, row+1)
			if kind, err := book.GetCellType(book.GetSheetName(0), cell); err != nil || kind != excelize.CellTypeInlineString && kind != excelize.CellTypeSharedString && column < len(rows[row]) {
				t.Errorf("%s is no text cell: %v, %v", cell, kind, err)
			}
		}
	}
	return rows
}

func TestAWorkbookOfVerdicts(t *testing.T) {
	w := newWork(t, []byte("name,id_number,user_id\n张三,11010519491231002X,007\n张三,1,=1+1\n")).inBook()
	for run := range 2 {
		var stdout strings.Builder
		stderr := silent(t)
		if status := command(w.args("-simulator", "-keep", "user_id"), &stdout, stderr); status != exitPartial {
			t.Fatalf("status %d: %s", status, read(t, stderr.Name()))
		}
		rows := bookRows(t, w.out)
		if len(rows) != 3 {
			t.Fatalf("%d rows", len(rows))
		}
		rows[1][6] = "" // the request ID
		want := [][]string{
			{"row", "name", "id_number", "verdict", "code", "reason", "request_id", "user_id"},
			{"2", "张*", "110105********002X", "match", "1", "", "", "007"},
			{"3", "张*", "***", "invalid", "", rows[2][5], "", "=1+1"},
		}
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("run %d: got\n%q\nwant\n%q", run, rows, want)
		}
	}
	if info, err := os.Stat(w.out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others could read it", info.Mode(), err)
	}
	if _, err := os.Stat(w.out + ".previous"); err == nil {
		t.Error("the second run wrote another workbook, although nothing changed")
	}
}

// addNote writes a note beside the first verdict, as a user would.
func addNote(t *testing.T, path, note string) {
	t.Helper()
	book, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	book.SetCellStr(book.GetSheetName(0), "H2", note)
	if err := book.Save(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryWorkbookWithNotesIsKept(t *testing.T) {
	w := newWork(t, people(1)).inBook()
	w.register(1)
	write(t, w.out+".previous.2", []byte("somebody's"))
	run := func() string {
		p := w.start(t)
		if p.exit(t) != exitComplete {
			t.Fatal(p.stderr.String())
		}
		return p.stderr.String()
	}
	run()
	for i, note := range []string{"called him", "called again", "came"} {
		addNote(t, w.out, note)
		kept := w.out + []string{".previous", ".previous.3", ".previous.4"}[i]
		if said := run(); !strings.Contains(said, "is kept as "+kept+"\n") {
			t.Errorf("it said\n%s", said)
		}
		if got := len(bookRows(t, w.out)[1]); got != 7 {
			t.Errorf("%d cells", got)
		}
	}
	for end, note := range map[string]string{".previous": "called him", ".previous.3": "called again", ".previous.4": "came"} {
		if got := bookRows(t, w.out+end)[1][7]; got != note {
			t.Errorf("the note in %s is %q, want %q", end, got, note)
		}
	}
	if read(t, w.out+".previous.2") != "somebody's" {
		t.Error("somebody's file was replaced")
	}
}

func TestAWorkbookOfVerdictsComesAtTheEnd(t *testing.T) {
	const rows = 300
	w := newWork(t, bookOf(t, rows)).inBook()
	w.register(rows)
	p := w.start(t)
	w.waitForCalls(t, 100)
	p.kill(t)
	if _, err := os.Stat(w.out); err == nil {
		t.Error("it is there already")
	}
	if p := w.start(t); p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	got := bookRows(t, w.out)
	if len(got) != rows+1 {
		t.Fatalf("%d rows", len(got))
	}
	for i, cells := range got[1:] {
		if cells[3] != verdictOf(i) {
			t.Errorf("row %d: %s", i+2, cells[3])
		}
	}
}

func TestSomebodysWorkbookIsNotReplaced(t *testing.T) {
	w := newWork(t, people(1)).inBook()
	write(t, w.out, []byte("somebody's"))
	p := w.start(t)
	if status := p.exit(t); status != exitStopped || !strings.Contains(p.stderr.String(), "tells what it belongs to") {
		t.Errorf("status %d: %s", status, &p.stderr)
	}
	if read(t, w.out) != "somebody's" || len(w.server.Calls()) != 0 {
		t.Error("it was replaced, or somebody was asked about")
	}
}

func TestASheetHasNoRoom(t *testing.T) {
	if err := checkBook("verdicts.xlsx", excelize.TotalRows); err == nil {
		t.Error("more rows than a sheet has were accepted")
	}
	if err := checkBook("verdicts.csv", excelize.TotalRows); err != nil {
		t.Error(err)
	}
}

func TestPlainUndoesInertText(t *testing.T) {
	for _, s := range []string{"", "a", "=1", "+1", "-1", "@a", " =1", "'", "'a", "张三", "＝1"} {
		if got := plain(inertText(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}
