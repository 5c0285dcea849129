package main

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html/charset"
)

// Bounds for a workbook, which is a ZIP file of XML. A million rows of ten columns stay far
// below them; a file that was made to fill a disk or a memory does not.
const (
	maxUnzipped = 4 << 30    // bytes of all parts
	maxInMemory = 128 << 20  // bytes of all parts that excelize does not put into temporary files
	maxToken    = 1 << 20    // bytes of XML from one < to the next; a cell has at most 32,767 characters
	maxTexts    = 10_000_000 // elements of the part of texts: excelize takes about 40 bytes of memory for each text
	maxParts    = 10_000
	toTempFile  = 1 << 20 // how long a sheet may be to stay in memory
)

var errWorkbookTooLarge = errors.New("it is an unusually large workbook: save the sheet as “CSV UTF-8”, or split it")

const textsPart = "xl/sharedstrings.xml"

// archive is what is known of the ZIP file of a workbook.
type archive struct {
	longestSheet uint64
	renamed      map[string][]byte // by their usual names: parts that have other names
}

// otherName finds the names that Microsoft's own programs give parts now and then.
var otherName = regexp.MustCompile(`^xl/(sharedstrings|styles)\d+\.xml$`)

// checkArchive checks the bounds before anything is unpacked. archive/zip makes sure that
// no part is longer than it says.
func checkArchive(file io.ReaderAt, size int64) (archive, error) {
	a := archive{renamed: map[string][]byte{}}
	r, err := zip.NewReader(file, size)
	if err != nil {
		return a, errors.New("it begins like an Excel workbook and is damaged or cut off")
	}
	if len(r.File) > maxParts {
		return a, errWorkbookTooLarge
	}
	var total, inMemory uint64
	seen, workbook := map[string]bool{}, false
	for _, part := range r.File {
		name, length := strings.ToLower(strings.ReplaceAll(part.Name, `\`, "/")), part.UncompressedSize64
		if seen[name] {
			return a, errors.New("it is a damaged workbook: it has two parts of one name")
		}
		seen[name] = true
		workbook = workbook || strings.HasPrefix(name, "xl/")
		sheet := strings.HasPrefix(name, "xl/worksheets/")
		if sheet {
			a.longestSheet = max(a.longestSheet, length)
		}
		if !sheet && name != textsPart || length <= toTempFile {
			inMemory += length
		}
		// No sum can overflow: both are checked after each part.
		if total += min(length, maxUnzipped+1); total > maxUnzipped || inMemory > maxInMemory {
			return a, errWorkbookTooLarge
		}
	}
	if !workbook {
		return a, errors.New("it is a ZIP file, and no .xlsx workbook")
	}
	for _, part := range r.File {
		name := strings.ToLower(part.Name)
		usual := ""
		if m := otherName.FindStringSubmatch(name); m != nil && !seen["xl/"+m[1]+".xml"] {
			usual = map[string]string{"sharedstrings": "xl/sharedStrings.xml", "styles": "xl/styles.xml"}[m[1]]
			if a.renamed[usual], err = readPart(part); err != nil {
				return a, err
			}
		}
		if strings.HasPrefix(name, "xl/worksheets/") || name == textsPart || usual != "" {
			if err := checkPart(part, name == textsPart || usual != ""); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

func readPart(part *zip.File) ([]byte, error) {
	r, err := part.Open()
	if err != nil {
		return nil, errDamagedWorkbook
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, errDamagedWorkbook
	}
	return text, nil
}

// checkPart reads a part to its end, and looks at nothing but whether it is whole, and its
// rows in order: excelize takes damaged XML for the end of a sheet, and mixes rows that are
// out of order. People would be lost.
func checkPart(part *zip.File, texts bool) error {
	if strings.HasSuffix(part.Name, "/") || !strings.HasSuffix(strings.ToLower(part.Name), ".xml") {
		return nil
	}
	r, err := part.Open()
	if err != nil {
		return errDamagedWorkbook
	}
	defer r.Close()
	decoder := xml.NewDecoder(&boundedTokens{r: r})
	decoder.CharsetReader = charset.NewReaderLabel
	depth, elements, row := 0, 0, 0
	for {
		switch token, err := decoder.RawToken(); {
		case err == io.EOF && depth == 0:
			return nil
		case errors.Is(err, errWorkbookTooLarge):
			return err
		case err != nil:
			return errDamagedWorkbook
		default:
			switch token := token.(type) {
			case xml.StartElement:
				depth++
				elements++
				if token.Name.Local == "row" {
					last := row
					row++
					for _, a := range token.Attr {
						if a.Name.Local == "r" {
							row, _ = strconv.Atoi(a.Value)
						}
					}
					if row <= last {
						return errDamagedWorkbook // excelize would make one row of the two
					}
				}
			case xml.EndElement:
				depth--
			}
		}
		if texts && elements > maxTexts {
			return errWorkbookTooLarge
		}
	}
}

// boundedTokens refuses XML with a text or a tag that is so long that the memory of its
// reader would not be bounded. Since a token ends at or before the next <, their distance
// bounds it.
type boundedTokens struct {
	r      io.Reader
	length int
}

func (b *boundedTokens) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	for _, c := range p[:n] {
		if b.length++; c == '<' {
			b.length = 0
		}
		if b.length > maxToken {
			return 0, errWorkbookTooLarge
		}
	}
	return n, err
}
