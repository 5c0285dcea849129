package sm2param_test

import (
	"testing"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/sm2param"
)

// What each ParamType costs before the request: to make the Param and to
// validate it, as Verify does once more.
func BenchmarkParam(b *testing.B) {
	for _, test := range []struct {
		name string
		make func(userName, identifyNum string) (id2meta.Param, error)
	}{
		{"normal", func(userName, identifyNum string) (id2meta.Param, error) {
			return id2meta.Param{UserName: userName, IdentifyNum: identifyNum}, nil
		}},
		{"md5", id2meta.MD5Param},
		{"sm2", sm2param.New},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				param, err := test.make("张三", "11010519491231002X")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := param.Normalize(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
