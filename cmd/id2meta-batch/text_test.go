package main

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// silent is a stderr that is no terminal.
func silent(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// rehearse runs a file of the given content against the simulator of the sample
// and returns the output, without request IDs, and the exit status.
func rehearse(t *testing.T, content []byte, more ...string) (output string, status int, said string) {
	t.Helper()
	w := newWork(t, content)
	var stdout strings.Builder
	stderr := silent(t)
	status = command(append(w.args("-simulator"), more...), &stdout, stderr)
	said = strings.ReplaceAll(stdout.String()+read(t, stderr.Name()), w.in, "FILE") // it has the name of the test
	if status == exitStopped {
		return "", status, said
	}
	return withoutRequestIDs(read(t, w.out)), status, said
}

func withoutRequestIDs(output string) string {
	return regexp.MustCompile(`(?m),[0-9A-F-]{36}(,|$)`).ReplaceAllString(output, ",$1")
}

const header = "row,name,id_number,verdict,code,reason,request_id\n"

// wantRows fails unless a rehearsal gives the rows, below a header and, if they begin with
// one, behind a byte order mark. Rows that do not end in a line feed are only the beginning.
func wantRows(t *testing.T, content []byte, rows string, args ...string) {
	t.Helper()
	rest, marked := strings.CutPrefix(rows, "\uFEFF")
	want := header + rest
	if len(args) == 2 && args[0] == "-keep" {
		want = strings.TrimSuffix(header, "\n") + "," + args[1] + "\n" + rest
	}
	if marked {
		want = "\uFEFF" + want
	}
	got, _, said := rehearse(t, content, args...)
	if got != want && (strings.HasSuffix(want, "\n") || !strings.HasPrefix(got, want)) {
		t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, want, said)
	}
}

// wantRefused fails unless the program refuses a file, says want and repeats nobody.
func wantRefused(t *testing.T, content []byte, want string, args ...string) {
	t.Helper()
	_, status, said := rehearse(t, content, args...)
	wantIn(t, said, want)
	if status != exitStopped || strings.Contains(said, zhangSan) || strings.Contains(said, "张三") {
		t.Errorf("status %d, or it repeats somebody: %.1000s", status, said)
	}
}

// The people of the samples, and their rows of the output.
const (
	two    = "张三,11010519491231002X\n李四,440524188001010014\n"
	zhang  = "张*,110105********002X,match,1,,\n"
	li     = "李*,440524********0014,match,1,,\n"
	rows12 = "1," + zhang + "2," + li
	rows23 = "2," + zhang + "3," + li
	rows34 = "3," + zhang + "4," + li
)

