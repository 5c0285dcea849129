package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// identity is the first line of a journal: what the output belongs to.
type identity struct {
	Version  int      `json:"id2meta_batch_journal"`
	SHA256   string   `json:"input_sha256"`
	Encoding string   `json:"encoding"`
	Sheet    string   `json:"sheet,omitempty"`
	Keep     []string `json:"keep,omitempty"`
	Source   string   `json:"source"` // sourceLive or sourceSimulator
}

const (
	journalVersion  = 2
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
	case old.Sheet != id.Sheet:
		return fmt.Sprintf("it was begun with -sheet %q", old.Sheet)
	case !slices.Equal(old.Keep, id.Keep):
		return fmt.Sprintf("it was begun with -keep %q", strings.Join(old.Keep, ","))
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
// until it is closed or the process ends. found is false if there was none. What
// is no journal is an error, and is left as it is.
func openJournal(path string) (j *journal, old identity, found bool, err error) {
	file, err := openOwn(path)
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
	old, j.header, err = recognise(file)
	if err != nil {
		return nil, identity{}, false, fmt.Errorf("%s: %w", path, err)
	}
	j.size, err = cutTornLine(file)
	return j, old, j.header > 0, err
}

// openOwn opens a file of this program, or makes it. It follows no symbolic
// link, which could lead to somebody else's file.
func openOwn(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode()&os.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a symbolic link: remove it, or choose another -out", path)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file: choose another -out", path)
	}
	// The link may be made at this moment, so the system is told, too.
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|noFollow, 0o600)
}

// recognise reads the first line of a journal, and returns its length. The length
// is 0 if there is nothing yet, or only a part of the first line.
func recognise(file *os.File) (id identity, header int64, err error) {
	errForeign := errors.New("it is no journal of this program: choose another -out, or move the file away")
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return identity{}, 0, err
	}
	line := make([]byte, min(info.Size(), maxLine))
	if _, err := file.ReadAt(line, 0); err != nil {
		return identity{}, 0, err
	}
	mark := []byte(`{"id2meta_batch_journal":`)
	line, _, ended := bytes.Cut(line, []byte("\n"))
	switch {
	case !ended && (bytes.HasPrefix(line, mark) || bytes.HasPrefix(mark, line)) && info.Size() < maxLine:
		return identity{}, 0, nil
	case !bytes.HasPrefix(line, mark), json.Unmarshal(line, &id) != nil, id.Version == 0:
		return identity{}, 0, errForeign
	}
	return id, int64(len(line)) + 1, nil
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
func (j *journal) records(titles layout) (map[int]record, error) {
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
		rec, err := titles.parse(line)
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
