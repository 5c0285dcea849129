package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
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
	var list, rels strings.Builder
	p := parts{}
	for i, sheet := range sheets {
		fmt.Fprintf(&list, `<sheet name="Sheet%d" sheetId="%d" r:id="rId%d"/>`, i+1, i+1, i+1)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet%d.xml"/>`, i+1, i+1)
		p[fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1)] = xmlHead + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` + sheet + `</worksheet>`
	}
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

// withFormat adds the number format of cells of style 1. A code of "" is one of
// Excel's own.
func (p parts) withFormat(format int, code string) parts {
	custom := ""
	if code != "" {
		custom = fmt.Sprintf(`<numFmts count="1"><numFmt numFmtId="%d" formatCode="%s"/></numFmts>`, format, html.EscapeString(code))
	}
	p["xl/styles.xml"] = xmlHead + `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` + custom +
		`<fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>` +
		fmt.Sprintf(`<cellXfs count="2"><xf/><xf numFmtId="%d" applyNumberFormat="1"/></cellXfs></styleSheet>`, format)
	return p
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

func TestCellsOfAWorkbook(t *testing.T) {
	head := rowXML(1, "姓名", "身份证号")
	number := func(v string) string { return "<c><v>" + v + "</v></c>" }
	const match2 = "2," + zhang
	const empty = `<c t="str"><f>IF(D3="","",D3)</f><v/></c>`
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
		"an error":                          {sheetXML(head, rowXML(2, "张三", `<c t="e"><v>#N/A</v></c>`)), "2,张*,***,invalid,,"},
		"a truth value":                     {sheetXML(head, rowXML(2, "张三", `<c t="b"><v>1</v></c>`)), "2,张*,***,invalid,,"},
		"no number":                         {sheetXML(head, rowXML(2, "张三")), "2,张*,,invalid,,id_number: it is empty,\n"},
		"merged numbers":                    {sheetXML(head, rowXML(2, "张三", zhangSan), rowXML(3, "李四")) + `<mergeCells><mergeCell ref="B2:B3"/></mergeCells>`, match2 + "3,李*,,invalid,,id_number: it is empty,\n"},
		"a very long number":                {sheetXML(head, rowXML(2, "张三", strings.Repeat("1", 5000))), "2,张*,***,invalid,,id_number: it is longer than any number,\n"},
		"a blank row with formulas":         {sheetXML(head, rowXML(2, "张三", zhangSan), rowXML(3, empty, empty)), match2},
		"a formula with an empty result":    {sheetXML(head, rowXML(2, "李四", empty)), "2,李*,,invalid,,id_number: it is empty,\n"},
		"a title row and a merged header":   {sheetXML(rowXML(1, "花名册"), rowXML(2, "姓名", "身份证号", "联系方式"), rowXML(3, "", "", "电话"), rowXML(4, "张三", zhangSan)), "4," + zhang},
		"a text that ends in 000 by itself": {sheetXML(head, rowXML(2, "张三", `<c t="str"><f>A1</f><v>110105194901010000</v></c>`)), "2,张*,110105********0000,"},
		"a prefix for all names":            {`<x:sheetData xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:row r="2"><x:c r="A2" t="inlineStr"><x:is><x:t>张三</x:t></x:is></x:c><x:c r="B2" t="inlineStr"><x:is><x:t>` + zhangSan + `</x:t></x:is></x:c></x:row></x:sheetData>`, match2},
	} {
		t.Run(name, func(t *testing.T) { wantRows(t, zipped(t, newParts(c.sheet)), "\uFEFF"+c.want) })
	}
}