func encode(t *testing.T, encoder func(string) (string, error), s string) string {
	t.Helper()
	encoded, err := encoder(s)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestTextFiles(t *testing.T) {
	gbk := func(s string) string { return encode(t, simplifiedchinese.GBK.NewEncoder().String, s) }
	utf16 := func(s string, e unicode.Endianness) string {
		return encode(t, unicode.UTF16(e, unicode.UseBOM).NewEncoder().String, s)
	}
	const tabs = "姓名\t身份证号\r\n张三\t11010519491231002X\r\n李四\t440524188001010014\r\n"
	for name, c := range map[string]struct{ content, want string }{
		// How fields are separated and quoted.
		"tabs":       {tabs, rows23},
		"semicolons": {"name;id_number\n张三;11010519491231002X\n李四;440524188001010014\n", rows23},
		"semicolons, and commas in another column":           {"name;note;id_number\n张三;a,b,c;11010519491231002X\n李四;;440524188001010014\n", rows23},
		"tabs without a header":                              {"张三\t11010519491231002X\n李四\t440524188001010014\n", rows12},
		"tabs, and a comma in a title":                       {"姓名\t身份证号\t地址,电话\n张三\t11010519491231002X\t\n李四\t440524188001010014\ta,b\n", rows23},
		"semicolons, and a comma in a title":                 {"姓名;身份证号;备注(a,b)\n张三;11010519491231002X;\n李四;440524188001010014;a,b\n", rows23},
		"commas, and a tab and a semicolon in titles":        {"姓名,身份证号,a\tb,c;d\n张三,11010519491231002X,,\n李四,440524188001010014,,\n", rows23},
		"semicolons without a header, and a comma in a name": {"张三;11010519491231002X\n李四;440524188001010014\n张,三;11010519491231002X\n", rows12 + "3,张**,110105********002X,invalid,,\"name: it seems to be two names: it contains a separator, or a space between an ideograph and a letter\",\n"},
		"sep=; and a blank":                                  {"sep=; \nname;id_number\n张三;11010519491231002X\n李四;440524188001010014\n", rows34},
		"sep= ; in quotes, a blank and a tab":                {" \"sep= ; \" \t\nname;id_number\n张三;11010519491231002X\n李四;440524188001010014\n", rows34},
		"sep= and a tab":                                     {"sep=\t\nname\tid_number\n张三\t11010519491231002X\n李四\t440524188001010014\n", rows34},
		"blanks outside of quotes":                           {"name,id_number\n 张三 , =\"11010519491231002X\"\n \"李四\"\t,=\"440524188001010014\" \n", rows23},
		"tabs outside of quotes":                             {"name,id_number\n\t\"张三\",\"11010519491231002X\"\t\n李四\u3000,\u00A0\"440524188001010014\"\u3000\n", rows23},
		"tabs as separators, and blanks outside of quotes":   {"name\tid_number\n \"张三\" \t =\"11010519491231002X\"\n李四\t\"440524188001010014\" \n", rows23},
		"sep=,":                            {"sep=,\nname,id_number\n张三,11010519491231002X\n李四,440524188001010014\n", rows34},
		"SEP=| in quotes":                  {"\"SEP=|\"\nname|id_number\n张三|11010519491231002X\n李四|440524188001010014\n", rows34},
		"sep=, filled up with separators":  {"sep=,,\nname,id_number\n张三,11010519491231002X\n李四,440524188001010014\n", rows34},
		"an apostrophe before the number":  {"name,id_number\n张三,'11010519491231002X\n李四,’440524188001010014\n", rows23},
		`="number"`:                        {"name,id_number\n张三,=\"11010519491231002X\"\n=\"李四\",=\"440524188001010014\"\n", rows23},
		`"=""number"""`:                    {"name,id_number\n张三,\"=\"\"11010519491231002X\"\"\"\n李四,\"=\"\"440524188001010014\"\"\"\n", rows23},
		"a tab after the number":           {"name,id_number\n张三,\"11010519491231002X\t\"\n李四,440524188001010014\t\n", rows23},
		"a wide space in the header":       {"姓　名,身份证\u00A0号码\n张三,11010519491231002X\n李四,440524188001010014\n", rows23},
		"a zero-width space in the header": {"姓名\u200B,\u2060身份证号\n张三,11010519491231002X\n李四,440524188001010014\n", rows23},
		"two byte order marks and a quote": {"\uFEFF\uFEFF\"name\",id_number\n张三,11010519491231002X\n李四,440524188001010014\n", "\uFEFF" + rows23},
		"UTF-16, as Excel's Unicode text":  {utf16(tabs, unicode.LittleEndian), "\uFEFF" + rows23},
		"UTF-16, big endian":               {utf16(tabs, unicode.BigEndian), "\uFEFF" + rows23},
		"UTF-16 with sep=;":                {utf16("sep=;\n"+strings.ReplaceAll(tabs, "\t", ";"), unicode.LittleEndian), "\uFEFF" + rows34},
		// Forms of a file.
		"no header":                 {two, rows12},
		"CRLF and no last line end": {strings.TrimSuffix(strings.ReplaceAll("name,id_number\n"+two, "\n", "\r\n"), "\r\n"), rows23},
		"a Chinese header, other columns, another order": {"编号,身份证号码,手机,姓名\n7,11010519491231002X,,张三\n8,440524188001010014,,李四\n", rows23},
		"blank lines": {"\n\nID_Number, Name\n\n11010519491231002X,张三\n,\n  \n440524188001010014,李四\n,,\n\n", "5," + zhang + "8," + li},
		"GBK with full-width digits and a middle dot": {gbk("李四,４４０５２４１８８００１０１００１４\n欧阳·娜娜,11010519491231002X\n"), "\uFEFF1," + li + "2,欧****,110105********002X,mismatch,2,,\n"},
		"GBK with a private-use character in a name":  {"\xD0\xD5\xC3\xFB,\xC9\xED\xB7\xDD\xD6\xA4\xBA\xC5\n\xD5\xC5\xAA\xA1,11010519491231002X\n", "\uFEFF2,张*,110105********002X,mismatch,2,,\n"},
		"no rows": {"name,id_number\n", ""},
		"a line without end": {"name,id_number\n张三," + strings.Repeat("1", 200_000) + "\n" + two,
			"2,,,invalid,,the line is longer than 65536 bytes,\n3," + zhang + "4," + li},
		"a line of damaged UTF-8 under a byte order mark": {"\uFEFFname,id_number\n张三\xD5,11010519491231002X\n" + two,
			"\uFEFF2,张**,110105********002X,invalid,,name: it is not valid UTF-8 (is it GBK?),\n3," + zhang + "4," + li},
		// What offices send.
		"empty fields at the end left out":            {"姓名,身份证号,部门,备注\n张三,11010519491231002X,风控\n李四,440524188001010014\n", rows23},
		"empty fields too many":                       {"姓名,身份证号\n张三,11010519491231002X,,,\n李四,440524188001010014, \n", rows23},
		"a surplus field that is not empty":           {"姓名,身份证号\n张三,11010519491231002X,x\n", "2,,,invalid,,number of fields: 3 instead of 2,\n"},
		"the form of the tax office":                  {"*姓名,*证件号码\n" + two, rows23},
		"a full-width star and a colon":               {"＊姓名：,身份证号:\n" + two, rows23},
		"titles that are required":                    {"姓名（必填）,身份证件号【必填】\n" + two, rows23},
		"an employee":                                 {"员工姓名,居民身份证号码\n" + two, rows23},
		"lines that end in CRCRLF":                    {strings.ReplaceAll("姓名,身份证号\n"+two, "\n", "\r\r\n"), rows23},
		"lines that end in CR":                        {"工号,姓名,身份证号,\"部\n门\"\r1,张三,11010519491231002X,\"a\rb\"\r2,李四,440524188001010014,\r", "3," + zhang + "5," + li},
		"a CR alone inside a field":                   {"姓名,身份证号,备注\r\n张三\r,11010519491231002X,\r\n李四,440524188001010014,a\rb\r\n", rows23},
		"a passport above a person, no header":        {"张三,E12345678\n李四,440524188001010014\n", "1,张*,***,invalid,,id_number: it must be 17 digits and then a digit or X,\n2," + li},
		"such titles with notes beside":               {"姓名(Name),姓名,身份证号,身份证号（后4位）,证件号（15位）\n,张三,11010519491231002X,,\n", "2," + zhang},
		"a title row above the header":                {"花名册,2026\n姓名,身份证号\n" + two, rows34},
		"no header, and empty columns beside":         {",张三,11010519491231002X,\n,李四,440524188001010014,\n", rows12},
		"titles with marks and numbers":               {"★1、姓名/Name：,2．[身份证号]（18位，必填）*\n" + two, rows23},
		"somebody's titles":                           {"您的姓名,学生身份证号\n" + two, rows23},
		"a name in Chinese beside the name":           {"中文名,姓名,证照号码,身份证号\n,张三,,11010519491231002X\n", "2," + zhang},
		"a title row of one field":                    {"花名册\n2026年\n姓名,身份证号\n" + two, "4," + zhang + "5," + li},
		"a second header row":                         {"姓名,身份证号,联系方式,\n,,电话,地址\n" + "张三,11010519491231002X,1,2\n", "3," + zhang},
		"a header of which each row has one":          {"姓名,证件信息\n,身份证号\n" + two, rows34},
		"a row that explains the header":              {"姓名,身份证号\n必填,18位身份证号码\n" + two, rows34},
		"a row of numbers of the columns":             {"姓名,身份证号\n1,2\n" + two, rows34},
		"a first person with a wrong name and number": {"姓名,身份证号\n张3,12345\n李四,440524188001010014\n", "2,张*,***,invalid,,\"name: it contains digits, which the service does not accept in a name\",\n3," + li},
		"a line break in a title":                     {"\"姓\n名\",身份证号,\"备\n注\"\n" + two, "4," + zhang + "5," + li},
		"a line break in another column":              {"姓名,身份证号,备注\n张三,11010519491231002X,\"a\nb\"\n李四,440524188001010014,\n", "2," + zhang + "4," + li},
		"a quote that does not end costs one row":     {"姓名,身份证号\n\"张三,11010519491231002X\n李四,440524188001010014\n", "2,,,invalid,,\"it has a quoted field that does not end, or goes on after its quote\",\n3," + li},
		"a first person without a number stays":       {"姓名,身份证号\n张三,\n李四,440524188001010014\n", "2,张*,,invalid,,id_number: it is empty,\n3," + li},
	} {
		t.Run(name, func(t *testing.T) { wantRows(t, []byte(c.content), c.want) })
	}
}

func TestARowThatIsSkippedIsTold(t *testing.T) {
	_, _, said := rehearse(t, []byte("花名册\n姓名,身份证号,联系方式\n,,电话\n"+two))
	wantIn(t, said, "row 1 is skipped")
	wantIn(t, said, "row 3 is skipped")
}

func TestRefusesATextFile(t *testing.T) {
	gbk := encode(t, simplifiedchinese.GBK.NewEncoder().String, two)
	big5 := func(s string) string { return encode(t, traditionalchinese.Big5.NewEncoder().String, s) }
	for name, c := range map[string]struct {
		content, want string
		args          []string
	}{
		"sep= and no separator":                      {"sep=\nname,id_number\n", "says sep=", nil},
		"sep= and a letter":                          {"sep=x\nnamexid_number\n", "says sep=", nil},
		"sep=; and commas":                           {"sep=;\nname,id_number\n张三,1\n", "is no person (columns: 1)", nil},
		"sep=, and nothing else":                     {"sep=,\n", "it is empty", nil},
		"one column, and a comma in another title":   {"姓名\t电话\t地址,邮编\n", "1 columns for the name and 0 for the ID number", nil},
		"the other column, and commas in the others": {"a,b,c;身份证号\n", "is no person (columns: 3)", nil},
		"-keep, and a comma in a title":              {"姓名\t身份证号\t地址,电话\n", `no column "电话"`, []string{"-keep", "电话"}},
		"wrong columns":                              {"工号,部门\n7,风控\n", "is no person (columns: 2)", nil},
		"wrong columns, and -keep":                   {"工号,部门\n7,风控\n", "none of its first 10 rows is a header", []string{"-keep", "部门"}},
		"two numbers":                                {"13800000000,11010519491231002X\n", "is no person (columns: 2)", nil},
		"the number before the name":                 {"11010519491231002X,张三\n", "is no person (columns: 2)", nil},
		"a sheet of a text file":                     {"name,id_number\n", "-sheet is for .xlsx workbooks", []string{"-sheet", "Sheet1"}},
		"an old or locked workbook":                  {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1...", "without a password", nil},
		"what only begins like .xlsx":                {"PK\x03\x04 and so on", "damaged workbook", nil},
		"UTF-16 without its mark":                    {encode(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String, two), "neither UTF-8 nor GBK", nil},
		"Big5":                                       {big5("姓名,身分證號\n張三,11010519491231002X\n歐陽娜娜,110105194912310046\n"), "Big5?", nil},
		"Big5 that is GBK too":                       {big5("歐陽娜娜,11010519491231002X\n"), "Big5?", nil},
		"GBK and UTF-8 in one":                       {gbk + two, "line 1 is not UTF-8, while 2 other lines are", nil},
		"neither GBK nor UTF-8":                      {gbk + "张\xFF三,1\n", "line 3 is neither UTF-8 nor GBK", nil},
		"UTF-8 without Chinese":                      {encode(t, simplifiedchinese.GBK.NewEncoder().String, "陆,11010519491231002X\n"), "none of them is Chinese", nil},
		"nothing":                                    {"\n\n", "it is empty", nil},
		"a person above the header":                  {"1,张三,11010519491231002X\n工号,姓名,身份证号\n", "is no person (columns: 3)", nil},
		"one column":                                 {"name id_number\n张三 1\n", "is no person (columns: 1)", nil},
		"HTML":                                       {"<html><table>", "HTML", nil},
		"no column for the number":                   {"name,phone\n张三,1\n", "1 columns for the name and 0 for the ID number", nil},
		"no column for the name":                     {"id_number,phone\n1,1\n", "0 columns for the name and 1 for the ID number", nil},
		"two columns for the name":                   {"name,姓名,id_number\n张三,张三,1\n", "2 columns for the name and 1 for the ID number", nil},
		"the name of one, the number of another":     {"员工姓名,会员姓名,会员身份证号\n李四,张三,11010519491231002X\n", "2 columns for the name and 1 for the ID number", nil},
		"three columns, no header":                   {"1,张三,11010519491231002X\n", "is no person (columns: 3)", nil},
		"a note beside a person, no header":          {"张三,11010519491231002X,a\n", "is no person (columns: 3)", nil},
		"no line end":                                {strings.Repeat("x", 100_000), "is no person (columns: 0)", nil},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, []byte(c.content), c.want, c.args...) })
	}
}

