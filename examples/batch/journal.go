package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// identity is the first line of a journal: what the output belongs to.
type identity struct {
	Version  int    `json:"id2meta_batch_journal"`
	SHA256   string `json:"input_sha256"`
	Encoding string `json:"encoding"`
	Source   string `json:"source"` // sourceLive or sourceSimulator
}

const (
	journalVersion  = 1
	sourceLive      = "live"
	sourceSimulator = "simulator"
)

// differs says why the output of a run that began as old cannot be continued by
// a run of id, or "".
func (id identity) differs(old identity) string {
	switch {
	case old.Version != id.Version:
		return "it was begun by another version of this program"
	case old.SHA256 != id.SHA256:
		return "the input has changed since, or is another one"
	case old.Encoding != id.Encoding:
		return "it was begun with -encoding " + old.Encoding
	case old.Source != id.Source:
		return fmt.Sprintf("it was begun with -%s, and its verdicts must not be mixed with those of -%s", old.Source, id.Source)
	}
	return ""
}

// journal stands beside an output. It tells which input the output belongs to,
// and keeps the records of rows that were answered before an earlier one was:
// the output is in the order of the input, and what has been paid for must be
// on disk at once.
type journal struct {
	file   *os.File
	header int64 // length of its first line
	size   int64
}

// maxJournal is how long a journal grows before it is cut back.
const maxJournal = 64 << 10

// openJournal opens or makes a journal, and keeps every other process out of it
// until it is closed or the process ends. found is false if there was none.
func openJournal(path string) (j *journal, old identity, found bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, identity{}, false, err
	}
	j = &journal{file: file}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := lock(file); err != nil {
		return nil, identity{}, false, fmt.Errorf("%s: another batch is at work on this output: %w", path, err)
	}
	if j.size, err = cutTornLine(file); err != nil {
		return nil, identity{}, false, err
	}
	if j.size == 0 {
		return j, identity{}, false, nil
	}
	line, _, err := newLineReader(io.NewSectionReader(file, 0, j.size)).next()
	if err != nil {
		return nil, identity{}, false, err
	}
	if json.Unmarshal(line, &old) != nil || old.Version == 0 {
		return nil, identity{}, false, fmt.Errorf("%s is no journal of this program", path)
	}
	j.header = int64(len(line)) + 1
	return j, old, true, nil
}

// begin makes it the empty journal of a new output.
func (j *journal) begin(id identity) error {
	line, err := json.Marshal(id)
	if err != nil {
		return err
	}
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	j.header = int64(len(line)) + 1
	j.size = j.header
	return j.file.Sync()
}

// records returns what was answered, by the line in the input. Of a row that is
// in it twice the later record counts.
func (j *journal) records() (map[int]record, error) {
	lines := newLineReader(io.NewSectionReader(j.file, j.header, j.size-j.header))
	records := map[int]record{}
	for {
		line, _, err := lines.next()
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		rec, err := parseRecord(line)
		if err != nil {
			return nil, errors.New("the journal is damaged: " + err.Error())
		}
		records[rec.row] = rec
	}
}

func (j *journal) add(line []byte) error {
	n, err := j.file.Write(line)
	j.size += int64(n)
	return err
}

// cut forgets the records, which all stand in the output by now.
func (j *journal) cut() error {
	if err := j.file.Truncate(j.header); err != nil {
		return err
	}
	j.size = j.header
	return nil
}
