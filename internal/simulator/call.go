package simulator

import (
	"time"

	"github.com/id2meta/id2meta"
)

// Call is the record of one request. It holds no part of the person and no secret.
//
// A Call has the same fields as id2metatest.Call, so it converts to that type. The
// documentation of id2metatest.Call explains the fields.
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
	BizCode    id2meta.BizCode
	Billed     bool
	Person     string
}

func newCall(r request, p proof) Call {
	paramType := r.param("ParamType")
	switch paramType {
	case "", "normal", "md5", "sm2":
	default:
		paramType = "other" // paramType may be anything, even a name in the wrong field
	}
	return Call{
		Time:        time.Now(),
		Method:      r.Method,
		Action:      r.action(),
		Version:     r.version(),
		UserAgent:   r.UserAgent(),
		ParamType:   paramType,
		Params:      r.where(),
		Signature:   p.scheme,
		AccessKeyID: p.accessKeyID,
		STS:         p.securityToken != "",
		RequestID:   newRequestID(),
	}
}

// settle fills in the outcome of the request.
func (c *Call) settle(rep reply, fault Fault) {
	c.Fault = fault.name
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
