package main

import (
	"io"
	"strings"
	"testing"
)

func TestRefusesOptions(t *testing.T) {
	const in, out = "testdata/people.csv", "/nowhere/x.csv"
	for name, args := range map[string][]string{
		"both":                      {"-in", in, "-out", out, "-live", "-simulator"},
		"no -out":                   {"-in", in, "-simulator"},
		"no -in":                    {"-out", out, "-simulator"},
		"the input as output":       {"-in", in, "-out", "./" + in, "-simulator"},
		"no rate":                   {"-in", in, "-out", out, "-rate", "0"},
		"a rate without end":        {"-in", in, "-out", out, "-rate", "Inf"},
		"a rate that is no number":  {"-in", in, "-out", out, "-rate", "fast"},
		"NaN":                       {"-in", in, "-out", out, "-rate", "NaN"},
		"nobody to ask":             {"-in", in, "-out", out, "-parallel", "0"},
		"an endpoint without -live": {"-in", in, "-out", out, "-simulator", "-endpoint", "127.0.0.1:1"},
		"an argument":               {"-in", in, "-out", out, "people.csv"},
		"no such flag":              {"-in", in, "-out", out, "-x"},
		"nothing to forget":         {"-forget"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseOptions(args, io.Discard); err == nil {
				t.Error("it was accepted")
			}
		})
	}
	for name, in := range map[string]string{"an -in that is not there": "nowhere.csv", "an -in that is a directory": "testdata"} {
		t.Run(name, func(t *testing.T) {
			if _, err := openTable(t.Context(), options{in: in}, t.TempDir()); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestHelpFitsOnAScreen(t *testing.T) {
	stderr := silent(t)
	if status := command([]string{"-h"}, io.Discard, stderr); status != exitComplete {
		t.Errorf("status %d", status)
	}
	help := strings.TrimSpace(read(t, stderr.Name()))
	for _, flag := range []string{"-in FILE", "-out FILE", "-live", "-simulator", "-sheet NAME", "-keep TITLES", "-rate N", "-parallel N", "-endpoint HOSTS", "-verdicts FILE", "-forget", "default 45", "Exit status"} {
		wantIn(t, help, flag)
	}
	lines := strings.Split(help, "\n")
	if len(lines) > 24 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if len(line) > 90 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
}
