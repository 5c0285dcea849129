package main

import (
	"bytes"
	"io"
	"testing"
)

func TestRefusesOptions(t *testing.T) {
	for name, args := range map[string][]string{
		"both":                       {"-in", "testdata/people.csv", "-out", "x.csv", "-live", "-simulator"},
		"no -out":                    {"-in", "testdata/people.csv", "-live"},
		"no -in":                     {"-out", "x.csv", "-live"},
		"an -in that is not there":   {"-in", "nowhere.csv", "-out", "x.csv", "-live"},
		"an -in that is a directory": {"-in", "testdata", "-out", "x.csv", "-live"},
		"no rate":                    {"-rate", "0"},
		"a rate that is no number":   {"-rate", "fast"},
		"NaN":                        {"-rate", "NaN"},
		"nobody to ask":              {"-parallel", "0"},
		"an encoding":                {"-encoding", "latin1"},
		"an endpoint without -live":  {"-in", "testdata/people.csv", "-out", "x.csv", "-simulator", "-endpoint", "127.0.0.1:1"},
		"an argument":                {"people.csv"},
		"no such flag":               {"-x"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseOptions(args, io.Discard); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestHelp(t *testing.T) {
	stderr := silent(t)
	if status := command([]string{"-h"}, io.Discard, stderr); status != exitComplete {
		t.Errorf("status %d", status)
	}
	help := []byte(read(t, stderr.Name()))
	for _, flag := range []string{"-in ", "-out ", "-live", "-simulator", "-sheet", "-keep", "-encoding", "-rate", "-parallel", "-endpoint", "-verdicts", "-forget", "default 45", "Exit status"} {
		if !bytes.Contains(help, []byte(flag)) {
			t.Errorf("%q is not in\n%s", flag, help)
		}
	}
	lines := bytes.Split(bytes.TrimSpace(help), []byte("\n"))
	if len(lines) > 24 {
		t.Errorf("%d lines do not fit on one screen", len(lines))
	}
	for _, line := range lines {
		if len(line) > 90 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
}
