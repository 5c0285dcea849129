package id2metatest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/simulator"
)

// The access key that every [Server] accepts. It opens nothing else.
const (
	AccessKeyID     = "id2metatest-access-key-id"
	AccessKeySecret = "id2metatest-access-key-secret"
)

// maxIdleConns is how many idle connections [Server.Client] keeps, so that
// hundreds of callers at once do not measure TLS handshakes.
const maxIdleConns = 512

// Server is a simulated Id2MetaVerify. Its methods are safe for concurrent use.
// It remembers every request until it is closed.
type Server struct {
	http      *httptest.Server
	client    *http.Client
	simulator *simulator.Simulator

	mu     sync.Mutex
	faults []Fault
	calls  []Call
}

// NewServer starts a Server that accepts [AccessKeyID] and knows nobody. The
// caller should call [Server.Close] when done. Like [httptest.NewServer] it
// panics if it cannot listen on 127.0.0.1.
func NewServer() *Server {
	s := &Server{}
	s.simulator = simulator.New(simulator.Config{NextFault: s.nextFault, Record: s.record})
	s.simulator.AddCredential(AccessKeyID, AccessKeySecret, "")

	s.http = httptest.NewUnstartedServer(s.simulator)
	// Clients that hang up or distrust the certificate are what tests are made
	// of, and no news.
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.http.StartTLS()

	roots := x509.NewCertPool()
	roots.AddCert(s.http.Certificate())
	s.client = &http.Client{Transport: newTransport(roots)}
	return s
}

// Close stops the Server. Requests that [Hang] or [Delay] holds are cut off;
// when Close returns, no goroutine of the Server and no idle connection of
// [Server.Client] is left.
func (s *Server) Close() {
	s.simulator.Close()
	s.http.Close()
	s.client.CloseIdleConnections()
}

// Endpoint returns the Server's address as host:port, the form that
// [id2meta.WithEndpoints] and the vendor's SDKs take.
func (s *Server) Endpoint() string { return s.http.Listener.Addr().String() }

// Client returns an HTTP client that trusts the Server's certificate and keeps
// its connections. It is the same one each time, and trusts nothing else.
func (s *Server) Client() *http.Client { return s.client }

// CertificatePEM returns the Server's certificate, for clients of other
// languages to trust. It is the same for every Server.
func (s *Server) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
}

// Options returns what [id2meta.New] needs to talk to the Server: its endpoint,
// its HTTP client and [AccessKeyID]. Of an option that is given twice the last
// one counts, so others can be appended.
func (s *Server) Options() []id2meta.Option {
	config := new(credentials.Config).
		SetType("access_key").
		SetAccessKeyId(AccessKeyID).
		SetAccessKeySecret(AccessKeySecret)
	cred, err := credentials.NewCredential(config)
	if err != nil { // two constants cannot be wrong
		panic("id2metatest: " + err.Error())
	}
	return []id2meta.Option{
		id2meta.WithEndpoints(s.Endpoint()),
		id2meta.WithHTTPClient(s.client),
		id2meta.WithCredential(cred),
	}
}

// AddPerson makes a person exist whose number is asked for later. Both values
// are normalised and checked as [id2meta.Param] does; AddPerson panics if they
// are no person, with a message that does not repeat them. A number that is
// added again takes the new name.
func (s *Server) AddPerson(userName, identifyNum string) {
	s.simulator.AddPerson(mustNormalize("AddPerson", userName, identifyNum))
}

// mustNormalize returns test data as the simulator takes it.
func mustNormalize(caller, userName, identifyNum string) (string, string) {
	param, err := id2meta.Param{UserName: userName, IdentifyNum: identifyNum}.Normalize()
	if err != nil {
		panic("id2metatest: " + caller + ": " + err.Error()) // names the field, not the value
	}
	return param.UserName, param.IdentifyNum
}

// AddCredential makes the Server accept one more access key. With a
// securityToken it is a temporary one, as STS hands out: it counts only beside
// that token. An access key ID that is added again takes the new secret and
// token, as after a rotation.
func (s *Server) AddCredential(accessKeyID, accessKeySecret, securityToken string) {
	s.simulator.AddCredential(accessKeyID, accessKeySecret, securityToken)
}

// SM2PublicKey returns the Server's public key, a compressed point in hex, for
// package sm2param to encrypt under:
//
//	encrypter, err := sm2param.NewEncrypter(server.SM2PublicKey())
//
// Every Server has a key pair of its own. It cannot read what is encrypted under
// the vendor's key or another Server's, and answers that with Code 401.
func (s *Server) SM2PublicKey() string { return s.simulator.SM2PublicKey() }

func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxIdleConns:        maxIdleConns,
		MaxIdleConnsPerHost: maxIdleConns,
		IdleConnTimeout:     90 * time.Second,
	}
}
