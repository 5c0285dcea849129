package id2meta

import (
	"os"
	"regexp"
	"testing"
)

// The User-Agent tells the vendor, and the logs of proxies, which release sent a
// request: the version in it is that of the first entry of the changelog.
func TestTheVersionIsTheChangelogs(t *testing.T) {
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(changelog)
	if entry == nil {
		t.Fatal("CHANGELOG.md has no entry")
	}
	if got := string(entry[1]); got != version {
		t.Errorf("the first entry of CHANGELOG.md is %s, and the constant version is %s", got, version)
	}
}
