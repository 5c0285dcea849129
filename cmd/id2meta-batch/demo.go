package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// sample has a row of each kind.
//
//go:embed testdata/people.csv
var sample []byte

// demo verifies the sample with the embedded simulator and prints the output.
func demo(ctx context.Context, o options, stdout io.Writer, stderr *os.File) error {
	dir, err := os.MkdirTemp("", "id2meta-batch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.simulator = true
	o.in, o.out = filepath.Join(dir, "people.csv"), filepath.Join(dir, "verdicts.csv")
	if err := os.WriteFile(o.in, sample, 0o600); err != nil {
		return err
	}
	if _, err := verifyFile(ctx, o, stdout, stderr); err != nil {
		return err
	}
	verdicts, err := os.ReadFile(o.out)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n%s\nFor a file of your own: go run . -simulator -in people.csv -out trial.csv, then -live. See go run . -h.\n", verdicts)
	return nil
}
