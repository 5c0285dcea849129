// Package simulator is a simulated Id2MetaVerify as an HTTP handler. It makes the
// checks of the vendor's gateway, gives the answers of the API, and fails as the
// network and the service fail.
//
// Package id2metatest serves the handler to tests, and cmd/id2meta-simulator
// serves it as a program. They differ in the listener and in what they do with a
// [Call].
//
// The simulator judges what package id2meta sends. It therefore has rules of its
// own for names, numbers and signatures, and takes nothing from package id2meta
// but the type of a verdict.
package simulator

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/tjfoc/gmsm/sm2"
)

// MaxHeaderBytes is how large the head of a request may be. Whoever serves a
// [Simulator] gives it to net/http.
const MaxHeaderBytes = 64 << 10

// Config is what differs between those who serve a [Simulator]. Its functions are
// called for one request at a time, in the order of arrival. They must return
// soon, and must not call the Simulator. Both may be nil.
type Config struct {
	// NextFault is asked once for each request, before any check. The zero
	// Fault lets the request pass. The person is as in [Call]: empty if the
	// parameters of the request are not legal.
	NextFault func(person string) Fault
	// Record is told what becomes of each request, before the answer is sent.
	// A Simulator itself keeps no request. It keeps the last nonces only.
	Record func(Call)
	// MatchAll answers every legal person with a match.
	MatchAll bool
}

// Simulator is the handler. Its methods are safe for concurrent use.
type Simulator struct {
	config    Config
	open      context.Context // ends with Close
	cancel    context.CancelFunc
	personKey [32]byte // keys Call.Person; random, never shown
	sm2Key    func() *sm2.PrivateKey

	mu          sync.Mutex
	people      registry
	credentials map[string]credential // by access key ID
	nonces      nonceMemory
}

// credential is what the gateway knows of an access key.
type credential struct {
	secret        string
	securityToken string // empty: not a temporary one of STS
}

// New returns a Simulator that knows nobody and no access key.
func New(config Config) *Simulator {
	open, cancel := context.WithCancel(context.Background())
	s := &Simulator{
		config:      config,
		open:        open,
		cancel:      cancel,
		sm2Key:      sync.OnceValue(newSM2Key),
		people:      registry{},
		credentials: map[string]credential{},
	}
	rand.Read(s.personKey[:]) // never fails
	return s
}

// Close cuts off the requests that [Hang] or [Delay] holds and those that have not
// been read to their end. An answer that is being sent gets [closeGrace].
func (s *Simulator) Close() { s.cancel() }

// AddPerson makes a person exist. The caller has normalized and checked both
// values, in plaintext. A number that is added again takes the new name.
func (s *Simulator) AddPerson(userName, identifyNum string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people.add(mask(userName, identifyNum))
}

// AddCredential makes the Simulator accept an access key. A key with a
// securityToken is accepted only together with that token. An access key ID that is added again takes the new
// secret and token.
func (s *Simulator) AddCredential(accessKeyID, accessKeySecret, securityToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[accessKeyID] = credential{accessKeySecret, securityToken}
}

// Person returns what Call.Person is for this person. Both values are as
// [Simulator.AddPerson] takes them.
func (s *Simulator) Person(userName, identifyNum string) string {
	return s.pseudonym(mask(userName, identifyNum))
}

// pseudonym is the Person of a Call. A plain hash of a number could be undone by
// trying all numbers. That needs the key.
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

// ServeHTTP answers one request. The order of arrival is the order in which
// requests have been read to their end.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := s.read(w, r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client left, or its request is too long or too slow
	}
	reply, fault, requestID := s.process(req)
	defer s.boundWriting(w)()
	to := delivery{w, r, reply, requestID, s.open}
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

// boundWriting sees to it that a client that reads no answer does not hold up
// Close. The caller calls done when the answer has been written.
func (s *Simulator) boundWriting(w http.ResponseWriter) (done func()) {
	stop := context.AfterFunc(s.open, func() {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(closeGrace))
	})
	return func() { stop() }
}

// process decides what a request gets, and records it. The lock makes the
// decision and its place in the record one step.
func (s *Simulator) process(req request) (rep reply, fault Fault, requestID string) {
	subject, illegal := req.subject(s.sm2Key) // outside the lock: decryption takes time
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