func TestWorkbooks(t *testing.T) {
	head, person := rowXML(1, "姓名", "身份证号"), rowXML(2, "张三", zhangSan)
	list, other := sheetXML(head, person), sheetXML(head, rowXML(2, "李四", zhangSan))
	text := func(i int) string { return fmt.Sprintf(`<c t="s"><v>%d</v></c>`, i) }
	shared := sheetXML(rowXML(1, text(0), text(1)), rowXML(2, text(2), text(3))) // as Excel keeps texts
	texts := []string{"姓名", "身份证号", "张三", zhangSan}
	many := slices.Clone(texts)
	for i := range 60_000 {
		many = append(many, fmt.Sprintf("text number %d", i))
	}
	sheet1 := func(p parts, change func(sheet string) string) parts {
		p["xl/worksheets/sheet1.xml"] = change(p["xl/worksheets/sheet1.xml"])
		return p
	}
	utf8 := sheet1(newParts(list), func(sheet string) string { return strings.Replace(sheet, "UTF-8", "utf8", 1) })
	gbk := sheet1(newParts(list), func(sheet string) string {
		return encode(t, simplifiedchinese.GBK.NewEncoder().String, strings.Replace(sheet, "UTF-8", "GBK", 1))
	})
	chart := sheet1(newParts("", list), func(string) string {
		return xmlHead + `<chartsheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>`
	})
	hidden := newParts(other, list)
	hidden["xl/workbook.xml"] = strings.Replace(hidden["xl/workbook.xml"], `sheetId="1"`, `sheetId="1" state="hidden"`, 1)
	const match2, other2 = "2," + zhang, "2,李*,110105********002X,mismatch,2,,\n"
	for name, c := range map[string]struct {
		p    parts
		want string
		args []string
	}{
		"a cover before the list":             {newParts(sheetXML(rowXML(1, "填表说明")), list), match2, nil},
		"a cover with a date and a telephone": {newParts(sheetXML(rowXML(1, "制表日期", "2026-01-05"), rowXML(2, "电话", "13800000000")), list), match2, nil},
		"an empty sheet before the list":      {newParts(sheetXML(), list), match2, nil},
		"a chart sheet":                       {chart, match2, nil},
		"a hidden sheet":                      {hidden, match2, nil},
		"a hidden sheet, if -sheet says so":   {hidden, other2, []string{"-sheet", "Sheet1"}},
		"one of two sheets that -sheet names": {newParts(list, other), other2, []string{"-sheet", "Sheet2"}},
		"shared texts":                        {newParts(shared).withStrings(texts...), match2, nil},
		"shared texts that need much room":    {newParts(shared).withStrings(many...), match2, nil},
		"other names of the parts":            {newParts(shared).withStrings(texts...).renamed("/workbook.xml", "/workbook22.xml", "sharedStrings", "sharedStrings22"), match2, nil},
		"quite other names of the parts":      {newParts(shared).withStrings(texts...).renamed("worksheets/sheet1.xml", "lists/people", "sharedStrings.xml", "lists/data.bin"), match2, nil},
		"an encoding that is called utf8":     {utf8, match2, nil},
		"a sheet in GBK":                      {gbk, match2, nil},
	} {
		t.Run(name, func(t *testing.T) { wantRows(t, zipped(t, c.p), "\uFEFF"+c.want, c.args...) })
	}
}

// renamed returns p with other names of its parts.
func (p parts) renamed(oldnew ...string) parts {
	names, renamed := strings.NewReplacer(oldnew...), parts{}
	for name, text := range p {
		renamed[names.Replace(name)] = names.Replace(text)
	}
	return renamed
}

func TestKeptCellsOfAWorkbookLookAsInAChineseExcel(t *testing.T) {
	const noon = "45000.5" // 15 March 2023
	for name, c := range map[string]struct {
		format int    // the number of a format
		code   string // its text, if it is not one of Excel's own
		value  string
		want   string
	}{
		"short date":              {14, "", "45000", "2023/3/15"},
		"short date and time":     {22, "", noon, "2023/3/15 12:00"},
		"date in Chinese":         {31, "", "45000", "2023年3月15日"},
		"afternoon":               {55, "", "45000.5625", "下午1时30分"},
		"long date of the system": {164, `[$-F800]dddd\,\ mmmm\ dd\,\ yyyy`, "45000", "2023年3月15日"},
		"custom date, locale 804": {164, `[$-804]yyyy"年"m"月"d"日"`, "45000", "2023年3月15日"},
		"number":                  {0, "", "45000", "45000"},
		"with room for a sign":    {164, "0_ ", "1001", "1001"},
		"a long number":           {0, "", "1234567890123456", "1234567890123456"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newParts(sheetXML(
				rowXML(1, "name", "id_number", "joined", "note"),
				rowXML(2, "张三", zhangSan, `<c s="1"><v>`+c.value+`</v></c>`, "two\nlines"),
				rowXML(3, "李四", liSi))).withFormat(c.format, c.code).renamed("styles.xml", "formats.xml")
			wantRows(t, zipped(t, p), "\uFEFF2,张*,110105********002X,match,1,,,"+c.want+",two lines\n3,李*,440524********0014,match,1,,,,\n", "-keep", "joined,note")
		})
	}
}

