package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// parts are the parts of a workbook, by name.
type parts map[string]string

// zipped returns a workbook. It is written here and not by excelize, because the
// tests need what excelize does not write: shared texts as Excel has them, types
// of cells, damage.
func zipped(t testing.TB, p parts) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range p {
		part, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

// newParts returns a workbook with one sheet for each of the given XML texts,
// which stand between <worksheet> and </worksheet>.
func newParts(sheets ...string) parts {
	var list, rels, types strings.Builder
	p := parts{}
	for i, sheet := range sheets {
		fmt.Fprintf(&list, `<sheet name="Sheet%d" sheetId="%d" r:id="rId%d"/>`, i+1, i+1, i+1)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet%d.xml"/>`, i+1, i+1)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, i+1)
		p[fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1)] = xmlHead + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` + sheet + `</worksheet>`
	}
	p["[Content_Types].xml"] = xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` + types.String() + `</Types>`
	p["_rels/.rels"] = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	p["xl/workbook.xml"] = xmlHead + `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>` + list.String() + `</sheets></workbook>`
	p["xl/_rels/workbook.xml.rels"] = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + rels.String() + `</Relationships>`
	return p
}

// withStrings adds the texts that cells of type s refer to.
func (p parts) withStrings(texts ...string) parts {
	p["xl/sharedStrings.xml"] = xmlHead + `<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>` + strings.Join(texts, "</t></si><si><t>") + `</t></si></sst>`
	return p
}

// row returns the XML of a row. A cell that begins with < is XML itself, and ""
// is none.
func rowXML(number int, cells ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<row r="%d">`, number)
	for i, cell := range cells {
		at := fmt.Sprintf(` r="%c%d"`, 'A'+i, number)
		switch {
		case strings.HasPrefix(cell, "<c"):
			b.WriteString("<c" + at + strings.TrimPrefix(cell, "<c"))
		case cell != "":
			fmt.Fprintf(&b, `<c%s t="inlineStr"><is><t>%s</t></is></c>`, at, cell)
		}
	}
	return b.String() + "</row>"
}

func sheetXML(rows ...string) string { return "<sheetData>" + strings.Join(rows, "") + "</sheetData>" }

// rehearseBook is rehearse for a workbook with one sheet.
func rehearseBook(t *testing.T, sheet string, more ...string) (output string, status int, said string) {
	t.Helper()
	return rehearse(t, zipped(t, newParts(sheet)), more...)
}

const (
	zhangSan = "11010519491231002X"
	liSi     = "440524188001010014"
)

func TestAWorkbook(t *testing.T) {
	head := rowXML(1, "姓名", "身份证号")
	number := func(v string) string { return "<c><v>" + v + "</v></c>" }
	const match2 = "2,张*,110105********002X,match,1,,\n"
	const excel = `2,,,invalid,,"id_number: the cell is a number and not a text, and Excel keeps 15 digits`
	for name, c := range map[string]struct{ sheet, want string }{
		"text cells":                 {sheetXML(head, rowXML(2, "张三", zhangSan)), match2},
		"no header":                  {sheetXML(rowXML(2, "张三", zhangSan)), match2},
		"a header further down":      {sheetXML(rowXML(3, "编号", "身份证号", "", "姓名"), rowXML(5, "7", zhangSan, "", "张三")), "5,张*,110105********002X,match,1,,\n"},
		"blank rows":                 {sheetXML(head, rowXML(2, "张三", zhangSan), rowXML(3), rowXML(4, " ", ""), rowXML(9, "李四", liSi), rowXML(10)), match2 + "9,李*,440524********0014,match,1,,\n"},
		"no rows":                    {sheetXML(head), ""},
		"rows and cells unnumbered":  {`<sheetData><row><c t="inlineStr"><is><t>name</t></is></c><c t="inlineStr"><is><t>id_number</t></is></c></row><row><c t="inlineStr"><is><t>张三</t></is></c><c t="inlineStr"><is><t>` + zhangSan + `</t></is></c></row></sheetData>`, match2},
		"an apostrophe in the text":  {sheetXML(head, rowXML(2, "张三", "'"+zhangSan)), match2},
		"rich text":                  {sheetXML(head, rowXML(2, `<c t="inlineStr"><is><r><t>张</t></r><r><t>三</t></r></is></c>`, zhangSan)), match2},
		"a number":                   {sheetXML(head, rowXML(2, "李四", number("440524188001010000"))), excel},
		"a number as Excel saves it": {sheetXML(head, rowXML(2, "李四", number("4.4052418800101E+17"))), "2,李*,***,invalid,,\"id_number: it was damaged by Excel"},
		"a number with all digits":   {sheetXML(head, rowXML(2, "李四", number(liSi))), "2,李*,440524********0014,match,1,,\n"},
		"a number of type n":         {sheetXML(head, rowXML(2, "李四", `<c t="n"><v>1</v></c>`)), "2,李*,***,invalid,,"},
		"a date":                     {sheetXML(head, rowXML(2, "李四", `<c t="d"><v>2020-01-01</v></c>`)), "2,李*,***,invalid,,"},
		"a formula with a text":      {sheetXML(head, rowXML(2, "张三", `<c t="str"><f>A1</f><v>`+zhangSan+`</v></c>`)), match2},
		"a formula with a number":    {sheetXML(head, rowXML(2, "张三", `<c><f>A1</f><v>440524188001010000</v></c>`)), excel},
		"a formula without a result": {sheetXML(head, rowXML(2, "张三", `<c><f>A1</f></c>`)), "2,张*,,invalid,,id_number: it is empty,\n"},
		"a name that is a formula without a result": {sheetXML(head, rowXML(2, `<c t="str"><f>A1</f><v></v></c>`, zhangSan)), "2,,110105********002X,invalid,,name: it is empty,\n"},
		"an error":               {sheetXML(head, rowXML(2, "张三", `<c t="e"><v>#N/A</v></c>`)), "2,张*,***,invalid,,"},
		"a truth value":          {sheetXML(head, rowXML(2, "张三", `<c t="b"><v>1</v></c>`)), "2,张*,***,invalid,,"},
		"no number":              {sheetXML(head, rowXML(2, "张三")), "2,张*,,invalid,,id_number: it is empty,\n"},
		"merged numbers":         {sheetXML(head, rowXML(2, "张三", zhangSan), rowXML(3, "李四")) + `<mergeCells><mergeCell ref="B2:B3"/></mergeCells>`, match2 + "3,李*,,invalid,,id_number: it is empty,\n"},
		"merged names":           {sheetXML(head, rowXML(2, "张三", zhangSan), rowXML(3, "", liSi)) + `<mergeCells><mergeCell ref="A2:A3"/></mergeCells>`, match2 + "3,,440524********0014,invalid,,name: it is empty,\n"},
		"name and number":        {sheetXML(head, rowXML(2, "张三")) + `<mergeCells><mergeCell ref="A2:B2"/></mergeCells>`, "2,张*,,invalid,,id_number: it is empty,\n"},
		"a merge of one":         {sheetXML(head, rowXML(2, "张三", zhangSan)) + `<mergeCells><mergeCell ref="B2"/></mergeCells>`, match2},
		"a merge far below":      {sheetXML(head, rowXML(2, "张三", zhangSan)) + `<mergeCells><mergeCell ref="A9:B1048576"/></mergeCells>`, match2},
		"a very long number":     {sheetXML(head, rowXML(2, "张三", strings.Repeat("1", 5000))), "2,张*,***,invalid,,id_number: it is longer than any number,\n"},
		"a prefix for all names": {`<x:sheetData xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:row r="2"><x:c r="A2" t="inlineStr"><x:is><x:t>张三</x:t></x:is></x:c><x:c r="B2" t="inlineStr"><x:is><x:t>` + zhangSan + `</x:t></x:is></x:c></x:row></x:sheetData>`, match2},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, said := rehearseBook(t, c.sheet)
			want := "\uFEFF" + header + c.want
			if strings.HasSuffix(want, "\n") && got != want || !strings.HasPrefix(got, want) {
				t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, want, said)
			}
		})
	}
}

