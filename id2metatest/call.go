package id2metatest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/id2meta/id2meta"
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
	person := s.pseudonym(mustMask("Billed", userName, identifyNum))
	n := 0
	for _, call := range s.Calls() {
		if call.Billed && call.Person == person {
			n++
		}
	}
	return n
}

func newCall(r request, p proof) Call {
	paramType := r.param("ParamType")
	switch paramType {
	case "", "normal", "md5", "sm2":
	default:
		paramType = "other" // who knows what it is: perhaps a swapped name
	}
	return Call{
		Method:      r.Method,
		Action:      r.action(),
		Version:     r.version(),
		UserAgent:   r.UserAgent(),
		ParamType:   paramType,
		Params:      r.where(),
		Signature:   p.scheme,
		AccessKeyID: p.accessKeyID,
		STS:         p.securityToken != "",
	}
}

// settle fills in what became of the request.
func (c *Call) settle(rep reply, fault Fault) {
	c.Outcome = rep.code
	c.BizCode = rep.bizCode
	if rep.bizCode != "" {
		c.Outcome = rep.bizCode.String()
		c.Billed = true
	}
	if !fault.silent {
		c.HTTPStatus = rep.status
	}
}

// pseudonym is the Person of a Call. A plain hash of a number could be undone by
// trying them all; without the key nobody can.
func (s *Server) pseudonym(p person) string {
	mac := hmac.New(sha256.New, s.personKey[:])
	mac.Write([]byte(p.userName + "\n" + p.identifyNum))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