func TestRefusesAWorkbook(t *testing.T) {
	list := sheetXML(rowXML(1, "name", "id_number"), rowXML(2, "张三", zhangSan))
	with := func(name, text string) parts {
		p := newParts(list)
		p[name] = text
		return p
	}
	cut := func(data []byte, n int) []byte { return data[:len(data)-n] }
	sheet := func(rows ...string) []byte { return zipped(t, newParts(sheetXML(rows...))) }
	missing := newParts(list)
	delete(missing, "xl/worksheets/sheet1.xml")
	early := `<worksheet><sheetData>` + rowXML(1, "name", "id_number") + rowXML(2, "张三", zhangSan) + `<row r="3"><c`
	for name, c := range map[string]struct {
		content []byte
		args    []string
		want    string
	}{
		"an empty sheet":                        {sheet(), nil, `it is empty (sheet "Sheet1")`},
		"a sheet of empty cells":                {sheet(rowXML(1, " "), rowXML(2)), nil, `it is empty (sheet "Sheet1")`},
		"no column for the name":                {sheet(rowXML(1, "id_number", "phone")), nil, "0 columns for the name and 1 for the ID number"},
		"no columns":                            {sheet(rowXML(1, "a", "b", "c")), nil, "is no person (columns: 3)"},
		"wrong columns":                         {sheet(rowXML(1, "工号", "部门"), rowXML(2, "7", "风控")), nil, "is no person (columns: 2)"},
		"no such sheet":                         {zipped(t, newParts(list)), []string{"-sheet", "人员"}, `it has no sheet "人员", or all its sheets are hidden: choose one of "Sheet1"`},
		"another ZIP file":                      {zipped(t, parts{"a.txt": "a"}), nil, "damaged workbook, or none at all"},
		"a file that is cut off":                {cut(zipped(t, newParts(list)), 30), nil, "damaged"},
		"a sheet that is missing":               {zipped(t, missing), nil, "damaged"},
		"a sheet that ends early":               {zipped(t, with("xl/worksheets/sheet1.xml", early)), nil, "damaged"},
		"such a sheet of another name":          {zipped(t, with("xl/worksheets/sheet1.xml", early).renamed("worksheets/sheet1.xml", "lists/people")), nil, "damaged"},
		"fewer texts than cells":                {zipped(t, newParts(sheetXML(rowXML(1, "name", "id_number"), rowXML(2, `<c t="s"><v>0</v></c>`, `<c t="s"><v>1</v></c>`))).withStrings("张三")), nil, "damaged"},
		"two parts of texts":                    {zipped(t, with("xl/texts.xml", "<sst/>").withStrings("张三")), nil, "damaged"},
		"a text of no number":                   {zipped(t, newParts(sheetXML(rowXML(1, "name", "id_number"), rowXML(2, "张三", `<c t="s"><v>x</v></c>`))).withStrings(zhangSan)), nil, "damaged"},
		"a text of a negative number":           {zipped(t, newParts(sheetXML(rowXML(1, "name", "id_number"), rowXML(2, "张三", `<c t="s"><v>-1</v></c>`))).withStrings(zhangSan)), nil, "damaged"},
		"texts that end early":                  {zipped(t, with("xl/sharedStrings.xml", `<sst><si><t>`+strings.Repeat("x", 2*toTempFile/3)+`</t></si><si>`+strings.Repeat(" ", toTempFile/2))), nil, "damaged"},
		"two sheets with the columns":           {zipped(t, newParts(list, list)), nil, `the sheets "Sheet1", "Sheet2" all have the columns: choose one with -sheet`},
		"no sheet with the columns, the first":  {zipped(t, newParts(sheetXML(rowXML(1, "填表说明")), sheetXML())), nil, `is no person (columns: 1)`},
		"no sheet with the columns, the second": {zipped(t, newParts(sheetXML(rowXML(1, "填表说明")), sheetXML())), nil, `it is empty (sheet "Sheet2")`},
		"more cut numbers than rows":            {sheet(rowXML(1, "name", "id_number"), strings.Repeat("<row>"+strings.Repeat("<c><v>440524188001010000</v></c>", 16_000)+"</row>", 66)), nil, "unusually large"},
		"more cells than columns":               {sheet(rowXML(1, "name", "id_number"), `<row>`+strings.Repeat("<c/>", excelize.MaxColumns+1)+`</row>`), nil, "unusually large"},
		"rows out of order":                     {sheet(rowXML(2, "name", "id_number"), rowXML(1, "张三", zhangSan)), nil, "damaged"},
		"cells out of order":                    {sheet(rowXML(1, "name", "note", "a", "id_number"), `<row><c r="A2"/><c r="C2"/><c r="B2"/><c r="D2"/></row>`), nil, "damaged"},
		"a cell without a column":               {sheet(rowXML(1, "name", "id_number"), `<row><c r="2"/></row>`), nil, "damaged"},
		"a row twice":                           {sheet(rowXML(1, "name", "id_number"), rowXML(2, "张三", zhangSan), rowXML(2, "李四", liSi)), nil, "damaged"},
		"a row behind the last":                 {sheet(rowXML(1, "name", "id_number"), rowXML(1048577, "张三", zhangSan)), nil, "damaged"},
		"a cell without an end":                 {zipped(t, with("xl/worksheets/sheet1.xml", "<worksheet>"+strings.Repeat("x", 2*maxRowXML))), nil, "damaged"},
		"a bomb of one text":                    {zipped(t, with("xl/worksheets/sheet1.xml", `<worksheet><sheetData><row><c><v>`+strings.Repeat("1", 40<<20))), nil, "unusually large"},
		"a bomb in another part":                {declaring(t, "xl/sharedStrings.xml", maxOthers+1), nil, "unusually large"},
		"a bomb in a sheet":                     {declaring(t, "xl/worksheets/sheet1.xml", maxUnzipped+1), nil, "unusually large"},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, c.content, c.want, c.args...) })
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
	wantRefused(t, data, "damaged")
}
