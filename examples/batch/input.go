package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"golang.org/x/text/encoding"
)

// row is one line of the input that has something in it.
type row struct {
	line         int // of the file, from 1: what an editor and a spreadsheet show
	name, number string
	bad          string // why there is no name and no number in it, or ""
}

// input reads the rows of a file that was surveyed.
type input struct {
	lines   *lineReader
	decoder *encoding.Decoder // nil: it is UTF-8
	columns columns
	hash    hash.Hash
	sha256  string // of the survey
	started bool
}

func newInput(file io.Reader, s survey) *input {
	h := sha256.New()
	return &input{
		lines:   newLineReader(io.TeeReader(file, h)),
		decoder: decoder(s.encoding),
		columns: s.columns,
		hash:    h,
		sha256:  s.sha256,
	}
}

var errInputChanged = errors.New("the input was changed while it was read; verdicts of the changed rows may be wrong: use a copy that nobody edits, and another -out")

// next returns the next row, and io.EOF behind the last.
func (in *input) next() (row, error) {
	for {
		line, tooLong, err := in.lines.next()
		switch {
		case err == io.EOF && hex.EncodeToString(in.hash.Sum(nil)) != in.sha256:
			return row{}, errInputChanged
		case err != nil:
			return row{}, err
		case !tooLong && isBlank(line):
			continue
		case !in.started && in.columns.header:
			in.started = true
			continue
		}
		in.started = true
		if tooLong {
			return row{line: in.lines.number, bad: fmt.Sprintf("the line is longer than %d bytes", maxLine)}, nil
		}
		return in.parse(line), nil
	}
}

func (in *input) parse(line []byte) row {
	r := row{line: in.lines.number}
	if in.decoder != nil {
		decoded, err := in.decoder.Bytes(line)
		if err != nil {
			r.bad = "it is not " + encodingGB18030
			return r
		}
		line = decoded
	}
	fields, err := splitLine(string(line))
	if err != nil {
		r.bad = err.Error()
		return r
	}
	if len(fields) != in.columns.fields {
		r.bad = fmt.Sprintf("number of fields: %d instead of %d", len(fields), in.columns.fields)
		return r
	}
	// Clone: the fields are parts of one string of the whole line, and a row
	// should not hold on to columns that are none of its business.
	r.name = strings.Clone(fields[in.columns.name])
	r.number = strings.Clone(fields[in.columns.number])
	return r
}
