// Modproxy writes modules into a folder as a module proxy serves them, so that
// GOPROXY=file://FOLDER gives them to go get:
//
//	modproxy FOLDER VERSION MODULE...
//
// A MODULE is the folder of a go.mod. Each module after the first is told to require
// the first by VERSION.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: modproxy FOLDER VERSION MODULE...")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "modproxy:", err)
		os.Exit(1)
	}
}

func serve(proxy, version string, dirs []string) error {
	first := ""
	for _, dir := range dirs {
		file := filepath.Join(dir, "go.mod")
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := modfile.Parse(file, content, nil)
		if err != nil {
			return err
		}
		if first == "" {
			first = parsed.Module.Mod.Path
		} else if err := parsed.AddRequire(first, version); err != nil {
			return err
		}
		if content, err = parsed.Format(); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
		m := module.Version{Path: parsed.Module.Mod.Path, Version: version}
		if err := write(proxy, m, dir, content); err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	return nil
}

// write writes the four files by which a proxy serves a module. Its zip leaves out
// the modules below it, and is held to the limits that every proxy has.
func write(proxy string, m module.Version, dir string, goMod []byte) error {
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	base := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{m.Version, time.Now().UTC()})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"list":              []byte(m.Version + "\n"),
		m.Version + ".mod":  goMod,
		m.Version + ".info": info,
	} {
		if err := os.WriteFile(filepath.Join(base, name), content, 0o644); err != nil {
			return err
		}
	}
	out, err := os.Create(filepath.Join(base, m.Version+".zip"))
	if err != nil {
		return err
	}
	defer out.Close()
	if err := zip.CreateFromDir(out, m, dir); err != nil {
		return err
	}
	size, err := out.Seek(0, 2)
	if err != nil {
		return err
	}
	fmt.Printf("%s: a zip of %d KB\n", m.Path, size/1024)
	return out.Close()
}
