package id2metatest

import (
	"slices"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/simulator"
)

// Call is a request that arrived, and what became of it. It holds no part of the
// person and no secret.
type Call struct {
	Time      time.Time // when the request had been read to its end
	Method    string    // the HTTP method
	Action    string    // the API that was asked for, such as "Id2MetaVerify"
	Version   string    // the version of the API, such as "2019-03-07"
	UserAgent string    // the header of this name

	// ParamType is "normal", "md5" or "sm2". It is "other" for any other value, and
	// empty if there was none.
	ParamType string
	// Params tells where ParamType, UserName and IdentifyNum stood: "query",
	// "body" or "none". If they stood in both places, it is "query", because what
	// stands in a query leaks into logs.
	Params string

	Signature   string // how the request was signed: "ACS3-HMAC-SHA256" or "HMAC-SHA1"
	AccessKeyID string // the access key that the request names
	STS         bool   // whether the request has a security token

	RequestID string // of the answer
	Fault     string // the constructor of the fault that the request took, such as "Drop", or empty
	// HTTPStatus is the status of the answer. It is 0 if Drop or Hang sent none.
	HTTPStatus int
	// Outcome is the answer in a word: "match", "mismatch" or "no record" for a
	// verdict; otherwise its Code, such as "401" or "SignatureDoesNotMatch"; or
	// "raw" for [Raw]. With Drop, Hang and Truncate, Outcome is the answer that the
	// client did not get.
	Outcome string
	// BizCode is the verdict. It is empty if there is none.
	BizCode id2meta.BizCode
	// Billed tells that the source answered with a verdict, whether or not the
	// client received it. All three verdicts count, because each may be billed.
	Billed bool
	// Person is the same for Calls that ask about the same person with the same
	// name, in whichever ParamType. It is empty if the parameters are not legal. It
	// is random, and has no meaning outside this Server.
	Person string
}

// Calls returns what has arrived so far, in the order of arrival. It contains
// requests that hang or are delayed.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Billed returns how often the source answered with a verdict on this name and
// number, in whichever ParamType. The account that asked would have paid that often.
// Billed panics like [Server.AddPerson] if the values are not a valid person.
func (s *Server) Billed(userName, identifyNum string) int {
	person := s.simulator.Person(mustNormalize("Billed", userName, identifyNum))
	n := 0
	for _, call := range s.Calls() {
		if call.Billed && call.Person == person {
			n++
		}
	}
	return n
}

// record is the Record of the simulator.
func (s *Server) record(c simulator.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call(c))
}
