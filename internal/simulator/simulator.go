// Package simulator is a simulated Id2MetaVerify as an HTTP handler: the checks of
// the vendor's gateway, the answers of the API, and what goes wrong on the way.
// Package id2metatest serves it to tests and cmd/id2meta-simulator as a program;
// they differ in the listener, and in what they do with a [Call].
//
// It knows nothing of package id2meta, because it judges what that package sends.
package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/tjfoc/gmsm/sm2"
)

// Config is what differs between those who serve a [Simulator]. Its functions are
// called for one request at a time, in the order of arrival; they must return
// soon, and not call the Simulator. Either may be nil.
type Config struct {
	// NextFault is asked once for each request, before any check. The zero
	// Fault lets the request pass.
	NextFault func() Fault
	// Record is told what becomes of each request, before its answer is sent.
	// A Simulator itself remembers no request, only the nonces of the last 30
	// minutes.
	Record func(Call)
}

// Simulator is the handler. Its methods are safe for concurrent use.
type Simulator struct {
	config    Config
	closed    chan struct{} // closed by Close: releases what hangs
	closeOnce sync.Once
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
	s := &Simulator{
		config:      config,
		closed:      make(chan struct{}),
		sm2Key:      sync.OnceValue(newSM2Key),
		people:      registry{},
		credentials: map[string]credential{},
	}
	rand.Read(s.personKey[:]) // never fails
	return s
}

// Close cuts off the requests that [Hang] or [Delay] holds.
func (s *Simulator) Close() { s.closeOnce.Do(func() { close(s.closed) }) }

// AddPerson makes a person exist. The caller has normalized and checked both
// values, in plaintext. A number that is added again takes the new name.
func (s *Simulator) AddPerson(userName, identifyNum string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people.add(mask(userName, identifyNum))
}

// AddCredential makes the Simulator accept an access key, with a securityToken
// only beside that token. An access key ID that is added again takes the new
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
// trying them all; without the key nobody can.
func (s *Simulator) pseudonym(p person) string {
	mac := hmac.New(sha256.New, s.personKey[:])
	mac.Write([]byte(p.userName + "\n" + p.identifyNum))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// ServeHTTP answers one request. The order of arrival is the order in which
// requests have been read to their end.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
// decision and its place in the record one step.
func (s *Simulator) process(req request) (reply, Fault) {
	subject, illegal := req.subject(s.sm2Key) // takes its time to decrypt
	s.mu.Lock()
	defer s.mu.Unlock()

	var fault Fault
	if s.config.NextFault != nil {
		fault = s.config.NextFault()
	}
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
	if s.config.Record != nil {
		s.config.Record(call)
	}
	return rep, fault
}
