package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

func TestParsePeople(t *testing.T) {
	zhang, li := plain(sampleName, sampleNumber), plain(otherName, otherNumber)
	for _, test := range []struct {
		name string
		text string
		want []id2meta.Param
	}{
		{"with a heading", "name,id_number\n张三,11010519491231002X\n", []id2meta.Param{zhang}},
		{"without a heading", "张三,11010519491231002X\n李四,440524188001010014\n", []id2meta.Param{zhang, li}},
		{"with the byte order mark of a spreadsheet", "\ufeffname,id_number\r\n张三,11010519491231002X\r\n", []id2meta.Param{zhang}},
		{"without a line break at its end", "张三,11010519491231002X", []id2meta.Param{zhang}},
		{"with empty lines", "\n张三,11010519491231002X\n\n李四,440524188001010014\n\n", []id2meta.Param{zhang, li}},
		{"with quotes and spaces", "\"张三\", 11010519491231002x \n", []id2meta.Param{zhang}},
		{"with somebody twice", "张三,11010519491231002X\n张三,11010519491231002x\n", []id2meta.Param{zhang, zhang}},
		{"empty", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			people, err := parsePeople([]byte(test.text))
			require.NoError(t, err)
			require.Len(t, people, len(test.want))
			for i, person := range people {
				assert.Equal(t, test.want[i].UserName, person.UserName)
				assert.Equal(t, test.want[i].IdentifyNum, person.IdentifyNum)
			}
		})
	}
}

