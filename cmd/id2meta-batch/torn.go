package main

import (
	"bytes"
	"os"
)

// cutTornLine cuts off what stands behind the last line end: a line whose
// writing was interrupted. It returns the length that is left.
func cutTornLine(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	end := info.Size()
	buffer := make([]byte, 4096)
	for end > 0 {
		part := buffer[:min(end, int64(len(buffer)))]
		start := end - int64(len(part))
		if _, err := file.ReadAt(part, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			end = start + int64(i) + 1
			break
		}
		end = start
	}
	if end == info.Size() {
		return end, nil
	}
	return end, file.Truncate(end)
}
