package verdictcache_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testenv"
	"github.com/id2meta/id2meta/verdictcache"
)

// goEnv is where the go command has its caches. The tests have another home.
var goEnv []string

func TestMain(m *testing.M) {
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOENV", "GOPATH"} {
		if value, err := exec.Command("go", "env", name).Output(); err == nil {
			goEnv = append(goEnv, name+"="+strings.TrimSpace(string(value)))
		}
	}
	code := testenv.Run(m)
	if err := goleak.Find(); code == 0 && err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

// 张三 has the sample number of GB 11643.
var (
	zhang    = id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
	li       = id2meta.Param{UserName: "李四", IdentifyNum: "11010519491231002X"}
	stranger = id2meta.Param{UserName: "张三", IdentifyNum: "440524188001010014"}
)

var (
	match    = id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "D6163397-15C5-419C-9ACC-B7C83E0B4C10"}
	mismatch = id2meta.Result{BizCode: id2meta.BizCodeMismatch, RequestID: "A0E6A5C6-9C3B-4F0E-8A24-5F1C7C0B6C11"}
	noRecord = id2meta.Result{BizCode: id2meta.BizCodeNoRecord, RequestID: "0B6F9F3A-3B1E-4D62-9B1E-7D7C1E5B6C12"}
)

var (
	hashKey = []byte("a secret of thirty-two bytes, or more")
	oldKey  = []byte("another of thirty-two bytes, once used")
)

// service is what stands behind a Cache. It answers after a while, if it is not
// told otherwise, with a match.
type service struct {
	calls  atomic.Int32
	answer func(ctx context.Context, call int32) (id2meta.Result, error)
}

func (s *service) Verify(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
	call := s.calls.Add(1)
	if s.answer != nil {
		return s.answer(ctx, call)
	}
	time.Sleep(time.Second)
	return match, nil
}

// always answers at once.
func always(r id2meta.Result, err error) func(context.Context, int32) (id2meta.Result, error) {
	return func(context.Context, int32) (id2meta.Result, error) { return r, err }
}

// after answers after d, or ends with ctx as a good Verifier does.
func after(d time.Duration, r id2meta.Result, err error) func(context.Context, int32) (id2meta.Result, error) {
	return func(ctx context.Context, _ int32) (id2meta.Result, error) {
		if err := sleep(ctx, d); err != nil {
			return id2meta.Result{}, err
		}
		return r, err
	}
}

// sleep returns nil after d, or the error of ctx if it ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *service) asked() int { return int(s.calls.Load()) }

func newCache(t testing.TB, next id2meta.Verifier, store verdictcache.Store, opts ...verdictcache.Option) *verdictcache.Cache {
	t.Helper()
	return cacheWith(t, next, store, hashKey, opts...)
}

func cacheWith(t testing.TB, next id2meta.Verifier, store verdictcache.Store, key []byte, opts ...verdictcache.Option) *verdictcache.Cache {
	t.Helper()
	silent := verdictcache.WithLogger(slog.New(slog.DiscardHandler))
	c, err := verdictcache.New(next, store, key, append([]verdictcache.Option{silent}, opts...)...)
	require.NoError(t, err)
	return c
}

func mustVerify(t *testing.T, c *verdictcache.Cache, p id2meta.Param, want id2meta.Result) {
	t.Helper()
	result, err := c.Verify(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, want, withoutTime(result))
}

// withoutTime returns a verdict to be compared with what the service gave. The service of
// these tests sets no Time, and the Cache does: a verdict without a Time is left as a fault.
func withoutTime(r id2meta.Result) id2meta.Result {
	if r.BizCode.Valid() && r.Time.IsZero() {
		r.RequestID += " (without a Time)"
	}
	r.Time = time.Time{}
	return r
}

// logBuffer is a log that many may write to.
type logBuffer struct{ testenv.Buffer }

func (b *logBuffer) option() verdictcache.Option {
	return verdictcache.WithLogger(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// faulty is a Store of which some steps do something else first: fail, hang, panic. It
// opens the values that it is given, so that it can tell a claim from a verdict.
type faulty struct {
	verdictcache.Store
	load, claim, save, release, delete fault
}

// fault may be changed while a step is under way.
type fault struct {
	p atomic.Pointer[func(context.Context) error]
}

func (f *fault) set(do func(context.Context) error) { f.p.Store(&do) }

func (f *fault) do(ctx context.Context) error {
	if p := f.p.Load(); p != nil && *p != nil {
		return (*p)(ctx)
	}
	return nil
}

func newFaulty() *faulty {
	store, err := verdictcache.NewMemory(1000)
	if err != nil {
		panic(err)
	}
	return &faulty{Store: store}
}

func (f *faulty) Load(ctx context.Context, key verdictcache.Key) ([]byte, error) {
	if err := f.load.do(ctx); err != nil {
		return nil, err
	}
	return f.Store.Load(ctx, key)
}

func (f *faulty) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (bool, error) {
	if err := f.faultOf(key, new).do(ctx); err != nil {
		return false, err
	}
	return f.Store.CompareAndSwap(ctx, key, old, new, ttl)
}

// faultOf returns the fault of what a swap means.
func (f *faulty) faultOf(key verdictcache.Key, new []byte) *fault {
	becomes, _ := verdictcache.Open(hashKey, key, new)
	switch {
	case new == nil:
		return &f.release
	case becomes.Owner == [16]byte{}:
		return &f.save
	}
	return &f.claim
}

func (f *faulty) Delete(ctx context.Context, key verdictcache.Key) error {
	if err := f.delete.do(ctx); err != nil {
		return err
	}
	return f.Store.Delete(ctx, key)
}

// The faults.
var errStore = errors.New("the database is away")

func fails(context.Context) error { return errStore }

func hangs(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func panics(context.Context) error { panic("a bug of the store") }

// looksLikeOurs fails with the error of a context that is not the caller's.
func looksLikeOurs(context.Context) error {
	return errors.Join(errStore, context.DeadlineExceeded, context.Canceled)
}
