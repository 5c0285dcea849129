package main

import (
	"hash/maphash"

	"github.com/id2meta/id2meta"
)

const (
	filterBytes  = 4 << 20 // a Bloom filter of this size has one wrong answer in a million rows
	filterHashes = 8
	filterMax    = 2 << 20 // people; with more of them there are too many wrong answers
)

// personFilter counts the people who were seen before, in a memory that does not
// grow: a Bloom filter.
type personFilter struct {
	seed   maphash.Seed
	bits   []uint64
	people int // different ones
	again  int
}

func newPersonFilter() *personFilter {
	return &personFilter{seed: maphash.MakeSeed(), bits: make([]uint64, filterBytes/8)}
}

// add counts a person who can be asked about. Two spellings that the library
// takes for one person are one person here, too.
func (f *personFilter) add(name, number string) {
	// MD5Param is used because it normalizes a person; nobody sees the result.
	p, err := id2meta.MD5Param(name, number)
	if err != nil || f.people > filterMax {
		return
	}
	hash := maphash.String(f.seed, p.IdentifyNum+p.UserName)
	step := hash>>32 | 1
	known := true
	for range filterHashes {
		index := hash % (filterBytes * 8)
		if bit := uint64(1) << (index % 64); f.bits[index/64]&bit == 0 {
			f.bits[index/64] |= bit
			known = false
		}
		hash += step
	}
	if known {
		f.again++
	} else {
		f.people++
	}
}

// repeats returns how many rows repeat an earlier person, or -1.
func (f *personFilter) repeats() int {
	if f.people > filterMax {
		return -1
	}
	return f.again
}
