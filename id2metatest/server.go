package id2metatest

import (
	"crypto/rand"
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
	"github.com/tjfoc/gmsm/sm2"

	"github.com/id2meta/id2meta"
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
	closed    chan struct{} // closed by Close: releases what hangs
	closeOnce sync.Once
	personKey [32]byte // keys Call.Person; random, never shown
	sm2Key    func() *sm2.PrivateKey

	mu          sync.Mutex
	people      registry
	credentials map[string]credential // by access key ID
	nonces      nonceMemory
	faults      []Fault
	calls       []Call
}

// credential is what the gateway knows of an access key.
type credential struct {
	secret        string
	securityToken string // empty: not a temporary one of STS
}

// NewServer starts a Server that accepts [AccessKeyID] and knows nobody. The
// caller should call [Server.Close] when done. Like [httptest.NewServer] it
// panics if it cannot listen on 127.0.0.1.
func NewServer() *Server {
	s := &Server{
		closed:      make(chan struct{}),
		sm2Key:      sync.OnceValue(newSM2Key),
		people:      registry{},
		credentials: map[string]credential{AccessKeyID: {secret: AccessKeySecret}},
	}
	rand.Read(s.personKey[:]) // never fails

	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
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
	s.closeOnce.Do(func() {
		close(s.closed)
		s.http.Close()
	})
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
	p := mustMask("AddPerson", userName, identifyNum)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people.add(p)
}

// mustMask turns test data into a person as the registry knows them.
func mustMask(caller, userName, identifyNum string) person {
	param, err := id2meta.Param{UserName: userName, IdentifyNum: identifyNum}.Normalize()
	if err != nil {
		panic("id2metatest: " + caller + ": " + err.Error()) // names the field, not the value
	}
	return mask(param.UserName, param.IdentifyNum)
}

// AddCredential makes the Server accept one more access key. With a
// securityToken it is a temporary one, as STS hands out: it counts only beside
// that token. An access key ID that is added again takes the new secret and
// token, as after a rotation.
func (s *Server) AddCredential(accessKeyID, accessKeySecret, securityToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[accessKeyID] = credential{accessKeySecret, securityToken}
}

// serve answers one request. The order of arrival is the order in which requests
// have been read to their end.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	req, err := readRequest(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client left, or sends without end
	}
	reply, fault := s.process(req)
	to := delivery{w, r, reply, s.closed}
	if fault.send != nil {
		fault.send(to)
		return
	}
	to.send()
}

// process decides what a request gets, and records it. The lock makes the
// decision and its place among the Calls one step.
func (s *Server) process(req request) (reply, Fault) {
	subject, illegal := req.subject(s.sm2Key) // takes its time to decrypt
	s.mu.Lock()
	defer s.mu.Unlock()

	fault := s.nextFault()
	proof, failed := req.proof()
	if failed == nil && fault.reply == nil {
		failed = s.admit(req, proof)
	}

	call := newCall(req, proof)
	call.Time = time.Now()
	call.RequestID = newRequestID()
	call.Fault = fault.name
	if illegal == "" {
		call.Person = s.pseudonym(subject)
	}

	var rep reply
	switch {
	case fault.reply != nil:
		rep = fault.reply(call.RequestID, req.Host)
	case failed != nil:
		rep = failed.reply(call.RequestID, req.Host)
	default:
		rep = s.answer(req, subject, illegal, call.RequestID)
	}
	call.settle(rep, fault)
	s.calls = append(s.calls, call)
	return rep, fault
}

func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxIdleConns:        maxIdleConns,
		MaxIdleConnsPerHost: maxIdleConns,
		IdleConnTimeout:     90 * time.Second,
	}
}
