package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// sample is testdata/people.csv, which has a row of each kind.
//
//go:embed testdata/people.csv
var sample []byte

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

func TestNothingPersonalIsWritten(t *testing.T) {
	const formula = `=cmd|' /C calc'!A0`
	content := append([]byte(nil), sample...)
	for _, name := range []string{formula, "@SUM(A1)", "+1", "-1", "\t=1", "11010519491231002X", "张"} {
		for _, number := range []string{"11010519491231002X", "110105194912310021", "11010519491231002x ", "1101051949123100", "110105194912310021X", "１１０１０５１９４９１２３１００２Ｘ", formula} {
			content = fmt.Appendf(content, "\"%s\",\"%s\"\n", name, number)
		}
	}
	w := newWork(t, content)
	written := w.run(t, exitPartial) + read(t, w.out) + read(t, w.database())
	for _, secret := range []string{"19491231", "１９４９", "491231", "18800101", "阳娜", "张三", "李四", "张,", "cmd", "SUM", testKey} {
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

func TestKeptColumns(t *testing.T) {
	for name, c := range map[string]struct{ content, keep, want string }{
		"are texts": {"user_id,name,department,id_number,note\n" +
			"00017,张三,\"风控, 一部\",11010519491231002X,x\n" +
			"=1+1,李四,=\"0042\",440524188001010014,x\n" +
			"-5,张三,+86 138,110105194912310021,x\n" +
			"\t@A1,张三,＝1,110105194912310021,a=1\n" +
			"18,too few\n" +
			"19,\"torn\n", "User ID,department",
			"2,张*,110105********002X,match,1,,,00017,\"风控, 一部\"\n" +
				"3,李*,440524********0014,match,1,,,'=1+1,0042\n" +
				"4,张*,110105********0021,invalid,,id_number: the check digit is wrong,,'-5,'+86 138\n" +
				"5,张*,110105********0021,invalid,,id_number: the check digit is wrong,,'\t@A1,'＝1\n" +
				"6,t******,,invalid,,id_number: it is empty,,18,\n" +
				"7,,,invalid,,\"it has a quoted field that does not end, or goes on after its quote\",,,\n"},
		"under the lower title of two":                    {"花名册\n姓名,身份证号,联系方式,\n,,电话1,电话2\n张三,11010519491231002X,1,2\n", "电话1", "4,张*,110105********002X,match,1,,,1\n"},
		"under a title that others have with a mark":      {"姓名,身份证号,占比,占比%\n张三,11010519491231002X,1,2\n", "占比", "2,张*,110105********002X,match,1,,,1\n"},
		"under a title that stands above the header, too": {"单位,甲\n姓名,身份证号,单位\n张三,11010519491231002X,1\n", "单位", "3,张*,110105********002X,match,1,,,1\n"},
		"under a title of a mark":                         {"#,姓名,身份证号,*\n1,张三,11010519491231002X,2\n", "#", "2,张*,110105********002X,match,1,,,1\n"},
		"under the upper title of two":                    {"电话,个人信息,\n,姓名,身份证号\n1,张三,11010519491231002X\n", "电话", "3,张*,110105********002X,match,1,,,1\n"},
	} {
		t.Run(name, func(t *testing.T) { wantRows(t, []byte(c.content), c.want, "-keep", c.keep) })
	}
	for name, c := range map[string]struct{ header, keep, want string }{
		"not a column that is not there": {"name,id_number", "phone", `no column "phone"`},
		"not one of two columns":         {"name,id_number,note,Note", "note", "more than one column"},
		"not the numbers":                {"name,id_number", "id_number", "only masked"},
		"not the names":                  {"name,id_number", "Name", "only masked"},
		"not without a header":           {"张,11010519491231002X", "note", "-keep needs one"},
		"not nothing":                    {"name,id_number", "note,,", "empty title"},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, []byte(c.header+"\n"), c.want, "-keep", c.keep) })
	}
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
