package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
)

// output writes the records in the order of the input, however they come. Its
// length is how far the work is done, so resuming needs no other bookkeeping
// and cannot disagree with it.
type output struct {
	path    string
	titles  layout
	file    *os.File
	journal *journal
	early   map[int][]byte // lines that wait for an earlier one, by sequence
	next    int            // sequence of the line to be written next
	dirty   bool           // something was written since the last sync

	found    map[int]record // of the journal: answered and not written, by line of the input
	previous *recordReader  // what -retry-failed takes over, or nil
	closers  []io.Closer
}

func journalPath(out string) string  { return recordsPath(out) + ".journal" }
func previousPath(out string) string { return recordsPath(out) + ".previous" }

// openOutput makes the output of id, or continues it. With retry the rows that
// failed are asked about once more: the output is renamed and written again,
// with what can be taken over from it.
func openOutput(path string, id identity, titles layout, excel, retry bool) (*output, error) {
	o := &output{path: path, titles: titles, early: map[int][]byte{}}
	if err := o.open(id, excel, retry); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *output) open(id identity, excel, retry bool) error {
	j, old, found, err := openJournal(journalPath(o.path))
	if err != nil {
		return err
	}
	o.journal = j
	o.closers = append(o.closers, j.file)
	// The lock is held from here on: nobody else changes what is there.
	out, previous := exists(o.path), exists(previousPath(o.path))
	begun := out || previous
	switch {
	case begun && !found:
		os.Remove(journalPath(o.path)) // it is empty
		return fmt.Errorf("%s exists, and no journal beside it tells what it belongs to: choose another -out, or remove it", o.path)
	case begun:
		if reason := id.differs(old); reason != "" {
			return fmt.Errorf("%s cannot be continued: %s. Choose another -out", o.path, reason)
		}
	default:
		if err := j.begin(id); err != nil {
			return err
		}
	}
	if o.found, err = j.records(o.titles); err != nil {
		return err
	}
	if retry && out && !previous {
		if err := o.setAside(); err != nil {
			return err
		}
		previous = true
		maps.DeleteFunc(o.found, func(_ int, rec record) bool { return rec.verdict == verdictFailed })
	}
	if previous {
		if err := o.openPrevious(); err != nil {
			return err
		}
	}
	return o.openFile(excel)
}

// setAside makes a whole-line file of the output the previous one.
func (o *output) setAside() error {
	file, err := os.OpenFile(o.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := cutTornLine(file); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Rename(o.path, previousPath(o.path))
}

func (o *output) openPrevious() error {
	file, err := os.Open(previousPath(o.path))
	if err != nil {
		return err
	}
	o.closers = append(o.closers, file)
	o.previous, err = newRecordReader(file, o.titles)
	if err != nil {
		return fmt.Errorf("%s: %w", previousPath(o.path), err)
	}
	return nil
}

func (o *output) openFile(excel bool) error {
	var err error
	o.file, err = os.OpenFile(o.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	o.closers = append(o.closers, o.file)
	size, err := cutTornLine(o.file)
	if err != nil || size > 0 {
		return err
	}
	header := encodeLine(o.titles)
	if excel {
		// Who reads the input with Excel reads this with it too, and Excel
		// takes UTF-8 for GBK unless there is a byte order mark.
		header = append(bytes.Clone(utf8BOM), header...)
	}
	_, err = o.file.Write(header)
	return err
}

// resume reads the rows that are done from in, so that in goes on behind them,
// and calls done with the record of each.
func (o *output) resume(in rowReader, done func(record)) error {
	size, err := o.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	records, err := newRecordReader(io.NewSectionReader(o.file, 0, size), o.titles)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	for {
		rec, err := records.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", o.path, records.lines.number, err)
		}
		r, err := in.next()
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF || !rec.isOf(r) {
			return fmt.Errorf("%s, line %d is not what this program wrote about this input: it was edited or damaged. Choose another -out", o.path, records.lines.number)
		}
		if _, _, err := o.takeOver(r); err != nil {
			return err
		}
		o.next++
		done(rec)
	}
}

// known returns the record of a row that need not be asked about. It is to be
// called once for each row, in order.
func (o *output) known(r row) (record, bool, error) {
	rec, ok, err := o.takeOver(r)
	if err != nil || ok {
		return rec, ok, err
	}
	rec, ok = o.found[r.line]
	if ok && rec.isOf(r) {
		return rec, true, nil
	}
	return record{}, false, nil
}

// takeOver returns the previous record of a row unless it failed.
func (o *output) takeOver(r row) (record, bool, error) {
	if o.previous == nil {
		return record{}, false, nil
	}
	rec, err := o.previous.next()
	switch {
	case err == io.EOF: // it was not complete either
		return record{}, false, nil
	case err != nil:
		return record{}, false, fmt.Errorf("%s: %w", previousPath(o.path), err)
	case !rec.isOf(r):
		return record{}, false, fmt.Errorf("%s, line %d does not belong to this input", previousPath(o.path), o.previous.lines.number)
	}
	return rec, rec.verdict != verdictFailed, nil
}

// write puts rec on disk: into the output if it is its turn, and until then into
// the journal. It returns how many lines the output has grown by.
func (o *output) write(sequence int, rec record) (int, error) {
	line := rec.line()
	o.dirty = true
	if sequence != o.next {
		o.early[sequence] = line
		return 0, o.journal.add(line)
	}
	lines := 0
	for text := line; text != nil; text = o.early[o.next] {
		delete(o.early, o.next)
		if _, err := o.file.Write(text); err != nil {
			return lines, err
		}
		o.next++
		lines++
	}
	if len(o.early) == 0 && o.journal.size > maxJournal {
		return lines, o.cutJournal()
	}
	return lines, nil
}

// cutJournal forgets what the journal has, once the output has it for certain.
func (o *output) cutJournal() error {
	if err := o.file.Sync(); err != nil {
		return err
	}
	return o.journal.cut()
}

// sync makes what was written survive a power cut. To survive the end of this
// process it needs no help.
func (o *output) sync() error {
	if !o.dirty {
		return nil
	}
	o.dirty = false
	return errors.Join(o.file.Sync(), o.journal.file.Sync())
}

// complete is to be called when every row is written.
func (o *output) complete() error {
	if err := o.cutJournal(); err != nil {
		return err
	}
	if o.previous == nil {
		return nil
	}
	return os.Remove(previousPath(o.path))
}

func (o *output) close() {
	for _, c := range o.closers {
		c.Close()
	}
}

// exists reports whether there is something in the file to be lost.
func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}
