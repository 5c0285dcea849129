package main

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Files that were refused or read wrongly, each one of a kind.
func TestFilesOfOffices(t *testing.T) {
	const zhang, li = "张*,110105********002X,match,1,,\n", "李*,440524********0014,match,1,,\n"
	const rows23 = "2," + zhang + "3," + li
	const two = "张三,11010519491231002X\n李四,440524188001010014\n"
	for name, c := range map[string]struct{ content, want string }{
		"empty fields at the end left out":        {"姓名,身份证号,部门,备注\n张三,11010519491231002X,风控\n李四,440524188001010014\n", rows23},
		"empty fields too many":                   {"姓名,身份证号\n张三,11010519491231002X,,,\n李四,440524188001010014, \n", rows23},
		"a surplus field that is not empty":       {"姓名,身份证号\n张三,11010519491231002X,x\n", "2,,,invalid,,number of fields: 3 instead of 2,\n"},
		"the form of the tax office":              {"*姓名,*证件号码\n" + two, rows23},
		"a full-width star and a colon":           {"＊姓名：,身份证号:\n" + two, rows23},
		"titles that are required":                {"姓名（必填）,身份证件号【必填】\n" + two, rows23},
		"an employee":                             {"员工姓名,居民身份证号码\n" + two, rows23},
		"lines that end in CRCRLF":                {strings.ReplaceAll("姓名,身份证号\n"+two, "\n", "\r\r\n"), rows23},
		"a title row above the header":            {"花名册,\n姓名,身份证号\n" + two, "3," + zhang + "4," + li},
		"a title row of one field":                {"花名册\n2026年\n姓名,身份证号\n" + two, "4," + zhang + "5," + li},
		"a second header row":                     {"姓名,身份证号,联系方式,\n,,电话,地址\n" + "张三,11010519491231002X,1,2\n", "3," + zhang},
		"a header of which each row has one":      {"姓名,证件信息\n,身份证号\n" + two, "3," + zhang + "4," + li},
		"a row that explains the header":          {"姓名,身份证号\n（必填）,（必填）\n" + two, "3," + zhang + "4," + li},
		"a line break in a title":                 {"\"姓\n名\",身份证号,\"备\n注\"\n" + two, "4," + zhang + "5," + li},
		"a line break in another column":          {"姓名,身份证号,备注\n张三,11010519491231002X,\"a\nb\"\n李四,440524188001010014,\n", "2," + zhang + "4," + li},
		"a quote that does not end costs one row": {"姓名,身份证号\n\"张三,11010519491231002X\n李四,440524188001010014\n", "2,,,invalid,,\"it has a quoted field that does not end, or goes on after its quote\",\n3," + li},
		"a first person without a number stays":   {"姓名,身份证号\n张三,\n李四,440524188001010014\n", "2,张*,,invalid,,id_number: it is empty,\n3," + li},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, said := rehearse(t, []byte(c.content)); got != header+c.want {
				t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, header+c.want, said)
			}
		})
	}
	t.Run("a row that is skipped is told", func(t *testing.T) {
		_, _, said := rehearse(t, []byte("姓名,身份证号,联系方式\n,,电话\n"+two))
		if !strings.Contains(said, "row 2 is skipped") {
			t.Error(said)
		}
	})
}

