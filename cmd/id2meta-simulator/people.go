package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/id2meta/id2meta"
)

// maxPeopleFile is enough for a million people. All of them are kept in memory.
const maxPeopleFile = 64 << 20

// person is a line of the file.
type person struct {
	id2meta.Param
	fault string // empty: none
}

// readPeople reads a CSV file in UTF-8 with lines name,id_number or
// name,id_number,fault. The first line may be a heading with these words. Errors name
// the line and the field, and never repeat a value. Without a file, readPeople returns
// nobody.
func readPeople(file string) ([]person, error) {
	if file == "" {
		return nil, nil
	}
	text, err := readText(file)
	if err != nil {
		return nil, fmt.Errorf("-people: %w", err)
	}
	people, err := parsePeople(text)
	if err != nil {
		return nil, fmt.Errorf("-people: %s: %w", file, err)
	}
	return people, nil
}

func readText(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPeopleFile+1))
	if err == nil && len(text) > maxPeopleFile {
		err = &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("it has more than %d MiB", maxPeopleFile>>20)}
	}
	return text, err
}

func parsePeople(text []byte) ([]person, error) {
	const byteOrderMark = "\xef\xbb\xbf" // spreadsheets write it
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if line := firstLineNotUTF8(text); line > 0 {
		return nil, fmt.Errorf("line %d: it is not UTF-8 (GBK, perhaps?): save the file as UTF-8", line)
	}

	var people []person
	seen := map[string]seenAt{} // by number
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1 // parsePerson counts, and its error is clearer
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return people, nil
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, fmt.Errorf("line %d: it is no CSV: %w", syntax.Line, syntax.Err)
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if first && isHeading(record) {
			continue
		}
		p, err := parsePerson(record)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		before, again := seen[p.IdentifyNum]
		switch {
		case again && before.UserName != p.UserName:
			return nil, fmt.Errorf("line %d: id_number: line %d has it with another name", line, before.line)
		case again && before.fault != p.fault:
			return nil, fmt.Errorf("line %d: fault: line %d has this person with another fault", line, before.line)
		}
		seen[p.IdentifyNum] = seenAt{p, line}
		people = append(people, p)
	}
}

type seenAt struct {
	person
	line int
}

var heading = []string{"name", "id_number", "fault"}

func isHeading(record []string) bool {
	if len(record) < 2 || len(record) > len(heading) {
		return false
	}
	for i, field := range record {
		if strings.TrimSpace(field) != heading[i] {
			return false
		}
	}
	return true
}

func parsePerson(record []string) (person, error) {
	if len(record) < 2 || len(record) > 3 {
		return person{}, fmt.Errorf("it has %d fields and needs two or three: name, id_number and perhaps fault", len(record))
	}
	param, err := id2meta.Param{UserName: record[0], IdentifyNum: record[1]}.Normalize()
	if odd, ok := errors.AsType[*id2meta.ParamError](err); ok {
		field := map[string]string{"UserName": "name", "IdentifyNum": "id_number"}[odd.Field]
		return person{}, fmt.Errorf("%s: %s", field, odd.Reason)
	}
	if err != nil {
		return person{}, err
	}
	if len(record) == 2 || strings.TrimSpace(record[2]) == "" {
		return person{Param: param}, nil
	}
	fault := strings.TrimSpace(record[2])
	if _, ok := faultNamed(fault); !ok {
		return person{}, errors.New("fault: it is unknown; -h lists the faults")
	}
	return person{param, fault}, nil
}

// firstLineNotUTF8 returns 0 if the whole text is UTF-8.
func firstLineNotUTF8(text []byte) int {
	if utf8.Valid(text) {
		return 0
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if !utf8.Valid(line) {
			break
		}
	}
	return number
}
