// Package simulator is a simulated Id2MetaVerify as an HTTP handler. It makes the
// checks of the vendor's gateway, gives the answers of the API, and simulates failures
// of the network and of the service.
//
// Package id2metatest serves the handler to tests. The program cmd/id2meta-simulator
// serves it on a fixed port. They have different listeners, and use each [Call]
// differently.
//
// The simulator checks the requests of package id2meta. So it has its own rules for
// names, numbers and signatures, and uses only the type of a verdict from package
// id2meta.
package simulator

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// MaxHeaderBytes is the maximum size of the head of a request, for the http.Server that
// serves a [Simulator].
const MaxHeaderBytes = 64 << 10

// Config configures a [Simulator]. The Simulator calls the functions for one request at
// a time, in the order of arrival. The functions must return soon, and must not call the
// Simulator. Each function may be nil.
type Config struct {
	// NextFault returns the fault of a request. It is called once for each request,
	// before any check. With the zero Fault, the request is answered as usual.
	// person is Call.Person: empty if the parameters of the request are not legal.
	NextFault func(person string) Fault
	// Record is called with the Call of each request, before the answer is sent. The
	// Simulator itself keeps no Call.
	Record func(Call)
	// DecryptSM2 decrypts a parameter of the ParamType "sm2". It returns false if the
	// parameter cannot be decrypted. It must be safe for concurrent use. Without
	// DecryptSM2, "sm2" is an illegal ParamType.
	DecryptSM2 func(param string) (plaintext string, ok bool)
	// Latency returns how long the answer to one request takes, in addition to its
	// fault. It must be safe for concurrent use. Without Latency, answers are sent at
	// once.
	Latency func() time.Duration
	// MatchAll answers every legal person with a match.
	MatchAll bool
}

// Between returns a function for [Config].Latency: a time at random between shortest and
// longest.
func Between(shortest, longest time.Duration) func() time.Duration {
	return func() time.Duration { return shortest + mathrand.N(max(longest-shortest, 0)+1) }
}

// Simulator is the handler. Its methods are safe for concurrent use.
type Simulator struct {
	config    Config
	open      context.Context // ends with Close
	cancel    context.CancelFunc
	personKey [32]byte // keys Call.Person; random, never shown

	mu          sync.Mutex
	people      registry
	credentials map[string]credential // by access key ID
	nonces      nonceMemory
}

// credential is the secret and the token of an access key.
type credential struct {
	secret        string
	securityToken string // empty: a permanent key, not a temporary key of STS
}

// New returns a Simulator that knows nobody and no access key.
func New(config Config) *Simulator {
	open, cancel := context.WithCancel(context.Background())
	s := &Simulator{
		config:      config,
		open:        open,
		cancel:      cancel,
		people:      registry{},
		credentials: map[string]credential{},
	}
	rand.Read(s.personKey[:]) // never fails
	return s
}

// Close aborts the requests that [Hang] or [Delay] holds, and the requests whose body has
// not arrived. An answer that is being sent may take [closeGrace] longer.
func (s *Simulator) Close() { s.cancel() }

// AddPerson adds a person. The caller has normalized and checked both values, in
// plaintext. If the number was added before, the new name replaces the old name.
func (s *Simulator) AddPerson(userName, identifyNum string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people.add(mask(userName, identifyNum))
}

// AddCredential makes the Simulator accept an access key. A key with a securityToken is
// accepted only together with the token. If the access key ID was added before, the new
// secret and token replace the old secret and token.
func (s *Simulator) AddCredential(accessKeyID, accessKeySecret, securityToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[accessKeyID] = credential{accessKeySecret, securityToken}
}

// Person returns the Call.Person of this person. Both values have the form that
// [Simulator.AddPerson] takes.
func (s *Simulator) Person(userName, identifyNum string) string {
	return s.pseudonym(mask(userName, identifyNum))
}

// pseudonym returns the Person of a Call. It is an HMAC, because a plain hash of a number
// could be undone by trying all numbers.
func (s *Simulator) pseudonym(p person) string {
	mac := hmac.New(sha256.New, s.personKey[:])
	mac.Write([]byte(p.userName + "\n" + p.identifyNum))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// How long a connection may take.
const (
	// bodyTimeout is how long a client may take to send the body of a request.
	bodyTimeout = 10 * time.Second
	// closeGrace is how long an answer may still take after Close.
	closeGrace = time.Second
)

// ServeHTTP answers one request. A request arrives when its body has been read to the
// end.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := s.read(w, r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client closed the connection, or its request is too long or too slow
	}
	reply, fault, requestID := s.process(req)
	defer s.boundWriting(w)()
	to := delivery{w, r, reply, requestID, s.open}
	if s.config.Latency != nil {
		to.wait(s.config.Latency())
	}
	if fault.send != nil {
		fault.send(to)
		return
	}
	to.send()
}

// read reads a request to its end. The deadline of the body does not stay on the
// connection: a client may wait for its answer as long as it likes.
func (s *Simulator) read(w http.ResponseWriter, r *http.Request) (request, error) {
	connection := http.NewResponseController(w)
	connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	stop := context.AfterFunc(s.open, func() { connection.SetReadDeadline(time.Now()) })
	req, err := readRequest(r)
	if !stop() {
		return request{}, errors.New("closed")
	}
	connection.SetReadDeadline(time.Time{})
	return req, err
}

// boundWriting limits the time for writing after Close, so that Close does not wait for a
// client that does not read. The caller calls done when the answer has been written.
func (s *Simulator) boundWriting(w http.ResponseWriter) (done func()) {
	stop := context.AfterFunc(s.open, func() {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(closeGrace))
	})
	return func() { stop() }
}

// process decides the answer to a request, and records the request. The lock keeps
// requests in the record in the order of the decisions.
func (s *Simulator) process(req request) (rep reply, fault Fault, requestID string) {
	subject, illegal := req.subject(s.config.DecryptSM2) // outside the lock: decryption takes time
	person := ""
	if illegal == "" {
		person = s.pseudonym(subject)
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.config.NextFault != nil {
		fault = s.config.NextFault(person)
	}
	proof, failed := req.proof()
	if failed == nil && fault.reply == nil {
		failed = s.admit(req, proof)
	}

	call := newCall(req, proof)
	call.Person = person
	switch {
	case fault.reply != nil:
		rep = fault.reply(call.RequestID, req.Host)
	case failed != nil:
		rep = failed.reply(call.RequestID, req.Host)
	default:
		rep = s.answer(req, subject, illegal, call.RequestID)
	}
	call.settle(rep, fault)
	if s.config.Record != nil {
		s.config.Record(call)
	}
	return rep, fault, call.RequestID
}