// A file of many people in GBK has some that read as UTF-8 by accident, with or without ideographs.
func TestAccidentalUTF8InGBK(t *testing.T) {
	gbk := encode(t, simplifiedchinese.GBK.NewEncoder().String, strings.Repeat("张三,1\n李四,2\n陆,3\n", 51)) + "张三,4\n"
	if err := checkGB18030([]byte(gbk)); err != nil {
		t.Error(err)
	}
}

func split(line string) ([]string, error) {
	return splitRow([]byte(line), ',', quotedField(','))
}

func TestSplitRow(t *testing.T) {
	for line, want := range map[string]string{
		`a,="1"`:                  "a|1",
		`="a,b",="1"`:             "a,b|1",
		`"x,=""y""",1`:            `x,="y"|1`,
		`a=b,"c=d"`:               "a=b|c=d",
		`=A1,1`:                   "=A1|1",
		`"=""1""",2`:              `="1"|2`,
		`"a ""b"" c",="say"`:      `a "b" c|say`,
		`a,"b"` + "\u00A0=1":      "error",
		`a,="1`:                   "error",
		`a "b",c`:                 "error",
		`="",1`:                   "|1",
		` ="1" , "2" ,"3"` + "\t": "1|2|3",
		`= "1",= 2`:               "1|= 2",
		` a ,"b" , c `:            " a |b| c ",
		`"a" b,c`:                 "error",
		`" a "" b " , "c,"`:       ` a " b |c,`,
		`="a"" ",1`:               `a" |1`,
		"张三,=\"440524…0014\"":     "张三|440524…0014",
	} {
		fields, err := split(line)
		got := strings.Join(fields, "|")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestUnwrap(t *testing.T) {
	for in, want := range map[string]string{
		"'1": "1", "’1": "1", "＇1": "1", ` ="1" `: "1", `'="1"`: "1", `="a""b"`: `a"b`, "1": "1", "": "", "'": "",
		`="1`: `="1`, "=1": "=1", "O'Neil": "O'Neil", "''1": "'1",
	} {
		if got := unwrap(in); got != want {
			t.Errorf("unwrap(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestATextFileIsBounded(t *testing.T) {
	t.Run("a long line is a bad row, and is not split", func(t *testing.T) {
		text := append([]byte("name,id_number\n"), bytes.Repeat([]byte(","), 100<<20)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for raw := range csvRows(text, 1, ',') {
			if raw.line == 2 && !strings.Contains(raw.bad, "longer than") {
				t.Errorf("%q", raw.bad)
			}
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%d bytes were allocated", used)
		}
	})
	t.Run("a file of more than a gigabyte is refused", func(t *testing.T) {
		w := newWork(t, people(3))
		if err := os.Truncate(w.in, maxText+1); err != nil { // it takes no space
			t.Fatal(err)
		}
		_, err := openTable(t.Context(), options{in: w.in}, t.TempDir())
		wantIn(t, fmt.Sprint(err), "split it")
	})
}

func TestNumbersThatExcelDamagedAreTold(t *testing.T) {
	damaged := "name,id_number\n张三,110105194912310000\n李四,440524188001010000\n王五,11010519491231002X\n"
	_, _, said := rehearse(t, []byte(damaged))
	if !strings.Contains(said, "warning: 2 of 3 ID numbers end in 000") {
		t.Error(said)
	}
	_, _, said = rehearse(t, append(people(300), "张三,110105194901010000\n"...)) // one of them ends in 000
	if strings.Contains(said, "warning") {
		t.Error(said)
	}
}

// besideQuotes finds what may stand between a quote and the end of a field, and is
// no CSV to encoding/csv: blanks, and an equals sign.
var besideQuotes = regexp.MustCompile(`(^|,)[\s\v\p{Z}\x{85}]*=?[\s\v\p{Z}\x{85}]*"|"[\s\v\p{Z}\x{85}]+(,|$)`)

// Whatever encoding/csv reads is read here with the same fields.
func FuzzSplitRowAgreesWithEncodingCSV(f *testing.F) {
	f.Add("张三,11010519491231002X")
	f.Add(`a,"b,""c""",`)
	f.Add(" \t,\r,")
	f.Add(`"a=""b""", c ,"=""1"""`)
	f.Add(` ="1" , "2"	,3`)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\r") || line == "" {
			t.Skip("no line")
		}
		want, err1 := csv.NewReader(strings.NewReader(line)).Read()
		got, err2 := split(line)
		if err1 != nil && besideQuotes.MatchString(line) {
			t.Skip("Excel reads it, and encoding/csv does not")
		}
		if (err1 == nil) != (err2 == nil) || err1 == nil && !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; encoding/csv: %q, %v", line, got, err2, want, err1)
		}
	})
}
