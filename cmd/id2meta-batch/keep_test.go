package main

import (
	"fmt"
	"html"
	"strings"
	"testing"
)

func TestKeptColumns(t *testing.T) {
	content := "user_id,name,department,id_number,note\n" +
		"00017,张三,\"风控, 一部\",11010519491231002X,x\n" +
		"=1+1,李四,=\"0042\",440524188001010014,x\n" +
		"-5,张三,+86 138,110105194912310021,x\n" +
		"18,too few\n" +
		"19,\"torn\n"
	want := "row,name,id_number,verdict,code,reason,request_id,user_id,department\n" +
		"2,张*,110105********002X,match,1,,,00017,\"风控, 一部\"\n" +
		"3,李*,440524********0014,match,1,,,'=1+1,0042\n" +
		"4,张*,110105********0021,invalid,,id_number: the check digit is wrong,,'-5,'+86 138\n" +
		"5,t******,,invalid,,id_number: it is empty,,18,\n" +
		"6,,,invalid,,\"it has a quoted field that does not end, or goes on after its quote\",,,\n"
	w := newWork(t, []byte(content))
	var stdout strings.Builder
	for range 2 { // the second run reads the output of the first
		if status := command(w.args("-simulator", "-keep", "User ID,department"), &stdout, silent(t)); status != exitPartial {
			t.Fatalf("status %d", status)
		}
		got := withoutRequestIDs(read(t, w.out))
		if want := strings.Replace(want, "user_id", "User ID", 1); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestKeptColumnsUnderAHeaderOfTwoRows(t *testing.T) {
	for name, content := range map[string]string{
		"the lower title": "姓名,身份证号,联系方式,\n,,电话,地址\n张三,11010519491231002X,1,2\n",
		"the upper title": "电话,个人信息,\n,姓名,身份证号\n1,张三,11010519491231002X\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, _, said := rehearse(t, []byte(content), "-keep", "电话")
			if !strings.HasSuffix(got, "3,张*,110105********002X,match,1,,,1\n") {
				t.Errorf("got\n%s\nit said\n%s", got, said)
			}
		})
	}
}

func TestKeptColumnsOfAWorkbookAreAsExcelShowsThem(t *testing.T) {
	p := newParts(sheetXML(
		rowXML(1, "name", "id_number", "joined", "note"),
		rowXML(2, "张三", zhangSan, `<c s="1"><v>43831</v></c>`, "two\nlines"),
		rowXML(3, "李四", liSi)))
	p.withFormat(164, `yyyy\-mm\-dd`)
	got, _, said := rehearse(t, zipped(t, p), "-keep", "joined,note")
	for _, want := range []string{"2,张*,110105********002X,match,1,,,2020-01-01,two lines\n", "3,李*,440524********0014,match,1,,,,\n"} {
		if !strings.Contains(withoutRequestIDs(got), want) {
			t.Errorf("%q is not in\n%s\nit said\n%s", want, got, said)
		}
	}
}

func TestKeptDatesOfAWorkbookAreAsChineseExcelShowsThem(t *testing.T) {
	const noon = "45000.5" // 15 March 2023
	for name, c := range map[string]struct {
		format int    // the number of a format
		code   string // its text, if it is not one of Excel's own
		value  string
		want   string
	}{
		"short date":                  {14, "", "45000", "2023/3/15"},
		"short date and time":         {22, "", noon, "2023/3/15 12:00"},
		"time":                        {20, "", noon, "12:00"},
		"year and month":              {27, "", "45000", "2023年3月"},
		"month and day":               {28, "", "45000", "3月15日"},
		"date in Chinese":             {31, "", "45000", "2023年3月15日"},
		"time in Chinese":             {32, "", noon, "12时00分"},
		"afternoon":                   {55, "", "45000.5625", "下午1时30分"},
		"year and month, 57":          {57, "", "45000", "2023年3月"},
		"month and day, 58":           {58, "", "45000", "3月15日"},
		"long date of the system":     {164, `[$-F800]dddd\,\ mmmm\ dd\,\ yyyy`, "45000", "2023年3月15日"},
		"short date with a text part": {164, `yyyy/m/d;@`, "45000", "2023/3/15"},
		"custom date in Chinese":      {164, `yyyy"年"m"月"d"日";@`, "45000", "2023年3月15日"},
		"custom date, locale 804":     {164, `[$-804]yyyy"年"m"月"d"日"`, "45000", "2023年3月15日"},
		"custom time":                 {164, `yyyy/m/d\ h:mm;@`, noon, "2023/3/15 12:00"},
		"number":                      {0, "", "45000", "45000"},
		"text that looks like a date": {49, "", "45000", "45000"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newParts(sheetXML(
				rowXML(1, "name", "id_number", "joined"),
				rowXML(2, "张三", zhangSan, `<c s="1"><v>`+c.value+`</v></c>`))).withFormat(c.format, c.code)
			got, _, said := rehearse(t, zipped(t, p), "-keep", "joined")
			if want := "2,张*,110105********002X,match,1,,," + c.want + "\n"; !strings.Contains(got, want) {
				t.Errorf("%q is not in\n%s\nit said\n%s", want, got, said)
			}
		})
	}
}

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

func TestRefusesToKeep(t *testing.T) {
	for name, c := range map[string]struct{ header, keep, want string }{
		"a column that is not there": {"name,id_number", "phone", `no column "phone"`},
		"one of two columns":         {"name,id_number,note,Note", "note", "more than one column"},
		"the numbers":                {"name,id_number", "id_number", "only masked"},
		"the names":                  {"name,id_number", "Name", "only masked"},
		"a column without a header":  {"张三,11010519491231002X", "note", "-keep needs one"},
		"nothing":                    {"name,id_number", "note,,", "empty title"},
	} {
		t.Run(name, func(t *testing.T) {
			_, status, said := rehearse(t, []byte(c.header+"\n"), "-keep", c.keep)
			if status != exitStopped || !strings.Contains(said, c.want) {
				t.Errorf("status %d, %q is not in: %s", status, c.want, said)
			}
		})
	}
}

func TestAKeptColumnIsBounded(t *testing.T) {
	content := "name,id_number,note\n张三,11010519491231002X," + strings.Repeat("x", maxKept+1) + "\n李四,440524188001010014,\"" + strings.Repeat(`""`, maxKept) + "\"\n"
	w := newWork(t, []byte(content))
	for range 2 {
		var stdout strings.Builder
		stderr := silent(t)
		if status := command(w.args("-simulator", "-keep", "note"), &stdout, stderr); status != exitPartial {
			t.Fatalf("status %d: %s", status, read(t, stderr.Name()))
		}
	}
	got := read(t, w.out)
	if !strings.Contains(got, "2,,,invalid,,the columns of -keep have more than") || !strings.Contains(got, "3,李*,440524********0014,match") {
		t.Errorf("got\n%.500s", got)
	}
}
