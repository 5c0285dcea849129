package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"
)

func TestDialectsOfCSV(t *testing.T) {
	const zhang, li = "张*,110105********002X,match,1,,\n", "李*,440524********0014,match,1,,\n"
	const rows23, rows34 = "2," + zhang + "3," + li, "3," + zhang + "4," + li
	utf16 := func(s string, e unicode.Endianness) string {
		return encode(t, unicode.UTF16(e, unicode.UseBOM).NewEncoder().String, s)
	}
	const tabs = "姓名\t身份证号\r\n张三\t11010519491231002X\r\n李四\t440524188001010014\r\n"
	for name, c := range map[string]struct{ content, want string }{
		"tabs":       {tabs, rows23},
		"semicolons": {"name;id_number\n张三;11010519491231002X\n李四;440524188001010014\n", rows23},
		"semicolons, and commas in another column":           {"name;note;id_number\n张三;a,b,c;11010519491231002X\n李四;;440524188001010014\n", rows23},
		"tabs without a header":                              {"张三\t11010519491231002X\n李四\t440524188001010014\n", "1," + zhang + "2," + li},
		"tabs, and a comma in a title":                       {"姓名\t身份证号\t地址,电话\n张三\t11010519491231002X\t\n李四\t440524188001010014\ta,b\n", rows23},
		"tabs, and a comma in the title between":             {"姓名\t地址,电话\t身份证号\n张三\t\t11010519491231002X\n李四\t\t440524188001010014\n", rows23},
		"semicolons, and a comma in a title":                 {"姓名;身份证号;备注(a,b)\n张三;11010519491231002X;\n李四;440524188001010014;a,b\n", rows23},
		"semicolons, and a comma in a title between":         {"序号;姓名;备注, 说明;身份证号\n1;张三;;11010519491231002X\n2;李四;;440524188001010014\n", rows23},
		"commas, and a tab and a semicolon in titles":        {"姓名,身份证号,a\tb,c;d\n张三,11010519491231002X,,\n李四,440524188001010014,,\n", rows23},
		"semicolons without a header, and a comma in a name": {"张三;11010519491231002X\n李四;440524188001010014\n张,三;11010519491231002X\n", "1," + zhang + "2," + li + "3,张**,110105********002X,invalid,,\"name: it seems to be two names: it contains a separator, or a space between an ideograph and a letter\",\n"},
		"sep=; and a blank":                                  {"sep=; \nname;id_number\n张三;11010519491231002X\n李四;440524188001010014\n", rows34},
		"sep= ; in quotes, a blank and a tab":                {" \"sep= ; \" \t\nname;id_number\n张三;11010519491231002X\n李四;440524188001010014\n", rows34},
		"sep= and a tab":                                     {"sep=\t\nname\tid_number\n张三\t11010519491231002X\n李四\t440524188001010014\n", rows34},
		"blanks outside of quotes":                           {"name,id_number\n 张三 , =\"11010519491231002X\"\n \"李四\"\t,=\"440524188001010014\" \n", rows23},
		"tabs outside of quotes":                             {"name,id_number\n\t\"张三\",\"11010519491231002X\"\t\n李四\u3000,\u00A0\"440524188001010014\"\u3000\n", rows23},
		"blanks outside of quotes in the header":             {"name , \"id_number\" \n张三,11010519491231002X\n李四,440524188001010014\n", rows23},
		"tabs as separators, and blanks outside of quotes":   {"name\tid_number\n \"张三\" \t =\"11010519491231002X\"\n李四\t\"440524188001010014\" \n", rows23},
		"sep=,":                            {"sep=,\nname,id_number\n张三,11010519491231002X\n李四,440524188001010014\n", rows34},
		"sep=; with CRLF":                  {"sep=;\r\nname;id_number\r\n张三;11010519491231002X\r\n李四;440524188001010014\r\n", rows34},
		"SEP=| in quotes":                  {"\"SEP=|\"\nname|id_number\n张三|11010519491231002X\n李四|440524188001010014\n", rows34},
		"sep=; without a header":           {"sep=;\n张三;11010519491231002X\n李四;440524188001010014\n", "2," + zhang + "3," + li},
		"sep=, filled up with separators":  {"sep=,,\nname,id_number\n张三,11010519491231002X\n李四,440524188001010014\n", rows34},
		"an apostrophe before the number":  {"name,id_number\n张三,'11010519491231002X\n李四,’440524188001010014\n", rows23},
		`="number"`:                        {"name,id_number\n张三,=\"11010519491231002X\"\n=\"李四\",=\"440524188001010014\"\n", rows23},
		`"=""number"""`:                    {"name,id_number\n张三,\"=\"\"11010519491231002X\"\"\"\n李四,\"=\"\"440524188001010014\"\"\"\n", rows23},
		"a tab after the number":           {"name,id_number\n张三,\"11010519491231002X\t\"\n李四,440524188001010014\t\n", rows23},
		"a wide space in the header":       {"姓　名,身份证\u00A0号码\n张三,11010519491231002X\n李四,440524188001010014\n", rows23},
		"a zero-width space in the header": {"姓名\u200B,\u2060身份证号\n张三,11010519491231002X\n李四,440524188001010014\n", rows23},
		"two byte order marks":             {"\uFEFF\uFEFFname,id_number\n张三,11010519491231002X\n李四,440524188001010014\n", "\uFEFF" + rows23},
		"UTF-16, as Excel's Unicode text":  {utf16(tabs, unicode.LittleEndian), "\uFEFF" + rows23},
		"UTF-16, big endian":               {utf16(tabs, unicode.BigEndian), "\uFEFF" + rows23},
		"UTF-16 with two byte order marks": {utf16("\uFEFF"+tabs, unicode.LittleEndian), "\uFEFF" + rows23},
		"UTF-16, and a comma in a title":   {utf16("姓名\t身份证号\t地址,电话\r\n张三\t11010519491231002X\t\r\n李四\t440524188001010014\t\r\n", unicode.LittleEndian), "\uFEFF" + rows23},
		"UTF-16 with commas":               {utf16(strings.ReplaceAll(tabs, "\t", ","), unicode.LittleEndian), "\uFEFF" + rows23},
		"UTF-16 with sep=;":                {utf16("sep=;\n"+strings.ReplaceAll(tabs, "\t", ";"), unicode.LittleEndian), "\uFEFF" + rows34},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, said := rehearse(t, []byte(c.content))
			want := header + c.want
			if rest, marked := strings.CutPrefix(c.want, "\uFEFF"); marked {
				want = "\uFEFF" + header + rest
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, want, said)
			}
		})
	}
}