// Excel keeps each text once, in a part of its own.
func TestTextsOfExcel(t *testing.T) {
	text := func(i int) string { return fmt.Sprintf(`<c t="s"><v>%d</v></c>`, i) }
	for name, pad := range map[string]int{"a few": 0, "so many that they go into a temporary file": 60_000} {
		t.Run(name, func(t *testing.T) {
			texts := []string{"姓名", "身份证号", "张三", zhangSan}
			for i := range pad {
				texts = append(texts, fmt.Sprintf("text number %d", i))
			}
			p := newParts(sheetXML(rowXML(1, text(0), text(1)), rowXML(2, text(2), text(3)))).withStrings(texts...)
			got, _, said := rehearse(t, zipped(t, p))
			if want := "\uFEFF" + header + "2,张*,110105********002X,match,1,,\n"; got != want {
				t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, want, said)
			}
		})
	}
}

func TestTheSheet(t *testing.T) {
	book := func(person string) string {
		return sheetXML(rowXML(1, "name", "id_number"), rowXML(2, person, zhangSan))
	}
	p := newParts(book("李四"), book("张三"))
	hidden := newParts(book("李四"), book("张三"))
	hidden["xl/workbook.xml"] = strings.Replace(hidden["xl/workbook.xml"], `sheetId="1"`, `sheetId="1" state="hidden"`, 1)
	for name, c := range map[string]struct {
		p    parts
		args []string
		want string
	}{
		"the one of -sheet":                {p, []string{"-sheet", "Sheet2"}, "match,1"},
		"the first one that is not hidden": {hidden, nil, "match,1"},
		"a hidden one, if -sheet says so":  {hidden, []string{"-sheet", "Sheet1"}, "mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, said := rehearse(t, zipped(t, c.p), c.args...)
			if !strings.Contains(got, ",张*,110105********002X,"+c.want) && !strings.Contains(got, ",李*,110105********002X,"+c.want) {
				t.Errorf("got\n%s\nit said\n%s", got, said)
			}
		})
	}
	t.Run("none, if several have the columns", func(t *testing.T) {
		_, status, said := rehearse(t, zipped(t, p))
		if status != exitStopped || !strings.Contains(said, `the sheets "Sheet1", "Sheet2" all have the columns: choose one with -sheet`) {
			t.Errorf("status %d: %s", status, said)
		}
	})
}

