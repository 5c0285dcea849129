package testenv

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
)

// The keys that the providers of the tests return, and the parameters that they send to
// STS. No error may show any of them. UserSecret has only letters, like a code of STS.
const (
	RoleKeyID    = "STS.sample-role-key-id"
	RoleSecret   = "sample-role-secret"
	RoleToken    = "sample-role-token"
	UserKeyID    = "sample-user-key-id"
	UserSecret   = "samplePlainLettersUserSecret"
	RoleARN      = "acs:ram::1:role/sample"
	OIDCProvider = "acs:ram::1:oidc-provider/sample"
	OIDCToken    = "sample-oidc-token"
)

// STS is a Security Token Service over TLS on loopback. It returns the key of the role,
// unless a test changes that.
type STS struct {
	*httptest.Server

	mu       sync.Mutex
	requests int
	handle   http.HandlerFunc
	keyID    string        // the ID of the key to return; RoleKeyID if it is empty
	lifetime time.Duration // the lifetime of the key
}

// NewSTS starts an STS. The end of the test closes it.
func NewSTS(t *testing.T) *STS {
	s := &STS{lifetime: time.Hour}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients close connections
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections() // of the requests that hang
		s.Close()
	})
	return s
}

func (s *STS) serve(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	s.mu.Lock()
	s.requests++
	handle := s.handle
	s.mu.Unlock()
	if handle == nil {
		handle = s.Answer
	}
	handle(w, r)
}

// Answer answers like a healthy STS.
func (s *STS) Answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Form.Get("RoleArn") != RoleARN:
		w.WriteHeader(http.StatusNotFound)
	case r.Form.Get("Action") == "AssumeRole" && r.Form.Get("AccessKeyId") == UserKeyID:
		io.WriteString(w, s.session())
	case r.Form.Get("Action") == "AssumeRoleWithOIDC" && r.Form.Get("OIDCToken") == OIDCToken && r.Form.Get("OIDCProviderArn") == OIDCProvider:
		io.WriteString(w, s.session())
	default:
		w.WriteHeader(http.StatusForbidden)
	}
}

func (s *STS) session() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf(`{"Credentials":%s}`, SessionJSON(cmp.Or(s.keyID, RoleKeyID), s.lifetime))
}

// Hang waits until the connection is closed.
func (s *STS) Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Behave sets the handler for the next requests. With nil, the STS is healthy.
func (s *STS) Behave(handle http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle = handle
}

// HandOut sets the key that the STS returns from now on, and its lifetime.
func (s *STS) HandOut(keyID string, lifetime time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keyID, s.lifetime = keyID, lifetime
}

func (s *STS) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// RequireAsked waits until the STS has got want requests. The test fails if it has not
// got exactly want requests.
func (s *STS) RequireAsked(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); s.asked() < want && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := s.asked(); got != want {
		t.Fatalf("STS was asked %d times, want %d", got, want)
	}
}

// RAMRole returns a ram_role_arn credential that asks s.
func (s *STS) RAMRole(t *testing.T, change ...func(*credentials.Config)) credentials.Credential {
	config := new(credentials.Config).
		SetType("ram_role_arn").
		SetAccessKeyId(UserKeyID).
		SetAccessKeySecret(UserSecret).
		SetRoleArn(RoleARN).
		SetSTSEndpoint(s.Listener.Addr().String())
	for _, f := range change {
		f(config)
	}
	credential, err := credentials.NewCredential(config)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// Impatient limits a provider to 300 ms for a request.
func Impatient(config *credentials.Config) { config.SetConnectTimeout(100).SetTimeout(200) }

// SessionJSON returns a temporary key in the JSON form of STS, the metadata service and a
// credentials URI.
func SessionJSON(keyID string, lifetime time.Duration) string {
	text, _ := json.Marshal(map[string]string{
		"Code":            "Success",
		"AccessKeyId":     keyID,
		"AccessKeySecret": RoleSecret,
		"SecurityToken":   RoleToken,
		"Expiration":      time.Now().Add(lifetime).UTC().Format("2006-01-02T15:04:05Z"),
	})
	return string(text)
}

// NewCredentialsURI serves a temporary key over HTTP on loopback.
func NewCredentialsURI(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, SessionJSON(RoleKeyID, time.Hour))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
