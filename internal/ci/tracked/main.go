// Tracked fails if git tracks what does not belong into a repository: a file over
// 200 KB, or an executable program.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const maxSize = 200 << 10

// programs are the first bytes of executable files.
var programs = map[string]string{
	"\x7fELF":          "Linux",
	"MZ":               "Windows",
	"\xfe\xed\xfa\xce": "macOS",
	"\xfe\xed\xfa\xcf": "macOS",
	"\xce\xfa\xed\xfe": "macOS",
	"\xcf\xfa\xed\xfe": "macOS",
	"\xca\xfe\xba\xbe": "macOS",
}

func main() {
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "git ls-files:", err)
		os.Exit(1)
	}
	files := strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00")
	wrong := 0
	for _, file := range files {
		problem, err := check(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if problem != "" {
			fmt.Println(file, problem)
			wrong++
		}
	}
	if wrong > 0 {
		os.Exit(1)
	}
	fmt.Println(len(files), "files")
}

// check returns what is wrong with a file, or "". A file that was deleted and a link
// are nothing to look at.
func check(file string) (problem string, err error) {
	info, err := os.Lstat(file)
	if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info.Size() > maxSize {
		return "is larger than 200 KB", nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	for magic, system := range programs {
		if bytes.HasPrefix(head[:n], []byte(magic)) {
			return "is an executable program for " + system, nil
		}
	}
	return "", nil
}
