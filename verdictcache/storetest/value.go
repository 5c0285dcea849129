package storetest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
)

func values(_ *testing.T, one, other store) {
	var everyByte []byte
	for b := range 256 {
		everyByte = append(everyByte, byte(b))
	}
	for _, value := range [][]byte{
		{0}, {1}, {' '}, {'0'}, {0x7f}, {0x80}, {0xff}, {0, 0, 0}, {0xff, 0xfe},
		everyByte,
		bytes.Repeat([]byte{0}, verdictcache.MaxValueSize),
		bytes.Repeat([]byte{0xff}, verdictcache.MaxValueSize),
		bytes.Repeat([]byte("'"), verdictcache.MaxValueSize),
		bytes.Repeat(everyByte, verdictcache.MaxValueSize/256),
		[]byte("'; DROP TABLE id2meta_cache; -- \"`\\"),
		[]byte(`\x41 \' \\ \0 %s $1 ?1 :a @b {{}}`),
		[]byte(" a b\t\r\nc "), []byte("trailing\x00\x00"), []byte("\x00leading"),
		[]byte("A"), []byte("ａ"), []byte("e\u0301"), []byte("𠮷"), []byte("\xf0\xa0\xae"),
		[]byte("NULL"), []byte("null"), []byte("nil"), []byte("1e3"), []byte("007"), []byte("0.10"), []byte("true"),
		[]byte(`{"a": 1}`), []byte("\\x00"), []byte("\\"), []byte("x'00'"),
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

// differences: whoever has almost the right value has another one. They are values
// that text comparison, padding or numbers would take for the same.
func differences(_ *testing.T, one, other store) {
	same := strings.Repeat("x", verdictcache.MaxValueSize-1)
	for _, pair := range [][2]string{
		{"a", "A"}, {"a", "a "}, {"a", "a\x00"}, {"a", " a"}, {"a", "\x00a"}, {"a", "aa"}, {"é", "e"}, {"é", "e\u0301"},
		{"ａ", "a"}, {"ß", "ss"}, {"1", "01"}, {"1", "1.0"}, {"1", "+1"}, {"\x80", "\xff"}, {"\x80", "\uFFFD"}, {"\x00", " "},
		{"\x00", "\x01"}, {"\\", "\\\\"}, {"%", "a"}, {"_", "a"}, {"NULL", "null"}, {"a\x00b", "a\x00c"}, {"a\nb", "a\nc"},
		{same + "a", same + "b"}, {"a" + same, "b" + same}, {same, same + "x"},
	} {
		for _, p := range [][2]string{pair, {pair[1], pair[0]}} {
			key, value, almost := newKey(), []byte(p[0]), []byte(p[1])
			one.swap(key, nil, value, long, true)
			one.swap(key, almost, newValue(), long, false)
			other.swap(key, almost, nil, 0, false)
			other.load(key, value)
			one.swap(key, value, almost, long, true) // another value, so it is written
			other.load(key, almost)
		}
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

// slicesStay: neither side sees what the other does to a slice after the call.
func slicesStay(t *testing.T, one, _ store) {
	key, first, second := newKey(), newValue(), newValue()
	whole := append(slices.Clone(first), "tail"...)
	given := whole[:len(first)] // what is behind it is not the Store's
	one.swap(key, nil, given, long, true)
	if string(whole) != string(first)+"tail" {
		t.Fatal("CompareAndSwap changed what it was given, or what is behind it")
	}
	clear(given)
	one.load(key, first)

	value, err := one.Load(t.Context(), key)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	clear(value)
	one.load(key, first)

	old, new := slices.Clone(first), slices.Clone(second)
	one.swap(key, old, new, long, true)
	if !bytes.Equal(old, first) || !bytes.Equal(new, second) {
		t.Fatal("CompareAndSwap changed what it was given")
	}
	clear(old)
	clear(new)
	one.load(key, second)
}
