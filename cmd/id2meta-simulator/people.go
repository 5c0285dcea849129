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

// maxPeopleFile is enough for a million people, who are kept in memory.
const maxPeopleFile = 64 << 20

// readPeople reads a file of name,id_number in UTF-8, with a line of these words
// at its beginning or without. Errors name the line and the field, never the
// value. Without a file there is nobody.
func readPeople(file string) ([]id2meta.Param, error) {
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

func parsePeople(text []byte) ([]id2meta.Param, error) {
	const byteOrderMark = "\xef\xbb\xbf" // as spreadsheets write it
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if line := firstLineNotUTF8(text); line > 0 {
		return nil, fmt.Errorf("line %d: it is not UTF-8 (GBK, perhaps?): save the file as UTF-8", line)
	}

	var people []id2meta.Param
	seen := map[string]seenAt{} // by number
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1 // counted below, with a clearer error
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
		person, err := parsePerson(record)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if before, ok := seen[person.IdentifyNum]; ok && before.userName != person.UserName {
			return nil, fmt.Errorf("line %d: id_number: line %d has it with another name", line, before.line)
		}
		seen[person.IdentifyNum] = seenAt{person.UserName, line}
		people = append(people, person)
	}
}

type seenAt struct {
	userName string
	line     int
}

func isHeading(record []string) bool {
	return len(record) == 2 && strings.TrimSpace(record[0]) == "name" && strings.TrimSpace(record[1]) == "id_number"
}

func parsePerson(record []string) (id2meta.Param, error) {
	if len(record) != 2 {
		return id2meta.Param{}, fmt.Errorf("it has %d fields and needs two, name and id_number", len(record))
	}
	person, err := id2meta.Param{UserName: record[0], IdentifyNum: record[1]}.Normalize()
	if odd, ok := errors.AsType[*id2meta.ParamError](err); ok {
		field := map[string]string{"UserName": "name", "IdentifyNum": "id_number"}[odd.Field]
		return id2meta.Param{}, fmt.Errorf("%s: %s", field, odd.Reason)
	}
	return person, err
}

// firstLineNotUTF8 returns 0 if there is none.
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