func TestRefusesAWorkbook(t *testing.T) {
	good := func() parts { return newParts(sheetXML(rowXML(1, "name", "id_number"), rowXML(2, "张三", zhangSan))) }
	with := func(name, text string) parts {
		p := good()
		p[name] = text
		return p
	}
	without := func(name string) parts {
		p := good()
		delete(p, name)
		return p
	}
	cut := func(data []byte, n int) []byte { return data[:len(data)-n] }
	sheet := func(rows ...string) []byte { return zipped(t, newParts(sheetXML(rows...))) }
	for name, c := range map[string]struct {
		content []byte
		args    []string
		want    string
	}{
		"an empty sheet":          {sheet(), nil, `it is empty (sheet "Sheet1")`},
		"a sheet of empty cells":  {sheet(rowXML(1, " "), rowXML(2)), nil, `it is empty (sheet "Sheet1")`},
		"no column for the name":  {sheet(rowXML(1, "id_number", "phone")), nil, "none called name"},
		"no columns":              {sheet(rowXML(1, "a", "b", "c")), nil, "3 columns and is no header"},
		"wrong columns":           {sheet(rowXML(1, "工号", "部门"), rowXML(2, "7", "风控")), nil, "no header with name and id_number, and no person"},
		"no such sheet":           {zipped(t, good()), []string{"-sheet", "人员"}, `it has no sheet "人员"; it has "Sheet1"`},
		"an encoding":             {zipped(t, good()), []string{"-encoding", "utf-8"}, "-encoding is for text files"},
		"another ZIP file":        {zipped(t, parts{"a.txt": "a"}), nil, "no .xlsx workbook"},
		"a file that is cut off":  {cut(zipped(t, good()), 30), nil, "damaged or cut off"},
		"a sheet that is missing": {zipped(t, without("xl/worksheets/sheet1.xml")), nil, "damaged"},
		"a sheet that ends early": {zipped(t, with("xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+rowXML(1, "name", "id_number")+rowXML(2, "张三", zhangSan)+`<row r="3"><c`)), nil, "damaged"},
		"rows out of order":       {sheet(rowXML(2, "name", "id_number"), rowXML(1, "张三", zhangSan)), nil, "damaged"},
		"a row twice":             {sheet(rowXML(1, "name", "id_number"), rowXML(2, "张三", zhangSan), rowXML(2, "李四", liSi)), nil, "damaged"},
		"a row behind the last":   {sheet(rowXML(1, "name", "id_number"), rowXML(1048577, "张三", zhangSan)), nil, "damaged"},
		"a cell without an end":   {zipped(t, with("xl/worksheets/sheet1.xml", "<worksheet>"+strings.Repeat("x", 3<<20))), nil, "unusually large"},
		"a bomb of one text":      {zipped(t, with("xl/worksheets/sheet1.xml", `<worksheet><sheetData><row><c><v>`+strings.Repeat("1", 40<<20))), nil, "unusually large"},
		"a bomb in another part":  {declaring(t, "xl/sharedStrings.xml", maxOthers+1), nil, "unusually large"},
		"a bomb in a sheet":       {declaring(t, "xl/worksheets/sheet1.xml", maxUnzipped+1), nil, "unusually large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, status, said := rehearse(t, c.content, c.args...)
			if status != exitStopped || !strings.Contains(said, c.want) {
				t.Errorf("status %d, %q is not in: %.500s", status, c.want, said)
			}
			if strings.Contains(said, zhangSan) || strings.Contains(said, "张三") {
				t.Error("it repeats somebody")
			}
		})
	}
}

// declaring returns a ZIP file of one part, which says that it unpacks to so many bytes.
func declaring(t *testing.T, name string, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: size}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestABombThatLiesAboutItsSize(t *testing.T) {
	// archive/zip takes the size of a part from the directory at the end.
	data := zipped(t, newParts(sheetXML(rowXML(1, "name", "id_number"))+strings.Repeat(" ", 30<<20)))
	a, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range a.File {
		if size := part.UncompressedSize64; size > 1<<20 {
			old := []byte{byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}
			data = bytes.ReplaceAll(data, old, []byte{1, 0, 0, 0})
		}
	}
	_, status, said := rehearse(t, data)
	if status != exitStopped || !strings.Contains(said, "damaged") {
		t.Errorf("status %d: %s", status, said)
	}
}

func TestAWorkbookThatIsATextFile(t *testing.T) {
	w := newWork(t, people(3))
	renamed := strings.TrimSuffix(w.in, ".csv") + ".xlsx"
	if err := os.Rename(w.in, renamed); err != nil {
		t.Fatal(err)
	}
	if status := command([]string{"-simulator", "-rate", "unlimited", "-in", renamed, "-out", w.out}, io.Discard, silent(t)); status != exitComplete || len(w.records(t)) != 3 {
		t.Errorf("status %d", status)
	}
}

func TestAnEncryptedWorkbook(t *testing.T) {
	book := excelize.NewFile()
	defer book.Close()
	var b bytes.Buffer
	if err := book.Write(&b, excelize.Options{Password: "secret"}); err != nil {
		t.Fatal(err)
	}
	_, status, said := rehearse(t, b.Bytes())
	if status != exitStopped || !strings.Contains(said, "a workbook with a password") {
		t.Errorf("status %d: %s", status, said)
	}
}

// bookOf returns the people of people(n) in a workbook with shared texts.
func bookOf(t testing.TB, n int) []byte {
	t.Helper()
	texts := make([]string, 0, 2*n+2)
	texts = append(texts, "name", "id_number")
	var rows strings.Builder
	rows.WriteString(`<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>`)
	for i := range n {
		fmt.Fprintf(&rows, `<row r="%d"><c r="A%d" t="s"><v>%d</v></c><c r="B%d" t="s"><v>%d</v></c></row>`, i+2, i+2, len(texts), i+2, len(texts)+1)
		texts = append(texts, nameOf(i), number(i))
	}
	return zipped(t, newParts(rows.String()+"</sheetData>").withStrings(texts...))
}

func TestRowsThatAreReadFromAWorkbookAreThoseOfTheCSVFile(t *testing.T) {
	const rows = 300
	w := newWork(t, bookOf(t, rows))
	w.register(rows)
	p := w.start(t)
	if p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	w.checkAll(t, rows)
}

func TestAWorkbookOfVerdicts(t *testing.T) {
	w := newWork(t, []byte("name,id_number,user_id\n张三,11010519491231002X,007\n张三,1,=1+1\n")).inBook()
	for range 2 { // the second run replaces the output of the first
		if status := command(w.args("-simulator", "-keep", "user_id"), io.Discard, silent(t)); status != exitPartial {
			t.Fatalf("status %d", status)
		}
		records := w.records(t)
		match, invalid := records[0], records[1]
		if match.verdict != "match" || match.name != "张*" || match.kept[0] != "007" || invalid.verdict != verdictInvalid || invalid.kept[0] != "=1+1" {
			t.Errorf("%+v", records)
		}
	}
	book, err := excelize.OpenFile(w.out)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	for _, cell := range []string{"A2", "C2", "H2", "H3"} {
		if kind, err := book.GetCellType("Sheet1", cell); err != nil || kind != excelize.CellTypeInlineString {
			t.Errorf("%s is no text: %v, %v", cell, kind, err)
		}
	}
	if info, err := os.Stat(w.out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others could read it", info.Mode(), err)
	}
}
