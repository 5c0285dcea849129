package verdictcache_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The simulation finds bugs: each of these is planted in a copy of the package, and the
// simulation of that copy fails with what the bug does.
func TestTheSimulationFindsPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package once for each bug")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	for _, bug := range []struct {
		sentence string
		file     string
		was, is  string
		finds    string
	}{
		{"a claim is granted twice", "claim.go",
			"return false, err\n}\n\nfunc (f *flight) nextClaim()", "return err == nil, err\n}\n\nfunc (f *flight) nextClaim()",
			"asked without need"},
		{"a verdict is saved after the claim was lost", "claim.go",
			"case now.claim.owner != f.owner:", "case false:",
			"a forgotten one"},
		{"a renewal outlives its owner's question", "claim.go",
			"f.exchange(ctx, nil, 0)", "go func() {\nfor range 100 {\nf.renew(ctx)\ntime.Sleep(c.lease / 3)\n}\n}()",
			"late"},
		{"a renewal outlives five minutes", "claim.go",
			"context.WithTimeout(context.WithoutCancel(f.ctx), maxQuestion)", "context.WithCancel(context.WithoutCancel(f.ctx))",
			"late"},
		{"a stale claim is taken over too early", "claim.go",
			"looked.Sub(changed) < c.lease", "looked.Sub(changed) < c.lease/10",
			"asked without need"},
		{"a claim is not renewed", "claim.go",
			"f.renew(asking)", "_ = f.renew",
			"asked without need"},
		{"the last caller takes a request with it that is on its way", "flight.go",
			"if f.waiting == 0 && !f.sent {", "if f.waiting == 0 {",
			"asked without need"},
		{"a verdict counts for another person", "seal.go",
			", key[:])\n\tif err", ", nil)\n\tif err",
			"wrong verdict"},
		{"a verdict never expires", "cache.go",
			"&& age < c.ttl(v.verdict)", "",
			"wrong verdict"},
		{"a moved verdict is new", "claim.go",
			"asked: seen.asked, movedFrom", "asked: c.now(), movedFrom",
			"wrong verdict"},
		{"a verdict is forgotten under the current hashKey only", "cache.go",
			"for i := len(c.rings) - 1; i >= 0; i--", "for i := 0; i >= 0; i--",
			"a forgotten one"},
	} {
		t.Run(bug.sentence, func(t *testing.T) {
			source, err := os.ReadFile(bug.file)
			require.NoError(t, err)
			text := string(source)
			if bug.file == "seal.go" { // both directions, or nothing can be opened
				text = strings.Replace(text, "k.aead.Seal(sealed, nil, plain, key[:])", "k.aead.Seal(sealed, nil, plain, nil)", 1)
			}
			require.Equal(t, 1, strings.Count(text, bug.was), "%q has to stand in %s once", bug.was, bug.file)
			output := runMutated(t, bug.file, strings.Replace(text, bug.was, bug.is, 1))
			require.Contains(t, output, "to see it again: go test ./verdictcache -run 'TestSimulation$' -seeds 1 -seed ")
			require.Contains(t, output, bug.finds)
		})
	}
}

// runMutated runs the simulation with another text of one file of this package.
func runMutated(t *testing.T, file, text string) (output string) {
	t.Helper()
	dir := t.TempDir()
	mutated := filepath.Join(dir, file)
	require.NoError(t, os.WriteFile(mutated, []byte(text), 0o600))
	path, err := filepath.Abs(file)
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
	command := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-overlay", overlayFile,
		"-timeout", "5m", "-run", "TestSimulation$", ".", "-seeds", "3000")
	command.Env = append(os.Environ(), goEnv...)
	out, err := command.CombinedOutput()
	require.Error(t, err, "nothing was found:\n%s", out)
	return string(out)
}
