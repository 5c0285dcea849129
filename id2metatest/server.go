package id2metatest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/localcert"
	"github.com/id2meta/id2meta/internal/simulator"
)

// The access key that every [Server] accepts. It is not a key of the real service.
const (
	AccessKeyID     = "id2metatest-access-key-id"
	AccessKeySecret = "id2metatest-access-key-secret"
)

// Server is a simulated Id2MetaVerify. Make a Server with [NewServer]. Its methods are
// safe for concurrent use.
type Server struct {
	http      *httptest.Server
	simulator *simulator.Simulator

	mu     sync.Mutex
	faults []Fault
	calls  []Call
}

// Option is an option of [NewServer].
type Option func(*config)

type config struct {
	address string
	decrypt func(param string) (plaintext string, ok bool)
	latency func() time.Duration
}

// WithAddress makes the Server listen on an address, such as "127.0.0.1:8443" or
// "[::1]:0". By default the Server listens on a free port of 127.0.0.1. The certificate is
// valid for localhost, 127.0.0.1 and ::1 alone.
func WithAddress(address string) Option { return func(c *config) { c.address = address } }

// WithSM2Decrypter makes the Server take the ParamType "sm2". The Server calls decrypt with
// UserName and with IdentifyNum, and answers with Code 401 if decrypt returns false.
// decrypt must be safe for concurrent use. Package sm2paramtest of the module sm2param
// makes such a function. By default the Server answers "sm2" with Code 401.
//
// Experimental: the format follows the vendor's documentation. It has not been tried
// against the live service.
func WithSM2Decrypter(decrypt func(param string) (plaintext string, ok bool)) Option {
	return func(c *config) { c.decrypt = decrypt }
}

// WithLatency makes each answer take a time at random between shortest and longest. The
// Server checks and bills a request when it arrives. By default answers are sent at once.
// For a single request, use [Delay].
func WithLatency(shortest, longest time.Duration) Option {
	return func(c *config) { c.latency = simulator.Between(shortest, longest) }
}

// NewServer starts a Server that accepts [AccessKeyID] and knows nobody. The caller
// should call [Server.Close] when done. NewServer panics if it cannot listen, like
// [httptest.NewServer].
func NewServer(opts ...Option) *Server {
	var c config
	for _, opt := range opts {
		opt(&c)
	}
	certificate, err := localcert.OfProcess()
	if err != nil {
		panic("id2metatest: making the certificate: " + err.Error())
	}
	s := &Server{}
	s.simulator = simulator.New(simulator.Config{NextFault: s.nextFault, Record: s.record, DecryptSM2: c.decrypt, Latency: c.latency})
	s.simulator.AddCredential(AccessKeyID, AccessKeySecret, "")

	s.http = httptest.NewUnstartedServer(s.simulator)
	if c.address != "" {
		listener, err := net.Listen("tcp", c.address)
		if err != nil {
			panic("id2metatest: WithAddress: " + err.Error())
		}
		s.http.Listener.Close()
		s.http.Listener = listener
	}
	s.http.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	// Tests are full of clients that hang up or do not trust the certificate.
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.http.StartTLS()

	// Enough for a benchmark with hundreds of callers, which must not measure handshakes.
	transport := s.Client().Transport.(*http.Transport)
	transport.MaxIdleConnsPerHost = 512
	transport.MaxResponseHeaderBytes = 64 << 10 // as the library's own pool
	return s
}

// Close stops the Server. It cuts off the requests that have not been answered. When Close
// returns, no goroutine of the Server and no idle connection of [Server.Client] is left. A
// second Close does nothing.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Endpoint returns the Server's address as host:port. [id2meta.WithEndpoints] and
// the vendor's SDKs take this form.
func (s *Server) Endpoint() string { return s.http.Listener.Addr().String() }

// Client returns an HTTP client that trusts the Server's certificate and no other.
// It keeps its connections. Every call returns the same client.
func (s *Server) Client() *http.Client { return s.http.Client() }

// CertificatePEM returns the Server's certificate in PEM form. Clients in other
// processes and other languages need it to trust the Server. All Servers of a process
// have the same certificate. Each process has a different certificate.
func (s *Server) CertificatePEM() []byte { return localcert.PEM(s.http.Certificate()) }

// Options returns the options with which an [id2meta.Client] uses the Server: the
// endpoint, the Server's certificate as the only certificate to trust, and [AccessKeyID].
// The Client has its own connection pool, as in production. You can append more options.
// If an option is given twice, the last value counts. Together with
// [id2meta.WithHTTPClient], New returns an error: give WithEndpoints and WithAccessKey
// yourself, and a client that trusts the certificate, as [Server.Client] does.
func (s *Server) Options() []id2meta.Option {
	roots := x509.NewCertPool()
	roots.AddCert(s.http.Certificate())
	return []id2meta.Option{
		id2meta.WithEndpoints(s.Endpoint()),
		id2meta.WithRootCAs(roots),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: AccessKeyID, Secret: AccessKeySecret}),
	}
}

// AddPerson adds a person whom the Server knows. The number with this name is then a
// match, and the number with another name is a mismatch. A number that was not added is
// no record. If the number was added before, the new name replaces the old name.
//
// AddPerson normalizes and checks both values as [id2meta.Param] does. If they are
// not a valid person, AddPerson panics with a message that does not repeat them.
func (s *Server) AddPerson(userName, identifyNum string) {
	s.simulator.AddPerson(mustNormalize("AddPerson", userName, identifyNum))
}

// mustNormalize returns test data in the form that the simulator takes.
func mustNormalize(caller, userName, identifyNum string) (string, string) {
	param, err := id2meta.Param{UserName: userName, IdentifyNum: identifyNum}.Normalize()
	if err != nil {
		panic("id2metatest: " + caller + ": " + err.Error()) // names the field, not the value
	}
	return param.UserName, param.IdentifyNum
}

// AddCredential makes the Server accept another access key. A key with a securityToken
// is a temporary key, like the keys of STS: the Server accepts the key only together
// with the token. If the access key ID was added before, the new secret and token
// replace the old secret and token, as after a rotation.
func (s *Server) AddCredential(accessKeyID, accessKeySecret, securityToken string) {
	s.simulator.AddCredential(accessKeyID, accessKeySecret, securityToken)
}
