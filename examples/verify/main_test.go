package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// TestMain makes -live trust the simulator, and keeps it away from the
// credentials of the machine and from the metadata service.
func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr []string
	}{
		{"without arguments 张三 matches", nil, 0, []string{
			"endpoint     127.0.0.1:", "the simulator", "-live", "bills",
			"verdict      match (BizCode 1)", "request ID   ", "time taken   ",
		}, nil},
		{"somebody else is a mismatch", []string{"-name", "李四"}, 1, []string{"mismatch (BizCode 2)"}, nil},
		{"an unknown number is no record", []string{"-id", "440524188001010014"}, 1, []string{"no record (BizCode 3)"}, nil},
		{"a wrong check digit is an error", []string{"-id", "110105194912310020"}, 2, nil, []string{"check digit", "correct the input"}},
		{"an unknown flag is named", []string{"-number", "110105194912310020"}, 2, nil, []string{"not defined: -number;", "-h"}},
		{"an unknown flag is named without its value", []string{"--nmae=110105194912310020"}, 2, nil, []string{"not defined: -nmae;"}},
		{"a number with a hyphen before it is not repeated", []string{"-110105194912310020"}, 2, nil, []string{"-h"}},
		{"a flag without its value is an error", []string{"-id"}, 2, nil, []string{"value is missing"}},
		{"a value of a wrong type is not repeated", []string{"-live=110105194912310020"}, 2, nil, []string{"-h"}},
		{"an argument without a flag is not repeated", []string{"110105194912310020"}, 2, nil, []string{"-id"}},
		{"-endpoint is for -live", []string{"-endpoint", "127.0.0.1:1"}, 2, nil, []string{"-live"}},
		{"an endpoint with a scheme is an error", []string{"-live", "-endpoint", "https://127.0.0.1"}, 2, nil, []string{"scheme"}},
		{"without a credential it says which variables to set", []string{"-live", "-endpoint", "127.0.0.1:1"}, 2, nil,
			[]string{"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), test.args, &stdout, &stderr)
			assert.Equal(t, test.code, code)
			for _, part := range test.stdout {
				assert.Contains(t, stdout.String(), part)
			}
			for _, part := range test.stderr {
				assert.Contains(t, stderr.String(), part)
			}
			if test.stdout == nil {
				assert.Empty(t, stdout.String())
			}
			if test.stderr == nil {
				assert.Empty(t, stderr.String())
			}
			for _, number := range []string{sampleNumber, "440524188001010014", "110105194912310020", "1949"} {
				assert.NotContains(t, stdout.String()+stderr.String(), number)
			}
		})
	}
}

func TestHelpListsTheFlags(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	for _, flag := range []string{"-name", "-id", "-live", "-endpoint"} {
		assert.Contains(t, stdout.String(), flag)
	}
	assert.Empty(t, stderr.String())
}

func TestRunLive(t *testing.T) {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson(sampleName, sampleNumber)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id2metatest.AccessKeyID)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", id2metatest.AccessKeySecret)
	for _, test := range []struct {
		name   string
		fault  id2metatest.Fault
		code   int
		stdout string
		stderr string
	}{
		{"the endpoint is asked with the credential of the environment", id2metatest.Fault{}, 0, "endpoint     " + server.Endpoint() + "\n", ""},
		{"403 says not to ask again", id2metatest.Answer("403", ""), 2, "", "what to do: not this person"},
		{"an unusable answer points to the documentation", id2metatest.Raw(200, "{}"), 2, "", "docs/errors.md"},
		{"a gateway failure names the page that explains it", id2metatest.Status(403, "NoPermission", "no"), 2, "", "(see https://"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server.Inject(test.fault)
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{"-live", "-endpoint", server.Endpoint()}, &stdout, &stderr)
			assert.Equal(t, test.code, code)
			assert.Contains(t, stdout.String(), test.stdout)
			assert.Contains(t, stderr.String(), test.stderr)
			assert.Equal(t, test.code == 0, stderr.String() == "" && stdout.String() != "", "one of the two is written to")
			assert.LessOrEqual(t, strings.Count(stderr.String(), "\n"), 1, "one line")
			assert.LessOrEqual(t, strings.Count(stderr.String(), "https://"), 1, "the page stands there once")
			assert.NotContains(t, stderr.String(), sampleNumber)
			assert.NotContains(t, stderr.String(), sampleName)
		})
	}
}
