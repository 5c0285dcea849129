package main

import (
	"bufio"
	"bytes"
	"io"
)

// maxLine bounds the memory that one line takes. A row of a name and a number
// has less than a hundredth of it.
const maxLine = 64 << 10

// lineReader reads a file line by line. A row is always one line, also where
// CSV would let a quoted field go on in the next: no name and no number has a
// line break in it, and so an unpaired quote costs one row and not all that
// follow it.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line that next returned, from 1
	bom    bool
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, maxLine)}
}

// next returns the next line without its end, which may be LF or CRLF, and at
// the end of the file io.EOF. The line is good until the following call. What
// is longer than maxLine is passed over and reported as tooLong.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	line, err = l.r.ReadSlice('\n')
	for err == bufio.ErrBufferFull {
		tooLong = true
		_, err = l.r.ReadSlice('\n')
	}
	if err == io.EOF && (len(line) > 0 || tooLong) {
		err = nil
	}
	if err != nil {
		return nil, false, err
	}
	l.number++
	if tooLong {
		return nil, true, nil
	}
	for l.number == 1 && bytes.HasPrefix(line, utf8BOM) { // some programs write two
		line, l.bom = line[len(utf8BOM):], true
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), false, nil
}

// isBlank reports whether a line has no field with anything in it. Spreadsheets
// leave such lines behind the last row. In GB18030 too these bytes stand for
// themselves only.
func isBlank(line []byte) bool {
	return len(bytes.Trim(line, " \t,;\"\r")) == 0
}
