package main

import "io"

// recordReader reads the records of an output.
type recordReader struct {
	lines  *lineReader
	titles layout
}

func newRecordReader(file io.Reader, titles layout) (*recordReader, error) {
	r := &recordReader{newLineReader(file), titles}
	line, _, err := r.lines.next()
	if err == io.EOF {
		return r, nil
	}
	if err == nil && string(line)+"\n" != string(encodeLine(titles)) {
		err = errNoRecord
	}
	return r, err
}

func (r *recordReader) next() (record, error) {
	line, tooLong, err := r.lines.next()
	if err != nil {
		return record{}, err
	}
	if tooLong {
		return record{}, errNoRecord
	}
	return r.titles.parse(line)
}
