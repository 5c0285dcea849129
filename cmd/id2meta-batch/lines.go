package main

import (
	"bufio"
	"bytes"
	"io"
)

// maxLine bounds the memory that one row takes. A row of a name and a number has less than
// a hundredth of it.
const maxLine = 64 << 10

// lineReader reads a file line by line.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line that next returned, from 1
	bom    bool
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, maxLine)}
}

// next returns the next line without its end, which may be LF, CRLF or even CRCRLF, and at
// the end of the file io.EOF. The line is good until the following call. What is longer
// than maxLine is passed over and reported as tooLong.
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
	return bytes.TrimRight(line, "\r\n"), false, nil
}
