package main

import (
	"go/version"
	"strings"
)

// minimumGo are the oldest patch releases that SECURITY.md recommends, for each release
// that gets fixes. A test compares them with SECURITY.md.
var minimumGo = [...]string{"go1.26.10", "go1.27.3"}

// checkGo checks the release of Go that built this program.
func checkGo(l language, current string) line {
	current, _, _ = strings.Cut(current, " ") // experiments follow
	result := line{Check: "go", Status: ok, Detail: l.say("built with %s", "编译所用的 Go：%s", current)}
	want := ""
	for _, minimum := range minimumGo {
		if want == "" || version.Lang(minimum) == version.Lang(current) {
			want = minimum
		}
	}
	if version.Compare(current, want) < 0 { // a development version is less than any other
		result.Status = warn
		result.Todo = l.say("build with %s or newer: SECURITY.md says why", "请用 %s 或更新的版本编译，原因见 SECURITY.zh-CN.md", want)
	}
	return result
}
