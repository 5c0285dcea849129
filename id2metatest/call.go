package id2metatest

import (
	"slices"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/simulator"
)

// Call is the record of one request. It holds no part of the person and no secret.
type Call struct {
	Time      time.Time // the time when the whole request had arrived
	Method    string    // the HTTP method
	Action    string    // the name of the API in the request, such as "Id2MetaVerify"
	Version   string    // the version of the API, such as "2019-03-07"
	UserAgent string    // the User-Agent header

	// ParamType is "normal", "md5" or "sm2". It is "other" for any other value, and
	// empty if the request has no ParamType.
	ParamType string
	// Params is the place of ParamType, UserName and IdentifyNum in the request:
	// "query", "body" or "none". If both places hold one of them, Params is "query",
	// because parameters in a query leak into logs.
	Params string

	Signature   string // the signature algorithm: "ACS3-HMAC-SHA256" or "HMAC-SHA1"
	AccessKeyID string // the access key ID in the request
	STS         bool   // whether the request has a security token

	RequestID string // the request ID in the answer
	Fault     string // the constructor of the request's fault, such as "Drop", or empty
	// HTTPStatus is the status of the answer. It is 0 if the fault Drop or Hang sent
	// no answer.
	HTTPStatus int
	// Outcome is the answer in one word:
	//
	//   - "match", "mismatch" or "no record" for a verdict;
	//   - "raw" for the fault [Raw];
	//   - otherwise the Code, such as "401" or "SignatureDoesNotMatch".
	//
	// With the faults Drop, Hang and Truncate, the client did not get this answer.
	Outcome string
	// BizCode is the verdict. It is empty if there is no verdict.
	BizCode id2meta.BizCode
	// Billed reports that the source answered with a verdict, whether or not the
	// client received the verdict. All three verdicts count, because the service may
	// bill each of them.
	Billed bool
	// Person is a random text that stands for name and number. Calls with the same
	// name and number have the same Person, even with different ParamTypes. Person is
	// empty if the parameters are not legal. It has no meaning outside this Server.
	Person string
}

// Calls returns a Call for each request so far, in the order of arrival. It includes
// requests that hang or are delayed.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Billed returns how many requests about this name and number got a verdict, with any
// ParamType. The real service may have billed each of these requests. Billed panics like
// [Server.AddPerson] if the values are not a valid person.
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

// record is the function Record of the simulator.
func (s *Server) record(c simulator.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call(c))
}
