package simulator

import "time"

// Call is a request that arrived, and what became of it. It holds nothing of the
// person and no secret. The fields are those of id2metatest.Call, and explained
// there.
type Call struct {
	Time      time.Time
	Method    string
	Action    string
	Version   string
	UserAgent string

	ParamType string
	Params    string

	Signature   string
	AccessKeyID string
	STS         bool

	RequestID  string
	Fault      string
	HTTPStatus int
	Outcome    string
	BizCode    string
	Billed     bool
	Person     string
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
		c.Outcome = inWords[rep.bizCode]
		c.Billed = true
	}
	if !fault.silent {
		c.HTTPStatus = rep.status
	}
}
