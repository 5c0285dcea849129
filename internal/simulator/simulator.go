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
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"
)

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
	personKey [32]byte // keys Call.Person; random, never shown

	mu          sync.Mutex
	people      map[string]string     // the authoritative source: names by number, both masked
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
	s := &Simulator{config: config, people: map[string]string{}, credentials: map[string]credential{}}
	rand.Read(s.personKey[:]) // never fails
	return s
}

// AddPerson adds a person. The caller has normalized and checked both values, in
// plaintext. If the number was added before, the new name replaces the old name.
func (s *Simulator) AddPerson(userName, identifyNum string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := mask(userName, identifyNum)
	s.people[p.identifyNum] = p.userName
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

// ServeHTTP answers one request. A request arrives when its body has been read to the
// end. If the context of the request ends, because the client has left or the server
// stops, ServeHTTP does not wait for a latency or a fault any longer.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := readRequest(w, r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client closed the connection, or its request is too long
	}
	reply, fault, requestID := s.process(req)
	to := delivery{w, r, reply, requestID}
	if s.config.Latency != nil {
		to.wait(s.config.Latency())
	}
	if fault.send != nil {
		fault.send(to)
		return
	}
	to.send()
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
