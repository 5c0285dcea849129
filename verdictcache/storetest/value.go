package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
)

// show is short, since a value may be long.
func show(value []byte) string {
	switch {
	case value == nil:
		return "none"
	case len(value) > 40:
		return fmt.Sprintf("%q and so on, %d bytes", value[:40], len(value))
	}
	return fmt.Sprintf("%q", value)
}

// everyByte is all bytes in order.
func everyByte() (all []byte) {
	for b := range 256 {
		all = append(all, byte(b))
	}
	return all
}

func values(t *testing.T, s stores) {
	on(t, s.one).load(newKey(), nil)
	for _, value := range [][]byte{
		{0}, {1}, {' '}, {'0'}, {0x7f}, {0x80}, {0xff}, {0, 0, 0}, {0xff, 0xfe},
		everyByte(),
		bytes.Repeat([]byte{0}, verdictcache.MaxValueSize),
		bytes.Repeat([]byte{0xff}, verdictcache.MaxValueSize),
		bytes.Repeat([]byte("'"), verdictcache.MaxValueSize),
		bytes.Repeat(everyByte(), verdictcache.MaxValueSize/256),
		[]byte("'; DROP TABLE id2meta_cache; -- \"`\\"),
		[]byte(`\x41 \' \\ \0 %s $1 ?1 :a @b {{}}`),
		[]byte(" a b\t\r\nc "), []byte("trailing\x00\x00"), []byte("\x00leading"),
		[]byte("A"), []byte("ａ"), []byte("e\u0301"), []byte("𠮷"), []byte("\xf0\xa0\xae"),
		[]byte("NULL"), []byte("null"), []byte("nil"), []byte("1e3"), []byte("007"), []byte("0.10"), []byte("true"),
		[]byte(`{"a": 1}`), []byte("\\x00"), []byte("\\"), []byte("x'00'"),
	} {
		key := newKey()
		on(t, s.one).write(key, value)
		on(t, s.one).load(key, value)
		on(t, s.other).load(key, value)
		next := newValue()
		on(t, s.other).swap(key, value, next, long, true)
		on(t, s.one).load(key, next)
		on(t, s.one).swap(key, next, value, long, true)
		on(t, s.other).load(key, value)
	}
}

// differences: whoever has almost the right value has another one. They are values
// that text comparison, padding or numbers would take for the same.
func differences(t *testing.T, s stores) {
	pairs := [][2]string{
		{"a", "A"}, {"a", "a "}, {"a", "a\x00"}, {"a", " a"}, {"a", "\x00a"}, {"a", "aa"}, {"é", "e"}, {"é", "e\u0301"},
		{"ａ", "a"}, {"ß", "ss"}, {"1", "01"}, {"1", "1.0"}, {"1", "+1"}, {"\x80", "\xff"}, {"\x80", "\uFFFD"}, {"\x00", " "},
		{"\x00", "\x01"}, {"\\", "\\\\"}, {"%", "a"}, {"_", "a"}, {"NULL", "null"}, {"a\x00b", "a\x00c"}, {"a\nb", "a\nc"},
	}
	same := strings.Repeat("x", verdictcache.MaxValueSize-1)
	pairs = append(pairs, [2]string{same + "a", same + "b"}, [2]string{"a" + same, "b" + same}, [2]string{same, same + "x"})
	for _, pair := range pairs {
		for _, p := range [][2]string{pair, {pair[1], pair[0]}} {
			key, value, almost := newKey(), []byte(p[0]), []byte(p[1])
			on(t, s.one).write(key, value)
			on(t, s.one).swap(key, almost, newValue(), long, false)
			on(t, s.other).swap(key, almost, nil, 0, false)
			on(t, s.other).load(key, value)
			on(t, s.one).swap(key, value, almost, long, true) // another value, so it is written
			on(t, s.other).load(key, almost)
		}
	}
}

// keys differ in one byte: of all values, at all places, and where text would be
// the same.
func keys(t *testing.T, s stores) {
	base := newKey()
	all := map[verdictcache.Key]bool{{}: true, base: true}
	for v := range 256 {
		key := base
		key[v%len(key)] = byte(v)
		all[key] = true
	}
	for _, at := range []int{0, 7, 8, 15, 16, len(base) - 1} {
		for _, v := range []byte{0, 1, ' ', 'a', 'A', '0', '\'', '\\', '%', ':', '\n', 0x7f, 0x80, 0xff} {
			key := base
			key[at] = v
			all[key] = true
		}
	}
	held := map[verdictcache.Key][]byte{}
	for key := range all {
		held[key] = newValue()
	}
	on(t, s.one).delete(verdictcache.Key{}) // the only key that is not random
	writeAll(t, s.one, held)
	for key, value := range held {
		on(t, s.other).load(key, value)
	}
	on(t, s.one).delete(base)
	on(t, s.one).swap(verdictcache.Key{}, held[verdictcache.Key{}], nil, 0, true)
	held[base], held[verdictcache.Key{}] = nil, nil
	for key, value := range held {
		on(t, s.other).load(key, value)
	}
}

// writeAll writes with a crowd, since a database may take its time for each.
func writeAll(t *testing.T, store verdictcache.Store, held map[verdictcache.Key][]byte) {
	t.Helper()
	todo := make(chan verdictcache.Key, len(held))
	for key := range held {
		todo <- key
	}
	close(todo)
	atOnce(t, crowd, func(ctx context.Context, _ int) error {
		for key := range todo {
			swapped, err := store.CompareAndSwap(ctx, key, nil, held[key], long)
			if err != nil || !swapped {
				return fmt.Errorf("CompareAndSwap: %v, %w; want true", swapped, err)
			}
		}
		return nil
	})
}

// slicesStay: neither side sees what the other does to a slice after the call.
func slicesStay(t *testing.T, s stores) {
	key, first, second := newKey(), newValue(), newValue()
	given := append(slices.Clone(first), "tail"...)[:len(first)] // room behind it, which is not the Store's
	on(t, s.one).write(key, given)
	clear(given)
	on(t, s.one).load(key, first)

	value, err := s.one.Load(t.Context(), key)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	clear(value)
	on(t, s.one).load(key, first)

	old, new := slices.Clone(first), slices.Clone(second)
	on(t, s.one).swap(key, old, new, long, true)
	if !bytes.Equal(old, first) || !bytes.Equal(new, second) {
		t.Fatal("CompareAndSwap changed what it was given")
	}
	clear(old)
	clear(new)
	on(t, s.one).load(key, second)
	if got := given[:len(first)+len("tail")][len(first):]; string(got) != "tail" {
		t.Fatal("CompareAndSwap wrote behind what it was given")
	}
}
