package storetest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
)

func values(_ *testing.T, one, other store) {
	var everyByte []byte
	for b := range 256 {
		everyByte = append(everyByte, byte(b))
	}
	for _, value := range [][]byte{
		{0}, everyByte,
		bytes.Repeat([]byte{0}, verdictcache.MaxValueSize),
		bytes.Repeat([]byte{0xff}, verdictcache.MaxValueSize),
		bytes.Repeat([]byte("'"), verdictcache.MaxValueSize),
		bytes.Repeat(everyByte, verdictcache.MaxValueSize/256),
		[]byte(" a b\t\r\nc "), []byte("trailing\x00\x00"), []byte("\x00leading"),
		[]byte(`'; -- "\x41 \' \\ \0 %s $1 ?1 :a @b {{}}`), []byte("\\"),
	} {
		key, next := newKey(), newValue()
		one.swap(key, nil, value, long, true)
		one.load(key, value)
		other.load(key, value)
		other.swap(key, value, next, long, true)
		one.load(key, next)
		one.swap(key, next, value, long, true)
		other.load(key, value)
	}
}

// keys differ in one byte: at their ends and in the middle, and where text would be the same.
func keys(_ *testing.T, one, other store) {
	base, zero := newKey(), verdictcache.Key{}
	one.delete(zero) // the only key that is not random
	held := map[verdictcache.Key][]byte{zero: newValue(), base: newValue()}
	for _, place := range []int{0, 1, 15, 16, len(base) - 1} {
		for _, b := range []byte{0, 1, ' ', 'a', 'A', '0', '\'', '\\', '%', ':', '\n', 0x7f, 0x80, 0xff} {
			key := base
			key[place] = b
			held[key] = newValue()
		}
	}
	for key, value := range held {
		one.swap(key, nil, value, long, true)
	}
	for key, value := range held {
		other.load(key, value)
	}
	one.delete(base)
	one.swap(zero, held[zero], nil, 0, true)
	held[base], held[zero] = nil, nil
	for key, value := range held {
		other.load(key, value)
	}
}

// slicesStay: the Cache needs a claim again after it has given it to the Store.
func slicesStay(t *testing.T, one, _ store) {
	key, first, second := newKey(), newValue(), newValue()
	old, new := slices.Clone(first), slices.Clone(second)
	one.swap(key, nil, old, long, true)
	one.swap(key, old, new, long, true)
	one.swap(key, new, nil, 0, true)
	if !bytes.Equal(old, first) || !bytes.Equal(new, second) {
		t.Fatal("CompareAndSwap changed what it was given")
	}
}