func TestRefusesADialect(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		args    []string
		want    string
	}{
		"sep= and no separator":                      {"sep=\nname,id_number\n", nil, "says sep="},
		"sep= and a letter":                          {"sep=x\nnamexid_number\n", nil, "says sep="},
		"sep=; and commas":                           {"sep=;\nname,id_number\n张三,1\n", nil, "one column"},
		"sep=, and nothing else":                     {"sep=,\n", nil, "it is empty"},
		"one column, and a comma in another title":   {"姓名\t电话\t地址,邮编\n", nil, "none called id_number"},
		"the other column, and commas in the others": {"a,b,c;身份证号\n", nil, "none called name"},
		"-keep, and a comma in a title":              {"姓名\t身份证号\t地址,电话\n", []string{"-keep", "电话"}, `no column "电话"`},
		"wrong columns":                              {"工号,部门\n7,风控\n", nil, "no header with name and id_number, and no person"},
		"wrong columns, and tabs":                    {"工号\t部门\n7\t风控\n", nil, "no header with name and id_number, and no person"},
		"wrong columns after sep=;":                  {"sep=;\n工号;部门1\n7;风控\n", nil, "no header with name and id_number, and no person"},
		"wrong columns, and -keep":                   {"工号,部门\n7,风控\n", []string{"-keep", "部门"}, "no header with name and id_number, and no person"},
		"two numbers":                                {"13800000000,11010519491231002X\n", nil, "no header with name and id_number, and no person"},
		"the number before the name":                 {"11010519491231002X,张三\n", nil, "no header with name and id_number, and no person"},
		"a sheet of a text file":                     {"name,id_number\n", []string{"-sheet", "Sheet1"}, "-sheet is for .xlsx workbooks"},
		"an old or locked workbook":                  {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1...", nil, "without a password"},
		"what only begins like .xlsx":                {"PK\x03\x04 and so on", nil, "damaged or cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			_, status, said := rehearse(t, []byte(c.content), c.args...)
			if status != exitStopped || !strings.Contains(said, c.want) {
				t.Errorf("status %d, %q is not in: %s", status, c.want, said)
			}
		})
	}
}

func split(line string) ([]string, error) {
	return (&csvSource{separator: ',', quoted: quotedField(',')}).split([]byte(line))
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
		s := csvSource{text: text, separator: ',', quoted: quotedField(',')}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s.next()
		if raw, err := s.next(); err != nil || !strings.Contains(raw.bad, "longer than") {
			t.Errorf("%q, %v", raw.bad, err)
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
		_, err := openTable(options{in: w.in, out: w.out, encoding: encodingAuto}, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "split it") {
			t.Errorf("%v", err)
		}
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
