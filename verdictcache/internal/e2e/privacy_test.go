package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// What is searched for is at least so long: a shorter text turns up by chance
// among the megabytes that a database writes.
const minNeedle = 6

// needles returns what must not be found of a person, by what it is.
func needles(t *testing.T, param id2meta.Param) map[string][]byte {
	t.Helper()
	gb18030 := func(s string) string {
		text, err := simplifiedchinese.GB18030.NewEncoder().String(s)
		require.NoError(t, err)
		return text
	}
	name, number := param.UserName, param.IdentifyNum
	masked, err := id2meta.MD5Param(name, number)
	require.NoError(t, err)
	birth := number[6:14]
	first := string([]rune(name)[:1])
	plain := map[string]string{
		"name":                   name,
		"name in GB18030":        gb18030(name),
		"number":                 number,
		"birth date":             birth,
		"birth date with dashes": birth[:4] + "-" + birth[4:6] + "-" + birth[6:],
		"masked name":            masked.UserName,
		"masked number":          masked.IdentifyNum,
	}
	found := map[string][]byte{}
	add := func(what string, value []byte) {
		for form, needle := range map[string]string{
			"raw":        string(value),
			"hex":        hex.EncodeToString(value),
			"HEX":        strings.ToUpper(hex.EncodeToString(value)),
			"base64":     base64.RawStdEncoding.EncodeToString(value),
			"base64 URL": base64.RawURLEncoding.EncodeToString(value),
			"JSON":       asciiJSON(string(value)),
		} {
			if len(needle) >= minNeedle {
				found[what+", "+form] = []byte(needle)
			}
		}
	}
	for what, value := range plain {
		add(what, []byte(value))
	}
	for what, value := range map[string]string{
		"name": name, "name in GB18030": gb18030(name), "first character": first, "number": number,
		"birth date": birth, "name and number": name + number, "number and name": number + name,
	} {
		sha, md := sha256.Sum256([]byte(value)), md5.Sum([]byte(value))
		add("SHA-256 of "+what, sha[:])
		add("md5 of "+what, md[:])
	}
	return found
}

// asciiJSON writes a text as JSON does for those who know ASCII alone.
func asciiJSON(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		if unit < 0x80 {
			b.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// everyFile returns the contents of all files in a directory, by name.
func everyFile(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = content
		return err
	})
	require.NoError(t, err)
	return files
}

// search returns what is found where.
func search(haystacks map[string][]byte, needles map[string][]byte) (finds []string) {
	for where, hay := range haystacks {
		for what, needle := range needles {
			if bytes.Contains(hay, needle) {
				finds = append(finds, what+" in "+filepath.Base(where))
			}
		}
	}
	return finds
}

// Nothing of a person is in what the databases write: their files, their dumps,
// their own logs of each statement, and the logs and errors of those who ask.
func TestNothingOfThePersonIsKept(t *testing.T) {
	verbose := map[string][]string{
		"PostgreSQL": {"-c", "log_statement=all", "-c", "log_duration=on"},
		"MariaDB":    {"--general-log", "--general-log-file=general.log", "--log-bin=binary"},
		"Redis":      {"--loglevel", "debug"},
	}
	onEach(t, func(t *testing.T, name string, d database) {
		const persons, first = 20, 18_250 // who were born in the December of 1949
		dsn, server := d.ready(t, verbose[name]...)
		dir := filepath.Dir(strings.TrimPrefix(strings.Split(dsn, "?")[0], "file:"))
		if server != nil {
			dir = server.Dir()
		}
		people := sequence(first, first+persons)
		all := map[string][]byte{}
		for _, i := range []int{first, first + 1, first + 2, first + 3, first + 7} { // all names and verdicts
			for what, needle := range needles(t, newPerson(i).param) {
				all[fmt.Sprintf("person %d: %s", i, what)] = needle
			}
		}
		fresh := everyFile(t, dir)
		o, service := ordersFor(t, name, dsn, 15*time.Second, 20*time.Millisecond, first+persons)
		f := newFleet(t, processes, o)
		answers := f.askAll(people)
		wantRight(t, answers)
		answers = append(answers, f.askAll(people)...) // remembered
		service.Close()
		unanswered := f.askAll(sequence(first+persons, first+persons+5)) // errors
		f.stop()
		answers = append(answers, unanswered...)
		said, err := json.Marshal(answers)
		require.NoError(t, err)

		haystacks := map[string][]byte{"answers": said, "log": []byte(f.log.String())}
		if server != nil {
			haystacks["dump"] = server.Dump()
			server.Stop() // writes what it still has in memory
		}
		for path, content := range everyFile(t, dir) {
			if !bytes.Equal(content, fresh[path]) { // or else it was there before anybody was asked about
				haystacks[path] = content
			}
		}
		for _, find := range search(haystacks, all) {
			t.Error(find)
		}
	})
}

// A search that finds nothing proves something only if it finds what is there.
// These are the needles as other programs write them.
func TestNeedlesAreWhatOthersWrite(t *testing.T) {
	found := needles(t, id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	for what, want := range map[string]string{
		"number, raw":            "11010519491231002X",
		"name, raw":              "张三",
		"name, JSON":             `\u5f20\u4e09`,
		"name, base64":           "5byg5LiJ",
		"name in GB18030, hex":   "d5c5c8fd",
		"name, hex":              "e5bca0e4b889",
		"birth date, raw":        "19491231",
		"masked number, raw":     "110105f8817a477938df5a3e7763cadc5a9abb002X",
		"masked name, raw":       "6499fc7409049355527ef6a2ba5706b8三",
		"md5 of birth date, hex": "f8817a477938df5a3e7763cadc5a9abb",
		"SHA-256 of number, hex": "426695a0efdb59b9eaedaf0b5ca3eddf013cc2a7f9e283437704ea605f421e6d",
	} {
		assert.Equal(t, want, string(found[what]), what)
	}
}

// What a server logs and dumps is searched as it is written: a name that is asked
// for by mistake is found in all that the database keeps.
func TestSearchFindsWhatADatabaseWasTold(t *testing.T) {
	dsn, server := databases["Redis"].ready(t)
	store := databases["Redis"].opened(t, dsn)
	secret := newPerson(18_250).param
	leak := "the number is " + secret.IdentifyNum
	write(t, store, verdictcache.Key{1}, leak, time.Minute)
	haystacks := map[string][]byte{"dump": server.Dump()}
	for path, content := range everyFile(t, server.Dir()) {
		haystacks[path] = content
	}
	finds := strings.Join(search(haystacks, needles(t, secret)), "; ")
	for _, where := range []string{"number, raw in dump", ".aof"} {
		assert.Contains(t, finds, where)
	}
}
