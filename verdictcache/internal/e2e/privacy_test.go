package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// minNeedle is how long a text is that is searched for: a shorter text turns up by chance
// among the megabytes that a database writes.
const minNeedle = 6

// needles returns what must not be found of a person, by what it is.
func needles(t *testing.T, param id2meta.Param) map[string][]byte {
	t.Helper()
	name, number := param.UserName, param.IdentifyNum
	inGB18030, err := simplifiedchinese.GB18030.NewEncoder().String(name)
	require.NoError(t, err)
	masked, err := id2meta.MD5Param(name, number)
	require.NoError(t, err)
	birth := number[6:14]
	values := map[string]string{
		"name": name, "name in GB18030": inGB18030, "number": number, "birth date": birth,
		"masked name": masked.UserName, "masked number": masked.IdentifyNum,
	}
	for what, value := range map[string]string{
		"name": name, "name in GB18030": inGB18030, "first character": string([]rune(name)[:1]), "number": number,
		"birth date": birth, "name and number": name + number, "number and name": number + name,
	} {
		sha, md := sha256.Sum256([]byte(value)), md5.Sum([]byte(value))
		values["SHA-256 of "+what], values["md5 of "+what] = string(sha[:]), string(md[:])
	}
	found := map[string][]byte{}
	for what, value := range values {
		for form, needle := range map[string]string{
			"raw":    value,
			"hex":    fmt.Sprintf("%x", value),
			"HEX":    fmt.Sprintf("%X", value),
			"base64": base64.RawStdEncoding.EncodeToString([]byte(value)),
		} {
			if len(needle) >= minNeedle {
				found[what+", "+form] = []byte(needle)
			}
		}
	}
	return found
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