func TestWorkbooksOfOffices(t *testing.T) {
	head := rowXML(1, "姓名", "身份证号")
	const match2 = "2,张*,110105********002X,match,1,,\n"
	const empty = `<c t="str"><f>IF(D3="","",D3)</f><v/></c>`
	person := rowXML(2, "张三", zhangSan)
	list := sheetXML(head, person)
	renamed := newParts(sheetXML(rowXML(1, `<c t="s"><v>0</v></c>`, `<c t="s"><v>1</v></c>`), rowXML(2, `<c t="s"><v>2</v></c>`, `<c t="s"><v>3</v></c>`))).withStrings("姓名", "身份证号", "张三", zhangSan)
	for from, to := range map[string]string{"xl/workbook.xml": "xl/workbook22.xml", "xl/_rels/workbook.xml.rels": "xl/_rels/workbook22.xml.rels", "xl/sharedStrings.xml": "xl/sharedStrings22.xml"} {
		renamed[to] = renamed[from]
		delete(renamed, from)
	}
	for _, part := range []string{"_rels/.rels", "[Content_Types].xml"} {
		renamed[part] = strings.ReplaceAll(renamed[part], "xl/workbook.xml", "xl/workbook22.xml")
	}
	moved, names := parts{}, strings.NewReplacer("worksheets/sheet1.xml", "lists/people.xml", "sharedStrings22.xml", "lists/strings.xml")
	for part, text := range renamed {
		moved[names.Replace(part)] = names.Replace(text)
	}
	declared := func(name, encoded string) parts {
		p := newParts(list)
		sheet := strings.Replace(p["xl/worksheets/sheet1.xml"], "UTF-8", name, 1)
		if encoded != "" {
			sheet = encode(t, simplifiedchinese.GBK.NewEncoder().String, sheet)
		}
		p["xl/worksheets/sheet1.xml"] = sheet
		return p
	}
	chart := newParts(list, "")
	chart["xl/worksheets/sheet2.xml"] = xmlHead + `<chartsheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>`
	for name, c := range map[string]struct {
		p    parts
		want string
	}{
		"a blank row with formulas":         {newParts(sheetXML(head, person, rowXML(3, empty, empty))), match2},
		"a formula with an empty result":    {newParts(sheetXML(head, person, rowXML(3, "李四", empty))), match2 + "3,李*,,invalid,,id_number: it is empty,\n"},
		"a cover before the list":           {newParts(sheetXML(rowXML(1, "填表说明")), list), match2},
		"an empty sheet before the list":    {newParts(sheetXML(), list), match2},
		"a chart sheet":                     {chart, match2},
		"other names of the parts":          {renamed, match2},
		"quite other names of the parts":    {moved, match2},
		"an encoding that is called utf8":   {declared("utf8", ""), match2},
		"a sheet in GBK":                    {declared("GBK", "GBK"), match2},
		"a title row and a merged header":   {newParts(sheetXML(rowXML(1, "花名册"), rowXML(2, "姓名", "身份证号", "联系方式"), rowXML(3, "", "", "电话"), rowXML(4, "张三", zhangSan))), "4,张*,110105********002X,match,1,,\n"},
		"a text that ends in 000 by itself": {newParts(sheetXML(head, rowXML(2, "张三", "110105194901010000"))), "2,张*,110105********0000,"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, said := rehearse(t, zipped(t, c.p))
			if !strings.HasPrefix(got, "\uFEFF"+header+c.want) || strings.Count(got, "\n") != 1+max(1, strings.Count(c.want, "\n")) {
				t.Errorf("got\n%s\nwant\n%s\nit said\n%s", got, c.want, said)
			}
		})
	}
	t.Run("a format that leaves room for a sign", func(t *testing.T) {
		p := newParts(sheetXML(rowXML(1, "姓名", "身份证号", "工号"), rowXML(2, "张三", zhangSan, `<c s="1"><v>1001</v></c>`))).withFormat(164, "0_ ")
		got, _, said := rehearse(t, zipped(t, p), "-keep", "工号")
		if !strings.HasSuffix(got, ",match,1,,,1001\n") {
			t.Errorf("got\n%s\n%s", got, said)
		}
	})
	t.Run("no sheet has the columns: all are named", func(t *testing.T) {
		_, status, said := rehearse(t, zipped(t, newParts(sheetXML(rowXML(1, "填表说明")), sheetXML())))
		if status != exitStopped || !strings.Contains(said, `"Sheet1": its first row has one column`) || !strings.Contains(said, `"Sheet2": it is empty`) || !strings.Contains(said, "-sheet") {
			t.Errorf("status %d: %s", status, said)
		}
	})
}
