package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/id2meta/id2meta"
)

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
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-people: %w", err)
	}
	people, err := parsePeople(text)
	if err != nil {
		return nil, fmt.Errorf("-people: %s: %w", file, err)
	}
	return people, nil
}

func parsePeople(text []byte) ([]person, error) {
	const byteOrderMark = "\xef\xbb\xbf" // spreadsheets write it
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	var people []person
	lines := map[string]int{} // by number
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1 // parsePerson counts, and its error is clearer
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return people, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it is no CSV: %w", err) // says the line
		}
		line, _ := r.FieldPos(0)
		if first && isHeading(record) {
			continue
		}
		p, err := parsePerson(record)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if before, again := lines[p.IdentifyNum]; again {
			return nil, fmt.Errorf("line %d: id_number: line %d has it already", line, before)
		}
		lines[p.IdentifyNum] = line
		people = append(people, p)
	}
}

func isHeading(record []string) bool {
	return len(record) >= 2 && strings.TrimSpace(record[0]) == "name" && strings.TrimSpace(record[1]) == "id_number"
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
	p := person{Param: param}
	if len(record) == 3 {
		p.fault = strings.TrimSpace(record[2])
	}
	if _, ok := namedFaults[p.fault]; !ok && p.fault != "" {
		return person{}, errors.New("fault: it is unknown; -h lists the faults")
	}
	return p, nil
}
