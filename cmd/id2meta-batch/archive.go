package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds for a workbook, which is a ZIP file of XML. A million rows of ten
// columns stay far below them; a file that was made to fill a disk or a memory
// does not.
const (
	maxUnzipped = 4 << 30   // bytes of all parts
	maxInMemory = 128 << 20 // bytes of all parts that excelize does not put into temporary files
	maxToken    = 1 << 20   // bytes of XML from one < to the next; a cell has at most 32,767 characters
	maxStrings  = 4 << 20   // different texts of a workbook: excelize takes about 40 bytes of memory for each
	maxParts    = 10_000
	// toTempFile is how long a sheet may be to stay in memory.
	toTempFile = 1 << 20
)

var errWorkbookTooLarge = errors.New("it is an unusually large workbook: save the sheet as “CSV UTF-8”, or split it")

// archive is the ZIP file of a workbook.
type archive struct{ parts map[string]*zip.File }

// openArchive checks the bounds before anything is unpacked. archive/zip makes
// sure that no part is longer than it says.
func openArchive(file io.ReaderAt, size int64) (*archive, error) {
	r, err := zip.NewReader(file, size)
	if err != nil {
		return nil, errors.New("it begins like an Excel workbook and is damaged or cut off")
	}
	if len(r.File) > maxParts {
		return nil, errWorkbookTooLarge
	}
	a := &archive{map[string]*zip.File{}}
	var total, inMemory uint64
	for _, part := range r.File {
		name := strings.ToLower(strings.ReplaceAll(part.Name, `\`, "/"))
		if a.parts[name] != nil {
			return nil, errors.New("it is a damaged workbook: it has two parts of one name")
		}
		a.parts[name] = part
		// Neither sum can overflow: each is checked after each part.
		if part.UncompressedSize64 > maxUnzipped {
			return nil, errWorkbookTooLarge
		}
		total += part.UncompressedSize64
		if !streamed(name) || part.UncompressedSize64 <= toTempFile {
			inMemory += part.UncompressedSize64
		}
		if total > maxUnzipped || inMemory > maxInMemory {
			return nil, errWorkbookTooLarge
		}
	}
	if a.parts[workbookPart] == nil {
		return nil, errors.New("it is a ZIP file, and no .xlsx workbook")
	}
	for name, part := range a.parts {
		if streamed(name) {
			if err := checkTokens(part); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// streamed reports whether excelize reads a part from a temporary file if it is
// long.
func streamed(part string) bool {
	return part == stringsPart || strings.HasPrefix(part, "xl/worksheets/sheet")
}

// open returns a part, or an error if the workbook has none of that name.
func (a *archive) open(part string) (io.ReadCloser, error) {
	file := a.parts[strings.ToLower(part)]
	if file == nil {
		return nil, errors.New("it is a damaged workbook: a part is missing")
	}
	return file.Open()
}

// checkTokens refuses XML with a text or a tag that is so long that the memory
// of its reader would not be bounded. Since a token ends at or before the next
// <, their distance bounds it.
func checkTokens(part *zip.File) error {
	r, err := part.Open()
	if err != nil {
		return fmt.Errorf("it is a damaged workbook: %w", err)
	}
	defer r.Close()
	buffer := make([]byte, 64<<10)
	length := 0
	for {
		n, err := r.Read(buffer)
		for _, c := range buffer[:n] {
			length++
			if c == '<' {
				length = 0
			}
			if length > maxToken {
				return errWorkbookTooLarge
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is a damaged workbook: %w", err)
		}
	}
}
