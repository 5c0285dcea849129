package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// hashKey is that of tests that have only one Cache.
var hashKey = []byte("32 bytes that nobody keeps secret")

// person is somebody who is asked about, and what the answer has to be.
type person struct {
	param    id2meta.Param
	want     id2meta.BizCode
	realName string // empty: nobody has this number
}

var firstBirth = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// newPerson returns the i-th of 36,000 persons. Their numbers are the sample
// number of GB 11643 with another birth date and its check digit. Of ten, one is
// asked about under a wrong name, and one is not on record.
func newPerson(i int) person {
	birth := firstBirth.AddDate(0, 0, i)
	names := []string{"张三", "欧阳娜娜", "𠮷野"}
	p := person{
		param: id2meta.Param{
			UserName:    names[i%len(names)],
			IdentifyNum: testenv.IDNumber(birth),
		},
		want: id2meta.BizCodeMatch,
	}
	p.realName = p.param.UserName
	switch i % 10 {
	case 3:
		p.want, p.realName = id2meta.BizCodeMismatch, names[(i+1)%len(names)]
	case 7:
		p.want, p.realName = id2meta.BizCodeNoRecord, ""
	}
	return p
}

// newService starts a simulator that knows the first n persons.
func newService(t testing.TB, n int) *id2metatest.Server {
	t.Helper()
	service := id2metatest.NewServer()
	t.Cleanup(service.Close)
	for i := range n {
		if p := newPerson(i); p.realName != "" {
			service.AddPerson(p.realName, p.param.IdentifyNum)
		}
	}
	return service
}

// ask returns an error unless the answer is the person's verdict.
func (p person) ask(ctx context.Context, verifier id2meta.Verifier) error {
	result, err := verifier.Verify(ctx, p.param)
	if err == nil && result.BizCode != p.want {
		err = fmt.Errorf("verdict %q, want %q", result.BizCode, p.want)
	}
	return err
}

// atOnce calls f for 0, 1, … n-1, and limit of them at the same time.
func atOnce(n, limit int, f func(i int) error) error {
	errs := make([]error, n)
	free := make(chan struct{}, limit)
	var group sync.WaitGroup
	for i := range n {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			errs[i] = f(i)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
