package verdictcache_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plantedBugs are bugs that the simulation has to find. They are planted in a copy of the
// package, which is built once: a bug does nothing until it is switched on.
var plantedBugs = []struct {
	sentence string
	file     string
	edits    []string // a text of the file and what it becomes, in turn; BUG is the number of the bug
	finds    string   // what the simulation says
}{
	{"a claim is granted twice", "claim.go", []string{
		"case now.owner == f.owner:", "case now.owner == f.owner, planted(BUG) && err == nil:",
	}, "asked without need"},
	{"a verdict is saved after the claim was lost", "save.go", []string{
		"\tcase !bytes.Equal(now.raw, f.held):\n\t\treturn false, nil", `
	case !bytes.Equal(now.raw, f.held):
		if planted(BUG) {
			return c.swap(ctx, f.key, now.raw, new, ttl, c.lease/5)
		}
		return false, nil`,
	}, "a forgotten one"},
	{"a call outlives its lease", "claim.go", []string{
		"f.claimed.Add(lease-lease/10)", "f.claimed.Add(either(BUG, 100*lease, lease-lease/10))",
		"time.After(time.Until(f.claimed.Add(lease)))", "time.After(time.Until(f.claimed.Add(either(BUG, 100*lease, lease))))",
	}, "late"},
	{"a stale claim is taken over too early", "claim.go", []string{
		"looked.Sub(changed) < c.lease", "looked.Sub(changed) < either(BUG, c.lease/10, c.lease)",
	}, "asked without need"},
	{"a claim expires in the store before its owner has asked", "claim.go", []string{
		"storedLeases*c.lease, f.step", "either(BUG, c.lease/10, storedLeases*c.lease), f.step",
	}, "asked without need"},
	{"the last caller takes a request with it that is on its way", "flight.go", []string{
		"if f.waiting == 0 && !f.stateLocked().Sent {", "if f.waiting == 0 && (planted(BUG) || !f.stateLocked().Sent) {",
	}, "asked without need"},
	{"a verdict counts for another person", "seal.go", []string{
		"plain, key[:])", "plain, either(BUG, nil, key[:]))",
		"sealed, key[:])", "sealed, either(BUG, nil, key[:]))",
	}, "wrong verdict"},
	{"a verdict never expires", "cache.go", []string{
		"&& age < ttl", "&& (planted(BUG) || age < ttl)",
	}, "wrong verdict"},
	{"a moved verdict is new", "claim.go", []string{
		"if c.fresh(seen.verdict) {\n\t\t\treturn callResult{verdict: seen.verdict, movedFrom", "if c.fresh(seen.verdict) {\n\t\t\tseen.verdict.Time = either(BUG, c.now(), seen.verdict.Time)\n\t\t\treturn callResult{verdict: seen.verdict, movedFrom",
	}, "wrong verdict"},
	{"a verdict is forgotten under the current hashKey only", "cache.go", []string{
		"for i := len(keys) - 1; i >= 0; i--", "for i := either(BUG, 0, len(keys)-1); i >= 0; i--",
	}, "a forgotten one"},
}

// theSwitch is one more file of the copy.
const theSwitch = `package verdictcache

import "os"

var switchedOn = os.Getenv("PLANTED_BUG")

func planted(bug string) bool { return bug == switchedOn }

func either[T any](bug string, wrong, right T) T {
	if planted(bug) {
		return wrong
	}
	return right
}
`

func TestTheSimulationFindsPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package once more")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	binary := buildWithBugs(t)
	t.Run("without a bug it finds nothing", func(t *testing.T) {
		out, err := runBug(t, binary, "none", 200)
		require.NoError(t, err, out)
	})
	for i, bug := range plantedBugs {
		t.Run(bug.sentence, func(t *testing.T) {
			t.Parallel()
			out, err := runBug(t, binary, strconv.Itoa(i), 3000)
			require.Error(t, err, "nothing was found:\n%s", out)
			require.Contains(t, out, "to see it again: go test ./verdictcache -run 'TestSimulation$' -seeds 1 -seed ")
			require.Contains(t, out, bug.finds)
		})
	}
}

// buildWithBugs builds this test with all bugs.
func buildWithBugs(t *testing.T) (binary string) {
	t.Helper()
	sources := map[string]string{"planted_bugs.go": theSwitch}
	for i, bug := range plantedBugs {
		text, ok := sources[bug.file]
		if !ok {
			source, err := os.ReadFile(bug.file)
			require.NoError(t, err)
			text = string(source)
		}
		for e := bug.edits; len(e) > 0; e = e[2:] {
			require.Equal(t, 1, strings.Count(text, e[0]), "%q has to stand in %s once", e[0], bug.file)
			text = strings.Replace(text, e[0], strings.ReplaceAll(e[1], "BUG", strconv.Quote(strconv.Itoa(i))), 1)
		}
		sources[bug.file] = text
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for file, text := range sources {
		path, err := filepath.Abs(file)
		require.NoError(t, err)
		replace[path] = filepath.Join(dir, file)
		require.NoError(t, os.WriteFile(replace[path], []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
	binary = filepath.Join(dir, "simulation.test")
	command := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlayFile, "-o", binary, ".")
	command.Env = append(os.Environ(), goEnv...)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// runBug runs the simulation with one bug switched on.
func runBug(t *testing.T, binary, bug string, seeds int) (output string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, "-test.run", "TestSimulation$", "-seeds", strconv.Itoa(seeds), "-failures", "1")
	command.Env = append(append(os.Environ(), goEnv...), "PLANTED_BUG="+bug)
	out, err := command.CombinedOutput()
	return string(out), err
}
