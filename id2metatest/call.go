package id2metatest

import (
	"slices"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/simulator"
)

// Call is a request that arrived, and what became of it. It holds nothing of the
// person and no secret.
type Call struct {
	Time      time.Time // when it had been read to its end
	Method    string    // of HTTP
	Action    string
	Version   string
	UserAgent string

	// ParamType is "normal", "md5" or "sm2", "other" for anything else that was
	// sent, and empty if there was none.
	ParamType string
	// Params tells where ParamType, UserName and IdentifyNum stood: "query",
	// "body" or "none". If they stood in both, it is "query", where they leak.
	Params string

	// Signature is the way the request was signed, "ACS3-HMAC-SHA256" or
	// "HMAC-SHA1".
	Signature   string
	AccessKeyID string
	STS         bool // a security token came along

	RequestID string // of the answer
	Fault     string // the constructor of the fault it took, such as "Drop"; or empty
	// HTTPStatus is that of the answer, and 0 if none was sent because of Drop
	// or Hang.
	HTTPStatus int
	// Outcome is the answer in a word: "match", "mismatch" or "no record" for a
	// verdict; otherwise its Code, such as "401" or "SignatureDoesNotMatch"; or
	// "raw" for [Raw]. With Drop, Hang and Truncate it is the answer that the
	// client did not get.
	Outcome string
	// BizCode is the verdict, or empty.
	BizCode id2meta.BizCode
	// Billed tells that the source answered with a verdict, whether or not the
	// client got to see it. All three verdicts count, because each may be billed.
	Billed bool
	// Person is the same for Calls that ask about the same person with the same
	// name, in whichever ParamType, and empty if the parameters are not legal.
	// It is random otherwise: it means nothing outside this Server.
	Person string
}

// Calls returns what has arrived so far, in the order of arrival. A request that
// hangs or is delayed is among them already.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Billed returns how often the source answered with a verdict on this name and
// number, in whichever ParamType: how often the account that asked would have
// paid. It panics like [Server.AddPerson] if they are no person.
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

func newCall(c simulator.Call) Call {
	return Call{
		Time:        c.Time,
		Method:      c.Method,
		Action:      c.Action,
		Version:     c.Version,
		UserAgent:   c.UserAgent,
		ParamType:   c.ParamType,
		Params:      c.Params,
		Signature:   c.Signature,
		AccessKeyID: c.AccessKeyID,
		STS:         c.STS,
		RequestID:   c.RequestID,
		Fault:       c.Fault,
		HTTPStatus:  c.HTTPStatus,
		Outcome:     c.Outcome,
		BizCode:     id2meta.BizCode(c.BizCode),
		Billed:      c.Billed,
		Person:      c.Person,
	}
}

// record is the simulator's Record.
func (s *Server) record(c simulator.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, newCall(c))
}