// The errors name the line and the field, and never the value.
func TestOddPeople(t *testing.T) {
	for _, test := range []struct {
		name string
		text string
		want []string
	}{
		{"a wrong check digit", "name,id_number\n张三,110105194912310020\n", []string{"line 2: id_number: ", "check digit"}},
		{"a name that is empty", ",11010519491231002X\n", []string{"line 1: name: "}},
		{"a digit in the name", "张三,11010519491231002X\n李4,440524188001010014\n", []string{"line 2: name: "}},
		{"the columns swapped", "11010519491231002X,张三\n", []string{"line 1: name: "}},
		{"a masked person", "6499fc7409049355527ef6a2ba5706b8三,110105f8817a477938df5a3e7763cadc5a9abb002X\n", []string{"line 1: name: "}},
		{"one field", "张三\n", []string{"line 1: it has 1 fields and needs two, name and id_number"}},
		{"three fields", "\n张三,11010519491231002X,1949\n", []string{"line 2: it has 3 fields"}},
		{"semicolons instead of commas", "张三;11010519491231002X\n", []string{"line 1: it has 1 fields"}},
		{"a heading that is not the first line", "张三,11010519491231002X\nname,id_number\n", []string{"line 2: id_number: "}},
		{"another heading", "姓名,身份证号\n", []string{"line 1: id_number: "}},
		{"a quote that does not end", "张三,11010519491231002X\n\"李四,440524188001010014\n", []string{"line ", "it is no CSV"}},
		{"a quote in the middle", "张\"三,11010519491231002X\n", []string{"line 1: it is no CSV"}},
		{"GBK", "name,id_number\n\xd5\xc5\xc8\xfd,11010519491231002X\n", []string{"line 2: it is not UTF-8", "GBK"}},
		{"UTF-16", "\xff\xfe\x20\x5f,\x00", []string{"line 1: it is not UTF-8"}},
		{"one number with two names", "张三,11010519491231002X\n李四,440524188001010014\n李四,11010519491231002X\n",
			[]string{"line 3: id_number: line 1 has it with another name"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "people.csv")
			require.NoError(t, os.WriteFile(file, []byte(test.text), 0o600))
			stderr := wantFailure(t, "-people", file, "-cert", filepath.Join(dir, "cert.pem"))
			for _, part := range append(test.want, "-people", file) {
				assert.Contains(t, stderr, part)
			}
			for _, value := range []string{"110105194912310020", "李4", "6499fc74", "1949", "身份证号"} {
				assert.NotContains(t, stderr, value)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	made := func(name string) string {
		path := filepath.Join(dir, name)
		_, err := loadOrCreateCertificate(path)
		require.NoError(t, err)
		return path
	}
	withoutKey, withoutCert, anothers, other := made("a.pem"), made("b.pem"), made("c.pem"), made("d.pem")
	require.NoError(t, os.Remove(keyFile(withoutKey)))
	require.NoError(t, os.Remove(withoutCert))
	require.NoError(t, os.Rename(keyFile(other), keyFile(anothers)))
	noCert := file("e.pem", "notes of mine")
	file("e-key.pem", "more notes")

	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"an unknown fault", []string{"-fault", "110105194912310020"}, []string{"-fault", "throttle, drop, hang, 500 or 402"}},
		{"-every 0", []string{"-fault", "drop", "-every", "0"}, []string{"-every", "from 1 to"}},
		{"-every -1", []string{"-fault", "drop", "-every", "-1"}, []string{"-every", "from 1 to"}},
		{"-every without -fault", []string{"-every", "5"}, []string{"-every", "-fault"}},
		{"-every that is an ID number", []string{"-fault", "drop", "-every", "110105194912310020"}, []string{"-every", "from 1 to"}},
		{"-every that is no number", []string{"-fault", "drop", "-every", sampleNumber}, []string{"-h lists"}},
		{"an unknown flag", []string{"-nmae", sampleName}, []string{"-h lists"}},
		{"an argument", []string{sampleName}, []string{"unexpected argument"}},
		{"all interfaces", []string{"-listen", ":8443"}, []string{"-listen", "localhost, 127.0.0.1 or ::1"}},
		{"all interfaces by number", []string{"-listen", "0.0.0.0:8443"}, []string{"-listen", "localhost, 127.0.0.1 or ::1"}},
		{"another machine", []string{"-listen", "192.0.2.1:8443"}, []string{"-listen", "localhost, 127.0.0.1 or ::1"}},
		{"no port", []string{"-listen", "127.0.0.1"}, []string{"-listen", "host:port"}},
		{"a port that is none", []string{"-listen", "127.0.0.1:99999", "-cert", filepath.Join(dir, "new.pem")}, []string{"-listen"}},
		{"no people file", []string{"-people", filepath.Join(dir, "nobody.csv")}, []string{"-people", "nobody.csv", "no such file"}},
		{"a directory as people file", []string{"-people", dir}, []string{"-people", "directory"}},
		{"no certificate file", []string{"-cert", ""}, []string{"-cert"}},
		{"a certificate without its key", []string{"-cert", withoutKey}, []string{"-cert", withoutKey, "has no key"}},
		{"a key without its certificate", []string{"-cert", withoutCert}, []string{"-cert", withoutCert, "without its certificate"}},
		{"the key of another certificate", []string{"-cert", anothers}, []string{"-cert", "does not match"}},
		{"a file that is no certificate", []string{"-cert", noCert}, []string{"-cert", noCert}},
		{"a directory that is not there", []string{"-cert", filepath.Join(dir, "no", "cert.pem")}, []string{"-cert", "no such file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stderr := wantFailure(t, append([]string{"-listen", "127.0.0.1:0"}, test.args...)...)
			for _, part := range test.want {
				assert.Contains(t, stderr, part)
			}
			wantNoPerson(t, stderr)
			assert.NotContains(t, stderr, "110105194912310020")
		})
	}
	text, err := os.ReadFile(noCert)
	require.NoError(t, err)
	assert.Equal(t, "notes of mine", string(text), "a file was replaced")
}

// wantFailure wants exit code 2 and one line on stderr, which it returns. Its
// context has ended, so that what starts by mistake ends at once.
func wantFailure(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	assert.Equal(t, exitFailed, run(ctx, args, &stdout, &stderr))
	assert.Empty(t, stdout.String())
	assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", stderr.String())
	return stderr.String()
}

func TestHelpListsTheFlags(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, exitDone, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	for _, flag := range []string{"-listen", "-people", "-cert", "-fault", "-every"} {
		assert.Contains(t, stdout.String(), flag)
	}
	assert.Empty(t, stderr.String())
}

// Whatever the file holds: the people are such as the library takes, and an error
// repeats nothing of it. Errors are ASCII, and no line has a number of 8 digits.
func FuzzParsePeople(f *testing.F) {
	for _, text := range []string{
		"name,id_number\n张三,11010519491231002X\n", "\ufeff张三,110105194912310020", "\"李四\n,440524188001010014", "a;b\n\n,,,\n", "\xd5\xc5,1",
	} {
		f.Add([]byte(text))
	}
	odd := regexp.MustCompile(`[^\x20-\x7e]|\d{8}`)
	f.Fuzz(func(t *testing.T, text []byte) {
		people, err := parsePeople(text)
		if err != nil {
			assert.Nil(t, people)
			assert.NotRegexp(t, odd, err.Error())
			return
		}
		for _, person := range people {
			assert.NoError(t, person.Validate())
		}
	})
}
