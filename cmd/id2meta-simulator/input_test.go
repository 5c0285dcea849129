package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePeople(t *testing.T) {
	zhang, li := plain(sampleName, sampleNumber), plain(otherName, otherNumber)
	for _, test := range []struct {
		name string
		text string
		want []person
	}{
		{"with a heading", "name,id_number\n张三,11010519491231002X\n", []person{{zhang, ""}}},
		{"without a heading", "张三,11010519491231002X\n李四,440524188001010014\n", []person{{zhang, ""}, {li, ""}}},
		{"with the byte order mark of a spreadsheet", "\ufeffname,id_number\r\n张三,11010519491231002X\r\n", []person{{zhang, ""}}},
		{"with empty lines", "\n张三,11010519491231002X\n\n李四,440524188001010014", []person{{zhang, ""}, {li, ""}}},
		{"with quotes and spaces", "\"张三\", 11010519491231002x \n", []person{{zhang, ""}}},
		{"with faults", "name,id_number,fault\n张三,11010519491231002X,hang\n李四,440524188001010014,\n", []person{{zhang, "hang"}, {li, ""}}},
		{"with a fault on some lines", "张三,11010519491231002X\n李四,440524188001010014, 402 \n", []person{{zhang, ""}, {li, "402"}}},
		{"empty", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			people, err := parsePeople([]byte(test.text))
			require.NoError(t, err)
			assert.Equal(t, test.want, people)
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
		{"one field", "张三\n", []string{"line 1: it has 1 fields and needs two or three: name, id_number and perhaps fault"}},
		{"four fields", "\n张三,11010519491231002X,drop,1949\n", []string{"line 2: it has 4 fields"}},
		{"an unknown fault", "\n张三,11010519491231002X,1949\n", []string{"line 2: fault: it is unknown; -h lists the faults"}},
		{"semicolons instead of commas", "张三;11010519491231002X\n", []string{"line 1: it has 1 fields"}},
		{"a heading that is not the first line", "张三,11010519491231002X\nname,id_number\n", []string{"line 2: name: "}},
		{"another heading", "姓名,身份证号\n", []string{"line 1: name: "}},
		{"a quote that does not end", "张三,11010519491231002X\n\"李四,440524188001010014\n", []string{"line ", "it is no CSV"}},
		{"a quote in the middle", "张\"三,11010519491231002X\n", []string{"it is no CSV", "line 1"}},
		{"GBK", "name,id_number\n\xd5\xc5\xc8\xfd,11010519491231002X\n", []string{"line 2: name: ", "GBK"}},
		{"UTF-16", "\xff\xfe\x20\x5f,\x00", []string{"line 1: name: ", "UTF-8"}},
		{"one number twice", "张三,11010519491231002X\n李四,440524188001010014\n李四,11010519491231002x\n",
			[]string{"line 3: id_number: line 1 has it already"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parsePeople([]byte(test.text))
			for _, part := range test.want {
				assert.ErrorContains(t, err, part)
			}
			for _, value := range []string{"110105194912310020", "李4", "6499fc74", "1949", "身份证号"} {
				assert.NotContains(t, err.Error(), value)
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
	newCert := filepath.Join(dir, "new.pem")
	pairDir, otherDir := filepath.Join(dir, "pair"), filepath.Join(dir, "other")
	for _, d := range []string{pairDir, otherDir} {
		require.NoError(t, os.Mkdir(d, 0o700))
		openIn(t, d, "key.pem")
	}
	cert, key, otherKey := filepath.Join(pairDir, "cert.pem"), filepath.Join(pairDir, "key.pem"), filepath.Join(otherDir, "key.pem")
	notes := file("notes.pem", "notes of mine")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"an unknown fault", []string{"-fault", "110105194912310020"}, []string{"-fault", "-h lists the faults"}},
		{"a latency that is an ID number", []string{"-latency", "110105194912310020"}, []string{"-h lists"}},
		{"a latency that ends before it begins", []string{"-latency", "2s..1s"}, []string{"-h lists"}},
		{"a negative latency", []string{"-latency", "-1s"}, []string{"-h lists"}},
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
		{"a port that is taken", []string{"-listen", taken.Addr().String(), "-cert", newCert},
			[]string{"-listen: listen tcp " + taken.Addr().String(), "; -listen 127.0.0.1:0 takes a free port\n"}},
		{"a port that is none", []string{"-listen", "127.0.0.1:99999", "-cert", newCert}, []string{"-listen"}},
		{"no people file", []string{"-people", filepath.Join(dir, "nobody.csv")}, []string{"-people", "nobody.csv", "no such file"}},
		{"a bad people file", []string{"-people", file("bad.csv", sampleName+"\n")}, []string{"-people", "bad.csv: line 1: "}},
		{"a directory as people file", []string{"-people", dir}, []string{"-people", "directory"}},
		{"no certificate file", []string{"-cert", ""}, []string{"-cert"}},
		{"one file for certificate and key", []string{"-cert", newCert, "-key", newCert}, []string{"-key", "a file of its own"}},
		{"a certificate without its key", []string{"-cert", cert, "-key", filepath.Join(dir, "no.pem")}, []string{"-key", "file exists", cert}},
		{"a key without its certificate", []string{"-cert", newCert, "-key", key}, []string{"-cert", "file exists", key}},
		{"the key of another certificate", []string{"-cert", cert, "-key", otherKey}, []string{"-cert", cert, otherKey, "does not match"}},
		{"a file that is no certificate", []string{"-cert", notes}, []string{"-cert", notes, "choose another file"}},
		{"a device as certificate", []string{"-cert", os.DevNull}, []string{"-cert", "choose another file"}},
		{"files that are no pair", []string{"-cert", notes, "-key", notes + "2"}, []string{"-key", notes + "2", "file exists"}},
		{"a directory that is not there", []string{"-cert", filepath.Join(dir, "no", "cert.pem")}, []string{"-cert", "no such file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ended, cancel := context.WithCancel(t.Context()) // what starts by mistake ends at once
			cancel()
			var stdout, stderr bytes.Buffer
			assert.Equal(t, exitFailed, run(ended, append([]string{"-listen", "127.0.0.1:0"}, test.args...), &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", stderr.String())
			for _, part := range test.want {
				assert.Contains(t, stderr.String(), part)
			}
			wantNoPerson(t, stderr.String())
			assert.NotContains(t, stderr.String(), "110105194912310020")
		})
	}
	assert.Equal(t, "notes of mine", readFile(t, notes), "a file was replaced")
	assert.NoFileExists(t, newCert, "a certificate is left behind")
	assert.NoFileExists(t, filepath.Join(dir, "no.pem"), "half a pair is left")
}

func TestLatency(t *testing.T) {
	var one, two options
	require.NoError(t, one.setLatency("300ms"))
	require.NoError(t, two.setLatency("300ms..2s"))
	for range 100 {
		assert.Equal(t, 300*time.Millisecond, one.wait())
		assert.True(t, two.wait() >= 300*time.Millisecond && two.wait() <= 2*time.Second)
	}
}

func TestHelpListsTheFlags(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, exitDone, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	for _, flag := range []string{"-listen", "-people", "-match-all", "-cert", "-key", "-fault", "-every", "-latency"} {
		assert.Contains(t, stdout.String(), flag)
	}
	assert.Empty(t, stderr.String())
}

// Whatever the file holds: the people are such as the library takes, and an error
// repeats nothing of it. Errors are ASCII, and no line has a number of 8 digits.
func FuzzParsePeople(f *testing.F) {
	for _, text := range []string{
		"name,id_number\n张三,11010519491231002X\n", "\ufeff张三,110105194912310020", "\"李四\n,440524188001010014", "a;b\n\n,,,\n", "\xd5\xc5,1", "name,id_number,fault\n张三,11010519491231002X,throttle\n张三,11010519491231002X,1949123100",
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
