package main

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/id2meta/id2meta"
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
	said = stdout.String() + read(t, stderr.Name())
	if status == exitStopped {
		return "", status, said
	}
	return withoutRequestIDs(read(t, w.out)), status, said
}

func withoutRequestIDs(output string) string {
	return regexp.MustCompile(`(?m),[0-9A-F-]{36}(,|$)`).ReplaceAllString(output, ",$1")
}

// sample is testdata/people.csv, which has a row of each kind.
//
//go:embed testdata/people.csv
var sample []byte

const header = "row,name,id_number,verdict,code,reason,request_id\n"

func TestSample(t *testing.T) {
	got, status, said := rehearse(t, sample)
	want := header + `2,张*,110105********002X,match,1,,
3,李*,440524********0014,match,1,,
4,欧***,110105********0046,match,1,,
5,张*,110105********002X,match,1,,
6,李*,110105********002X,mismatch,2,,
7,张*,110105********0054,no record,3,,
8,张*,110105********0021,invalid,,id_number: the check digit is wrong,
9,张*,***,invalid,,"id_number: it has 15 digits (first generation), which the service does not support",
10,***,***,invalid,,name: it is an ID number (name and id_number seem to be swapped),
11,张*,110105********002X,invalid,,"name: it contains digits, which the service does not accept in a name",
12,,110105********002X,invalid,,name: it is empty,
13,张*,,invalid,,id_number: it is empty,
14,,,invalid,,number of fields: 3 instead of 2,
15,,,invalid,,"it has a quoted field that does not end, or goes on after its quote",
16,,,invalid,,it has a quote inside an unquoted field,
18,欧***,110105********0046,match,1,,
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if status != exitPartial {
		t.Errorf("status %d, want %d", status, exitPartial)
	}
	if !strings.Contains(said, "16 of 16 rows: match 5, mismatch 1, no record 1, invalid 9, failed 0\nasked about 5 people in ") {
		t.Error(said)
	}
}

func TestFormsOfAFile(t *testing.T) {
	const zhang, li = "张*,110105********002X,match,1,,\n", "李*,440524********0014,match,1,,\n"
	const two = "张三,11010519491231002X\n李四,440524188001010014\n"
	gbk := func(s string) string { return encode(t, simplifiedchinese.GBK.NewEncoder().String, s) }
	for name, c := range map[string]struct{ content, want string }{
		"no header":                                      {two, header + "1," + zhang + "2," + li},
		"CRLF and no last line end":                      {strings.TrimSuffix(strings.ReplaceAll("name,id_number\n"+two, "\n", "\r\n"), "\r\n"), header + "2," + zhang + "3," + li},
		"a byte order mark":                              {"\uFEFFname,id_number\n" + two, "\uFEFF" + header + "2," + zhang + "3," + li},
		"a byte order mark and no header":                {"\uFEFF" + two, "\uFEFF" + header + "1," + zhang + "2," + li},
		"a Chinese header, other columns, another order": {"编号,身份证号码,手机,姓名\n7,11010519491231002X,,张三\n8,440524188001010014,,李四\n", header + "2," + zhang + "3," + li},
		"blank lines":                                    {"\n\nID_Number, Name\n\n11010519491231002X,张三\n,\n  \n440524188001010014,李四\n,,\n\n", header + "5," + zhang + "8," + li},
		"GBK":                                            {gbk("姓名,身份证号\n" + two), "\uFEFF" + header + "2," + zhang + "3," + li},
		"GBK with full-width digits and a middle dot": {gbk("李四,４４０５２４１８８００１０１００１４\n欧阳·娜娜,11010519491231002X\n"), "\uFEFF" + header + "1," + li + "2,欧****,110105********002X,mismatch,2,,\n"},
		"GBK without a header":                        {gbk(two), "\uFEFF" + header + "1," + zhang + "2," + li},
		"no rows":                                     {"name,id_number\n", header},
		"a line without end": {"name,id_number\n张三," + strings.Repeat("1", 200_000) + "\n" + two,
			header + "2,,,invalid,,the line is longer than 65536 bytes,\n3," + zhang + "4," + li},
		"a line of damaged UTF-8 under a byte order mark": {"\uFEFFname,id_number\n张三\xD5,11010519491231002X\n" + two,
			"\uFEFF" + header + "2,张**,110105********002X,invalid,,name: it is not valid UTF-8 (is it GBK?),\n3," + zhang + "4," + li},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, said := rehearse(t, []byte(c.content))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, c.want, said)
			}
		})
	}
}

func TestSampleInGBK(t *testing.T) {
	want, _, _ := rehearse(t, sample)
	got, _, said := rehearse(t, []byte(encode(t, simplifiedchinese.GBK.NewEncoder().String, string(sample))))
	if got != "\uFEFF"+want {
		t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, want, said)
	}
}

func TestRefusesAFile(t *testing.T) {
	const two = "张三,11010519491231002X\n李四,440524188001010014\n"
	gbk := encode(t, simplifiedchinese.GBK.NewEncoder().String, two)
	for name, c := range map[string]struct{ content, want string }{
		"UTF-16 without its mark":  {encode(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String, two), "UTF-16"},
		"an Excel workbook":        {"PK\x03\x04\x14\x00\x06\x00", "an Excel workbook"},
		"Big5":                     {encode(t, traditionalchinese.Big5.NewEncoder().String, "姓名,身分證號\n張三,11010519491231002X\n歐陽娜娜,110105194912310046\n"), "Big5?"},
		"Big5 that is GBK too":     {encode(t, traditionalchinese.Big5.NewEncoder().String, "歐陽娜娜,11010519491231002X\n"), "Big5?"},
		"GBK and UTF-8 in one":     {gbk + two, "line 1 is not UTF-8, while 2 other lines are"},
		"neither GBK nor UTF-8":    {gbk + "张\xFF三,1\n", "line 3 is neither UTF-8 nor GBK"},
		"UTF-8 without Chinese":    {encode(t, simplifiedchinese.GBK.NewEncoder().String, "陆,11010519491231002X\n"), "-encoding gb18030"},
		"nothing":                  {"\n\n", "it is empty"},
		"line ends of old":         {"name,id_number\r张三,1\r", "carriage return"},
		"one column":               {"name id_number\n张三 1\n", "its first row has one column"},
		"HTML":                     {"<html><table>", "HTML"},
		"no column for the number": {"name,phone\n张三,1\n", "none called id_number"},
		"no column for the name":   {"id_number,phone\n1,1\n", "none called name"},
		"two columns for the name": {"name,姓名,id_number\n张三,张三,1\n", "more than one column for the name"},
		"three columns, no header": {"1,张三,11010519491231002X\n", "3 columns and is no header"},
		"no line end":              {strings.Repeat("x", 100_000), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, status, said := rehearse(t, []byte(c.content))
			if status != exitStopped || !strings.Contains(said, c.want) {
				t.Errorf("status %d, %q is not in: %s", status, c.want, said)
			}
		})
	}
	t.Run("but not for a key of the table beside the number", func(t *testing.T) {
		got, _, said := rehearse(t, []byte("id,name,id_number\n1,张三,11010519491231002X\n"))
		if strings.Count(got, ",match,") != 1 {
			t.Errorf("got\n%s\n%s", got, said)
		}
	})
	t.Run("unless the encoding is said", func(t *testing.T) {
		got, _, said := rehearse(t, []byte(gbk+"张\xFF三,1\n"), "-encoding", "gb18030")
		if strings.Count(got, ",match,") != 2 || strings.Count(got, ",invalid,") != 1 {
			t.Errorf("got\n%s\n%s", got, said)
		}
	})
}

// A file of many people in GBK has some that read as UTF-8 by accident.
func TestAccidentalUTF8InGBK(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%s,%s\n", []string{"张三", "李四", "陆", "欧阳娜娜"}[i%4], number(i))
	}
	gbk := encode(t, simplifiedchinese.GBK.NewEncoder().String, b.String())
	if got, err := guessEncoding([]byte(gbk)); got != encodingGB18030 {
		t.Errorf("it was taken for %s, %v", got, err)
	}
}

func TestNothingPersonalIsWritten(t *testing.T) {
	const formula = `=cmd|' /C calc'!A0`
	content := append([]byte(nil), sample...)
	for _, name := range []string{formula, "@SUM(A1)", "+1", "-1", "\t=1", "11010519491231002X", "张"} {
		for _, number := range []string{"11010519491231002X", "110105194912310021", "11010519491231002x ", "1101051949123100", "110105194912310021X", "１１０１０５１９４９１２３１００２Ｘ", formula} {
			content = append(content, line(t, name, number)...)
		}
	}
	w := newWork(t, content)
	p := w.start(t)
	if status := p.exit(t); status != exitPartial {
		t.Fatalf("status %d: %s", status, &p.stderr)
	}
	written := read(t, w.out) + read(t, w.database()) + p.stdout.String() + p.stderr.String()
	for _, secret := range []string{"19491231", "１９４９", "491231", "18800101", "阳娜", "张三", "李四", "张,", "cmd", "SUM"} {
		if strings.Contains(written, secret) {
			t.Errorf("%q was written", secret)
		}
	}
	if found := regexp.MustCompile(`[0-9]{15,}`).FindString(read(t, w.out)); found != "" {
		t.Errorf("a long number was written")
	}
	if found := regexp.MustCompile(`(?m)(^|,)"?[=+@\t-].*$`).FindString(read(t, w.out)); found != "" {
		t.Errorf("a spreadsheet would run %s", found)
	}
	for _, path := range []string{w.out, w.database()} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; others could read it", path, info.Mode(), err)
		}
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": "'\t=1", "": "", "a=1": "a=1",
	} {
		if got := inert(in); got != want {
			t.Errorf("inert(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{
		"张三": "张*", "欧阳娜娜": "欧***", " 李四 ": "李*", "𠮷野": "𠮷*", "JOHN SMITH": "J*********", "张": "*", "": "", " ": "",
		"1张": "***", "=张三": "***", "\xD5\xC5": "***", "·张": "***", "11010519491231002X": "***",
	} {
		if got := newRecord(row{name: in}, id2meta.Result{}, nil).name; got != want {
			t.Errorf("maskName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"11010519491231002X": "110105********002X", " 11010519491231002x ": "110105********002X",
		"１１０１０５１９４９１２３１００２ｘ": "110105********002X", "110105491231002": "***", "": "", "张三": "***",
		"11010519491231002XX": "***", "1101051949123100-X": "***", "11010519491231002A": "***",
	} {
		if got := newRecord(row{number: in}, id2meta.Result{}, nil).number; got != want {
			t.Errorf("maskNumber(%q) = %q, want %q", in, got, want)
		}
	}
}

// line returns one line of CSV.
func line(t *testing.T, fields ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(fields)
	if w.Flush(); w.Error() != nil {
		t.Fatal(w.Error())
	}
	return b.Bytes()
}

func encode(t *testing.T, encoder func(string) (string, error), s string) string {
	t.Helper()
	encoded, err := encoder(s)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
