package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

const (
	nodeSDK = "@alicloud/cloudauth20190307@3.5.0"
	// nodePatience is for a slow registry; a machine without one fails sooner.
	nodePatience = 3 * time.Minute
)

// The vendor's SDK for Node, with no more than the README says.
func TestNodeSDK(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("it installs " + nodeSDK + " over the network: only where CI=true is set, as in .ci/run")
	}
	script := installNodeSDK(t)
	p := startProgram(t, t.TempDir())

	type question struct {
		ParamType   string `json:"paramType"`
		UserName    string `json:"userName"`
		IdentifyNum string `json:"identifyNum"`
	}
	type answer struct{ Code, BizCode string }
	const maskedName, maskedNumber = "6499fc7409049355527ef6a2ba5706b8三", "110105f8817a477938df5a3e7763cadc5a9abb002X" // by md5sum
	ask := func(secret string, questions ...question) (answers []answer) {
		ctx, cancel := context.WithTimeout(t.Context(), nodePatience)
		defer cancel()
		input, err := json.Marshal(questions)
		require.NoError(t, err)
		node := exec.CommandContext(ctx, "node", script, p.endpoint, id2metatest.AccessKeyID, secret)
		node.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+p.cert)
		node.Stdin, node.Stderr = bytes.NewReader(input), t.Output()
		output, err := node.Output()
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(output, &answers))
		return answers
	}

	got := ask(id2metatest.AccessKeySecret,
		question{"normal", sampleName, sampleNumber},
		question{"md5", maskedName, maskedNumber},
		question{"normal", otherName, sampleNumber},
		question{"md5", maskedName + "丰", maskedNumber},
		question{"normal", sampleName, otherNumber},
		question{"normal", sampleName, "110105194912310020"},
	)
	assert.Equal(t, []answer{{"200", "1"}, {"200", "1"}, {"200", "2"}, {"200", "2"}, {"200", "3"}, {"401", ""}}, got)
	got = ask(wrongSecret, question{"md5", maskedName, maskedNumber})
	assert.Equal(t, []answer{{"SignatureDoesNotMatch", ""}}, got)

	calls, _ := p.stop(t)
	assert.Contains(t, withoutTimes(t, calls), "Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  billed  match")
}

// installNodeSDK returns the path of a copy of testdata/verify.cjs that finds the
// SDK beside it. It skips the test on a machine without Node or a registry.
func installNodeSDK(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine: the SDK for Node is not tried", tool)
		}
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), nodePatience)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", nodeSDK)
	npm.Dir = dir
	npm.WaitDelay = time.Second
	if output, err := npm.CombinedOutput(); err != nil {
		t.Skipf("npm cannot install %s here (%v):\n%s", nodeSDK, err, output)
	}
	script := filepath.Join(dir, "verify.cjs")
	require.NoError(t, os.WriteFile(script, []byte(readFile(t, filepath.Join("testdata", "verify.cjs"))), 0o600))
	return script
}
